package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// goals instantiates what the rule trains, layer by layer, in the order of the text.
func (in *instance) goals() {
	for _, s := range in.rule.Statements {
		if s.Kind == lang.Minimize || s.Kind == lang.Descend {
			in.each(s, func(env scope) { in.goal(s, env) })
		}
	}
}

func (in *instance) goal(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr {
		in.fail(diag.BadGoal, s.Left.Span, "what is trained is the map of a layer").Found(quote(s.Left.String())).Hint("f[l], or a learned inverse")
		return
	}
	l, ok := in.index(s.Left.Args[0], env)
	if !ok || l < 1 {
		return // a rule's last-1 in a network of one layer
	}
	if s.Left.Name.Text == "f" && l <= in.last() && in.p.Layers[l-1].F == nil {
		return // nothing to train: pooling
	}
	o, ok := in.mapAtLayer(s.Left, env)
	if !ok || !in.present(o, env) || o.m.Exact {
		return
	}
	if o.m.Fixed {
		d := in.fail(diag.TrainsFixed, s.Left.Span, o.m.Name+" is fixed, and cannot be trained").Also(o.m.Span, "declared here")
		if o.m.Kind == InverseMap {
			d.Hint("declare it without `fixed`, if it is to learn")
		} else {
			d.Hint("an `inverse` learns; feedback never does")
		}
		return
	}
	for _, g := range in.p.Goals {
		if g.Over == o.m {
			in.fail(diag.TrainedTwice, s.Left.Span, o.m.Name+" is trained by another statement already").Also(g.What, "the first")
			return
		}
	}
	g := &Goal{Over: o.m, Inverse: o.m.Kind == InverseMap, Span: s.Span, What: s.Left.Span, From: from(s.Span.String())}
	if s.Kind == lang.Descend {
		g.What = diag.Span{File: s.Span.File, Start: s.Span.Start, End: s.Left.Span.End}
		in.descend(g, s, env)
	} else {
		in.minimize(g, s, env)
	}
	in.p.Goals = append(in.p.Goals, g) // where its expression is wrong, so that it counts as trained all the same
}

func (in *instance) descend(g *Goal, s *lang.Statement, env scope) {
	g.Text = "descend " + in.text(s.Left, env) + " along " + in.text(s.Expr, env)
	want := Space{Kind: Weights, Map: g.Over}
	g.Along = in.expr(s.Expr, env, &place{want, s.Left.Span, "is trained"})
	if g.Along != nil && g.Along.Space != want {
		is, _ := in.spaceWords(g.Along.Space, env)
		in.wrongSpace(s.Expr.Span, "a direction has the shape of what it moves", want, g.Along.Space, env).Label("is "+is).Also(s.Left.Span, "is trained").Hint("outer(delta[l], h[l-1])")
	}
}

func (in *instance) minimize(g *Goal, s *lang.Statement, env scope) {
	g.Text = "minimize " + in.text(s.Expr, env) + " over " + in.text(s.Left, env)
	g.Minimize = in.expr(s.Expr, env, nil)
	switch {
	case g.Minimize == nil:
	case g.Minimize.Space.Kind != PerSample:
		is, _ := in.spaceWords(g.Minimize.Space, env)
		in.wrongSpace(s.Expr.Span, "what is minimized is one number per sample", Space{Kind: PerSample}, g.Minimize.Space, env).Label("is " + is).Hint("|…|^2 sums the squares over units")
	case !applies(g.Minimize, g.Over, in.last()):
		in.fail(diag.NothingToTrain, s.Expr.Span, "this loss does not apply "+g.Over.Name+", so it cannot train it").Also(s.Left.Span, "to be trained").
			Hint("named values are constants here: write " + s.Left.String() + "(…) in the loss itself")
	}
}

// applies tells whether a loss applies a map in place, not by way of a named value.
func applies(e *Expr, m *Map, last int) bool {
	if e.Map == m && e.Op != ParamsOf && e.Op != Derivative {
		return true
	}
	if e.Op == TaskLoss && m.Kind == ForwardMap && m.Layer.Index == last {
		return true
	}
	return slices.ContainsFunc(e.Args, func(a *Expr) bool { return applies(a, m, last) })
}

// neverTrained warns of maps that no goal trains, unless they are meant to be fixed.
func (in *instance) neverTrained() {
	for _, m := range in.p.Maps {
		if m.Fixed || in.trains(m) {
			continue
		}
		if m.Kind == ForwardMap {
			in.list.Warn(diag.NeverTrained, m.Span, m.Name+" keeps its random initial weights").Also(in.rule.Name.Span, "no statement of this rule trains it").
				Hint("descend " + m.Name + " along …, or minimize … over " + m.Name)
			continue
		}
		in.neverTrainedInverse(m)
	}
}

