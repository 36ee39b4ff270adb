package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// duplicateRules reports rules of one name in the user's files; a user's rule stands in for one of the library.
func (c *checker) duplicateRules(files []*lang.File) {
	first := map[string]*lang.Rule{}
	for _, f := range files {
		for _, r := range f.Rules {
			if strings.HasPrefix(f.Source.Name, "stdlib/") {
				continue
			}
			if old := first[r.Name.Text]; old != nil {
				c.report("duplicate-rule", r.Name.Span, "there is a rule "+r.Name.Text+" already").Also(old.Name.Span, "the first")
				continue
			}
			first[r.Name.Text] = r
		}
	}
}

// learn finds the rule, settles its parameters and optimizers, and instantiates it for the layers.
func (c *checker) learn(d *lang.Learn, files []*lang.File) {
	var rule *lang.Rule
	var names []string
	for _, f := range files {
		for _, r := range f.Rules {
			names = append(names, r.Name.Text)
			if rule == nil && r.Name.Text == d.Rule.Text {
				rule = r
			}
		}
	}
	c.p.Rule = d.Rule.Text
	groups := map[string]*lang.Optimizer{}
	for _, o := range d.Optimizers {
		if first := groups[o.Group.Text]; first != nil {
			c.report("duplicate-optimizer", o.Span, "there is a "+o.Group.Text+" optimizer already").Also(first.Span, "the first")
		}
		groups[o.Group.Text] = o
		if o.Group.Text == "forward" {
			c.p.Forward = c.optimizer(o)
		} else {
			c.p.Inverse = c.optimizer(o)
		}
	}
	if rule == nil {
		r := c.unknownName(d.Rule, "no rule is named "+quote(d.Rule.Text), names, "rules")
		r.d.Code = "unknown-rule"
		r.put()
		return
	}
	in := &instance{checker: c, rule: rule, learn: d, values: map[string]map[int]*definition{}, maps: map[string]map[int]*Map{}, mapAt: map[string]diag.Span{}, params: map[string]bool{}, drawn: map[string]int{}}
	c.parameters(in, d, rule)
	if c.broken {
		return
	}
	in.declare()
	in.goals(d)
	in.finish(d, groups)
}

// parameters settles the rule's parameters: defaults, then `learn`, then --set. schedule is one of every rule.
func (c *checker) parameters(in *instance, d *lang.Learn, rule *lang.Rule) {
	values := map[string]float64{}
	var names []string
	for _, p := range rule.Params {
		if p.Value.Number == nil || p.Name.Text == "" {
			c.report("bad-parameter", p.Span, "a rule's parameter has a number as its default").Hint("rule " + rule.Name.Text + "(noise = 0.1)")
			continue
		}
		names = append(names, p.Name.Text)
		values[p.Name.Text] = p.Value.Number.Value
		in.params[p.Name.Text] = true
	}
	schedule := func(word string) bool {
		switch word {
		case "parallel":
			c.p.Schedule = Parallel
		case "alternating":
			c.p.Schedule = Alternating
		default:
			return false
		}
		return true
	}
	for _, a := range d.Args {
		switch {
		case a.Name.Text == "schedule":
			if !schedule(a.Value.Word) {
				c.report("bad-schedule", a.Value.Span, "a schedule is `parallel` or `alternating`").Found(quote(a.Value.Span.Text()))
			}
		case !in.params[a.Name.Text]:
			r := c.unknownName(lang.Name{Text: a.Name.Text, Span: a.Span}, "rule "+rule.Name.Text+" has no parameter "+quote(a.Name.Text), append(slices.Clone(names), "schedule"), "parameters")
			r.d.Code = "unknown-parameter"
			r.put()
			r.Also(rule.Name.Span, "the rule")
		case a.Value.Number == nil:
			c.report("not-a-number", a.Value.Span, quote(a.Name.Text)+" is a number")
		default:
			values[a.Name.Text] = a.Value.Number.Value
		}
	}
	if v, ok := c.set.take("learn.schedule"); ok && !schedule(v) {
		c.badSet("learn.schedule", v, "parallel or alternating")
	}
	for _, n := range names {
		if v, ok := c.set.take("learn." + n); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				c.badSet("learn."+n, v, "a number")
				continue
			}
			values[n] = f
		}
		c.p.Params = append(c.p.Params, Setting{n, values[n]})
	}
}

