package check

import (
	"fmt"
	"strings"

	"bnetc/lang"
)

// expr gives an expression its type for one layer. want is the space that its place asks for, which a bare normal() takes; nil where
// nothing is asked. nil comes back where something was wrong, and has been reported.
func (in *instance) expr(e *lang.Expr, env scope, want *Space) *Expr {
	switch e.Kind {
	case lang.NumberExpr:
		return &Expr{Op: Const, Number: e.Number.Value, Space: Space{Kind: Scalar}, Span: e.Span}
	case lang.NameExpr:
		return in.name(e)
	case lang.IndexExpr:
		return in.indexed(e, env)
	case lang.NegExpr:
		x := in.expr(e.Args[0], env, want)
		if x == nil {
			return nil
		}
		return &Expr{Op: Neg, Args: []*Expr{x}, Space: x.Space, Span: e.Span}
	case lang.BinaryExpr:
		return in.binary(e, env, want)
	case lang.ListExpr:
		return in.composite(e, env)
	case lang.CallExpr:
		return in.call(e, env, want)
	case lang.NormExpr:
		in.fail("bare-norm", e.Span, "a norm is squared").Hint(e.Span.Text() + "^2")
	}
	return nil
}

func (in *instance) name(e *lang.Expr) *Expr {
	last := in.last()
	switch n := e.Name.Text; {
	case n == "label":
		return &Expr{Op: Label, Layer: last, Space: Space{Kind: Activity, Layer: last}, Span: e.Span}
	case n == "loss":
		return &Expr{Op: TaskLoss, Layer: last, Space: Space{Kind: PerSample}, Span: e.Span}
	case n == "aux":
		if in.p.Layers[last-1].Aux == nil {
			in.fail("missing-aux", e.Span, "rule "+in.rule.Name.Text+" uses auxiliary output units, and "+in.p.Layers[last-1].Name+" has none").
				Also(in.p.Layers[last-1].Span, "the output").Also(in.learn.Rule.Span, "the rule in use").Hint("add `, aux 512 tanh` to the output")
			return nil
		}
		return &Expr{Op: AuxPart, Layer: last, Space: Space{Kind: Composite, Layer: -last}, Span: e.Span}
	case in.params[n]:
		return &Expr{Op: Param, Name: n, Space: Space{Kind: Scalar}, Span: e.Span}
	case in.values[n] != nil && in.values[n][-1] != nil:
		return in.ref(e, n, -1)
	case in.values[n] != nil || n == "h" || n == "a" || n == "f" || in.maps[n] != nil:
		in.fail("missing-index", e.Span, quote(n)+" belongs to a layer").Hint(n + "[l]")
		return nil
	}
	in.unknown(e.Name)
	return nil
}

func (in *instance) unknown(n lang.Name) {
	names := []string{"h", "a", "f", "label", "aux", "loss"}
	for _, p := range in.p.Params {
		names = append(names, p.Name)
	}
	for _, s := range in.rule.Statements {
		if s.Left != nil && s.Left.Name.Text != "" && s.Kind != lang.Minimize && s.Kind != lang.Descend {
			names = append(names, s.Left.Name.Text)
		}
	}
	in.failed = true
	in.unknownName(n, "nothing is named "+quote(n.Text)+" here", unique(names), "names")
}

func unique(names []string) []string {
	var out []string
	for _, n := range names {
		if diagIndex(out, n) < 0 {
			out = append(out, n)
		}
	}
	return out
}

func (in *instance) indexed(e *lang.Expr, env scope) *Expr {
	n := e.Name.Text
	l, ok := in.index(e.Args[0], env)
	if !ok {
		return nil
	}
	switch {
	case n == "h" || n == "a":
		least := 0
		if n == "a" {
			least = 1
		}
		if l < least || l > in.last() {
			in.fail("index-out-of-range", e.Span, fmt.Sprintf("there is no %s[%d]: layers are %d to %d", n, l, least, in.last()))
			return nil
		}
		if n == "a" {
			return &Expr{Op: Pre, Layer: l, Space: in.p.activity(l), Span: e.Span}
		}
		return &Expr{Op: Activities, Layer: l, Space: in.p.activity(l), Span: e.Span}
	case in.values[n] != nil:
		return in.ref(e, n, l)
	case n == "f" || in.maps[n] != nil:
		in.fail("map-as-value", e.Span, quote(e.Span.Text())+" is a map, and needs something to act on").Hint(e.Span.Text() + "(h[l])")
		return nil
	}
	in.unknown(e.Name)
	return nil
}

