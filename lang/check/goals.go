package check

import (
	"fmt"
	"slices"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// goals instantiates what the rule trains, layer by layer, in the order of the text.
func (in *instance) goals(d *lang.Learn) {
	for _, s := range in.rule.Statements {
		if s.Kind != lang.Minimize && s.Kind != lang.Descend {
			continue
		}
		in.each(s, func(env scope) { in.goal(s, env) })
	}
}

func (in *instance) goal(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr {
		in.fail("bad-goal", s.Left.Span, "what is trained is a map of one layer").Hint("over f[l]")
		return
	}
	l, ok := in.index(s.Left.Args[0], env)
	if !ok {
		return
	}
	if l < 1 || l > in.last() {
		return // a rule's last-1 in a network of one layer
	}
	if s.Left.Name.Text == "f" && in.p.Layers[l-1].F == nil {
		return // nothing to train: pooling
	}
	o, ok := in.mapAtLayer(s.Left, env)
	if !ok {
		return
	}
	if o.m.Kind == FeedbackLike || o.m.Kind == FeedbackDirect || o.m.Fixed {
		in.fail("trains-fixed", s.Left.Span, o.m.Name+" is fixed, and cannot be trained").Also(o.m.Span, "declared here").Hint("declare it `inverse`, without `fixed`, if it is to learn")
		return
	}
	if o.m.Exact {
		return // no parameters of its own
	}
	for _, g := range in.p.Goals {
		if g.Over == o.m {
			in.fail("trained-twice", s.Left.Span, o.m.Name+" is trained by another statement already").Also(g.Span, "the first")
			return
		}
	}
	g := &Goal{Over: o.m, Inverse: o.m.Kind == InverseMap, Span: s.Span, From: from(s.Span.String())}
	if s.Kind == lang.Minimize {
		g.Text = "minimize " + in.text(s.Expr, env) + " over " + in.text(s.Left, env)
		g.Minimize = in.expr(s.Expr, env, nil)
		if g.Minimize == nil {
			return
		}
		if g.Minimize.Space.Kind != PerSample {
			in.wrongSpace(s.Expr, g.Minimize.Space, Space{Kind: PerSample}, "what is minimized is one number per sample").Hint("|…|^2 sums the squares over units")
			return
		}
		if !applies(g.Minimize, o.m, in.last()) {
			in.fail("nothing-to-train", s.Expr.Span, "this loss does not apply "+o.m.Name+", so it cannot train it").Also(s.Left.Span, "to be trained").
				Hint("named values are constants here: write " + in.text(s.Left, env) + "(…) in the loss itself")
			return
		}
	} else {
		g.Text = "descend " + in.text(s.Left, env) + " along " + in.text(s.Expr, env)
		want := Space{Kind: Weights, Map: o.m}
		g.Along = in.expr(s.Expr, env, &want)
		if g.Along == nil {
			return
		}
		if g.Along.Space != want {
			in.wrongSpace(s.Expr, g.Along.Space, want, "a direction has the shape of what it moves").Hint("outer(delta[l], h[l-1])")
			return
		}
	}
	in.p.Goals = append(in.p.Goals, g)
}

// applies tells whether a loss applies a map in place, not by way of a named value.
func applies(e *Expr, m *Map, last int) bool {
	if e.Map == m && e.Op != ParamsOf {
		return true
	}
	if e.Op == TaskLoss && m.Kind == ForwardMap && m.Layer.Index == last {
		return true
	}
	return slices.ContainsFunc(e.Args, func(a *Expr) bool { return applies(a, m, last) })
}

// finish settles what the instantiated rule needs: optimizers, measures, warnings, requirements.
func (in *instance) finish(d *lang.Learn, groups map[string]*lang.Optimizer) {
	in.measures(d)
	if in.failed || in.list.HasErrors() {
		return
	}
	trains := map[bool]*Goal{}
	for _, g := range in.p.Goals {
		if trains[g.Inverse] == nil {
			trains[g.Inverse] = g
		}
	}
	for group, inverse := range map[string]bool{"forward": false, "inverse": true} {
		g, o := trains[inverse], groups[group]
		target := &in.p.Forward
		if inverse {
			target = &in.p.Inverse
		}
		if g != nil && o == nil {
			if v, ok := in.set.values["learn."+group]; ok && v != "" {
				in.setOptimizer(group, target)
				continue
			}
			in.fail(diag.Code("missing-optimizer"), d.Rule.Span, fmt.Sprintf("rule %s trains %s, and no `%s` optimizer is given", d.Rule.Text, g.Over.Name, group)).
				Also(g.Span, "trains it").Hint(group + " adam(lr = 1e-3)")
			continue
		}
		if g == nil && o != nil {
			in.report("unused-optimizer", o.Span, fmt.Sprintf("rule %s trains no %s maps in this network", d.Rule.Text, group)).Warning().Hint("leave the line out")
			*target = Optimizer{}
			continue
		}
		if o != nil {
			in.setOptimizer(group, target)
		}
	}
	in.neverTrained()
	in.unused()
	in.p.Report = in.plausibility()
	in.requirements(d)
}

// neverTrained warns of maps that something uses and no goal trains, unless they are declared fixed.
func (in *instance) neverTrained() {
	for _, m := range in.p.Maps {
		if m.Fixed || m.Exact || m.Kind == AuxMap || m.Kind == FeedbackLike || m.Kind == FeedbackDirect {
			continue
		}
		if slices.ContainsFunc(in.p.Goals, func(g *Goal) bool { return g.Over == m }) {
			continue
		}
		at := m.Span
		what := m.Name + " keeps its random initial weights"
		r := in.report("never-trained", at, what).Warning()
		if m.Kind == InverseMap {
			r.Hint("train it with `minimize … over g[l]`; if it is meant to stay random, say so: `fixed inverse`")
		} else {
			r.Also(in.rule.Name.Span, "no statement of this rule trains it").Hint("descend or minimize over " + m.Name)
		}
	}
}

// unused warns of equations that nothing reads, and refuses auxiliary units that no expression of the rule mentions.
func (in *instance) unused() {
	used := map[*lang.Statement]bool{}
	for _, family := range in.values {
		for _, d := range family {
			if d.state == 2 {
				used[d.stmt] = true
			}
		}
	}
	for _, s := range in.rule.Statements {
		if s.Kind == lang.Define && !used[s] && in.covered(s) != "no layer of this network" && in.last() > 1 {
			in.report("unused-equation", s.Left.Span, "nothing uses "+s.Left.Span.Text()).Warning().Hint("leave it out, or use it")
		}
	}
	last := in.p.Layers[in.last()-1]
	if last.Aux == nil {
		return
	}
	mentioned := false
	walkAll(in.p, func(e *Expr) { mentioned = mentioned || e.Op == AuxPart })
	if !mentioned {
		in.fail("aux-unused", last.Span, fmt.Sprintf("rule %s does not use the auxiliary units of %s", in.rule.Name.Text, last.Name)).Also(in.learn.Rule.Span, "the rule in use").
			Hint("leave `aux` out; a rule that uses them says so: target[last] = [label, aux]")
	}
}

// walkAll calls f for every expression of a program's values, goals and measures.
func walkAll(p *Program, f func(*Expr)) {
	var walk func(e *Expr)
	walk = func(e *Expr) {
		f(e)
		for _, a := range e.Args {
			walk(a)
		}
	}
	for _, v := range p.Values {
		walk(v.Expr)
	}
	for _, g := range p.Goals {
		if g.Minimize != nil {
			walk(g.Minimize)
		} else {
			walk(g.Along)
		}
	}
	for _, m := range p.Measures {
		walk(m.Expr)
	}
}

// measures instantiates the top-level measures, which see what the rule declares.
func (in *instance) measures(d *lang.Learn) {
	for _, m := range in.measureList {
		s := &m.Equation
		if s.Left.Kind != lang.IndexExpr && s.Left.Kind != lang.NameExpr {
			in.fail("bad-equation", s.Left.Span, "a measure has a name").Hint("measure recon[l] = |h[l-1] - g[l](h[l])|^2   for l in 2..last")
			continue
		}
		in.each(s, func(env scope) {
			layer := -1
			if s.Left.Kind == lang.IndexExpr {
				var ok bool
				if layer, ok = in.index(s.Left.Args[0], env); !ok || layer < 1 || layer > in.last() {
					return
				}
			}
			x := in.expr(s.Expr, env, nil)
			if x == nil {
				return
			}
			if x.Space.Kind != PerSample {
				in.wrongSpace(s.Expr, x.Space, Space{Kind: PerSample}, "a measure is one number per sample").Hint("|…|^2, or dot(…, …)")
				return
			}
			in.p.Measures = append(in.p.Measures, &Value{Name: s.Left.Name.Text, Layer: layer, Expr: x, Span: s.Span, From: from(s.Span.String()),
				Text: in.nameOf(s.Left.Name.Text, layer) + " = " + in.text(s.Expr, env)})
		})
	}
}
