package check

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// An operator is what stands before an argument: f[l], g[l], B[l], transpose(…), with the spaces it connects.
type operator struct {
	op       Op
	m        *Map
	layer    int
	index    string     // of the layer, as written
	missing  *lang.Expr // the map, where no declaration covers this layer
	from, to Space
}

// call types a call: a map applied, its transpose, or a function by name.
func (in *instance) call(e *lang.Expr, env scope, want *place) *Expr {
	if e.Fn.Kind == lang.NameExpr {
		return in.named(e, env, want)
	}
	o, ok := in.operator(e.Fn, env)
	if !ok || !in.arguments(e, 1) {
		return nil
	}
	x := in.expr(e.Args[0], env, &place{space: o.from})
	if x == nil {
		return nil
	}
	if x.Space != o.from {
		in.wrongArgument(e, o, x, env, want)
		return nil
	}
	if !in.present(o, env) {
		return nil
	}
	return &Expr{Op: o.op, Args: []*Expr{x}, Layer: o.layer, Map: o.m, Space: o.to, Span: e.Span, Fn: e.Fn.Span, Index: o.index}
}

func (in *instance) operator(e *lang.Expr, env scope) (operator, bool) {
	if e.Kind == lang.IndexExpr {
		return in.mapAtLayer(e, env)
	}
	if e.Kind != lang.CallExpr || e.Fn.Kind != lang.NameExpr || len(e.Args) != 1 || e.Fn.Name.Text != "transpose" && e.Fn.Name.Text != "sign" {
		in.fail(diag.NotAMap, e.Span, quote(e.String())+" is not a map that could be applied").Expected("f[l], an inverse, feedback, or transpose(…) of one").Found(quote(e.String()))
		return operator{}, false
	}
	o, ok := in.operator(e.Args[0], env)
	if !ok {
		return o, false
	}
	exact := o.m != nil && o.m.Exact
	if e.Fn.Name.Text == "sign" {
		if o.m == nil || exact || o.op != Apply && o.op != Operate {
			in.fail(diag.NotAMap, e.Args[0].Span, "only weights have signs").Found(quote(e.Args[0].String())).Hint("transpose(sign(f[l]))(x)")
			return o, false
		}
		o.op = SignOperate
		return o, true
	}
	if exact {
		in.fail(diag.NotAMap, e.Args[0].Span, quote(e.Args[0].String())+" is an exact inverse, and has no weights to transpose").Also(in.p.Layers[o.layer-1].Span, "of this layer").Hint("f[" + o.index + "] is its transpose")
		return o, false
	}
	return o.transposed(), true
}

// transposed is the adjoint of an operator. That of a composite output's map is by the weights of the classes alone.
func (o operator) transposed() operator {
	switch o.op {
	case Apply, Operate:
		o.op = Transpose
	case SignOperate:
		o.op = SignTranspose
	}
	o.from, o.to = o.to, o.from
	if o.m != nil && o.m.Kind == ForwardMap && o.from.Kind == Composite {
		o.from = Space{Kind: Activity, Layer: o.layer}
	}
	return o
}

// mapAtLayer is f[l], a declared inverse or feedback.
func (in *instance) mapAtLayer(e *lang.Expr, env scope) (operator, bool) {
	l, ok := in.index(e.Args[0], env)
	if !ok {
		return operator{}, false
	}
	n := e.Name.Text
	var o operator
	switch family := in.maps[n]; {
	case n == "f" && (l < 1 || l > in.last()):
		in.outOfRange(e, l, 1)
		return o, false
	case n == "f":
		o = in.forwardOperator(l)
	case family != nil && family[l] != nil:
		o = in.declaredOperator(family[l], l)
	case family != nil && (l < 1 || l > in.last()):
		in.missingCase(e, n, l, env)
		return o, false
	case family != nil:
		o = in.declaredOperator(anyOf(family), l)
		o.missing = e
	case in.values[n] != nil || n == "h" || n == "a":
		in.fail(diag.NotAMap, e.Span, quote(e.String())+" is a value, not a map").Expected("f[l], an inverse, or feedback").Found(quote(e.String()))
		return o, false
	default:
		in.unknownValue(e, l, env)
		return o, false
	}
	o.index = e.Args[0].Span.Text()
	in.applied[o.m] = true
	return o, true
}