// An instance is a rule being instantiated for a network.
type instance struct {
	*checker
	rule   *lang.Rule
	learn  *lang.Learn
	values map[string]map[int]*definition // name, layer
	maps   map[string]map[int]*Map        // inverses and feedback by name and layer
	mapAt  map[string]diag.Span
	params map[string]bool
	drawn  map[string]int
	failed bool
}

// A definition is an equation for one layer.
type definition struct {
	stmt  *lang.Statement
	layer int
	value *Value
	state uint8 // 0 untouched, 1 being checked, 2 done, 3 wrong
}

func (in *instance) last() int { return len(in.p.Layers) }

// each calls do for every layer that a statement's for clause covers, with l bound; once with l unbound where it has none.
func (in *instance) each(s *lang.Statement, do func(env scope)) {
	if s.For == nil {
		do(scope{})
		return
	}
	from, to := 1, in.last()
	switch s.For.Word {
	case "hidden":
		to--
	case "in":
		var ok1, ok2 bool
		from, ok1 = in.index(s.For.From, scope{})
		to, ok2 = in.index(s.For.To, scope{})
		if !ok1 || !ok2 {
			return
		}
	}
	for l := max(0, from); l <= min(to, in.last()); l++ {
		do(scope{name: s.For.Var.Text, layer: l, bound: true})
	}
}

// A scope is what the variable of a for clause stands for.
type scope struct {
	name  string
	layer int
	bound bool
}

// index evaluates a layer index: l, l+1, last, last-1, 2, or a layer's name.
func (in *instance) index(e *lang.Expr, env scope) (int, bool) {
	switch e.Kind {
	case lang.NumberExpr:
		if e.Number.Value != float64(int(e.Number.Value)) {
			in.fail("bad-index", e.Span, "a layer's number is whole").Found(e.Number.Text)
			return 0, false
		}
		return int(e.Number.Value), true
	case lang.NameExpr:
		switch {
		case env.bound && e.Name.Text == env.name:
			return env.layer, true
		case e.Name.Text == "last":
			return in.last(), true
		}
		for _, l := range in.p.Layers {
			if l.Name == e.Name.Text {
				return l.Index, true
			}
		}
		r := in.fail("unknown-layer", e.Span, "no layer, and no variable of a `for`, is named "+quote(e.Name.Text))
		if !env.bound {
			r.Hint("add `for every " + e.Name.Text + "`, or `for hidden " + e.Name.Text + "`")
		}
		return 0, false
	case lang.BinaryExpr:
		a, ok := in.index(e.Args[0], env)
		b, ok2 := in.index(e.Args[1], env)
		if !ok || !ok2 {
			return 0, false
		}
		switch e.Op {
		case "+":
			return a + b, true
		case "-":
			return a - b, true
		}
	}
	in.fail("bad-index", e.Span, "a layer's index is a name, a number, or one plus or minus a number").Found(quote(e.Span.Text()))
	return 0, false
}

func (in *instance) fail(code diag.Code, at diag.Span, message string) *report {
	in.failed = true
	return in.report(code, at, message)
}

// declare collects the rule's declarations and equations, by name and layer.
func (in *instance) declare() {
	all := append([]*lang.Statement{}, in.rule.Statements...)
	for _, s := range all {
		switch s.Kind {
		case lang.Inverse:
			in.each(s, func(env scope) { in.inverse(s, env) })
		case lang.Feedback:
			in.each(s, func(env scope) { in.feedback(s, env) })
		case lang.Define:
			in.each(s, func(env scope) { in.define(s, env) })
		}
	}
}

func (in *instance) define(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr && s.Left.Kind != lang.NameExpr {
		in.fail("bad-equation", s.Left.Span, "an equation defines NAME[l], or NAME").Found(quote(s.Left.Span.Text()))
		return
	}
	name, layer := s.Left.Name.Text, -1
	if builtin[name] || in.params[name] || in.mapAt[name].File != nil {
		in.fail("redefined-name", s.Left.Name.Span, quote(name)+" has a meaning already, and cannot be defined").Hint("choose another name")
		return
	}
	if s.Left.Kind == lang.IndexExpr {
		var ok bool
		if layer, ok = in.index(s.Left.Args[0], env); !ok || layer < 0 || layer > in.last() {
			return
		}
	}
	if in.values[name] == nil {
		in.values[name] = map[int]*definition{}
	}
	if old := in.values[name][layer]; old != nil {
		in.fail("duplicate-case", s.Left.Span, in.nameOf(name, layer)+" is defined twice").Also(old.stmt.Left.Span, "the first")
		return
	}
	in.values[name][layer] = &definition{stmt: s, layer: layer}
}

