package check

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"bnetc/lang/diag"
)

// A column of the plausibility report.
type column uint8

const (
	transport column = iota
	errors
	nonLocal
	sharing
	taskGradient
)

// columns say what each column is called, which word of `require` forbids it, and how a broken requirement is reported.
var columns = []struct {
	title, require string
	code           diag.Code
	says, hint     string
	of             func(*LayerPlausibility) *[]Evidence
}{
	transport: {"weight transport", "no_weight_transport", diag.WeightTransport, "sends a signal back through the forward weights",
		"a learned inverse (`inverse g[l] of f[l]`) carries the signal instead; fixed random feedback\n(`feedback B[l] like f[l]`) satisfies `require no_weight_transport`, but not `require local`",
		func(r *LayerPlausibility) *[]Evidence { return &r.WeightTransport }},
	errors: {"transported errors", "no_transported_errors", diag.TransportedErrors, "sends an error signal to another layer",
		"targets that come down through learned inverses are activities, not errors",
		func(r *LayerPlausibility) *[]Evidence { return &r.TransportedError }},
	nonLocal: {"non-local", "no_non_local", diag.NonLocal, "updates weights by what is not at their synapses",
		"an update may read the map's own weights and the activities on its two sides",
		func(r *LayerPlausibility) *[]Evidence { return &r.NonLocal }},
	sharing: {"weight sharing", "no_weight_sharing", diag.WeightSharing, "shares weights over locations",
		"`untied` instead of `shared` gives each location its own weights",
		func(r *LayerPlausibility) *[]Evidence { return &r.WeightSharing }},
	taskGradient: {"task gradient", "no_task_gradient", diag.TaskGradient, "uses the gradient of the task loss below the output layer",
		"a difference target at the penultimate layer needs no gradient, only an inverse of the output layer",
		func(r *LayerPlausibility) *[]Evidence { return &r.TaskGradient }},
}

// plausibility reads the report off the instantiated expressions; no name plays a part. It looks at everything that reaches an update, by way
// of named values too, and lays a finding at the layer that is updated, or, beyond a map that a signal comes through, at the layer it comes to:
//
//   - weight transport: a signal goes back through weights (their transpose, their signs, an exact inverse, the derivative of a loss) that
//     another path learns.
//   - transported errors: an error arrives from another layer. Activities and targets are points, and an error is a task gradient, a difference
//     of points that depends on the label, the label mixed with activities other than in a sum, or anything by a number that depends on it. In
//     a sum both count by their coefficients: it is a point where half as much of points is left, when they are set off against each other,
//     as there is of errors, and else an error. So h - 0.1·gradient is a target, and gradient + 0.001·h an error. A target that comes down
//     through a learned inverse with its nonlinearity is a point; a map without one carries differences, before or after they are taken.
//   - non-local: an update, or a signal that comes to a layer, reads a number that sums over units, or a loss that lives in another layer.
//   - weight sharing: one weight serves several locations.
//   - task gradient: an error that comes from the output through nothing but transposed forward weights.
func (in *instance) plausibility() *Plausibility {
	r := &Plausibility{SeparatePhases: in.p.Schedule == Alternating && slices.ContainsFunc(in.p.Goals, func(g *Goal) bool { return g.Inverse })}
	for _, l := range in.p.Layers {
		r.Rows = append(r.Rows, LayerPlausibility{Layer: l.Name})
	}
	t := &tracer{in: in, p: in.p, report: r, seen: map[visit]bool{}, looked: map[look]bool{}, added: map[addition]bool{}, mixes: map[*Expr]mix{}, sums: map[*Expr]mix{},
		leaves: map[*Expr][]*Expr{}, labels: map[*Expr]bool{}, actives: map[*Expr]bool{}, gradients: map[*Expr]bool{}}
	for _, g := range in.p.Goals {
		t.goal(g)
	}
	for _, m := range in.p.Maps {
		c := m.Conn
		if n := min(c.TileH, c.Out.H) * min(c.TileW, c.Out.W); m.Kind != AuxMap && !c.Dense && n > 1 {
			text := fmt.Sprintf("one weight of %s serves %d locations", m.Name, n)
			t.add(m.Layer.Index, sharing, Evidence{Span: m.Layer.Span, Text: text, Label: text})
		}
	}
	return r
}

// A visit is an expression met on the way from the update of a layer, 0 beyond a map, within a value of a layer.
type visit struct {
	e        *Expr
	at, near int
}

// A look is an expression read by the update of a goal.
type look struct {
	e *Expr
	g *Goal
}

