package check

import (
	"fmt"

	"bnetc/lang"
)

// primitives are the element-wise functions beside the nonlinearities, with their number of arguments.
var primitives = map[string]int{"exp": 1, "log": 1, "sqrt": 1, "abs": 1, "sign": 1, "max": 2, "min": 2}

// call types a call: a map applied, its transpose, or a function by name.
func (in *instance) call(e *lang.Expr, env scope, want *Space) *Expr {
	if e.Fn.Kind == lang.NameExpr {
		return in.function2(e, env, want)
	}
	m, ok := in.operator(e.Fn, env)
	if !ok {
		return nil
	}
	if !in.arguments(e, 1) {
		return nil
	}
	x := in.expr(e.Args[0], env, &m.from)
	if x == nil {
		return nil
	}
	if x.Space.Kind == Scalar || x.Space != m.from {
		in.wrongSpace(e.Args[0], x.Space, m.from, fmt.Sprintf("%s takes %s", e.Fn.Span.Text(), in.spaceText(m.from)))
		return nil
	}
	return &Expr{Op: m.op, Args: []*Expr{x}, Layer: m.layer, Map: m.m, Space: m.to, Span: e.Span}
}

// An operator is what stands before an argument: f[l], g[l], B[l], transpose(…), with the spaces it connects.
type operator struct {
	op       Op
	m        *Map
	layer    int
	from, to Space
}

func (in *instance) operator(e *lang.Expr, env scope) (operator, bool) {
	switch {
	case e.Kind == lang.IndexExpr:
		return in.mapAtLayer(e, env)
	case e.Kind == lang.CallExpr && e.Fn.Kind == lang.NameExpr && len(e.Args) == 1:
		switch e.Fn.Name.Text {
		case "transpose":
			o, ok := in.operator(e.Args[0], env)
			if !ok {
				return o, false
			}
			if o.m != nil && o.m.Exact {
				in.fail("not-a-map", e.Args[0].Span, quote(e.Args[0].Span.Text())+" has no weights to transpose").Also(in.p.Layers[o.layer-1].Span, "this layer")
				return o, false
			}
			switch o.op {
			case Apply, Operate:
				o.op = Transpose
			case SignOperate:
				o.op = SignTranspose
			}
			o.from, o.to = o.to, o.from
			if o.m != nil && o.m.Kind == ForwardMap && o.from.Kind == Composite {
				o.from = Space{Kind: Activity, Layer: o.layer} // the classes' weights alone
			}
			return o, true
		case "sign":
			o, ok := in.operator(e.Args[0], env)
			if !ok {
				return o, false
			}
			if o.m == nil || o.m.Exact || o.op != Apply && o.op != Operate {
				in.fail("not-a-map", e.Args[0].Span, "only weights have signs").Hint("transpose(sign(f[l]))(x)")
				return o, false
			}
			o.op = SignOperate
			return o, true
		}
	}
	in.fail("not-a-map", e.Span, quote(e.Span.Text())+" is not a map that could be applied").Expected("f[l], an inverse, feedback, or transpose(…) of one")
	return operator{}, false
}

// mapAtLayer is f[l], a declared inverse or feedback.
func (in *instance) mapAtLayer(e *lang.Expr, env scope) (operator, bool) {
	l, ok := in.index(e.Args[0], env)
	if !ok {
		return operator{}, false
	}
	n := e.Name.Text
	if n == "f" {
		if l < 1 || l > in.last() {
			in.fail("index-out-of-range", e.Span, fmt.Sprintf("there is no f[%d]: layers are 1 to %d", l, in.last()))
			return operator{}, false
		}
		return operator{Apply, in.p.Layers[l-1].F, l, in.below(l), in.p.activity(l)}, true
	}
	family := in.maps[n]
	if family == nil {
		if in.values[n] != nil {
			in.fail("not-a-map", e.Span, quote(e.Span.Text())+" is a value, not a map").Expected("f[l], an inverse, or feedback")
		} else {
			in.unknown(e.Name)
		}
		return operator{}, false
	}
	m := family[l]
	if m == nil {
		r := in.fail("missing-case", e.Span, in.nameOf(n, l)+" is used, and no declaration covers it")
		r.Also(in.mapAt[n], "declared here").Hint("widen its `for`")
		return operator{}, false
	}
	switch m.Kind {
	case InverseMap:
		return operator{Apply, m, l, in.p.activity(l), in.below(l)}, true
	case FeedbackLike:
		return operator{Operate, m, l, in.below(l), Space{Kind: Activity, Layer: l}}, true
	}
	return operator{Operate, m, l, Space{Kind: Activity, Layer: m.From}, Space{Kind: Activity, Layer: l}}, true
}

