package ir

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryOperation(t *testing.T) {
	seen := map[ScalarOp]bool{OpConst: true, OpInput: true}
	for text, want := range map[string]float64{
		"2 + $0": 5, "2 - $0": -1, "2 * $0": 6, "$0 / 2": 1.5, "-$0": -3, "max($0, 4)": 4, "min($0, 4)": 3, "abs(-$0)": 3, "sign(-$0)": -1,
		"exp($0 - 2)": math.E, "log($0)": math.Log(3), "tanh($0)": math.Tanh(3), "sqrt($0 + 1)": 2, "pow($0, 2)": 9, "less($0, 3)": 0,
		"equal($0, 3)": 1, "select($0, 1, 2)": 1, "select(less($0, 0), 1, 2)": 2, "sign($1)": 0,
	} {
		e, err := ParseExpr(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, e.Eval([]float64{3, 0}), text)
		assert.Equal(t, want, e.Simplify().Eval([]float64{3, 0}), text)
		seen[e.Op] = true
		for _, a := range e.Args {
			seen[a.Op] = true
		}
	}
	assert.Len(t, seen, ScalarOps, "an operation without a case")
}

func TestText(t *testing.T) {
	for _, text := range []string{ // these are canonical: they print as they are
		"2 * ($0 - $1) * (1 - $0*$0)", "$0 - tanh($1 + $3) + tanh($2 + $3)", "$0 - ($1 - $2)", "$0 + ($1 + $2)", "$0 / ($1 * $2)", "$0 * ($1 / $2)",
		"-$0 * $1", "-($0 * $1)", "--$0", "-(2)", "-2", "-(-2)", "$0 - -2", "$0 * -2", "1e-300", "-($0 + 1)", "select(less(0, $0), $0, 0.01 * $0)", "inf", "-inf",
		"0.1", "3.4028234663852886e+38", "$0*$1 - $2/3", "max($0 + 1, -$1)", "(1 + $0) * (1 - $0)", "-(inf)",
	} {
		e, err := ParseExpr(text)
		if assert.NoError(t, err, text) {
			assert.Equal(t, text, e.String())
		}
	}
	e, err := ParseExpr("theta-c1*m/(sqrt( v )+eps)", "theta", "c1", "m", "v", "eps")
	require.NoError(t, err)
	assert.Equal(t, "$0 - $1*$2/(sqrt($3) + $4)", e.String())
	for text, want := range map[string]string{
		"":               `expected a value, found the end at column 1 of ""`,
		"1 +":            `expected a value, found the end at column 4 of "1 +"`,
		"theta":          `expected a value, found "theta" at column 1 of "theta"`,
		"max(1)":         `expected "," (max takes 2 values), found ")" at column 6 of "max(1)"`,
		"(1":             `expected ")", found the end at column 3 of "(1"`,
		"1 2":            `expected an operator, found "2" at column 3 of "1 2"`,
		"tanh(1, 2)":     `expected ")", found ", 2)" at column 7 of "tanh(1, 2)"`,
		"$x":             `expected the number of an input, found "x" at column 2 of "$x"`,
		"1e999 * 1":      `expected a number, found "1e999 * 1" at column 1 of "1e999 * 1"`,
		"$0 ^ 2":         `expected an operator, found "^ 2" at column 4 of "$0 ^ 2"`,
		"input(1) + $0":  `expected a value, found "input(1) + $" at column 1 of "input(1) + $0"`,
		"0.5.5":          `expected an operator, found ".5" at column 4 of "0.5.5"`,
		"select(1, 2, )": `expected a value, found ")" at column 14 of "select(1, 2, )"`,
	} {
		_, err := ParseExpr(text)
		assert.EqualError(t, err, want)
	}
}