// A tracer walks the dataflow back from the updates. What it knows of an expression it finds out once: equations may name each other many times.
type tracer struct {
	in                         *instance
	p                          *Program
	report                     *Plausibility
	seen                       map[visit]bool
	looked                     map[look]bool
	added                      map[addition]bool
	mixes, sums                map[*Expr]mix
	leaves                     map[*Expr][]*Expr
	labels, actives, gradients map[*Expr]bool
}

// once gives what is known of an expression, or finds it out.
func once[T any](known map[*Expr]T, e *Expr, find func() T) T {
	v, ok := known[e]
	if !ok {
		v = find()
		known[e] = v
	}
	return v
}

// An addition is evidence in its place.
type addition struct {
	layer  int
	column column
	at     diag.Span
	text   string
}

func (t *tracer) add(layer int, c column, e Evidence) {
	if layer < 1 {
		return
	}
	once := addition{layer, c, e.Span, e.Text}
	if t.added[once] {
		return
	}
	t.added[once] = true
	list := columns[c].of(&t.report.Rows[layer-1])
	*list = append(*list, e)
}

func (t *tracer) goal(g *Goal) {
	l := g.Over.Layer.Index
	if g.Along != nil {
		t.local(g.Along, g)
		t.trace(g.Along, l, l)
		return
	}
	t.loss(g.Minimize, g)
	t.trace(g.Minimize, l, l)
	t.through(g.Minimize, g, nil)
}

// loss looks at how a local loss is put together: sums of norms, whose gradients are at the synapses.
func (t *tracer) loss(e *Expr, g *Goal) {
	switch e.Op {
	case Add, Sub, Neg:
		for _, a := range e.Args {
			t.loss(a, g)
		}
	case Mul, Div:
		for i, a := range e.Args {
			if e.Args[1-i].Space.Kind == Scalar {
				t.loss(a, g)
			} else if !applies(a, g.Over, len(t.p.Layers)) {
				t.local(a, g) // it scales the update
			}
		}
	case NormSquared, Dot:
		for _, a := range e.Args {
			t.local(a, g)
		}
	case TaskLoss:
	default:
		t.local(e, g)
	}
}

// local looks for what an update reads beside the activities at its synapses, up to where signals arrive.
func (t *tracer) local(e *Expr, g *Goal) {
	if t.looked[look{e, g}] {
		return
	}
	t.looked[look{e, g}] = true
	switch e.Op {
	case NormSquared, Dot, TaskLoss:
		t.global(e, g.Over.Layer.Index)
		return
	case Ref:
		t.local(e.Value.Expr, g)
	case Apply, Operate, Transpose, SignOperate, SignTranspose:
		return
	}
	for _, a := range e.Args {
		t.local(a, g)
	}
}

// global adds evidence of a number that is not at a synapse.
func (t *tracer) global(e *Expr, at int) {
	says := "sums over the units of a layer"
	if e.Op == TaskLoss {
		says = "is one number for the whole network"
	}
	t.add(at, nonLocal, Evidence{Span: e.Span, Text: e.Span.Text() + " " + says, Label: says})
}

// through looks for maps between a loss and the map that it trains: their weights carry the gradient back.
func (t *tracer) through(e *Expr, g *Goal, above []*Expr) {
	if e.Map == g.Over && e.Fn.File != nil {
		l := g.Over.Layer.Index
		for _, a := range above {
			text := fmt.Sprintf("the loss of %s is differentiated through %s", g.Over.Name, a.Map.Name)
			evidence := Evidence{Span: a.Fn, Text: text, Label: text}
			t.add(l, transport, evidence)
			t.add(l, nonLocal, evidence)
			if t.fromLabel(g.Minimize) {
				t.add(l, errors, evidence)
			}
			if a.Map.Kind == ForwardMap && t.fromLabel(g.Minimize) {
				t.add(l, taskGradient, evidence)
			}
		}
	}
	if e.Map != nil && e.Fn.File != nil {
		above = append(slices.Clone(above), e)
	}
	for _, a := range e.Args {
		t.through(a, g, above)
	}
}