func (in *instance) below(l int) Space { return Space{Kind: Activity, Layer: l - 1} }

func (in *instance) arguments(e *lang.Expr, n int) bool {
	if len(e.Args) == n {
		return true
	}
	in.fail("argument-count", e.Span, fmt.Sprintf("%s takes %d arguments", quote(e.Fn.Span.Text()), n)).Found(fmt.Sprint(len(e.Args)))
	return false
}

// function2 types a call of a name: derivative, gradient, normal, outer, weights, dot, and element-wise functions.
func (in *instance) function2(e *lang.Expr, env scope, want *Space) *Expr {
	switch n := e.Fn.Name.Text; n {
	case "derivative":
		return in.derivative(e, env)
	case "gradient":
		return in.gradient(e, env)
	case "normal":
		return in.normal(e, env, want)
	case "outer":
		return in.outer(e, env, want)
	case "weights":
		if !in.arguments(e, 1) {
			return nil
		}
		o, ok := in.operator(e.Args[0], env)
		if !ok {
			return nil
		}
		if o.m == nil || o.m.Exact || o.op != Apply && o.op != Operate {
			in.fail("not-a-map", e.Args[0].Span, quote(e.Args[0].Span.Text())+" has no weights")
			return nil
		}
		return &Expr{Op: ParamsOf, Map: o.m, Layer: o.layer, Space: Space{Kind: Weights, Map: o.m}, Span: e.Span}
	case "dot":
		if !in.arguments(e, 2) {
			return nil
		}
		x := in.expr(e.Args[0], env, nil)
		y := in.expr(e.Args[1], env, nil)
		if x == nil || y == nil {
			return nil
		}
		if x.Space != y.Space || x.Space.Kind != Activity && x.Space.Kind != Composite {
			in.wrongSpace(e.Args[1], y.Space, x.Space, "`dot` sums over the units of one layer")
			return nil
		}
		return &Expr{Op: Dot, Args: []*Expr{x, y}, Space: Space{Kind: PerSample}, Span: e.Span}
	default:
		return in.elementwise(e, env, want)
	}
}

func (in *instance) elementwise(e *lang.Expr, env scope, want *Space) *Expr {
	n := e.Fn.Name.Text
	count, ok := primitives[n]
	if info := in.findFunction(n); info != nil && !info.Output {
		count, ok = 1, true
	}
	if !ok {
		names := append(in.functionNames(), "derivative", "gradient", "normal", "outer", "transpose", "weights", "dot")
		for p := range primitives {
			names = append(names, p)
		}
		in.failed = true
		r := in.unknownName(e.Fn.Name, "no function is named "+quote(n), names, "functions")
		r.d.Code = "unknown-function"
		r.d.Hint = ""
		if near := nearest(n, names); near != "" {
			r.d.Hint = "did you mean `" + near + "`?"
		}
		r.put()
		return nil
	}
	if !in.arguments(e, count) {
		return nil
	}
	out := &Expr{Op: Call, Name: n, Space: Space{Kind: Scalar}, Span: e.Span}
	for i, a := range e.Args {
		x := in.expr(a, env, want)
		if x == nil {
			return nil
		}
		space, ok := in.join(out.Space, x.Space, Add)
		if !ok {
			in.wrongSpace(e.Args[i], x.Space, out.Space, "the arguments of "+quote(n)+" live in different spaces")
			return nil
		}
		out.Space = space
		out.Args = append(out.Args, x)
	}
	return out
}

