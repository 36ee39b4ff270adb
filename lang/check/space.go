package check

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// A place is where an expression stands, if that asks for a space: what else there says so.
type place struct {
	space Space
	at    diag.Span
	says  string // "the sum lives in "
}

// join is the space of a sum or product: equal spaces, a scalar with anything, and, in products, a number per sample with activities.
func join(a, b Space, op Op) (Space, bool) {
	values := func(s Space) bool { return s.Kind == Activity || s.Kind == Composite }
	switch {
	case a == b, b.Kind == Scalar:
		return a, true
	case a.Kind == Scalar:
		return b, true
	case op == Mul && a.Kind == PerSample && values(b):
		return b, true
	case (op == Mul || op == Div) && b.Kind == PerSample && values(a):
		return a, true
	}
	return Space{}, false
}

// wrongSpace reports a value where one of another space belongs, in the words of the statement and with both shapes.
func (in *instance) wrongSpace(at diag.Span, message string, expected, found Space, env scope) *diag.Diagnostic {
	e, shapeE := in.spaceWords(expected, env)
	f, shapeF := in.spaceWords(found, env)
	if env.bound {
		width := max(utf8.RuneCountInString(e), utf8.RuneCountInString(f))
		instance := func(words *string, shape string) {
			if shape != "" {
				*words += strings.Repeat(" ", width-utf8.RuneCountInString(*words)) + fmt.Sprintf("   (for %s = %s: %s)", env.name, in.p.LayerName(env.layer), shape)
			}
		}
		instance(&e, shapeE)
		instance(&f, shapeF)
	} else {
		e, f = withShape(e, shapeE), withShape(f, shapeF)
	}
	return in.fail(diag.WrongSpace, at, message).Expected(e).Found(f)
}

func withShape(words, shape string) string {
	if shape == "" {
		return words
	}
	return words + " (" + shape + ")"
}

// spaceWords is a space for people, with the variable of the statement, and the shape it has.
func (in *instance) spaceWords(s Space, env scope) (words, shape string) {
	switch s.Kind {
	case Scalar:
		return "a number", ""
	case PerSample:
		return "a number per sample", ""
	case Weights:
		return "the weights of " + s.Map.Name, ""
	}
	if s.Layer < 0 {
		return "the auxiliary units of " + in.p.LayerName(-s.Layer), fmt.Sprint(in.p.Layers[-s.Layer-1].Aux.Units)
	}
	words = "a value of " + in.layerWords(s.Layer, env)
	if units := in.p.shape(s.Layer); units.known() {
		shape = units.Text()
	}
	if s.Kind == Composite {
		words += " with its auxiliary units"
		shape += fmt.Sprintf(" + %d", in.p.Layers[s.Layer-1].Aux.Units)
	}
	return words, shape
}

// layerWords is a layer for people: layer l+1, layer y, the input.
func (in *instance) layerWords(l int, env scope) string {
	if l == 0 && !env.bound {
		return "the input"
	}
	return "layer " + in.indexText(l, env)
}

// mapsWords says where an operator leads: maps layer l to layer l-1.
func (in *instance) mapsWords(o operator, env scope) string {
	return "maps " + in.layerWords(o.from.Layer, env) + " to " + in.layerWords(o.to.Layer, env)
}

// wrongArgument reports an operator applied to a value of another layer than it takes, and names the one of its family that would take it.
func (in *instance) wrongArgument(e *lang.Expr, o operator, x *Expr, env scope, want *place) {
	takes, _ := in.spaceWords(o.from, env)
	is, _ := in.spaceWords(x.Space, env)
	message := fmt.Sprintf("%s takes %s, and %s is %s", e.Fn, takes, e.Args[0], is)
	if o.from.Kind == Activity && x.Space.Kind == Activity {
		message = fmt.Sprintf("%s takes activities of %s, and %s belongs to %s", e.Fn, in.layerWords(o.from.Layer, env), e.Args[0], in.layerWords(x.Space.Layer, env))
	}
	d := in.wrongSpace(e.Span, message, o.from, x.Space, env).Label(in.mapsWords(o, env))
	if want != nil && want.says != "" {
		d.Also(want.at, want.says+in.layerWords(want.space.Layer, env))
	}
	for l := 1; l <= in.last(); l++ {
		if other, fn, ok := in.sibling(e.Fn, l, env); ok && other.from == x.Space {
			d.Hint(fmt.Sprintf("%s(%s) %s", fn, e.Args[0], in.mapsWords(other, env)))
			return
		}
	}
}

// sibling is an operator with another layer in place of its own, and its text.
func (in *instance) sibling(e *lang.Expr, l int, env scope) (operator, string, bool) {
	switch {
	case e.Kind == lang.IndexExpr:
		var o operator
		switch m := in.maps[e.Name.Text][l]; {
		case e.Name.Text == "f":
			o = in.forwardOperator(l)
		case m == nil:
			return o, "", false
		default:
			o = in.declaredOperator(m, l)
		}
		return o, e.Name.Text + "[" + in.indexText(l, env) + "]", true
	case e.Kind == lang.CallExpr && e.Fn.Kind == lang.NameExpr && e.Fn.Name.Text == "transpose" && len(e.Args) == 1:
		o, text, ok := in.sibling(e.Args[0], l, env)
		return o.transposed(), "transpose(" + text + ")", ok
	}
	return operator{}, "", false
}