func TestSimplify(t *testing.T) {
	for text, want := range map[string]string{
		"$0 * 1": "$0", "0 + $0": "$0", "$0 * 0": "0", "0 * $0 + $1": "$1", "2 * 3 * $0": "6 * $0", "2 * (3 * $0)": "2 * (3 * $0)",
		"$0 + -$1": "$0 - $1", "-$0 + $1": "$1 - $0", "$0 - -$1": "$0 + $1", "-(-$0)": "$0", "-$0 * -$1": "$0 * $1", "$0 * -$1": "-($0 * $1)",
		"-(2 * $0)": "-2 * $0", "-($0 - $1)": "$1 - $0", "$0 - $0": "0", "$0 / 4": "$0 * 0.25", "$0 / 3": "$0 / 3", "0 / $0": "0", "$0 + -2": "$0 - 2",
		"-1 * $0": "-$0", "max($0, $0)": "$0", "select(less($0, 0), 1, 0)": "less($0, 0)", "select(1, $0, $1)": "$0", "select($0, $1, $1)": "$1",
		"log(0)": "log(0)", "exp(0) * $0": "$0", "abs(-$0)": "abs($0)", "pow($0, 1)": "$0", "-$0 - $1": "-($0 + $1)", "0 - $0": "-$0", "1 / 0": "1 / 0",
	} {
		e, err := ParseExpr(text)
		require.NoError(t, err, text)
		s := e.Simplify()
		assert.Equal(t, want, s.String(), text)
		assert.True(t, s.Equal(s.Simplify()), text)
	}
}

func TestSubstituteInputsFlops(t *testing.T) {
	e := MustParseExpr("$0 - tanh($2)")
	assert.Equal(t, 3, e.Inputs())
	assert.Equal(t, 2, e.Flops())
	s := e.Substitute([]*Expr{In(4), nil, Num(0)})
	assert.Equal(t, "$4 - tanh(0)", s.String())
	assert.Equal(t, "$0 - tanh($2)", e.String())
	assert.Equal(t, 0, Num(1).Inputs())
	assert.True(t, e.Equal(MustParseExpr(e.String())))
	assert.False(t, e.Equal(MustParseExpr("$0 - tanh($1)")))
	assert.False(t, Num(0).Equal(Num(math.Copysign(0, -1))))
	assert.Panics(t, func() { Call(OpAdd, e) })
}

// difference is a central finite difference of fourth order.
func difference(f func(float64) float64, x float64) float64 {
	const h = 1e-3
	return (8*(f(x+h)-f(x-h)) - (f(x+2*h) - f(x-2*h))) / (12 * h)
}

func TestDerivatives(t *testing.T) {
	for _, text := range []string{
		"$0 * $1 + 3", "$0 / $1", "1 / $0", "exp(-$0 * $0)", "log($0) * $1", "tanh($0 * $1)", "sqrt($0 + $1)", "pow($0, 3)", "pow(2, $0)", "pow($0, $1)", "abs($0 - $1)",
		"max($0, $1 * 2)", "min($0 * $1, 2)", "select(less($0, $1), $0 * $0, $1)", "-$0", "sign($0) * $0", "2 * ($0 - $1) * (1 - $0*$0)", "$1", "equal($0, $1) + $0", "$0/$1 - $0/3",
	} {
		e := MustParseExpr(text)
		for input := range 2 {
			d := e.Derivative(input)
			assert.True(t, d.Equal(d.Simplify()), text)
			for _, at := range [][]float64{{0.7, 1.3}, {2.1, 0.4}, {1.1, 1.9}} {
				in := append([]float64{}, at...)
				want := difference(func(x float64) float64 { in[input] = x; return e.Eval(in) }, at[input])
				assert.InDelta(t, want, d.Eval(at), 1e-6*max(1, math.Abs(want)), "∂(%s)/∂$%d = %s at %v", text, input, d, at)
			}
		}
	}
	assert.Equal(t, "1 - tanh($0)*tanh($0)", MustParseExpr("tanh($0)").Derivative(0).String())
	assert.Equal(t, "0", MustParseExpr("tanh($0)").Derivative(1).String())
}