// trace collects evidence from an expression and from the values it reads, on the way from the update of layer at, within a value of layer near.
func (t *tracer) trace(e *Expr, at, near int) {
	if e.Space.Kind == Activity || e.Space.Kind == Composite {
		near = e.Space.Layer
	}
	if t.seen[visit{e, at, near}] {
		return
	}
	t.seen[visit{e, at, near}] = true
	l := at
	if l == 0 {
		l = near
	}
	switch e.Op {
	case Ref:
		t.trace(e.Value.Expr, at, near)
	case Apply, Operate, Transpose, SignOperate, SignTranspose:
		t.transported(e, l)
		if t.isError(e.Args[0]) {
			t.carries(e, l)
		}
		at = 0
	case Add, Sub:
		// B(y) - B(h) is B(y - h): a difference of what came through linear maps is a difference that came through them.
		if t.active(e) && t.sum(e).isError() {
			for _, leaf := range t.leavesOf(e) {
				if t.fromLabel(leaf) && !t.isError(leaf.Args[0]) {
					t.carries(leaf, l)
				}
			}
		}
	case GradLoss:
		if e.Name != "a" {
			above := t.p.LayerName(e.Layer + 1)
			t.add(l, taskGradient, t.evidence(e, e.Span, "is the gradient of the task loss at layer "+t.p.LayerName(e.Layer), "is the gradient of the task loss below the output"))
			t.add(l, transport, t.evidence(e, e.Span, "reads the weights of "+above, "reads the weights of layer "+above))
			t.add(l, errors, t.evidence(e, e.Span, "brings the error of layer "+above, "brings the error of layer "+above))
		}
	case NormSquared, Dot, TaskLoss:
		if at == 0 {
			t.global(e, l)
		}
	}
	for _, a := range e.Args {
		t.trace(a, at, near)
	}
}

func (t *tracer) evidence(e *Expr, at diag.Span, says, label string) Evidence {
	return Evidence{Span: at, Text: e.Span.Text() + " " + says, Label: label}
}

// transported adds evidence where an operator goes back through weights that another path learns.
func (t *tracer) transported(e *Expr, at int) {
	m := e.Map
	if m == nil {
		return // pooling has no weights
	}
	whose := ""
	switch {
	case m.Exact && m.Layer.F == nil: // of pooling: no weights
	case m.Exact:
		whose = "the weights of "
		m = m.Layer.F
	case m.Kind != ForwardMap && (m.Kind != InverseMap || m.Fixed):
	case e.Op == Transpose:
		whose = "the weights of "
	case e.Op == SignTranspose || e.Op == SignOperate:
		whose = "the signs of the weights of "
	}
	if whose == "" {
		return
	}
	ev := t.evidence(e, e.Fn, "reads "+whose+m.Layer.Name, "reads "+whose+"layer "+e.Index)
	for _, g := range t.p.Goals {
		if g.Over == m {
			ev.Also = append(ev.Also, diag.Label{Span: g.What, Text: "learns the same weights from the forward path"})
		}
	}
	t.add(at, transport, ev)
}

// carries adds evidence that an operator brings an error.
func (t *tracer) carries(e *Expr, at int) {
	from := e.Args[0].Space.Layer
	name := t.p.LayerName(from)
	label := "brings the error of layer " + name
	if e.Layer == from {
		label = "brings the error of layer " + e.Index
	}
	t.add(at, errors, t.evidence(e, e.Fn, "brings the error of layer "+name, label))
	if t.isGradient(e) {
		t.add(at, taskGradient, t.evidence(e, e.Fn, "carries the gradient of the task loss", "carries the gradient of the task loss"))
	}
}

// A mix says what a value is made of, by the coefficients in the sums that it comes from: of points that depend on the label and of points that do not,
// those with either sign, and of errors.
type mix struct{ labelUp, labelDown, otherUp, otherDown, err float64 }

var (
	aPoint  = mix{otherUp: 1}
	aTarget = mix{labelUp: 1}
	anError = mix{err: 1}
	mixed   = mix{err: math.Inf(1)} // beside which no point counts
)

// net is what is left of the points when they are set off against each other.
func (m mix) net() float64 { return m.labelUp - m.labelDown + m.otherUp - m.otherDown }

const tiny = 1e-6

// isError tells whether there is less than half as much of points left as there is of errors: those it has, and what cancelled of the points that depend
// on the label, among themselves or with others. (What cancels of others is none: h - g(h) in a difference target.)
func (m mix) isError() bool {
	label, other := m.labelUp-m.labelDown, m.otherUp-m.otherDown
	errs := m.err + min(m.labelUp, m.labelDown)
	if label*other < 0 {
		errs += min(math.Abs(label), math.Abs(other))
	}
	return math.Abs(m.net()) < errs/2
}

func (m mix) times(x float64) mix {
	if x < 0 {
		m.labelUp, m.labelDown, m.otherUp, m.otherDown, x = m.labelDown, m.labelUp, m.otherDown, m.otherUp, -x
	}
	return mix{x * m.labelUp, x * m.labelDown, x * m.otherUp, x * m.otherDown, x * m.err}
}

