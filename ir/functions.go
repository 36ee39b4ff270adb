package ir

import (
	"fmt"
)

// A Function is one nonlinearity: a row of Functions.
type Function struct {
	Name    string
	Params  []Hyper // with their defaults, in the order in which they are written
	Text    string  // over x and the parameters; "" if the function is not element-wise
	OverAll bool    // looks at all units of a layer (softmax): allowed on output layers alone, and no Expr
}

// Functions are the nonlinearities. Everything else — derivative, C, SPIR-V, reference — follows from the text. Each text is stable for
// large arguments of either sign, and is differentiated as it stands: relu's slope at 0 is 0, softplus's ½.
var Functions = []Function{
	{Name: "identity", Text: "x"},
	{Name: "tanh", Text: "tanh(x)"},
	{Name: "relu", Text: "max(0, x)"},
	{Name: "leaky_relu", Params: []Hyper{{"a", 0.01}}, Text: "select(less(0, x), x, a * x)"},
	{Name: "sigmoid", Text: "0.5 + 0.5 * tanh(0.5 * x)"},
	// min(x, -x) is -|x|, but with slopes that add up to ½ at 0.
	{Name: "softplus", Text: "max(x, 0) + log(1 + exp(min(x, -x)))"},
	{Name: "softmax", OverAll: true},
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
	return f.expr(args)
}

func (f *Function) expr(args []float64) (*Expr, error) {
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
	return MustParseExpr(f.Text, names...).Substitute(values).Simplify(), nil
}