// builtin names are not a rule's to define.
var builtin = map[string]bool{"h": true, "a": true, "f": true, "label": true, "aux": true, "loss": true, "last": true}

func (in *instance) nameOf(name string, layer int) string {
	switch {
	case layer < 0:
		return name
	case layer == 0 && name == "h":
		return "x"
	case layer == 0:
		return name + "[0]"
	}
	return name + "[" + in.p.LayerName(layer) + "]"
}

// inverse declares g[l] of f[l]: a map from layer l back to l-1.
func (in *instance) inverse(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr || s.Of.Kind != lang.IndexExpr || s.Of.Name.Text != "f" {
		in.fail("bad-declaration", s.Span, "an inverse is declared of one layer").Hint("inverse g[l] of f[l]   for l in 2..last")
		return
	}
	l, ok := in.index(s.Left.Args[0], env)
	of, ok2 := in.index(s.Of.Args[0], env)
	if !ok || !ok2 || l < 1 || l > in.last() {
		return
	}
	if l != of {
		in.fail("inverse-index", s.Span, "the inverse of a layer has that layer's index").Expected(in.nameOf("f", l)).Found(in.nameOf("f", of))
		return
	}
	layer := in.p.Layers[l-1]
	m := in.inverseMap(layer, s)
	if m == nil {
		in.failed = true
		return
	}
	m.Fixed = s.Fixed
	in.addMap(s.Left.Name, l, m)
	layer.G = m
}

func (in *instance) addMap(name lang.Name, l int, m *Map) {
	if builtin[name.Text] {
		in.fail("redefined-name", name.Span, quote(name.Text)+" has a meaning already, and cannot be declared").Hint("choose another name")
		return
	}
	if in.maps[name.Text] == nil {
		in.maps[name.Text] = map[int]*Map{}
		in.mapAt[name.Text] = name.Span
	}
	if old := in.maps[name.Text][l]; old != nil {
		in.fail("duplicate-case", m.Span, in.nameOf(name.Text, l)+" is declared twice").Also(old.Span, "the first")
		return
	}
	m.Name = in.nameOf(name.Text, l)
	in.maps[name.Text][l] = m
	if !m.Exact && m.Weight != "" {
		in.p.Maps = append(in.p.Maps, m)
	}
}