// ref is a value that an equation defines; the equation is checked when first used.
func (in *instance) ref(e *lang.Expr, name string, l int) *Expr {
	d := in.values[name][l]
	if d == nil {
		r := in.fail("missing-case", e.Span, in.nameOf(name, l)+" is used, and no case defines it")
		for _, s := range in.rule.Statements {
			if s.Kind == lang.Define && s.Left.Name.Text == name {
				r.Also(s.Span, "defines "+in.covered(s))
			}
		}
		r.Hint("add a case for it, or widen a `for`: `for hidden l` covers " + in.rangeText(1, in.last()-1))
		return nil
	}
	switch d.state {
	case 1:
		in.fail("cyclic-equations", e.Span, in.nameOf(name, l)+" depends on itself").Also(d.stmt.Span, "defined here")
		return nil
	case 3:
		return nil
	case 0:
		if !in.solve(name, d) {
			return nil
		}
	}
	return &Expr{Op: Ref, Value: d.value, Layer: l, Space: d.value.Expr.Space, Span: e.Span}
}

func (in *instance) covered(s *lang.Statement) string {
	var names []string
	in.each(s, func(env scope) {
		if s.Left.Kind == lang.IndexExpr {
			if l, ok := in.index(s.Left.Args[0], env); ok {
				names = append(names, in.p.LayerName(l))
			}
		}
	})
	if len(names) == 0 {
		return "no layer of this network"
	}
	return strings.Join(names, ", ")
}

func (in *instance) rangeText(from, to int) string {
	switch {
	case to < from:
		return "no layer of this network"
	case to == from:
		return in.p.LayerName(from)
	}
	return in.p.LayerName(from) + " to " + in.p.LayerName(to)
}

// solve checks an equation for its layer and appends it to the program's values.
func (in *instance) solve(name string, d *definition) bool {
	d.state = 1
	env := in.scopeOf(d)
	var want *Space
	if d.layer >= 0 {
		s := Space{Kind: Activity, Layer: d.layer}
		want = &s
	}
	x := in.expr(d.stmt.Expr, env, want)
	if x != nil && d.layer >= 0 && !in.livesIn(x.Space, d.layer) && x.Space.Kind != PerSample {
		in.wrongSpace(d.stmt.Expr, x.Space, in.p.activity(d.layer), in.nameOf(name, d.layer)+" belongs to layer "+in.p.LayerName(d.layer)+", and its value does not")
		x = nil
	}
	if x == nil {
		d.state = 3
		return false
	}
	d.value = &Value{Name: name, Layer: d.layer, Expr: x, Span: d.stmt.Span, From: from(d.stmt.Span.String()), Text: in.nameOf(name, d.layer) + " = " + in.text(d.stmt.Expr, env)}
	d.state = 2
	in.p.Values = append(in.p.Values, d.value)
	return true
}

func (in *instance) livesIn(s Space, l int) bool {
	return (s.Kind == Activity || s.Kind == Composite) && s.Layer == l
}