// present tells whether an operator is declared for its layer, and reports it where it is not.
func (in *instance) present(o operator, env scope) bool {
	if o.missing != nil {
		in.missingCase(o.missing, o.missing.Name.Text, o.layer, env)
	}
	return o.missing == nil
}

// anyOf is the member of a family for the lowest layer: all of them connect the same spaces.
func anyOf(family map[int]*Map) *Map { return family[slices.Min(slices.Collect(maps.Keys(family)))] }

func (in *instance) forwardOperator(l int) operator {
	return operator{op: Apply, m: in.p.Layers[l-1].F, layer: l, from: spaceBelow(l), to: in.p.activity(l)}
}

func (in *instance) declaredOperator(m *Map, l int) operator {
	at := Space{Kind: Activity, Layer: l}
	switch m.Kind {
	case InverseMap:
		return operator{op: Apply, m: m, layer: l, from: in.p.activity(l), to: spaceBelow(l)}
	case FeedbackLike:
		return operator{op: Operate, m: m, layer: l, from: spaceBelow(l), to: at}
	}
	return operator{op: Operate, m: m, layer: l, from: Space{Kind: Activity, Layer: m.From}, to: at}
}

func spaceBelow(l int) Space { return Space{Kind: Activity, Layer: l - 1} }

func (in *instance) arguments(e *lang.Expr, n int) bool {
	if len(e.Args) == n {
		return true
	}
	var at []diag.Span
	for _, a := range e.Args {
		at = append(at, a.Span)
	}
	in.fail(diag.ArgumentCount, e.Span, quote(e.Fn.String())+" takes "+counted(n, "argument")).Found(fmt.Sprint(len(e.Args))).Hint(decimal(at...))
	return false
}

// functions are those that are not element-wise, with their number of arguments. transpose and sign make operators.
var functions = map[string]int{"derivative": 1, "gradient": 2, "normal": 1, "outer": 2, "weights": 1, "dot": 2}

// primitives are the element-wise functions beside the nonlinearities, with their number of arguments, and what they make of numbers.
var primitives = map[string]struct {
	args int
	of   func(x []float64) float64
}{
	"exp":  {1, func(x []float64) float64 { return math.Exp(x[0]) }},
	"log":  {1, func(x []float64) float64 { return math.Log(x[0]) }},
	"sqrt": {1, func(x []float64) float64 { return math.Sqrt(x[0]) }},
	"abs":  {1, func(x []float64) float64 { return math.Abs(x[0]) }},
	"sign": {1, func(x []float64) float64 { return float64(cmp.Compare(x[0], 0)) }},
	"max":  {2, func(x []float64) float64 { return max(x[0], x[1]) }},
	"min":  {2, func(x []float64) float64 { return min(x[0], x[1]) }},
}

// named types a call of a name.
func (in *instance) named(e *lang.Expr, env scope, want *place) *Expr {
	n := e.Fn.Name.Text
	count, ok := functions[n]
	if p, is := primitives[n]; is {
		count, ok = p.args, true
	}
	if info := in.findFunction(n); info != nil && !info.Output {
		count, ok = 1, true
	}
	if !ok {
		in.unknownFunction(e)
		return nil
	}
	if !in.arguments(e, count) {
		return nil
	}
	switch n {
	case "derivative":
		return in.derivative(e, env)
	case "gradient":
		return in.gradient(e, env)
	case "normal":
		return in.normal(e, env, want)
	case "outer":
		return in.outer(e, env, want)
	case "weights":
		return in.weights(e, env)
	case "dot":
		return in.dot(e, env)
	}
	return in.elementwise(e, env, want)
}

