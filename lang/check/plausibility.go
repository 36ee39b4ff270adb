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
//   - transported errors: an error arrives from another layer. Activities and targets are points; what is left of a sum of them whose
//     coefficients cancel is a difference, and a difference that depends on the label is an error, however it is written. A target that
//     comes down through a learned inverse with its nonlinearity is none.
//   - non-local: an update reads a number that sums over units, or a loss that lives in another layer.
//   - weight sharing: one weight serves several locations.
//   - task gradient: an error that comes from the output through nothing but transposed forward weights.
func (in *instance) plausibility() *Plausibility {
	r := &Plausibility{SeparatePhases: in.p.Schedule == Alternating && slices.ContainsFunc(in.p.Goals, func(g *Goal) bool { return g.Inverse })}
	for _, l := range in.p.Layers {
		r.Rows = append(r.Rows, LayerPlausibility{Layer: l.Name})
	}
	t := &tracer{p: in.p, report: r, seen: map[visit]bool{}, added: map[addition]bool{}, weights: map[*Expr]float64{}, sums: map[*Expr]float64{}, labels: map[*Expr]bool{}}
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

// A visit is an expression met on the way from the update of a layer; 0 beyond a map.
type visit struct {
	e  *Expr
	at int
}

// A tracer walks the dataflow back from the updates.
type tracer struct {
	p       *Program
	report  *Plausibility
	seen    map[visit]bool
	added   map[addition]bool
	weights map[*Expr]float64
	sums    map[*Expr]float64
	labels  map[*Expr]bool
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
	if g.Along != nil {
		t.local(g.Along, g)
		t.trace(g.Along, g.Over.Layer.Index)
		return
	}
	t.loss(g.Minimize, g)
	t.trace(g.Minimize, g.Over.Layer.Index)
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
	l := g.Over.Layer.Index
	switch e.Op {
	case NormSquared, Dot:
		t.add(l, nonLocal, Evidence{Span: e.Span, Text: e.Span.Text() + " sums over the units of a layer", Label: "sums over the units of a layer"})
		return
	case TaskLoss:
		t.add(l, nonLocal, Evidence{Span: e.Span, Text: e.Span.Text() + " is one number for the whole network", Label: "is one number for the whole network"})
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

// trace collects evidence from an expression and from the values it reads, on the way from the update of layer at.
func (t *tracer) trace(e *Expr, at int) {
	if t.seen[visit{e, at}] {
		return
	}
	t.seen[visit{e, at}] = true
	l := at
	if l == 0 {
		l = e.Space.Layer
	}
	switch e.Op {
	case Ref:
		t.trace(e.Value.Expr, at)
	case Apply, Operate, Transpose, SignOperate, SignTranspose:
		t.transported(e, l)
		if t.isError(e.Args[0]) {
			t.carries(e, l)
		}
		at = 0
	case Add, Sub:
		// B(y) - B(h) is B(y - h): a difference of what came through linear maps is a difference that came through them.
		if math.Abs(t.sum(e)) < tiny {
			t.leaves(e, func(leaf *Expr) {
				if t.fromLabel(leaf) && math.Abs(t.weight(leaf)) >= tiny {
					t.carries(leaf, l)
				}
			})
		}
	case GradLoss:
		if e.Name != "a" {
			above := t.p.LayerName(e.Layer + 1)
			t.add(l, taskGradient, t.evidence(e, e.Span, "is the gradient of the task loss at layer "+t.p.LayerName(e.Layer), "is the gradient of the task loss below the output"))
			t.add(l, transport, t.evidence(e, e.Span, "reads the weights of "+above, "reads the weights of layer "+above))
			t.add(l, errors, t.evidence(e, e.Span, "brings the error of layer "+above, "brings the error of layer "+above))
		}
	}
	for _, a := range e.Args {
		t.trace(a, at)
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

const tiny = 1e-9

// isError tells whether a value is a difference that depends on the label.
func (t *tracer) isError(e *Expr) bool { return math.Abs(t.weight(e)) < tiny && t.fromLabel(e) }

// fromLabel tells whether a value depends on the label.
func (t *tracer) fromLabel(e *Expr) bool {
	if known, ok := t.labels[e]; ok {
		return known
	}
	v := e.Op == Label || e.Op == GradLoss || e.Op == TaskLoss || e.Op == Ref && t.fromLabel(e.Value.Expr) || slices.ContainsFunc(e.Args, t.fromLabel)
	t.labels[e] = v
	return v
}

// weight is the sum of a value's coefficients over activities and targets: 1 for an activity or a target, 0 for a difference. Numbers
// beside them only shift it; factors that are not numbers leave it what it is.
func (t *tracer) weight(e *Expr) float64 {
	w, ok := t.weights[e]
	if !ok {
		w = t.weigh(e)
		t.weights[e] = w
	}
	return w
}

func (t *tracer) weigh(e *Expr) float64 {
	switch e.Op {
	case Activities, Pre, Label, AuxPart, Derivative:
		return 1
	case Ref:
		return t.weight(e.Value.Expr)
	case Add:
		return t.weight(e.Args[0]) + t.weight(e.Args[1])
	case Sub:
		return t.weight(e.Args[0]) - t.weight(e.Args[1])
	case Neg:
		return -t.weight(e.Args[0])
	case Mul:
		return t.factor(e.Args[0]) * t.factor(e.Args[1])
	case Div:
		return t.factor(e.Args[0]) / t.factor(e.Args[1])
	case Operate, Transpose, SignOperate, SignTranspose, List:
		return t.weight(e.Args[0])
	case Power, Call, Apply:
		if slices.ContainsFunc(e.Args, func(a *Expr) bool { return math.Abs(t.weight(a)) >= tiny }) {
			return 1
		}
	}
	return 0 // numbers, noise, gradients
}

// factor is the weight of a value in a product: of a number its value, and of anything else what tells a point from a difference.
func (t *tracer) factor(e *Expr) float64 {
	v := 1.0
	switch {
	case e.Space.Kind == Scalar:
		v = t.number(e)
	case e.Space.Kind != PerSample:
		return t.weight(e)
	}
	if v == 0 {
		return 1 // a parameter that is 0 for now
	}
	return v
}

// number evaluates a scalar with the parameters in force; 1 where it is no plain arithmetic.
func (t *tracer) number(e *Expr) float64 {
	arg := func(i int) float64 { return t.number(e.Args[i]) }
	switch e.Op {
	case Const:
		return e.Number
	case Param:
		for _, s := range t.p.Params {
			if s.Name == e.Name {
				return s.Value
			}
		}
	case Ref:
		return t.number(e.Value.Expr)
	case Add:
		return arg(0) + arg(1)
	case Sub:
		return arg(0) - arg(1)
	case Mul:
		return arg(0) * arg(1)
	case Div:
		return arg(0) / arg(1)
	case Neg:
		return -arg(0)
	case Power:
		return math.Pow(arg(0), e.Number)
	}
	return 1
}

// isLeaf tells whether a term of a sum is what a linear map brings.
func isLeaf(e *Expr) bool {
	switch e.Op {
	case Operate, Transpose, SignOperate, SignTranspose:
		return true
	}
	return e.Op == Apply && e.Map != nil && e.Map.Exact
}

// leaves visits the linear maps that a sum is made of.
func (t *tracer) leaves(e *Expr, visit func(*Expr)) {
	switch {
	case isLeaf(e):
		visit(e)
	case e.Op == Ref:
		t.leaves(e.Value.Expr, visit)
	case e.Op == Div:
		t.leaves(e.Args[0], visit)
	case e.Op == Add || e.Op == Sub || e.Op == Neg || e.Op == Mul:
		for _, a := range e.Args {
			t.leaves(a, visit)
		}
	}
}

// sum is the weight of all the leaves of a sum together.
func (t *tracer) sum(e *Expr) float64 {
	s, ok := t.sums[e]
	if !ok {
		s = t.sumUp(e)
		t.sums[e] = s
	}
	return s
}

func (t *tracer) sumUp(e *Expr) float64 {
	of := func(i int) float64 { return t.sum(e.Args[i]) }
	switch {
	case isLeaf(e):
		return t.weight(e)
	case e.Op == Ref:
		return t.sum(e.Value.Expr)
	case e.Op == Add:
		return of(0) + of(1)
	case e.Op == Sub:
		return of(0) - of(1)
	case e.Op == Neg:
		return -of(0)
	case e.Op == Mul:
		return of(0)*t.factor(e.Args[1]) + of(1)*t.factor(e.Args[0])
	case e.Op == Div:
		return of(0) / t.factor(e.Args[1])
	}
	return 0
}

// isGradient tells whether a value has come from the label through nothing but transposed forward weights.
func (t *tracer) isGradient(e *Expr) bool {
	switch e.Op {
	case GradLoss, Label:
		return true
	case Ref:
		return t.isGradient(e.Value.Expr)
	case Transpose:
		return e.Map != nil && e.Map.Kind == ForwardMap && t.isGradient(e.Args[0])
	case Apply:
		return e.Map != nil && e.Map.Exact && t.isGradient(e.Args[0])
	case Add, Sub, Neg, Mul, Div, List:
		return slices.ContainsFunc(e.Args, t.isGradient)
	}
	return false
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
