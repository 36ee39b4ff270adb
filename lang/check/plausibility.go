package check

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// plausibility reads the report off the instantiated expressions; no rule's name plays a part. It looks at everything that reaches an
// update, by way of named values too, and lays each finding at the layer whose space the expression gives:
//
//   - weight transport: a signal goes back through weights (transpose, their signs, an exact inverse, the gradient through a layer) that are
//     learned for going forward; or a loss is differentiated through another learned map.
//   - transported errors: an error (the loss's gradient, or anything carried linearly from one) arrives from another layer through a linear operator.
//     Activities and targets that pass a learned inverse with its nonlinearity are not errors.
//   - non-local: an update reads weights of another map, or a sum over the units of a layer.
//   - weight sharing: one weight serves several locations.
//   - task gradient: the true gradient of the task loss, below the output layer.
func (in *instance) plausibility() *Plausibility {
	r := &Plausibility{SeparatePhases: in.p.Schedule == Alternating && in.p.Inverse.Name != ""}
	for _, l := range in.p.Layers {
		r.Rows = append(r.Rows, LayerPlausibility{Layer: l.Name})
	}
	t := &tracer{in: in, report: r, seen: map[*Expr]bool{}}
	for _, g := range in.p.Goals {
		t.goal(g)
	}
	for _, m := range in.p.Maps {
		if c := m.Conn; !m.Exact && m.Kind != AuxMap && !c.Dense && c.TileH*c.TileW > 1 {
			t.add(m.Layer.Index, sharing, Evidence{m.Layer.Span, fmt.Sprintf("one weight of %s serves %d locations", m.Name, min(c.TileH, c.Out.H)*min(c.TileW, c.Out.W))})
		}
	}
	return r
}

// A column of the report.
type column uint8

const (
	transport column = iota
	errors
	nonLocal
	sharing
	taskGradient
)

// columns are the report's columns, with the word of `require` that forbids what each shows.
var columns = []struct {
	title, require, says string
	of                   func(*LayerPlausibility) *[]Evidence
}{
	{"weight transport", "no_weight_transport", "sends a signal back through the forward weights", func(r *LayerPlausibility) *[]Evidence { return &r.WeightTransport }},
	{"transported errors", "no_transported_errors", "sends an error signal to another layer", func(r *LayerPlausibility) *[]Evidence { return &r.TransportedError }},
	{"non-local", "no_non_local", "updates weights by what is not at their synapses", func(r *LayerPlausibility) *[]Evidence { return &r.NonLocal }},
	{"weight sharing", "no_weight_sharing", "shares weights over locations", func(r *LayerPlausibility) *[]Evidence { return &r.WeightSharing }},
	{"task gradient", "no_task_gradient", "uses the gradient of the task loss below the output layer", func(r *LayerPlausibility) *[]Evidence { return &r.TaskGradient }},
}

type tracer struct {
	in     *instance
	report *Plausibility
	seen   map[*Expr]bool
}

func (t *tracer) add(layer int, c column, e Evidence) {
	if layer < 1 {
		return
	}
	list := columns[c].of(&t.report.Rows[layer-1])
	for _, old := range *list {
		if old == e {
			return
		}
	}
	*list = append(*list, e)
}

func (t *tracer) goal(g *Goal) {
	if g.Along != nil {
		t.update(g.Along, g)
		t.trace(g.Along)
		return
	}
	t.trace(g.Minimize)
	t.through(g.Minimize, g, nil)
}

// through looks for learned maps between a loss and the map that it trains: their weights carry the gradient back.
func (t *tracer) through(e *Expr, g *Goal, above []*Expr) {
	if e.Map == g.Over && e.Op != ParamsOf {
		for _, a := range above {
			t.add(g.Over.Layer.Index, transport, Evidence{a.Span, fmt.Sprintf("the loss of %s is differentiated through %s", g.Over.Name, a.Map.Name)})
			t.add(g.Over.Layer.Index, nonLocal, Evidence{a.Span, fmt.Sprintf("the loss of %s lives in another layer", g.Over.Name)})
		}
	}
	if e.Map != nil && e.Op != Derivative && e.Op != ParamsOf {
		above = append(slices.Clone(above), e)
	}
	for _, a := range e.Args {
		t.through(a, g, above)
	}
}

// update looks at what stands in a direct update of weights.
func (t *tracer) update(e *Expr, g *Goal) {
	l := g.Over.Layer.Index
	switch e.Op {
	case ParamsOf:
		if e.Map != g.Over {
			t.add(l, nonLocal, Evidence{e.Span, "reads the weights of " + e.Map.Name})
		}
	case NormSquared, Dot:
		t.add(l, nonLocal, Evidence{e.Span, "sums over the units of a layer"})
	}
	for _, a := range e.Args {
		t.update(a, g)
	}
}

