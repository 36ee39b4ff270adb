package check

import (
	"fmt"
	"slices"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// expr gives an expression its type for one layer. want is the place it stands in, whose space a bare normal() takes; nil where that asks
// for none. nil comes back where something was wrong, and has been reported.
func (in *instance) expr(e *lang.Expr, env scope, want *place) *Expr {
	switch e.Kind {
	case lang.NumberExpr:
		return &Expr{Op: Const, Number: e.Number.Value, Space: Space{Kind: Scalar}, Span: e.Span}
	case lang.NameExpr:
		return in.name(e, env)
	case lang.IndexExpr:
		return in.indexed(e, env)
	case lang.NegExpr:
		x := in.expr(e.Args[0], env, want)
		if x == nil {
			return nil
		}
		return &Expr{Op: Neg, Args: []*Expr{x}, Space: x.Space, Span: e.Span}
	case lang.BinaryExpr:
		if e.Op == "^" {
			return in.power(e, env, want)
		}
		return in.binary(e, env, want)
	case lang.ListExpr:
		return in.composite(e, env)
	case lang.CallExpr:
		return in.call(e, env, want)
	}
	in.fail(diag.BareNorm, e.Span, "a norm is squared").Hint(e.String() + "^2") // NormExpr
	return nil
}

func (in *instance) name(e *lang.Expr, env scope) *Expr {
	last := in.last()
	switch n := e.Name.Text; {
	case n == "label":
		return &Expr{Op: Label, Layer: last, Space: Space{Kind: Activity, Layer: last}, Span: e.Span}
	case n == "loss":
		return &Expr{Op: TaskLoss, Layer: last, Space: Space{Kind: PerSample}, Span: e.Span}
	case n == "aux":
		output := in.p.Layers[last-1]
		if output.Aux == nil {
			in.missingAux(e, output)
			return nil
		}
		return &Expr{Op: AuxPart, Layer: last, Space: Space{Kind: Composite, Layer: -last}, Span: e.Span}
	case in.isParam(n):
		return &Expr{Op: Param, Name: n, Space: Space{Kind: Scalar}, Span: e.Span}
	case in.values[n] != nil && in.values[n][-1] != nil:
		return in.ref(e, n, -1, env)
	case slices.Contains([]string{"h", "a", "f"}, n) || slices.ContainsFunc(in.declares(n), func(s *lang.Statement) bool { return s.Left.Kind == lang.IndexExpr }):
		in.fail(diag.MissingIndex, e.Span, quote(n)+" belongs to a layer").Hint(n + "[l]")
		return nil
	}
	in.unknownValue(e, -1, env)
	return nil
}

// missingAux reports an output without the auxiliary units that the rule uses; not where something of the network could not be read.
func (in *instance) missingAux(e *lang.Expr, output *Layer) {
	in.failed = true
	if in.broken || in.unread {
		return
	}
	in.fail(diag.MissingAux, in.learn.Rule.Span, "rule "+in.rule.Name.Text+" uses auxiliary output units, and "+output.Name+" has none").
		Also(output.Span, "the output").Also(e.Span, "uses them").Hint("add `, aux 512 tanh` to the output")
}

// lost tells whether a name may be what a statement was to define that could not be read, or of which nobody knows what it defines.
func (in *instance) lost(e *lang.Expr) bool {
	names := slices.Clone(in.rule.Lost)
	for s := range in.misplaced {
		names = append(names, s.Left.Name.Text)
	}
	return slices.Contains(names, e.Name.Text) || e.Kind == lang.IndexExpr && slices.Contains(names, "")
}

// unknownValue reports a name that means nothing for any layer; not where a statement that would define it could not be read, or is wrong.
func (in *instance) unknownValue(e *lang.Expr, l int, env scope) {
	in.failed = true
	n := e.Name
	if in.lost(e) {
		return
	}
	declared := in.declares(n.Text)
	if declared != nil {
		in.missingCase(e, n.Text, l, env)
		return
	}
	names := []string{"h", "a", "f", "label", "aux", "loss"}
	for _, p := range in.p.Params {
		names = append(names, p.Name)
	}
	for _, s := range in.rule.Statements {
		if (s.Kind == lang.Define || s.Kind == lang.Inverse || s.Kind == lang.Feedback) && !slices.Contains(names, s.Left.Name.Text) && s.Left.Name.Text != "" {
			names = append(names, s.Left.Name.Text)
		}
	}
	in.unknown(diag.UnknownName, n, "nothing is named "+quote(n.Text)+" here", names, "names")
}

func (in *instance) indexed(e *lang.Expr, env scope) *Expr {
	n := e.Name.Text
	l, ok := in.index(e.Args[0], env)
	if !ok {
		return nil
	}
	switch {
	case n == "h" || n == "a":
		op, least := Activities, 0
		if n == "a" {
			op, least = Pre, 1
		}
		if l < least || l > in.last() {
			in.outOfRange(e, l, least)
			return nil
		}
		return &Expr{Op: op, Layer: l, Space: in.p.activity(l), Span: e.Span}
	case in.values[n] != nil:
		return in.ref(e, n, l, env)
	case n == "f" || in.maps[n] != nil:
		in.fail(diag.MapAsValue, e.Span, quote(e.String())+" is a map, and needs something to act on").Hint(e.String() + "(h[l])")
		return nil
	}
	in.unknownValue(e, l, env)
	return nil
}

// ref is a value that an equation defines; the equation is checked when first used.
func (in *instance) ref(e *lang.Expr, name string, l int, env scope) *Expr {
	d := in.values[name][l]
	if d == nil {
		in.missingCase(e, name, l, env)
		return nil
	}
	if d.state == untouched {
		in.solve(name, d)
	}
	switch d.state {
	case underWay:
		in.fail(diag.CyclicEquations, e.Span, in.nameOf(name, l)+" depends on itself").Also(d.stmt.Left.Span, "is being defined").Hint("a recurrence goes from `last` down, or from 1 up")
		return nil
	case mistaken:
		return nil
	}
	return &Expr{Op: Ref, Value: d.value, Layer: l, Space: d.value.Expr.Space, Span: e.Span}
}

// missingCase reports a value or map of a layer that no statement covers, with those that cover others.
func (in *instance) missingCase(e *lang.Expr, name string, l int, env scope) {
	in.failed = true
	if in.lost(e) {
		return
	}
	cases := in.declares(name)
	isMap := cases[0].Kind != lang.Define
	defines, what := "defines ", "no case defines it"
	if isMap {
		defines, what = "declares ", "no declaration covers it"
	}
	d := in.fail(diag.MissingCase, e.Span, in.nameOf(name, l)+" is used, and "+what)
	for _, s := range cases {
		at := s.Left.Span
		if s.For != nil {
			at = s.For.Span
		}
		covers := "no layer of this network"
		if list := in.covered(s); len(list) > 0 {
			covers = strings.Join(list, ", ")
		}
		d.Also(at, defines+covers)
	}
	if env.bound {
		var all []string
		in.each(env.stmt, func(env scope) { all = append(all, in.p.LayerName(env.layer)) })
		kind := "layer of its `for`"
		if env.stmt.For.Word == "hidden" {
			kind = "hidden layer"
		}
		d.Label(fmt.Sprintf("%s is any %s here: %s", env.name, kind, strings.Join(all, ", ")))
	}
	switch first, before := in.p.LayerName(1), in.p.LayerName(in.last()-1); {
	case isMap:
		d.Hint("declare it there too, or use it in a narrower `for`")
	case l < 1 || l > in.last():
		d.Hint("a case for it, or a narrower `for` here, is needed")
	case l < in.last() && in.last() > 2:
		d.Hint("`for hidden l` covers " + first + " to " + before)
	case l < in.last():
		d.Hint("`for hidden l` covers " + first)
	default:
		d.Hint("`for every l` covers " + first + " to " + in.p.LayerName(in.last()))
	}
}

// solve checks an equation for its layer and appends it to the program's values.
func (in *instance) solve(name string, d *definition) {
	d.state = underWay
	outer, env := in.env, in.scopeOf(d)
	in.env = env
	defer func() { in.env = outer }()
	var want *place
	if d.layer >= 0 {
		want = &place{in.p.activity(d.layer), d.stmt.Left.Span, d.stmt.Left.String() + " lives in "}
	}
	x := in.expr(d.stmt.Expr, env, want)
	if x != nil && want != nil && x.Space.Kind != PerSample && !(x.Space.Layer == d.layer && (x.Space.Kind == Activity || x.Space.Kind == Composite)) {
		is, _ := in.spaceWords(x.Space, env)
		in.wrongSpace(d.stmt.Expr.Span, d.stmt.Left.String()+" belongs to "+in.layerWords(d.layer, env)+", and its value does not", want.space, x.Space, env).
			Label("is "+is).Also(want.at, "is of "+in.layerWords(d.layer, env))
		x = nil
	}
	if x == nil {
		d.state = mistaken
		return
	}
	d.value = &Value{Name: name, Layer: d.layer, Expr: x, Span: d.stmt.Span, From: from(d.stmt.Span.String()), Text: in.nameOf(name, d.layer) + " = " + in.text(d.stmt.Expr, env)}
	d.state = done
	in.p.Values = append(in.p.Values, d.value)
}

// scopeOf binds the variable of a definition's for clause by its left side.
func (in *instance) scopeOf(d *definition) scope {
	found := scope{stmt: d.stmt}
	in.each(d.stmt, func(env scope) {
		if d.stmt.Left.Kind != lang.IndexExpr {
			return
		}
		if l, ok := in.index(d.stmt.Left.Args[0], env); ok && l == d.layer {
			found = env
		}
	})
	return found
}

// from is file:line of file:line:column, the file by its base name.
func from(at string) string {
	if i := strings.LastIndexByte(at, ':'); i >= 0 {
		at = at[:i]
	}
	return at[strings.LastIndexByte(at, '/')+1:]
}

func (in *instance) binary(e *lang.Expr, env scope, want *place) *Expr {
	a, b := e.Args[0], e.Args[1]
	first := a
	for first.Kind == lang.BinaryExpr && !first.Paren && strings.Contains("+-", first.Op) {
		first = first.Args[0]
	}
	says := map[string]string{"+": "the sum lives in ", "-": "the sum lives in ", "*": "the product lives in ", "/": "the quotient lives in "}[e.Op]
	beside := func(x *Expr, at diag.Span) *place {
		if x.Space.Kind == Scalar || x.Space.Kind == PerSample {
			return want
		}
		return &place{x.Space, at, says}
	}
	var x, y *Expr
	if floating(a) && !floating(b) {
		if y = in.expr(b, env, want); y != nil {
			x = in.expr(a, env, beside(y, b.Span))
		}
	} else {
		x = in.expr(a, env, want)
		if x == nil {
			in.expr(b, env, want) // for its own mistakes
			return nil
		}
		y = in.expr(b, env, beside(x, first.Span))
	}
	if x == nil || y == nil {
		return nil
	}
	op := map[string]Op{"+": Add, "-": Sub, "*": Mul, "/": Div}[e.Op]
	space, ok := join(x.Space, y.Space, op)
	if !ok {
		left, _ := in.spaceWords(x.Space, env)
		right, _ := in.spaceWords(y.Space, env)
		in.wrongSpace(b.Span, fmt.Sprintf("the two sides of `%s` live in different spaces", e.Op), x.Space, y.Space, env).Label("is "+right).Also(first.Span, "is "+left)
		return nil
	}
	return in.finite(&Expr{Op: op, Args: []*Expr{x, y}, Space: space, Span: e.Span})
}

// floating tells whether an expression takes its space from its surroundings: noise, and numbers with it.
func floating(e *lang.Expr) bool {
	switch e.Kind {
	case lang.CallExpr:
		return e.Fn.Kind == lang.NameExpr && e.Fn.Name.Text == "normal"
	case lang.NegExpr, lang.BinaryExpr:
		return slices.ContainsFunc(e.Args, floating)
	}
	return false
}

func (in *instance) power(e *lang.Expr, env scope, want *place) *Expr {
	n, sign := e.Args[1], 1.0
	if n.Kind == lang.NegExpr {
		n, sign = n.Args[0], -1
	}
	if n.Kind != lang.NumberExpr {
		in.fail(diag.BadPower, e.Args[1].Span, "a power is a number").Found(quote(e.Args[1].String())).Hint(e.Args[0].String() + "^2")
		return nil
	}
	if e.Args[0].Kind == lang.NormExpr && !e.Args[0].Paren {
		if n.Number.Value != 2 || sign < 0 {
			in.fail(diag.BareNorm, e.Span, "a norm is squared").Hint(e.Args[0].String() + "^2")
			return nil
		}
		x := in.expr(e.Args[0].Args[0], env, want)
		if x == nil {
			return nil
		}
		if x.Space.Kind != Activity && x.Space.Kind != Composite {
			is, _ := in.spaceWords(x.Space, env)
			in.fail(diag.NormOfNumber, e.Span, "a norm sums over the units of a layer").Expected("a value of a layer").Found(is)
			return nil
		}
		return &Expr{Op: NormSquared, Args: []*Expr{x}, Space: Space{Kind: PerSample}, Span: e.Span}
	}
	x := in.expr(e.Args[0], env, want)
	if x == nil {
		return nil
	}
	return in.finite(&Expr{Op: Power, Args: []*Expr{x}, Number: sign * n.Number.Value, Space: x.Space, Span: e.Span})
}

// composite is [classes, auxiliary units]: a value of an output that has both.
func (in *instance) composite(e *lang.Expr, env scope) *Expr {
	output := in.p.Layers[in.last()-1]
	if len(e.Args) != 2 {
		in.fail(diag.BadList, e.Span, "a list puts an output and its auxiliary units together").Expected("two parts").Found(fmt.Sprint(len(e.Args))).Hint("[label, aux]")
		return nil
	}
	a, b := in.expr(e.Args[0], env, nil), in.expr(e.Args[1], env, nil)
	if a == nil || b == nil {
		return nil
	}
	if output.Aux == nil {
		in.missingAux(e, output)
		return nil
	}
	if a.Space != (Space{Kind: Activity, Layer: in.last()}) || b.Space != (Space{Kind: Composite, Layer: -in.last()}) {
		left, _ := in.spaceWords(a.Space, env)
		right, _ := in.spaceWords(b.Space, env)
		in.fail(diag.BadList, e.Span, "a list puts an output and its auxiliary units together, in this order").Expected("[label, aux]").Found("[" + left + ", " + right + "]")
		return nil
	}
	return &Expr{Op: List, Args: []*Expr{a, b}, Space: in.p.activity(in.last()), Span: e.Span}
}
