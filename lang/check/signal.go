package check

import (
	"math"
	"slices"
)

// A mix says what a value is made of. Activities and pre-activities, the label, and what a map with a nonlinearity makes of them are points; a mix has
// their coefficients in the sums that the value comes from. The label and activities count with what cancels taken off; targets, which are the points
// that depend on the label behind a nonlinear map, may be different ones and do not cancel. A value is an error
//
//   - if it has a gradient of the task loss in it, or the task loss itself, with whatever coefficient and whatever is added to it;
//   - if points of either sign are left in it, of which some depend on the label: h - label, 2·h - label, g(t) - g(h). In h - g(h) + g(t) nothing is
//     left of h - g(h), and so it is a target, as 0.9·h + 0.1·label is one;
//   - if it is a product or a function that depends both on the label and on activities (derivatives are functions of those), and no sum of the two:
//     h·label, h/label, label·|h|², log(exp(h)/exp(label)), max(h, label), (h - label)³;
//   - if it sums points whose scale or sign cannot be compared, of which some depend on the label and some on activities: what products, functions and
//     fixed or transposed weights make, with anything but more of just that.
//
// What depends on the label alone is no error, nor what does not depend on it.
type mix struct {
	label, other float64 // of the label, and of points that do not depend on it
	up, down     float64 // of targets, those added and those taken off
	err          float64 // of errors
	by           any     // what gave these coefficients their unit; nil where it is that of activities, targets and the label
}

func (m mix) empty() bool {
	return m.label == 0 && m.other == 0 && m.up == 0 && m.down == 0 && m.err == 0
}

// in is the same mix in a unit of its own.
func (m mix) in(unit any) mix {
	m.by = unit
	return m
}

// unknown is a mix of the same things by coefficients that are not known.
func (m mix) unknown() mix {
	for _, c := range []*float64{&m.label, &m.other, &m.up, &m.down, &m.err} {
		if *c != 0 {
			*c = math.NaN()
		}
	}
	return m
}

func (m mix) times(x float64) mix {
	if x < 0 {
		m.up, m.down = m.down, m.up
	}
	scale := func(c *float64, x float64) {
		if *c != 0 {
			*c *= x
		}
	}
	scale(&m.label, x)
	scale(&m.other, x)
	scale(&m.up, math.Abs(x))
	scale(&m.down, math.Abs(x))
	scale(&m.err, math.Abs(x))
	return m
}

// plus is the mix of a sum.
func (m mix) plus(o mix) mix {
	switch {
	case m.empty():
		return o
	case o.empty():
		return m
	}
	if m.by != o.by {
		m, o = m.unknown(), o.unknown() // so that they do not cancel
	}
	return mix{cancelled(m.label, o.label), cancelled(m.other, o.other), m.up + o.up, m.down + o.down, m.err + o.err, m.by}
}

// A route is a linear map in one of its roles, and the unit of what comes by it; the one without an operation is of what has come by several.
type route struct {
	m     *Map
	layer int
	op    Op
}

func routeOf(e *Expr) route { return route{e.Map, e.Layer, e.Op} }

// meets is the mix of a sum where linear maps bring its sides. By different routes nothing cancels, and signs still count: a difference is one, though
// its sides come by two maps.
func (m mix) meets(o mix) mix {
	_, r := m.by.(route)
	_, q := o.by.(route)
	several := route{}
	if m.empty() || o.empty() || !r || !q || m.by == o.by && m.by != several {
		return m.plus(o)
	}
	if m.other*o.other < 0 {
		m.other = math.NaN()
	}
	if m.label*o.label < 0 {
		m.label = math.NaN()
	}
	return m.in(several).plus(o.in(several))
}

// cancelled is a sum, 0 where nothing but rounding is left: far less than a coefficient in 32 bits could say.
func cancelled(a, b float64) float64 {
	if math.Abs(a+b) < 1e-12*max(math.Abs(a), math.Abs(b)) {
		return 0
	}
	return a + b
}

// sides are how much there is of points of either sign, and whether that is all that there is: coefficients that are not known are on neither side.
func (m mix) sides() (plus, minus float64, oneSided bool) {
	var parts, pluses, minuses int
	for _, c := range []float64{m.label, m.other, m.up, -m.down} {
		if c != 0 {
			parts++
		}
		if c > 0 {
			pluses, plus = pluses+1, plus+c
		}
		if c < 0 {
			minuses, minus = minuses+1, minus-c
		}
	}
	return plus, minus, parts < 2 || pluses == parts || minuses == parts
}

// opposed tells whether points of either sign are left, for all that is known; of two sorts, one depends on the label.
func (m mix) opposed() bool {
	_, _, oneSided := m.sides()
	return !oneSided
}

