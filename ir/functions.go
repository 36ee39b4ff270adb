package ir

import (
	"fmt"
	"strings"
)

// A Function is one nonlinearity: a row of Functions.
type Function struct {
	Name    string
	Params  []Hyper // with their defaults, in the order in which they are written
	Text    string  // over x and the parameters; "" if the function is not element-wise
	Inverse string  // over x and the parameters; "" if there is none
	OverAll bool    // looks at all units of a layer (softmax): allowed on output layers alone, and no Expr
	Shown   string  // the formula in words of mathematics, for listings
}

// Functions are the nonlinearities. Everything else — derivative, C, SPIR-V, reference — follows from the text. Each text is stable for
// large arguments of either sign, and is differentiated as it stands: relu's slope at 0 is 0, softplus's ½.
var Functions = []Function{
	{Name: "identity", Text: "x", Inverse: "x", Shown: "x"},
	{Name: "tanh", Text: "tanh(x)", Inverse: "0.5 * log((1 + x) / (1 - x))", Shown: "tanh x"},
	{Name: "relu", Text: "max(0, x)", Shown: "max(0, x)"},
	{Name: "leaky_relu", Params: []Hyper{{"a", 0.01}}, Text: "select(less(0, x), x, a * x)", Inverse: "select(less(0, x), x, x / a)",
		Shown: "x where x > 0, else a·x"},
	{Name: "sigmoid", Text: "0.5 + 0.5 * tanh(0.5 * x)", Inverse: "log(x / (1 - x))", Shown: "1 / (1 + e^-x)"},
	// min(x, -x) is -|x|, but with slopes that add up to ½ at 0.
	{Name: "softplus", Text: "max(x, 0) + log(1 + exp(min(x, -x)))", Inverse: "x + log(1 - exp(-x))", Shown: "log(1 + e^x)"},
	{Name: "softmax", OverAll: true, Shown: "e^x / Σ e^x over the units"},
}

// FindFunction is the row of a name.
func FindFunction(name string) (*Function, bool) {
	for i := range Functions {
		if Functions[i].Name == name {
			return &Functions[i], true
		}
	}
	return nil, false
}

// Nonlinearity is a function as an expression over $0, with the given parameters in order and the defaults of the rest.
func Nonlinearity(name string, args []float64) (*Expr, error) {
	f, ok := FindFunction(name)
	if !ok {
		return nil, fmt.Errorf("no function %q", name)
	}
	return f.expr(f.Text, args)
}

// InverseOf is the inverse of a function, over $0, where it has one.
func InverseOf(name string, args []float64) (*Expr, error) {
	f, ok := FindFunction(name)
	if !ok {
		return nil, fmt.Errorf("no function %q", name)
	}
	if f.Inverse == "" {
		return nil, fmt.Errorf("%s has no inverse", name)
	}
	return f.expr(f.Inverse, args)
}

func (f *Function) expr(text string, args []float64) (*Expr, error) {
	if f.OverAll {
		return nil, fmt.Errorf("%s is not element-wise", f.Name)
	}
	if len(args) > len(f.Params) {
		return nil, fmt.Errorf("%s takes %d parameters, not %d", f.Name, len(f.Params), len(args))
	}
	names, values := []string{"x"}, []*Expr{In(0)}
	for i, p := range f.Params {
		v := p.Default
		if i < len(args) {
			v = args[i]
		}
		names, values = append(names, p.Name), append(values, Num(v))
	}
	return MustParseExpr(text, names...).Substitute(values).Simplify(), nil
}

// FunctionNames lists the names for messages and documentation: "identity, tanh, …".
func FunctionNames() string {
	var names []string
	for _, f := range Functions {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