func (m mix) plus(o mix) mix {
	return mix{m.labelUp + o.labelUp, m.labelDown + o.labelDown, m.otherUp + o.otherUp, m.otherDown + o.otherDown, m.err + o.err}
}

// isError tells whether a value is an error; what depends on the label alone is none.
func (t *tracer) isError(e *Expr) bool { return t.active(e) && t.mix(e).isError() }

// fromLabel tells whether a value depends on the label.
func (t *tracer) fromLabel(e *Expr) bool {
	return once(t.labels, e, func() bool {
		return e.Op == Label || e.Op == GradLoss || e.Op == TaskLoss || e.Op == Ref && t.fromLabel(e.Value.Expr) || slices.ContainsFunc(e.Args, t.fromLabel)
	})
}

// active tells whether a value depends on activities, otherwise than a derivative does; gradients and losses do.
func (t *tracer) active(e *Expr) bool {
	return once(t.actives, e, func() bool {
		switch e.Op {
		case Activities, Pre, AuxPart, GradLoss, TaskLoss:
			return true
		case Ref:
			return t.active(e.Value.Expr)
		}
		return slices.ContainsFunc(e.Args, t.active)
	})
}

// mix tells what a value is made of. Numbers beside points only shift it, and so does noise.
func (t *tracer) mix(e *Expr) mix { return once(t.mixes, e, func() mix { return t.mixOf(e) }) }

func (t *tracer) mixOf(e *Expr) mix {
	switch e.Op {
	case Activities, Pre, AuxPart:
		return aPoint
	case Label:
		return aTarget
	case GradLoss:
		return anError
	case Ref:
		return t.mix(e.Value.Expr)
	case Add:
		return t.mix(e.Args[0]).plus(t.mix(e.Args[1]))
	case Sub:
		return t.mix(e.Args[0]).plus(t.mix(e.Args[1]).times(-1))
	case Neg:
		return t.mix(e.Args[0]).times(-1)
	case Mul:
		if e.Args[0].Space.Kind == Scalar {
			return t.mix(e.Args[1]).times(t.factor(e.Args[0]))
		}
		return t.scaled(e.Args[0], e.Args[1], t.factor(e.Args[1]))
	case Div:
		if e.Args[0].Space.Kind == Scalar {
			return t.made(e.Args[1])
		}
		return t.scaled(e.Args[0], e.Args[1], 1/t.factor(e.Args[1]))
	case List:
		return t.mix(e.Args[0])
	case Power, Call:
		return t.made(e.Args...)
	case Apply, Operate, Transpose, SignOperate, SignTranspose:
		if t.isLinear(e) {
			return t.mix(e.Args[0])
		}
		return t.made(e.Args[0])
	}
	return mix{} // numbers, noise, derivatives, and what has the shape of weights
}

// scaled is the mix of a value by another one, whose number it is if it has one. Derivatives, noise and numbers that do not depend on the label leave a value what it
// is; the label by activities is no sum of them.
func (t *tracer) scaled(e, by *Expr, number float64) mix {
	if by.Space.Kind == Scalar {
		return t.mix(e).times(number)
	}
	if !t.fromLabel(e) {
		e, by = by, e
	}
	switch {
	case !t.fromLabel(e): // both are points, or numbers
		return aPoint.times(t.point(e) * t.point(by))
	case e.Space.Kind == PerSample, by.Space.Kind == PerSample && t.fromLabel(by): // a number that tells how good the network is
		return mixed
	case by.Space.Kind == PerSample, !t.fromLabel(by) && !t.active(by):
		return t.mix(e)
	case t.isError(e), t.isError(by):
		return anError
	case !t.active(e) && !t.active(by):
		return aTarget
	}
	return mixed
}

// point is what a factor makes of a point: what is left of it when it is set off against itself, and the same point where it is no such thing.
func (t *tracer) point(e *Expr) float64 {
	if e.Space.Kind == PerSample || !t.active(e) {
		return 1
	}
	return t.mix(e).net()
}

// made is the mix of a function of values that keeps no sums: an error of errors, and of the label together with activities, else a point.
func (t *tracer) made(args ...*Expr) mix {
	label := slices.ContainsFunc(args, t.fromLabel)
	switch {
	case slices.ContainsFunc(args, t.isError):
		return anError
	case label && slices.ContainsFunc(args, func(a *Expr) bool { return !t.fromLabel(a) && t.active(a) }):
		return mixed
	case label:
		return aTarget
	case slices.ContainsFunc(args, func(a *Expr) bool { return math.Abs(t.mix(a).net()) > tiny }):
		return aPoint
	}
	return mix{}
}