// trace collects evidence from an expression and from the values it reads.
func (t *tracer) trace(e *Expr) {
	if t.seen[e] {
		return
	}
	t.seen[e] = true
	l := e.Space.Layer
	switch e.Op {
	case Ref:
		t.trace(e.Value.Expr)
	case Transpose, SignTranspose, SignOperate:
		if e.Map == nil {
			break // pooling: no weights
		}
		if e.Map.Kind == ForwardMap || e.Map.Kind == InverseMap && !e.Map.Fixed {
			what := "the weights of "
			if e.Op != Transpose {
				what = "the signs of the weights of "
			}
			t.add(l, transport, Evidence{e.Span, fmt.Sprintf("%s reads %s%s", e.Span.Text(), what, e.Map.Layer.Name)})
		}
		if t.isError(e.Args[0]) {
			t.add(l, errors, Evidence{e.Span, fmt.Sprintf("%s brings the error of layer %s", e.Span.Text(), t.in.p.LayerName(e.Args[0].Space.Layer))})
			if e.Map.Kind == ForwardMap && e.Op == Transpose {
				t.add(l, taskGradient, Evidence{e.Span, fmt.Sprintf("%s carries the gradient of the task loss", e.Span.Text())})
			}
		}
	case Operate:
		if t.isError(e.Args[0]) {
			t.add(l, errors, Evidence{e.Span, fmt.Sprintf("%s brings the error of layer %s", e.Span.Text(), t.in.p.LayerName(e.Args[0].Space.Layer))})
		}
	case GradLoss:
		if e.Name != "a" {
			t.add(l, taskGradient, Evidence{e.Span, fmt.Sprintf("%s is the gradient of the task loss at layer %s", e.Span.Text(), t.in.p.LayerName(l))})
			t.add(l, transport, Evidence{e.Span, fmt.Sprintf("%s reads the weights of %s", e.Span.Text(), t.in.p.LayerName(l+1))})
			t.add(l, errors, Evidence{e.Span, fmt.Sprintf("%s brings the error of layer %s", e.Span.Text(), t.in.p.LayerName(l+1))})
		}
	case Apply:
		if e.Map != nil && e.Map.Exact {
			t.add(l, transport, Evidence{e.Span, fmt.Sprintf("%s, an exact inverse, reads the weights of %s", e.Map.Name, e.Map.Layer.Name)})
			if e.Map.Layer.F == nil {
				break
			}
		}
	}
	for _, a := range e.Args {
		t.trace(a)
	}
}

// isError tells whether a value is an error signal: a gradient of the loss, or carried linearly from one.
func (t *tracer) isError(e *Expr) bool {
	switch e.Op {
	case GradLoss:
		return true
	case Ref:
		return t.isError(e.Value.Expr)
	case Add, Sub, Neg, Mul, Div, Transpose, SignTranspose, Operate, SignOperate, Call, Power:
		return slices.ContainsFunc(e.Args, t.isError)
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

// requireWords are what `require` takes, each with the columns it forbids.
func requireWords() map[string][]column {
	words := map[string][]column{"local": {transport, errors, nonLocal, taskGradient}, "single_phase": nil}
	for i, c := range columns {
		words[c.require] = []column{column(i)}
	}
	return words
}

// requirements holds the report against every `require` of the rule and of `learn`.
func (in *instance) requirements(d *lang.Learn) {
	var words []lang.Name
	for _, s := range in.rule.Statements {
		if s.Kind == lang.Require {
			words = append(words, s.Word)
		}
	}
	words = append(words, d.Requires...)
	table := requireWords()
	var names []string
	for n := range table {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, w := range words {
		forbidden, ok := table[w.Text]
		if !ok {
			in.unknownName(w, "no requirement is named "+quote(w.Text), names, "requirements")
			continue
		}
		if w.Text == "single_phase" && in.p.Report.SeparatePhases {
			in.fail("separate-phases", w.Span, "inverse and forward learning happen in separate phases").Also(d.Rule.Span, "alternates").Hint("schedule = parallel")
		}
		for _, c := range forbidden {
			in.broken1(w, c)
		}
	}
}

// broken1 reports each expression that a requirement forbids, once.
func (in *instance) broken1(w lang.Name, c column) {
	var done []diag.Span
	for i := range in.p.Report.Rows {
		for _, e := range *columns[c].of(&in.p.Report.Rows[i]) {
			if slices.Contains(done, e.Span) {
				continue
			}
			done = append(done, e.Span)
			in.fail(diag.Code(strings.ReplaceAll(columns[c].title, " ", "-")), e.Span, fmt.Sprintf("%s is declared %s, and %s", in.rule.Name.Text, w.Text, columns[c].says)).
				Label(e.Text).Also(w.Span, "forbids it").Hint(requireHints[c])
		}
	}
}

var requireHints = map[column]string{
	transport:    "a learned inverse (`inverse g[l] of f[l]`) carries the signal instead; fixed random feedback\n(`feedback B[l] like f[l]`) satisfies `require no_weight_transport`, but not `require local`",
	errors:       "targets that come down through learned inverses are activities, not errors",
	nonLocal:     "an update may read the map's own weights and the activities on its two sides",
	sharing:      "`untied` instead of `shared` gives each location its own weights",
	taskGradient: "a difference target at the penultimate layer needs no gradient, only an inverse of the output layer",
}