func (in *instance) unknownFunction(e *lang.Expr) {
	n := e.Fn.Name.Text
	if slices.Contains([]string{"h", "a", "f"}, n) || in.values[n] != nil || in.maps[n] != nil {
		in.fail(diag.MissingIndex, e.Fn.Span, quote(n)+" belongs to a layer").Hint(n + "[l]" + e.Span.Text()[len(n):])
		return
	}
	in.failed = true
	names := slices.Concat(in.functionNames(false), slices.Sorted(maps.Keys(primitives)), slices.Sorted(maps.Keys(functions)), []string{"transpose"})
	in.unknown(diag.UnknownFunction, e.Fn.Name, "no function is named "+quote(n), names, "functions")
}

func (in *instance) elementwise(e *lang.Expr, env scope, want *place) *Expr {
	out := &Expr{Op: Call, Name: e.Fn.Name.Text, Space: Space{Kind: Scalar}, Span: e.Span}
	for i, a := range e.Args {
		x := in.expr(a, env, want)
		if x == nil {
			return nil
		}
		space, ok := join(out.Space, x.Space, Add)
		if !ok {
			first, _ := in.spaceWords(out.Space, env)
			in.wrongSpace(a.Span, "the arguments of "+quote(out.Name)+" live in different spaces", out.Space, x.Space, env).Also(e.Args[i-1].Span, "is "+first)
			return nil
		}
		out.Space = space
		out.Args = append(out.Args, x)
	}
	return in.finite(out)
}

func (in *instance) weights(e *lang.Expr, env scope) *Expr {
	o, ok := in.operator(e.Args[0], env)
	if !ok || !in.present(o, env) {
		return nil
	}
	if o.m == nil || o.m.Exact || o.op != Apply && o.op != Operate {
		in.fail(diag.NotAMap, e.Args[0].Span, quote(e.Args[0].String())+" has no weights").Expected("f[l], an inverse, or feedback").Found(quote(e.Args[0].String()))
		return nil
	}
	return &Expr{Op: ParamsOf, Map: o.m, Layer: o.layer, Space: Space{Kind: Weights, Map: o.m}, Span: e.Span}
}

func (in *instance) dot(e *lang.Expr, env scope) *Expr {
	x, y := in.expr(e.Args[0], env, nil), in.expr(e.Args[1], env, nil)
	if x == nil || y == nil {
		return nil
	}
	if x.Space.Kind != Activity && x.Space.Kind != Composite {
		is, _ := in.spaceWords(x.Space, env)
		in.fail(diag.NormOfNumber, e.Args[0].Span, "`dot` sums over the units of a layer").Expected("a value of a layer").Found(is)
		return nil
	}
	if x.Space != y.Space {
		first, _ := in.spaceWords(x.Space, env)
		in.wrongSpace(e.Args[1].Span, "`dot` sums over the units of one layer", x.Space, y.Space, env).Also(e.Args[0].Span, "is "+first)
		return nil
	}
	return &Expr{Op: Dot, Args: []*Expr{x, y}, Space: Space{Kind: PerSample}, Span: e.Span}
}

func (in *instance) derivative(e *lang.Expr, env scope) *Expr {
	o, ok := in.operator(e.Args[0], env)
	if !ok {
		return nil
	}
	if o.op != Apply || o.m != nil && o.m.Kind != ForwardMap {
		in.fail(diag.NotALayer, e.Args[0].Span, "`derivative` is of a layer's nonlinearity").Found(quote(e.Args[0].String())).Hint("derivative(f[" + o.index + "])")
		return nil
	}
	if f := in.findFunction(in.p.Layers[o.layer-1].Function.Name); f != nil && f.Output {
		in.fail(diag.DerivativeOfSoftmax, e.Span, quote(f.Name)+" has no derivative by the unit").Also(in.p.Layers[o.layer-1].Span, "the output").Hint("gradient(loss, a[last]) is the output's error")
		return nil
	}
	return &Expr{Op: Derivative, Layer: o.layer, Map: o.m, Space: in.p.activity(o.layer), Span: e.Span}
}