// factor is the number by which a value is multiplied, with the parameters in force; 1 where it is no number.
func (t *tracer) factor(e *Expr) float64 {
	if e.Space.Kind != Scalar {
		return 1
	}
	v, ok := t.in.constant(e)
	switch {
	case !ok:
		return 1
	case v == 0:
		return tiny // a parameter that is 0 for now
	}
	return v
}

// isLinear tells whether a map takes a difference to the difference of what it makes of both: whether no nonlinearity stands behind it.
func (t *tracer) isLinear(e *Expr) bool {
	if e.Op != Apply {
		return true
	}
	layer := t.p.Layers[e.Layer-1]
	switch {
	case e.Map == nil:
		return layer.Kind != MaxPool
	case e.Map.Exact:
		return true
	case e.Map.Kind != InverseMap:
		return layer.Function.Name == identity
	}
	return e.Layer == 1 || t.p.Layers[e.Layer-2].Function.Name == identity
}

// identity is the function of layers that have none.
const identity = "identity"

// leavesOf are the linear maps that a sum is made of.
func (t *tracer) leavesOf(e *Expr) []*Expr {
	return once(t.leaves, e, func() (list []*Expr) {
		var parts []*Expr
		switch e.Op {
		case Apply, Operate, Transpose, SignOperate, SignTranspose:
			if t.isLinear(e) {
				return []*Expr{e}
			}
		case Ref:
			parts = []*Expr{e.Value.Expr}
		case Div:
			parts = e.Args[:1]
		case Add, Sub, Neg, Mul:
			parts = e.Args
		}
		for _, a := range parts {
			for _, leaf := range t.leavesOf(a) {
				if !slices.Contains(list, leaf) {
					list = append(list, leaf)
				}
			}
		}
		return list
	})
}

// sum is the mix of all the leaves of a sum together.
func (t *tracer) sum(e *Expr) mix {
	return once(t.sums, e, func() mix {
		of := func(i int) mix { return t.sum(e.Args[i]) }
		switch e.Op {
		case Apply, Operate, Transpose, SignOperate, SignTranspose:
			if t.isLinear(e) {
				return t.mix(e)
			}
		case Ref:
			return t.sum(e.Value.Expr)
		case Add:
			return of(0).plus(of(1))
		case Sub:
			return of(0).plus(of(1).times(-1))
		case Neg:
			return of(0).times(-1)
		case Mul:
			return of(0).times(t.factor(e.Args[1])).plus(of(1).times(t.factor(e.Args[0])))
		case Div:
			return of(0).times(1 / t.factor(e.Args[1]))
		}
		return mix{}
	})
}

// isGradient tells whether a value has come from the label through nothing but transposed forward weights.
func (t *tracer) isGradient(e *Expr) bool {
	return once(t.gradients, e, func() bool {
		switch e.Op {
		case GradLoss, Label:
			return true
		case Ref:
			return t.isGradient(e.Value.Expr)
		case Transpose:
			return e.Map != nil && e.Map.Kind == ForwardMap && t.isGradient(e.Args[0])
		case Apply:
			return e.Map != nil && e.Map.Exact && t.isGradient(e.Args[0])
		case Add, Sub, Neg, Mul, Div, Power, Call, List:
			return slices.ContainsFunc(e.Args, t.isGradient)
		}
		return false
	})
}

// String is the report as a table, with the evidence below it.
func (r *Plausibility) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 2, 0, 3, ' ', 0)
	fmt.Fprint(w, "layer")
	for _, c := range columns {
		fmt.Fprint(w, "\t"+c.title)
	}
	fmt.Fprintln(w)
	for i := range r.Rows {
		fmt.Fprint(w, r.Rows[i].Layer)
		for _, c := range columns {
			mark := "-"
			if len(*c.of(&r.Rows[i])) > 0 {
				mark = "yes"
			}
			fmt.Fprint(w, "\t"+mark)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	phases := "no: every step makes all updates"
	if r.SeparatePhases {
		phases = "yes: inverse and forward updates in epochs of their own"
	}
	fmt.Fprintf(&b, "\nseparate phases: %s\n", phases)
	for _, c := range columns {
		first := true
		for i := range r.Rows {
			for _, e := range *c.of(&r.Rows[i]) {
				if first {
					fmt.Fprintf(&b, "\n%s\n", c.title)
					first = false
				}
				fmt.Fprintf(&b, "  %s  %s  %s\n", r.Rows[i].Layer, from(e.Span.String()), e.Text)
			}
		}
	}
	return b.String()
}