func TestFunctions(t *testing.T) {
	for _, f := range Functions {
		if f.OverAll {
			_, err := Nonlinearity(f.Name, nil)
			assert.EqualError(t, err, "softmax is not element-wise")
			continue
		}
		e, err := Nonlinearity(f.Name, nil)
		require.NoError(t, err)
		d := e.Derivative(0)
		for _, x := range []float64{-50, -3, -1, -0.25, 0.25, 1, 3, 50} {
			want := difference(func(x float64) float64 { return e.Eval([]float64{x}) }, x)
			assert.InDelta(t, want, d.Eval([]float64{x}), 1e-8, "%s'(%g) = %s", f.Name, x, d)
		}
		for _, x := range []float64{-1e4, -100, 0, 100, 1e4} { // stable, and with a slope, everywhere
			y, slope := e.Eval([]float64{x}), d.Eval([]float64{x})
			assert.False(t, math.IsNaN(y) || math.IsInf(y, 0) || math.IsNaN(slope) || math.IsInf(slope, 0), "%s(%g) = %g, slope %g", f.Name, x, y, slope)
		}
	}
	value := func(name string, x float64, args ...float64) float64 {
		e, err := Nonlinearity(name, args)
		require.NoError(t, err)
		return e.Eval([]float64{x})
	}
	assert.InDelta(t, 1/(1+math.Exp(-1.5)), value("sigmoid", 1.5), 1e-15)
	assert.InDelta(t, math.Log1p(math.Exp(-1.5)), value("softplus", -1.5), 1e-15)
	assert.Equal(t, -0.03, value("leaky_relu", -3))
	assert.InDelta(t, -0.6, value("leaky_relu", -3, 0.2), 1e-15)
	softplus, _ := Nonlinearity("softplus", nil)
	relu, _ := Nonlinearity("relu", nil)
	assert.Equal(t, 0.5, softplus.Derivative(0).Eval([]float64{0}))
	assert.Equal(t, 0.0, relu.Derivative(0).Eval([]float64{0}))
	_, err := Nonlinearity("relu", []float64{1})
	assert.EqualError(t, err, "relu takes 0 parameters, not 1")
	_, err = Nonlinearity("gelu", nil)
	assert.Error(t, err)
}

// randomExpr grows a tree from bytes.
func randomExpr(data []byte) *Expr {
	var grow func(depth int) *Expr
	next := func() byte {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return b
	}
	constants := []float64{0, 1, -1, 2, 0.5, -0.25, 3, 1e-3}
	grow = func(depth int) *Expr {
		op := ScalarOp(next()) % ScalarOp(ScalarOps)
		if depth > 6 {
			op %= 2
		}
		switch op {
		case OpConst:
			return Num(constants[next()%8])
		case OpInput:
			return In(int(next() % 3))
		}
		args := make([]*Expr, op.Arity())
		for i := range args {
			args[i] = grow(depth + 1)
		}
		return Call(op, args...)
	}
	return grow(0)
}

// finite evaluates, and tells whether no value on the way was infinite or none.
func finite(e *Expr, in []float64) (float64, bool) {
	ok := true
	for _, a := range e.Args {
		_, f := finite(a, in)
		ok = ok && f
	}
	v := e.Eval(in)
	return v, ok && !math.IsInf(v, 0) && !math.IsNaN(v)
}

func checkExpr(t *testing.T, e *Expr) {
	text := e.String()
	back, err := ParseExpr(text)
	require.NoError(t, err, text)
	require.True(t, e.Equal(back), "%s read back as %s", text, back)
	s := e.Simplify()
	require.True(t, s.Equal(s.Simplify()), "%s -> %s -> %s", text, s, s.Simplify())
	for _, in := range [][]float64{{0, 0, 0}, {1, -2, 0.3}, {0.7, 0.7, -1e3}, {-3, 5, 1e-5}} {
		if want, ok := finite(e, in); ok {
			require.Equal(t, want+0, s.Eval(in)+0, "%s -> %s at %v", text, s, in) // +0: -0 is 0
		}
	}
	d := e.Derivative(0)
	require.True(t, d.Equal(d.Simplify()), "derivative of %s: %s", text, d)
}

func TestRandomExpressions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		data := make([]byte, 60)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		checkExpr(t, randomExpr(data))
	}
}

func FuzzExpr(f *testing.F) {
	f.Add("2 * ($0 - $1) * (1 - $0*$0)", []byte{2, 1, 0, 4, 1, 1, 0, 2})
	f.Add("-(-2) - -nan", []byte{6, 6, 0, 3})
	f.Add("max($0, inf) / -($1)", []byte{18, 16, 1, 0, 1, 1, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		checkExpr(t, randomExpr(data))
		if e, err := ParseExpr(text); err == nil {
			back, err := ParseExpr(e.String())
			require.NoError(t, err)
			require.Equal(t, e.String(), back.String())
			require.True(t, e.Equal(back))
			e.Simplify()
		}
	})
}