// inverseMap is the inverse that a layer gets: mirrored unless it says otherwise.
func (in *instance) inverseMap(layer *Layer, s *lang.Statement) *Map {
	below := in.p.Input
	if layer.Index > 1 {
		below = in.p.Layers[layer.Index-2].Shape
	}
	m := &Map{Kind: InverseMap, Layer: layer, Weight: layer.Name + ".V", Bias: layer.Name + ".c", Init: Init{Scheme: "glorot"}, Span: s.Span}
	if layer.Kind == MaxPool || layer.Kind == AveragePool && layer.Pool.Overlaps() {
		none, what := "max pooling has none", fmt.Sprintf("does not keep which of its %d inputs was the largest", layer.Pool.KH*layer.Pool.KW)
		if layer.Kind == AveragePool {
			none, what = "average pooling over windows that overlap has none", "an input belongs to several averages"
		}
		in.fail("no-inverse", layer.Span, in.rule.Name.Text+" needs an inverse of "+layer.Name+", and "+none).Label(what).
			Also(in.learn.Rule.Span, "the rule in use").Also(s.Span, "asks for one").
			Hint(fmt.Sprintf("drop %s and write a stride in the layer below, as the paper does: `field 5x5 stride 2 same`;\nor `pool average %dx%d`", layer.Name, layer.Pool.KH, layer.Pool.KW))
		return nil
	}
	if layer.F == nil {
		m.Exact, m.Weight, m.Bias = true, "", ""
		return m
	}
	how, opt := "mirrored", in.inverses[layer]
	if opt != nil && opt.Inverse != nil {
		how = opt.Inverse.Word.Text
	}
	top := layer.Shape
	if layer.Aux != nil {
		top = Shape{1, 1, top.Units() + layer.Aux.Units}
	}
	switch how {
	case "exact":
		m.Exact, m.Weight, m.Bias = true, "", ""
		return m
	case "all":
		m.Conn = connDense(top, below)
	case "mirrored":
		if layer.F.Conn.Dense || layer.Aux != nil {
			m.Conn = connDense(top, below) // auxiliary units see all of the layer below
			break
		}
		m.Conn, m.Transposed = layer.F.Conn, true
	case "field":
		f, h, w, ok := in.field(opt.Inverse, layer.Name, below)
		if !ok {
			return nil
		}
		if h != layer.Shape.H || w != layer.Shape.W {
			in.fail("shape-mismatch", opt.Inverse.Span, "the inverse of "+layer.Name+" does not give back the shape of what is below it").
				Label(fmt.Sprintf("has %dx%d locations", h, w)).Also(layer.Span, "has "+layer.Shape.Text()).
				Expected(fmt.Sprintf("%dx%d locations", layer.Shape.H, layer.Shape.W)).Found(fmt.Sprintf("%dx%d", h, w)).
				Hint(fmt.Sprintf("`inverse %s stride %d` undoes the stride of the layer;\nwithout `inverse`, %s gets the mirrored field, which always fits", fmt.Sprintf("field %dx%d", f.KH, f.KW), layer.F.Conn.Field.StrideH, layer.Name))
			return nil
		}
		m.Conn = Connectivity{In: below, Out: layer.Shape, Field: f, TileH: layer.F.Conn.TileH, TileW: layer.F.Conn.TileW}
		if layer.F.Conn.Dense {
			m.Conn.TileH, m.Conn.TileW = 1, 1
		}
		m.Transposed = true
	default:
		in.fail("bad-inverse", opt.Span, "no inverse is called "+quote(how)).Hint("inverse exact, inverse mirrored, inverse all, or inverse field 3x3")
		return nil
	}
	m.WeightShape, m.BiasShape = parameterShapes(m.Conn)
	if m.Transposed {
		m.BiasShape = []int{below.C}
		if m.Conn.TileH == 1 && m.Conn.TileW == 1 {
			m.BiasShape = shapeDims(below)
		}
	}
	return m
}

// feedback declares fixed random operators: B[l] like f[l], or B[l] from one layer to another.
func (in *instance) feedback(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr {
		in.fail("bad-declaration", s.Span, "feedback is declared for one layer").Hint("feedback B[l] like f[l]   for l in 2..last")
		return
	}
	l, ok := in.index(s.Left.Args[0], env)
	if !ok || l < 1 || l > in.last() {
		return
	}
	layer := in.p.Layers[l-1]
	name := layer.Name + ".B"
	if first := in.firstFeedback(); first != "" && first != s.Left.Name.Text {
		name = layer.Name + "." + s.Left.Name.Text
	}
	m := &Map{Layer: layer, Weight: name, Fixed: true, Init: Init{Scheme: "glorot"}, Span: s.Span}
	if s.Of != nil {
		of, ok := in.index(s.Of.Args[0], env)
		if s.Of.Kind != lang.IndexExpr || s.Of.Name.Text != "f" || !ok || of != l {
			in.fail("bad-declaration", s.Span, "feedback is like a layer of the same index").Hint("feedback B[l] like f[l]   for l in 2..last")
			return
		}
		m.Kind = FeedbackLike
		if layer.F == nil {
			m.Weight = "" // pooling: what comes back goes the way that it went forward
			in.addMap(s.Left.Name, l, m)
			return
		}
		m.Conn = layer.F.Conn
	} else {
		from, ok := in.index(s.FromIndex, env)
		to, ok2 := in.index(s.ToIndex, env)
		if !ok || !ok2 || from < 1 || from > in.last() || to < 1 || to > in.last() {
			return
		}
		if to != l {
			in.fail("bad-declaration", s.Span, "direct feedback has the index of the layer it goes to").Hint("feedback B[l] from last to l   for hidden l")
			return
		}
		m.Kind, m.From, m.Conn = FeedbackDirect, from, connDense(in.p.Layers[from-1].Shape, layer.Shape)
	}
	m.WeightShape, _ = parameterShapes(m.Conn)
	in.addMap(s.Left.Name, l, m)
}

// firstFeedback is the name of the first feedback that the rule declares: its tensors are called B.
func (in *instance) firstFeedback() string {
	for _, s := range in.rule.Statements {
		if s.Kind == lang.Feedback && s.Left.Kind == lang.IndexExpr {
			return s.Left.Name.Text
		}
	}
	return ""
}