// scopeOf binds the variable of a definition's for clause by its left side.
func (in *instance) scopeOf(d *definition) scope {
	var found scope
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

func (in *instance) binary(e *lang.Expr, env scope, want *Space) *Expr {
	if e.Op == "^" {
		return in.power(e, env, want)
	}
	a, b := e.Args[0], e.Args[1]
	var x, y *Expr
	if floating(a) && !floating(b) {
		y = in.expr(b, env, want)
		if y == nil {
			return nil
		}
		x = in.expr(a, env, orSpace(y.Space, want))
	} else {
		x = in.expr(a, env, want)
		if x == nil {
			in.expr(b, env, want) // for its own mistakes
			return nil
		}
		y = in.expr(b, env, orSpace(x.Space, want))
	}
	if x == nil || y == nil {
		return nil
	}
	op := map[string]Op{"+": Add, "-": Sub, "*": Mul, "/": Div}[e.Op]
	space, ok := in.join(x.Space, y.Space, op)
	if !ok {
		in.wrongSpace(b, y.Space, x.Space, fmt.Sprintf("the two sides of `%s` live in different spaces", e.Op)).Also(a.Span, "this is "+in.spaceText(x.Space))
		return nil
	}
	return &Expr{Op: op, Args: []*Expr{x, y}, Space: space, Span: e.Span}
}

func orSpace(s Space, want *Space) *Space {
	if s.Kind == Scalar {
		return want
	}
	return &s
}

// floating tells whether an expression takes its space from its surroundings: noise, and numbers with it.
func floating(e *lang.Expr) bool {
	switch e.Kind {
	case lang.CallExpr:
		return e.Fn.Kind == lang.NameExpr && e.Fn.Name.Text == "normal"
	case lang.NegExpr:
		return floating(e.Args[0])
	case lang.BinaryExpr:
		return floating(e.Args[0]) || floating(e.Args[1])
	}
	return false
}

// join is the space of a sum or product: equal spaces, a scalar with anything, and, in products, a number per sample with activities.
func (in *instance) join(a, b Space, op Op) (Space, bool) {
	switch {
	case a == b:
		return a, true
	case a.Kind == Scalar:
		return b, true
	case b.Kind == Scalar:
		return a, true
	case op == Mul || op == Div:
		if a.Kind == PerSample && b.Kind == Activity && op == Mul {
			return b, true
		}
		if b.Kind == PerSample && a.Kind == Activity {
			return a, true
		}
	}
	return Space{}, false
}

func (in *instance) power(e *lang.Expr, env scope, want *Space) *Expr {
	n := e.Args[1]
	sign := 1.0
	if n.Kind == lang.NegExpr {
		n, sign = n.Args[0], -1
	}
	if n.Kind != lang.NumberExpr {
		in.fail("bad-power", e.Args[1].Span, "a power is a number").Hint("h[l]^2")
		return nil
	}
	if e.Args[0].Kind == lang.NormExpr {
		if n.Number.Value != 2 || sign < 0 {
			in.fail("bare-norm", e.Span, "a norm is squared").Hint("|…|^2")
			return nil
		}
		x := in.expr(e.Args[0].Args[0], env, want)
		if x == nil {
			return nil
		}
		if x.Space.Kind != Activity && x.Space.Kind != Composite {
			in.fail("norm-of-number", e.Span, "a norm sums over the units of a layer").Found(in.spaceText(x.Space))
			return nil
		}
		return &Expr{Op: NormSquared, Args: []*Expr{x}, Space: Space{Kind: PerSample}, Span: e.Span}
	}
	x := in.expr(e.Args[0], env, want)
	if x == nil {
		return nil
	}
	return &Expr{Op: Power, Args: []*Expr{x}, Number: sign * n.Number.Value, Space: x.Space, Span: e.Span}
}

// list is a composite output: [classes, auxiliary units].
func (in *instance) composite(e *lang.Expr, env scope) *Expr {
	if len(e.Args) != 2 || in.p.Layers[in.last()-1].Aux == nil {
		r := in.fail("bad-list", e.Span, "a list puts a composite output together: its classes, then its auxiliary units").Expected("[label, aux]")
		if len(e.Args) == 2 {
			r.Also(in.p.Layers[in.last()-1].Span, "this output has no auxiliary units").Hint("add `, aux 512 tanh` to the output")
		}
		return nil
	}
	a, b := in.expr(e.Args[0], env, nil), in.expr(e.Args[1], env, nil)
	if a == nil || b == nil {
		return nil
	}
	if a.Space != (Space{Kind: Activity, Layer: in.last()}) || b.Space != (Space{Kind: Composite, Layer: -in.last()}) {
		in.fail("bad-list", e.Span, "a composite output is its classes, then its auxiliary units").Expected("[label, aux]").Found("[" + in.spaceText(a.Space) + ", " + in.spaceText(b.Space) + "]")
		return nil
	}
	return &Expr{Op: List, Args: []*Expr{a, b}, Space: in.p.activity(in.last()), Span: e.Span}
}

// wrongSpace says what was expected and found, in spaces and shapes.
func (in *instance) wrongSpace(e *lang.Expr, found, expected Space, message string) *report {
	return in.fail("wrong-space", e.Span, message).Label("is " + in.spaceText(found)).Expected(in.spaceText(expected)).Found(in.spaceText(found))
}

// spaceText is a space with its shape, for people.
func (in *instance) spaceText(s Space) string {
	switch s.Kind {
	case Scalar:
		return "a number"
	case PerSample:
		return "a number per sample"
	case Weights:
		return "the weights of " + s.Map.Name
	}
	if s.Layer < 0 {
		return "the auxiliary units of " + in.p.LayerName(-s.Layer)
	}
	shape := in.p.Input
	if s.Layer > 0 {
		shape = in.p.Layers[s.Layer-1].Shape
	}
	text := fmt.Sprintf("a value of layer %s (%s)", in.p.LayerName(s.Layer), shape.Text())
	if s.Kind == Composite {
		text = fmt.Sprintf("a value of the composite output %s (%s + %d)", in.p.LayerName(s.Layer), shape.Text(), in.p.Layers[s.Layer-1].Aux.Units)
	}
	return text
}

// text is an expression with the layers' names in place of its variable.
func (in *instance) text(e *lang.Expr, env scope) string {
	s := in.textOf(e, env)
	if e.Paren {
		return "(" + s + ")"
	}
	return s
}

func (in *instance) textOf(e *lang.Expr, env scope) string {
	switch e.Kind {
	case lang.NumberExpr:
		return e.Number.Text
	case lang.NameExpr:
		return e.Name.Text
	case lang.IndexExpr:
		if l, ok := in.index(e.Args[0], env); ok {
			return in.nameOf(e.Name.Text, l)
		}
		return e.Span.Text()
	case lang.NegExpr:
		return "-" + in.text(e.Args[0], env)
	case lang.NormExpr:
		return "|" + in.text(e.Args[0], env) + "|"
	case lang.BinaryExpr:
		if e.Op == "^" {
			return in.text(e.Args[0], env) + "^" + in.text(e.Args[1], env)
		}
		return in.text(e.Args[0], env) + " " + e.Op + " " + in.text(e.Args[1], env)
	}
	var args []string
	for _, a := range e.Args {
		args = append(args, in.text(a, env))
	}
	if e.Kind == lang.ListExpr {
		return "[" + strings.Join(args, ", ") + "]"
	}
	return in.text(e.Fn, env) + "(" + strings.Join(args, ", ") + ")"
}