func (in *instance) derivative(e *lang.Expr, env scope) *Expr {
	if !in.arguments(e, 1) {
		return nil
	}
	o, ok := in.operator(e.Args[0], env)
	if !ok {
		return nil
	}
	if o.m != nil && o.m.Kind != ForwardMap {
		in.fail("not-a-layer", e.Args[0].Span, "`derivative` is of a layer's nonlinearity").Hint("derivative(f[l])")
		return nil
	}
	if in.p.Layers[o.layer-1].Function.Name == "softmax" {
		in.fail("derivative-of-softmax", e.Span, "soft-max has no derivative by the unit").Hint("gradient(loss, a[last]) is the output's error")
		return nil
	}
	return &Expr{Op: Derivative, Layer: o.layer, Map: o.m, Space: in.p.activity(o.layer), Span: e.Span}
}

// gradient is of the task loss, and through one layer: by a[last] or h[last-1].
func (in *instance) gradient(e *lang.Expr, env scope) *Expr {
	if !in.arguments(e, 2) {
		return nil
	}
	by := e.Args[1]
	bad := func() *Expr {
		in.fail("gradient-too-deep", e.Span, "the task loss is differentiated through one layer: by a[last] or h[last-1]").Found(quote(e.Span.Text())).
			Hint("gradient(loss, h[last-1]); further down, write the recurrence that carries it")
		return nil
	}
	if e.Args[0].Kind != lang.NameExpr || e.Args[0].Name.Text != "loss" || by.Kind != lang.IndexExpr {
		return bad()
	}
	l, ok := in.index(by.Args[0], env)
	if !ok {
		return nil
	}
	switch {
	case by.Name.Text == "a" && l == in.last():
		return &Expr{Op: GradLoss, Name: "a", Layer: l, Space: Space{Kind: Activity, Layer: l}, Span: e.Span}
	case by.Name.Text == "h" && l == in.last()-1:
		return &Expr{Op: GradLoss, Layer: l, Space: Space{Kind: Activity, Layer: l}, Span: e.Span}
	}
	return bad()
}

func (in *instance) normal(e *lang.Expr, env scope, want *Space) *Expr {
	if !in.arguments(e, 1) {
		return nil
	}
	s := in.expr(e.Args[0], env, nil)
	if s == nil {
		return nil
	}
	if s.Space.Kind != Scalar {
		in.wrongSpace(e.Args[0], s.Space, Space{Kind: Scalar}, "the standard deviation of noise is a number")
		return nil
	}
	if want == nil || want.Kind != Activity && want.Kind != Composite {
		in.fail("noise-without-layer", e.Span, "nothing here says which layer this noise belongs to").Hint("add it to a value of a layer: h[l] + normal(noise)")
		return nil
	}
	key := fmt.Sprint(e.Span.Start)
	if in.drawn[key] == 0 {
		in.drawn[key] = len(in.drawn) + 1
	}
	return &Expr{Op: Normal, Args: []*Expr{s}, Space: *want, Layer: want.Layer, Draw: in.drawn[key]<<12 + env.layer, Span: e.Span}
}

// outer is shaped like the parameters of the map that its place trains.
func (in *instance) outer(e *lang.Expr, env scope, want *Space) *Expr {
	if !in.arguments(e, 2) {
		return nil
	}
	if want == nil || want.Kind != Weights {
		in.fail("outer-outside-descend", e.Span, "`outer` has the shape of the weights that are trained").Hint("descend f[l] along outer(delta[l], h[l-1])")
		return nil
	}
	m := want.Map
	l := m.Layer.Index
	to, from := Space{Kind: Activity, Layer: l}, in.below(l)
	if m.Kind == InverseMap {
		to, from = in.below(l), in.p.activity(l)
	}
	x, y := in.expr(e.Args[0], env, &to), in.expr(e.Args[1], env, &from)
	if x == nil || y == nil {
		return nil
	}
	ok := true
	if x.Space.Kind != Scalar && x.Space != to {
		in.wrongSpace(e.Args[0], x.Space, to, fmt.Sprintf("the first side of `outer` lives where %s gives its result", m.Name))
		ok = false
	}
	if y.Space.Kind != Scalar && y.Space != from {
		in.wrongSpace(e.Args[1], y.Space, from, fmt.Sprintf("the second side of `outer` lives where %s takes its input", m.Name))
		ok = false
	}
	if !ok {
		return nil
	}
	return &Expr{Op: Outer, Args: []*Expr{x, y}, Map: m, Layer: l, Space: *want, Span: e.Span}
}