// isPoint tells whether a value is a point, though an error may have moved it, by no more than what is left of it: h - 0.1·gradient, 2·h - label.
// Half an activity is a point, and label smoothing leaves one; 0.001·h is none, but next to nothing.
func (m mix) isPoint() bool {
	plus, minus, _ := m.sides()
	left := plus - minus
	return m.by == nil && left >= 0.5 && m.err+min(plus, minus) <= left && !math.IsNaN(m.label+m.other+m.up+m.down)
}

// signals are what is known of the expressions of a program.
type signals struct {
	mixes, arrivals map[*Expr]mix
	labels, actives map[*Expr]bool
	own             map[*Expr]bool // where the map of a layer that learns a loss gives its own activities
}

func newSignals() signals {
	return signals{map[*Expr]mix{}, map[*Expr]mix{}, map[*Expr]bool{}, map[*Expr]bool{}, map[*Expr]bool{}}
}

// once gives what is known of an expression, or finds it out.
func once[T any](t *tracer, known map[*Expr]T, e *Expr, find func() T) T {
	t.visits++
	v, ok := known[e]
	if !ok {
		v = find()
		known[e] = v
	}
	return v
}

// isError tells whether a value is an error.
func (t *tracer) isError(e *Expr) bool {
	m := t.mix(e)
	return m.err != 0 || m.opposed()
}

// sends tells whether a map is given an error that it carries to another layer.
func (t *tracer) sends(e *Expr) bool {
	return t.isError(e.Args[0]) && (t.isLinear(e) || !t.mix(e.Args[0]).isPoint())
}

// fromLabel tells whether a value depends on the label.
func (t *tracer) fromLabel(e *Expr) bool {
	return once(t, t.signals.labels, e, func() bool {
		return e.Op == Label || e.Op == GradLoss || e.Op == TaskLoss || e.Op == Ref && t.fromLabel(e.Value.Expr) || slices.ContainsFunc(e.Args, t.fromLabel)
	})
}

// active tells whether a value depends on activities; derivatives, gradients and losses do.
func (t *tracer) active(e *Expr) bool {
	return once(t, t.signals.actives, e, func() bool {
		switch e.Op {
		case Activities, Pre, AuxPart, Derivative, GradLoss, TaskLoss:
			return true
		case Ref:
			return t.active(e.Value.Expr)
		}
		return slices.ContainsFunc(e.Args, t.active)
	})
}

// mix tells what a value is made of. Numbers and noise beside points only shift them.
func (t *tracer) mix(e *Expr) mix {
	return once(t, t.signals.mixes, e, func() mix { return t.settled(e, t.mixOf(e)) })
}

// settled is the mix of a value, where it depends on the label alone one point, whatever cancels in it.
func (t *tracer) settled(e *Expr, m mix) mix {
	if m.opposed() && !t.active(e) {
		return mix{label: 1, by: e}
	}
	return m
}

func (t *tracer) mixOf(e *Expr) mix {
	switch e.Op {
	case Activities, Pre, AuxPart:
		return mix{other: 1}
	case Label:
		return mix{label: 1}
	case GradLoss:
		return mix{err: 1}
	case Ref:
		return t.mix(e.Value.Expr)
	case Add:
		return t.mix(e.Args[0]).plus(t.mix(e.Args[1]))
	case Sub:
		return t.mix(e.Args[0]).plus(t.mix(e.Args[1]).times(-1))
	case Neg:
		return t.mix(e.Args[0]).times(-1)
	case List:
		if t.isError(e.Args[1]) {
			return mix{err: 1, by: e}
		}
		return t.mix(e.Args[0]) // with which the auxiliary units are in no sum
	case Mul, Div:
		if of, by := t.factors(e); by != nil && by.Space.Kind == Scalar {
			return t.scaled(e, t.mix(of), by)
		}
	case Apply, Operate, Transpose, SignOperate, SignTranspose:
		return t.sent(e)
	}
	return t.made(e)
}

// factors of a product or quotient: a value, and a number that it is multiplied or divided by; nil where neither is one.
func (t *tracer) factors(e *Expr) (of, by *Expr) {
	a, b := e.Args[0], e.Args[1]
	switch {
	case b.Space.Kind == Scalar:
		return a, b
	case a.Space.Kind == Scalar && e.Op == Mul:
		return b, a
	}
	return nil, nil
}

// scaled is a mix by a number, in a unit of its own where the number is not known. A number that is 0 with the parameters in
// force may be another one with others, and hides nothing.
func (t *tracer) scaled(e *Expr, m mix, by *Expr) mix {
	x, ok := t.in.constant(by)
	switch {
	case !ok:
		return m.in(e)
	case x == 0:
		x = 1e-6
	case e.Op == Div:
		x = 1 / x
	}
	return m.times(x)
}