func (in *instance) trains(m *Map) bool {
	return slices.ContainsFunc(in.p.Goals, func(g *Goal) bool { return g.Over == m })
}

// neverTrainedInverse says where an untrained inverse is declared and used, and which of its family are trained.
func (in *instance) neverTrainedInverse(m *Map) {
	declared := in.declaration(m)
	family := declared.Left.Name.Text
	names := func(s *lang.Statement) string {
		var list []string
		for _, l := range in.covered(s) {
			list = append(list, family+"["+l+"]")
		}
		return strings.Join(list, ", ")
	}
	d := in.list.Warn(diag.NeverTrained, m.Span, m.Name+" keeps its random initial weights").Label("declares " + names(declared))
	if used := in.firstUse(m); used != nil {
		d.Also(used.Fn, "uses "+m.Name+in.boundAt(used))
	}
	hint := "minimize … over " + m.Name + " trains it"
	for _, s := range in.rule.Statements {
		if s.Kind == lang.Minimize && s.Left.Kind == lang.IndexExpr && s.Left.Name.Text == family {
			at := s.Left.Span
			if s.For != nil {
				at = s.For.Span
			}
			d.Also(at, "trains "+names(s))
			if declared.For != nil {
				hint = quote(declared.For.Span.Text()) + " trains it too"
			}
		}
	}
	index := in.p.LayerName(m.Layer.Index)
	if m.Layer.Index == in.last() {
		index = "last"
	}
	d.Hint(fmt.Sprintf("%s; if it is meant to stay random, say so: `fixed inverse %s[%s] of f[%s]`", hint, family, index, index))
}

// boundAt says for which value of a statement's variable an expression names its layer: " for l = l3".
func (in *instance) boundAt(e *Expr) string {
	name, offset := e.Index, 0
	if i := strings.IndexAny(e.Index, "+-"); i > 0 {
		name = strings.TrimSpace(e.Index[:i])
		offset, _ = strconv.Atoi(strings.ReplaceAll(e.Index[i:], " ", ""))
	}
	if _, layer := in.layerAt[name]; layer || name == "last" || name == "" || name[0] >= '0' && name[0] <= '9' {
		return ""
	}
	return " for " + name + " = " + in.p.LayerName(e.Layer-offset)
}

func (in *instance) declaration(m *Map) *lang.Statement {
	for _, s := range in.rule.Statements {
		if s.Span == m.Span {
			return s
		}
	}
	panic("bug: no statement declares " + m.Name)
}

// firstUse is the first expression that applies a map; nil if none does.
func (in *instance) firstUse(m *Map) (first *Expr) {
	walkAll(in.p, func(e *Expr) {
		if e.Map == m && e.Fn.File != nil && (first == nil || e.Span.Start < first.Span.Start) {
			first = e
		}
	})
	return first
}

// spare checks the equations that no goal and no measure has led to, for their mistakes alone.
func (in *instance) spare() {
	in.used = map[*lang.Statement]bool{}
	for _, v := range in.p.Values {
		in.used[in.values[v.Name][v.Layer].stmt] = true
	}
	kept, drawn := len(in.p.Values), maps.Clone(in.drawn)
	for _, s := range in.rule.Statements {
		if s.Kind != lang.Define {
			continue
		}
		in.each(s, func(env scope) {
			for _, d := range in.values[s.Left.Name.Text] {
				if d.stmt == s && d.state == untouched && in.scopeOf(d) == env {
					in.solve(s.Left.Name.Text, d)
				}
			}
		})
	}
	in.p.Values, in.drawn = in.p.Values[:kept], drawn
}

// mentions tells whether an expression of the rule or a measure names something, but for the equations that define it.
func (in *instance) mentions(name string) bool {
	var names func(e *lang.Expr) bool
	names = func(e *lang.Expr) bool {
		return e != nil && (e.Name.Text == name || names(e.Fn) || slices.ContainsFunc(e.Args, names))
	}
	return slices.ContainsFunc(in.rule.Statements, func(s *lang.Statement) bool {
		return names(s.Expr) && !(s.Kind == lang.Define && s.Left.Name.Text == name)
	}) || slices.ContainsFunc(in.measureList, func(m *lang.Measure) bool { return names(m.Equation.Expr) })
}

// idle tells whether an equation or a declaration of fixed maps is there for some layer and nothing reads it. A rule that would read it in a larger
// network is not held to one of a single layer.
func (in *instance) idle(s *lang.Statement) bool {
	if in.last() == 1 && in.mentions(s.Left.Name.Text) {
		return false
	}
	if s.Kind == lang.Define {
		return !in.used[s] && (s.Left.Kind != lang.IndexExpr || len(in.covered(s)) > 0)
	}
	declared, applied := false, false
	for _, m := range in.maps[s.Left.Name.Text] {
		if m.Span == s.Span && m.Fixed {
			declared, applied = true, applied || in.applied[m]
		}
	}
	return declared && !applied
}

