package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// duplicateRules reports rules of one name in the user's files; a user's rule stands in for one of the library.
func (c *checker) duplicateRules(files []*lang.File) {
	first := map[string]*lang.Rule{}
	for _, f := range files {
		for _, r := range lang.Blocks[*lang.Rule](f) {
			if strings.HasPrefix(f.Source.Name, libraryFolder) {
				continue
			}
			if old := first[r.Name.Text]; old != nil {
				c.list.Error(diag.DuplicateRule, r.Name.Span, "there is a rule "+r.Name.Text+" already").Also(old.Name.Span, "the first").Hint("give it another name")
				continue
			}
			first[r.Name.Text] = r
		}
	}
}

// learn finds the rule, settles its parameters and optimizers, and instantiates it for the layers.
func (c *checker) learn(d *lang.Learn, files []*lang.File) {
	groups := c.optimizers(d)
	var rule *lang.Rule
	var names []string
	incomplete := false
	for _, f := range files {
		incomplete = incomplete || f.Lost
		for _, r := range lang.Blocks[*lang.Rule](f) {
			names = append(names, r.Name.Text)
			if rule == nil && r.Name.Text == d.Rule.Text {
				rule = r
				c.p.source.rule, c.p.source.comments = r, commentsIn(f, r.Span)
			}
		}
	}
	if rule == nil {
		if !incomplete {
			c.unknown(diag.UnknownRule, d.Rule, "no rule is named "+quote(d.Rule.Text), names, "rules")
		}
		return
	}
	c.p.Rule = d.Rule.Text
	in := &instance{checker: c, rule: rule, learn: d, values: map[string]map[int]*definition{}, maps: map[string]map[int]*Map{}, mapAt: map[string]diag.Span{},
		params: map[string]diag.Span{}, drawn: map[textPlace]int{}, wrong: map[*lang.Statement]int{}, applied: map[*Map]bool{}, constants: map[*Expr]folded{}}
	c.parameters(in, d, rule)
	if len(c.p.Layers) == 0 {
		return // which has been said, or is in what could not be read
	}
	in.ranges()
	in.declare()
	in.misplaced = maps.Clone(in.wrong)
	in.goals()
	in.measures()
	in.spare()
	in.finish(groups)
}

// optimizers reads those of a learn block.
func (c *checker) optimizers(d *lang.Learn) map[string]*lang.Optimizer {
	groups := map[string]*lang.Optimizer{}
	for _, o := range d.Optimizers {
		if first := groups[o.Group.Text]; first != nil {
			c.list.Error(diag.DuplicateOptimizer, o.Span, "there is a `"+o.Group.Text+"` optimizer already").Also(first.Span, "the first")
			continue
		}
		groups[o.Group.Text] = o
		*c.group(o.Group.Text) = c.optimizer(o)
	}
	return groups
}

// group is the optimizer of a group of parameters: forward or inverse.
func (c *checker) group(name string) *Optimizer {
	if name == "inverse" {
		return &c.p.Inverse
	}
	return &c.p.Forward
}

// learnWords are what stands behind `learn.` in a path of --set beside the rule's parameters.
var learnWords = []string{"schedule", "forward", "inverse"}

// schedules are the words for when inverses and layers learn.
var schedules = []string{Parallel: "parallel", Alternating: "alternating"}

func (s Schedule) String() string { return schedules[s] }