// made is the mix of a product or a function.
func (t *tracer) made(e *Expr) mix {
	switch label, active := t.fromLabel(e), t.active(e); {
	case label && active:
		return mix{err: 1, by: e}
	case label:
		return mix{label: 1, by: e}
	case active:
		return mix{other: 1, by: e}
	}
	return mix{} // numbers, noise
}

// sent is the mix of what a map makes of a value. Maps that are learned take points to points; the unit of what other weights make is theirs.
func (t *tracer) sent(e *Expr) mix {
	m := t.mix(e.Args[0])
	if t.isLinear(e) {
		switch {
		case m.empty() || t.keepsPoints(e):
			return m
		case m.by == nil:
			return m.in(routeOf(e))
		}
		return m.in(e)
	}
	unit := any(e)
	if m.isPoint() {
		unit = nil
	}
	switch {
	case t.sends(e):
		return mix{err: 1, by: e}
	case t.fromLabel(e):
		return mix{up: 1, by: unit}
	case t.active(e):
		return mix{other: 1, by: unit}
	}
	return mix{}
}

// isLinear tells whether a map takes a difference to the difference of what it makes of both, or very nearly so, for want of a nonlinearity behind it
// or of learning.
func (t *tracer) isLinear(e *Expr) bool {
	if e.Op != Apply {
		return true
	}
	layer := t.p.Layers[e.Layer-1]
	switch {
	case e.Map == nil:
		return layer.Kind != MaxPool
	case e.Map.Kind != InverseMap:
		return layer.Function.Name == identity
	case !t.learned(e.Map):
		return true
	}
	return e.Layer == 1 || t.p.Layers[e.Layer-2].Function.Name == identity
}

// keepsPoints tells whether a linear map takes points to points of the same size.
func (t *tracer) keepsPoints(e *Expr) bool {
	m := e.Map
	return m == nil || m.Exact && m.Layer.F == nil || e.Op == Apply && t.learned(m)
}

func (t *tracer) learned(m *Map) bool {
	return slices.ContainsFunc(t.p.Goals, func(g *Goal) bool { return g.Over == m })
}

// identity is the function of layers that have none.
const identity = "identity"

// arrival is the mix of what linear maps bring to a value: B(y) - B(h) is B(y - h). Here products and functions
// only matter if they take apart again what came: a factor that is no number gives a unit of its own, unless it is an activity or a derivative as
// it stands, and a product of what came is no sum of it.
func (t *tracer) arrival(e *Expr) mix {
	return once(t, t.signals.arrivals, e, func() mix { return t.settled(e, t.arrivalOf(e)) })
}

func (t *tracer) arrivalOf(e *Expr) mix {
	of := func(i int) mix { return t.arrival(e.Args[i]) }
	if t.isLeaf(e) {
		m := t.mix(e.Args[0])
		if m.by == nil {
			m = m.in(routeOf(e))
		}
		return m
	}
	switch e.Op {
	case Ref:
		return t.arrival(e.Value.Expr)
	case Add:
		return of(0).meets(of(1))
	case Sub:
		return of(0).meets(of(1).times(-1))
	case Neg:
		return of(0).times(-1)
	case NormSquared:
		if x := e.Args[0]; x.Op == Sub && (t.signals.own[x.Args[0]] || t.signals.own[x.Args[1]]) { // a layer goes to its target from either side
			return t.arrival(x.Args[0]).plus(t.arrival(x.Args[1])) // of which one is none
		}
	case Mul, Div, Outer:
		if value, by := t.factors(e); by != nil && by.Space.Kind == Scalar {
			return t.scaled(e, t.arrival(value), by)
		}
		switch a, b := of(0), of(1); {
		case b.empty() && stands(e.Args[1]):
			return a
		case a.empty() && stands(e.Args[0]) && e.Op != Div:
			return b
		}
	case Power, Call, Dot:
	default:
		return mix{}
	}
	var all mix
	for i := range e.Args {
		switch m := of(i); {
		case all.empty():
			all = m
		case !m.empty():
			all = all.meets(m).unknown()
		}
	}
	return all.in(e)
}

// stands tells whether a factor is an activity or a derivative as it stands.
func stands(e *Expr) bool {
	for e.Op == Ref {
		e = e.Value.Expr
	}
	return e.Op == Activities || e.Op == Pre || e.Op == Derivative
}

// isLeaf tells whether an expression is what a linear map brings.
func (t *tracer) isLeaf(e *Expr) bool {
	switch e.Op {
	case Apply, Operate, Transpose, SignOperate, SignTranspose:
		return t.isLinear(e) && !t.signals.own[e]
	}
	return false
}

// owns marks where a loss has the map that it trains: it gives activities of its own layer, and brings nothing.
func (t *tracer) owns(e *Expr, m *Map) {
	if e.Op == Apply && e.Map == m {
		t.signals.own[e] = true
	}
	for _, a := range e.Args {
		t.owns(a, m)
	}
}