// unused warns of what nothing reads: equations, parameters, fixed maps, and inverses of a network that no statement declares. It refuses auxiliary units that
// no expression of the rule mentions.
func (in *instance) unused() {
	for _, p := range in.rule.Params {
		if p.Value.Number != nil && !in.mentions(p.Name.Text) {
			in.list.Warn(diag.UnusedDeclaration, p.Span, "nothing in rule "+in.rule.Name.Text+" uses "+quote(p.Name.Text)).Hint("leave it out, or use it")
		}
	}
	for _, s := range in.rule.Statements {
		switch {
		case s.Kind == lang.Define && in.idle(s):
			in.list.Warn(diag.UnusedEquation, s.Left.Span, "nothing uses "+s.Left.String()).Hint("leave it out, or use it")
		case (s.Kind == lang.Feedback || s.Kind == lang.Inverse) && in.idle(s):
			in.list.Warn(diag.UnusedDeclaration, s.Left.Span, "nothing uses "+s.Left.String()).Hint("leave it out, or use it")
		}
	}
	for _, l := range in.p.Layers {
		o := in.inverses[l]
		shared := o != nil && o.Span.File == l.Span.File && o.Span.File != in.learn.Span.File
		if o != nil && l.G == nil && !shared {
			in.list.Warn(diag.UnusedInverse, o.Span, fmt.Sprintf("rule %s has no inverse of %s", in.rule.Name.Text, l.Name)).Label("has no effect").Also(in.learn.Rule.Span, "the rule in use").
				Hint("leave it out; `bnetc explain` shows what a rule declares")
		}
	}
	last := in.p.Layers[in.last()-1]
	if last.Aux == nil {
		return
	}
	mentioned := false
	walkAll(in.p, func(e *Expr) { mentioned = mentioned || e.Op == AuxPart })
	if !mentioned {
		in.fail(diag.AuxUnused, last.Span, fmt.Sprintf("rule %s does not use the auxiliary units of %s", in.rule.Name.Text, last.Name)).Also(in.learn.Rule.Span, "the rule in use").
			Hint("leave `aux` out; a rule that uses them says so: target[last] = [label, aux]")
	}
}

// walkAll calls f for every expression of a program's values, goals and measures.
func walkAll(p *Program, f func(*Expr)) {
	var walk func(e *Expr)
	walk = func(e *Expr) {
		if e == nil {
			return
		}
		f(e)
		for _, a := range e.Args {
			walk(a)
		}
	}
	for _, v := range p.Values {
		walk(v.Expr)
	}
	for _, g := range p.Goals {
		walk(g.Minimize)
		walk(g.Along)
	}
	for _, m := range p.Measures {
		walk(m.Expr)
	}
}

// measures instantiates the top-level measures, which see what the rule declares.
func (in *instance) measures() {
	for _, m := range in.measureList {
		in.each(&m.Equation, func(env scope) { in.measure(&m.Equation, env) })
	}
}

func (in *instance) measure(s *lang.Statement, env scope) {
	layer := -1
	switch s.Left.Kind {
	case lang.NameExpr:
	case lang.IndexExpr:
		var ok bool
		if layer, ok = in.index(s.Left.Args[0], env); !ok || layer < 1 && env.fromTop(s.Left.Args[0]) {
			return
		}
		if layer < 1 || layer > in.last() {
			in.outOfRange(s.Left, layer, 1)
			return
		}
	default:
		in.fail(diag.BadEquation, s.Left.Span, "a measure has a name").Found(quote(s.Left.String())).Hint("measure recon[l] = |h[l-1] - g[l](h[l])|^2   for l in 2..last")
		return
	}
	name := s.Left.Name.Text
	for _, m := range in.measured {
		if m.stmt.Left.Name.Text != name {
			continue
		}
		switch {
		case m.layer == layer:
			in.twice(s, m.stmt, in.nameOf(name, layer))
			return
		case m.layer < 0 || layer < 0:
			in.twice(s, m.stmt, name)
			return
		}
	}
	in.measured = append(in.measured, definition{stmt: s, layer: layer})
	x := in.expr(s.Expr, env, nil)
	if x == nil {
		return
	}
	if x.Space.Kind != PerSample {
		is, _ := in.spaceWords(x.Space, env)
		in.wrongSpace(s.Expr.Span, "a measure is one number per sample", Space{Kind: PerSample}, x.Space, env).Label("is " + is).Hint("|…|^2, or dot(…, …)")
		return
	}
	in.p.Measures = append(in.p.Measures, &Value{Name: name, Layer: layer, Expr: x, Span: s.Span, From: from(s.Span.String()),
		Text: in.nameOf(name, layer) + " = " + in.text(s.Expr, env)})
}
