package check

import (
	"fmt"
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
//   - transported errors: a map brings an error from another layer, or the two sides of one; signal.go says what an error is. A map with a
//     nonlinearity that is learned, or goes forward, makes a point of what is one, and may be given a point that an error has moved; any other
//     map carries whatever it is given.
//   - non-local: an update, or a signal that comes to a layer, reads a number that sums over units, or a loss that lives in another layer.
//   - weight sharing: one weight serves several locations.
//   - task gradient: an error that comes from the output through nothing but transposed forward weights.
func (in *instance) plausibility() *Plausibility { return newTracer(in).trace() }

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
	in            *instance
	p             *Program
	report        *Plausibility
	seen, brought map[visit]bool
	looked        map[look]bool
	added         map[addition]bool
	signals       signals
	gradients     map[*Expr]bool
	visits        int // the work done: every time that an expression is come to, known or not
}

func newTracer(in *instance) *tracer {
	return &tracer{in: in, p: in.p, report: &Plausibility{}, seen: map[visit]bool{}, brought: map[visit]bool{}, looked: map[look]bool{}, added: map[addition]bool{},
		signals: newSignals(), gradients: map[*Expr]bool{}}
}

func (t *tracer) trace() *Plausibility {
	r := t.report
	r.SeparatePhases = t.p.Schedule == Alternating && slices.ContainsFunc(t.p.Goals, func(g *Goal) bool { return g.Inverse })
	for _, l := range t.p.Layers {
		r.Rows = append(r.Rows, LayerPlausibility{Layer: l.Name})
	}
	for _, g := range t.p.Goals {
		t.goal(g)
	}
	for _, m := range t.p.Maps {
		c := m.Conn
		if n := min(c.TileH, c.Out.H) * min(c.TileW, c.Out.W); m.Kind != AuxMap && !c.Dense && n > 1 {
			text := fmt.Sprintf("one weight of %s serves %d locations", m.Name, n)
			t.add(m.Layer.Index, sharing, Evidence{Span: m.Layer.Span, Text: text, Label: text})
		}
	}
	return r
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
		t.follow(g.Along, l, l)
		return
	}
	t.owns(g.Minimize, g.Over)
	t.loss(g.Minimize, g)
	t.follow(g.Minimize, l, l)
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
	t.visits++
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

// follow collects evidence from an expression and from the values it reads, on the way from the update of layer at, within a value of layer near.
func (t *tracer) follow(e *Expr, at, near int) {
	t.visits++
	if e.Space.Layer > 0 && (e.Space.Kind == Activity || e.Space.Kind == Composite) {
		near = e.Space.Layer // the input has no row: what it sends is laid where it comes to
	}
	if t.seen[visit{e, at, near}] {
		return
	}
	t.seen[visit{e, at, near}] = true
	l := at
	if l == 0 {
		l = near
	}
	if t.arrival(e).opposed() {
		t.bring(e, l)
	}
	switch e.Op {
	case Ref:
		t.follow(e.Value.Expr, at, near)
	case Apply, Operate, Transpose, SignOperate, SignTranspose:
		t.transported(e, l)
		if t.sends(e) {
			t.carries(e, l)
		}
		at = 0
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
		t.follow(a, at, near)
	}
}

// bring adds evidence for the maps that bring those sides of a difference that depend on the label.
func (t *tracer) bring(e *Expr, l int) {
	t.visits++
	if t.brought[visit{e, l, l}] {
		return
	}
	t.brought[visit{e, l, l}] = true
	switch {
	case t.isLeaf(e):
		if t.fromLabel(e) {
			t.carries(e, l)
		}
		return
	case e.Op == Ref:
		t.bring(e.Value.Expr, l)
	case e.Op == Apply:
		return
	}
	for _, a := range e.Args {
		t.bring(a, l)
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

// isGradient tells whether a value has come from the label through nothing but transposed forward weights.
func (t *tracer) isGradient(e *Expr) bool {
	return once(t, t.gradients, e, func() bool {
		switch e.Op {
		case GradLoss, Label:
			return true
		case Ref:
			return t.isGradient(e.Value.Expr)
		case Transpose:
			return (e.Map == nil || e.Map.Kind == ForwardMap) && t.isGradient(e.Args[0])
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