// parameters settles the rule's parameters: defaults, then `learn`, then --set. schedule is one of every rule.
func (c *checker) parameters(in *instance, d *lang.Learn, rule *lang.Rule) {
	values := map[string]float64{}
	var names []string
	seen := map[string]diag.Span{}
	for i, p := range rule.Params {
		name := p.Name
		if name.Text == "" {
			name = lang.Name{Text: p.Value.Word, Span: p.Span}
		}
		if p.Value.Number == nil || p.Name.Text == "" {
			c.list.Error(diag.BadParameter, p.Span, "a rule's parameter has a number as its default").Found(quote(p.Span.Text())).
				Hint(cmp.Or(withDecimal("rule "+rule.Name.Text, rule.Params, i), "rule "+rule.Name.Text+"(noise = 0.1)"))
		}
		switch {
		case name.Text == "" || !c.once(seen, name):
			continue
		case slices.Contains(builtin, name.Text) || slices.Contains(learnWords, name.Text):
			c.list.Error(diag.RedefinedName, name.Span, quote(name.Text)+" has a meaning already, and cannot be a parameter").Hint("choose another name")
			in.failed = true
		}
		names = append(names, name.Text)
		in.params[name.Text] = p.Value.Span
		if p.Value.Number != nil {
			values[name.Text] = p.Value.Number.Value
		}
	}
	seen = map[string]diag.Span{}
	for i, a := range d.Args {
		switch {
		case a.Name.Text == "":
			c.list.Error(diag.UnnamedArgument, a.Span, "a rule's parameters are given by name").
				Hint(cmp.Or(withDecimal("learn "+d.Rule.Text, d.Args, i), strings.Join(append(slices.Clone(names), "schedule"), ", ")))
		case !c.once(seen, a.Name):
		case a.Name.Text == "schedule":
			i := slices.Index(schedules, a.Value.Word)
			if i < 0 {
				c.list.Error(diag.BadSchedule, a.Value.Span, "a schedule is `parallel` or `alternating`").Found(quote(a.Value.Span.Text())).Nearest(a.Value.Word, schedules, "")
				continue
			}
			c.p.Schedule = Schedule(i)
		case !in.isParam(a.Name.Text):
			c.unknown(diag.UnknownParameter, a.Name, "rule "+rule.Name.Text+" has no parameter "+quote(a.Name.Text), append(slices.Clone(names), "schedule"), "parameters").
				Also(rule.Name.Span, "the rule")
		case a.Value.Number == nil:
			c.list.Error(diag.NotANumber, a.Value.Span, quote(a.Name.Text)+" is a number").Found(quote(a.Value.Span.Text()))
		default:
			values[a.Name.Text], in.params[a.Name.Text] = a.Value.Number.Value, a.Value.Span
		}
	}
	if v, ok := c.set.take("learn.schedule"); ok {
		if i := slices.Index(schedules, v); i >= 0 {
			c.p.Schedule = Schedule(i)
		} else {
			c.badSet("learn.schedule", v, strings.Join(schedules, " or "))
		}
	}
	for _, n := range names {
		if v, ok := c.set.take("learn." + n); ok {
			f, ok := number(v)
			if !ok {
				c.badSet("learn."+n, v, "a number")
				continue
			}
			values[n], in.params[n] = f, diag.Span{}
		}
		c.p.Params = append(c.p.Params, Setting{n, values[n]})
	}
}

// finish settles what the instantiated rule needs: optimizers, warnings, requirements.
func (in *instance) finish(groups map[string]*lang.Optimizer) {
	for _, group := range []string{"forward", "inverse"} {
		in.trainedBy(group, groups[group])
	}
	if in.failed || in.rule.Broken || in.broken {
		return // what the rule does is not known for sure
	}
	in.neverTrained()
	in.unused()
	in.p.Report = in.plausibility()
	in.requirements()
}

// trainedBy holds a group's optimizer against what the rule trains.
func (in *instance) trainedBy(group string, o *lang.Optimizer) {
	var first *Goal
	for _, g := range in.p.Goals {
		if first == nil && g.Inverse == (group == "inverse") {
			first = g
		}
	}
	target := in.group(group)
	_, set := in.set.values["learn."+group]
	switch {
	case first == nil && o != nil:
		if !in.failed && !in.rule.Broken {
			in.list.Warn(diag.UnusedOptimizer, o.Span, fmt.Sprintf("rule %s trains no `%s` maps in this network", in.rule.Name.Text, group)).Hint("leave the line out")
		}
		*target = Optimizer{}
	case first == nil:
	case o == nil && !set:
		if !in.learn.Broken {
			in.list.Error(diag.MissingOptimizer, in.learn.Rule.Span, fmt.Sprintf("rule %s trains %s, and no `%s` optimizer is given", in.rule.Name.Text, first.Over.Name, group)).
				Also(first.Span, "trains it").Hint(group + " adam(lr = 1e-3)")
		}
	default:
		in.setOptimizer(group, target)
	}
}
