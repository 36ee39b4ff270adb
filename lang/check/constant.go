package check

import (
	"fmt"
	"math"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// A folded is what is known of an expression's value.
type folded struct {
	value float64
	known bool
}

// constant is the value of an expression of numbers and parameters, those in force; not ok for any other. Each is folded once, however often
// named values lead to it.
func (in *instance) constant(e *Expr) (float64, bool) {
	f, ok := in.constants[e]
	if !ok && e.Space.Kind == Scalar {
		f.value, f.known = in.fold(e)
		in.constants[e] = f
	}
	return f.value, f.known
}

func (in *instance) fold(e *Expr) (float64, bool) {
	x := make([]float64, len(e.Args))
	for i, a := range e.Args {
		var ok bool
		if x[i], ok = in.constant(a); !ok {
			return 0, false
		}
	}
	switch e.Op {
	case Const:
		return e.Number, true
	case Param:
		for _, p := range in.p.Params {
			if p.Name == e.Name {
				return p.Value, true
			}
		}
	case Ref:
		return in.constant(e.Value.Expr)
	case Add:
		return x[0] + x[1], true
	case Sub:
		return x[0] - x[1], true
	case Mul:
		return x[0] * x[1], true
	case Div:
		return x[0] / x[1], true
	case Neg:
		return -x[0], true
	case Power:
		return math.Pow(x[0], e.Number), true
	case Call:
		if p, ok := primitives[e.Name]; ok {
			return p.of(x), true
		}
	}
	return 0, false
}

// finite is an expression, or nil where its numbers alone make it something else than a finite one, which is reported.
func (in *instance) finite(e *Expr) *Expr {
	if e.Op == Div {
		if v, ok := in.constant(e.Args[1]); ok && v == 0 {
			in.fail(diag.NotFinite, e.Args[1].Span, "a division by zero").Label("is 0")
			return nil
		}
	}
	if v, ok := in.constant(e); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
		in.fail(diag.NotFinite, e.Span, "this is no finite number").Found(fmt.Sprint(v))
		return nil
	}
	return e
}

// negativeNoise reports a standard deviation below zero: where it was set, if it is a parameter.
func (in *instance) negativeNoise(e *lang.Expr, deviation *Expr, v float64) {
	const message = "the standard deviation of noise is not negative"
	at, param := in.params[deviation.Name]
	switch {
	case deviation.Op != Param || !param:
		in.fail(diag.NegativeNoise, deviation.Span, message).Found(fmt.Sprint(v))
	case at.File == nil:
		in.failed = true
		in.badSet("learn."+deviation.Name, fmt.Sprint(v), "a number of at least 0: the standard deviation of noise")
	default:
		in.fail(diag.NegativeNoise, at, message).Also(e.Span, "draws it").Found(fmt.Sprint(v))
	}
}