// gradient is of the task loss, and through one layer: by a[last] or h[last-1].
func (in *instance) gradient(e *lang.Expr, env scope) *Expr {
	by := e.Args[1]
	if e.Args[0].Kind == lang.NameExpr && e.Args[0].Name.Text == "loss" && by.Kind == lang.IndexExpr {
		l, ok := in.index(by.Args[0], env)
		if !ok {
			return nil
		}
		out := &Expr{Op: GradLoss, Layer: l, Space: Space{Kind: Activity, Layer: l}, Span: e.Span}
		switch {
		case by.Name.Text == "a" && l == in.last():
			out.Name = "a"
			return out
		case by.Name.Text == "h" && l == in.last()-1:
			return out
		}
	}
	in.fail(diag.GradientTooDeep, e.Span, "the task loss is differentiated through one layer: by a[last] or h[last-1]").Found(quote(e.String())).
		Hint("gradient(loss, h[last-1]); further down, write the recurrence that carries it")
	return nil
}

func (in *instance) normal(e *lang.Expr, env scope, want *place) *Expr {
	s := in.expr(e.Args[0], env, nil)
	if s == nil {
		return nil
	}
	if s.Space.Kind != Scalar {
		in.wrongSpace(e.Args[0].Span, "the standard deviation of noise is a number", Space{Kind: Scalar}, s.Space, env)
		return nil
	}
	if v, ok := in.constant(s); ok && v < 0 {
		in.negativeNoise(e, s, v)
		return nil
	}
	if want == nil || want.space.Kind != Activity && want.space.Kind != Composite {
		in.fail(diag.NoiseWithoutLayer, e.Span, "nothing here says which layer this noise belongs to").Hint("add it to a value of a layer: h[l] + " + e.String())
		return nil
	}
	at := textPlace{e.Span.File, e.Span.Start}
	if in.drawn[at] == 0 {
		in.drawn[at] = len(in.drawn) + 1
	}
	return &Expr{Op: Normal, Args: []*Expr{s}, Space: want.space, Layer: want.space.Layer, Draw: in.drawn[at]<<12 + env.layer, Span: e.Span}
}

// outer is shaped like the parameters of the map that its place trains.
func (in *instance) outer(e *lang.Expr, env scope, want *place) *Expr {
	if want == nil || want.space.Kind != Weights {
		in.fail(diag.OuterOutsideDescend, e.Span, "`outer` has the shape of the weights that are trained").Hint("descend f[l] along " + e.String())
		return nil
	}
	m := want.space.Map
	l := m.Layer.Index
	to, from := Space{Kind: Activity, Layer: l}, spaceBelow(l)
	if m.Kind == InverseMap {
		to, from = spaceBelow(l), in.p.activity(l)
	}
	sides := [2]struct {
		space Space
		says  string
	}{{to, "the first side of `outer` lives where %s gives its result"}, {from, "the second side of `outer` lives where %s takes its input"}}
	out := &Expr{Op: Outer, Map: m, Layer: l, Space: want.space, Span: e.Span}
	for i, side := range sides {
		x := in.expr(e.Args[i], env, &place{space: side.space})
		if x != nil && x.Space.Kind != Scalar && x.Space != side.space {
			is, _ := in.spaceWords(x.Space, env)
			in.wrongSpace(e.Args[i].Span, fmt.Sprintf(side.says, m.Name), side.space, x.Space, env).Label("is "+is).Also(want.at, want.says)
			x = nil
		}
		if x != nil {
			out.Args = append(out.Args, x)
		}
	}
	if len(out.Args) < 2 {
		return nil
	}
	return out
}
