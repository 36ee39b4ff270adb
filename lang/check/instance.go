package check

import (
	"fmt"
	"slices"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// An instance is a rule being instantiated for a network.
type instance struct {
	*checker
	rule    *lang.Rule
	learn   *lang.Learn
	values  map[string]map[int]*definition // equations by name and layer
	maps    map[string]map[int]*Map        // inverses and feedback by name and layer
	mapAt   map[string]diag.Span           // where a family of maps is declared
	params  map[string]diag.Span           // the rule's parameters, and where their values stand; no file for one of --set
	drawn   map[textPlace]int              // the draws of noise
	used    map[*lang.Statement]bool       // the equations that something reads
	applied map[*Map]bool                  // the maps that an expression mentions
	failed  bool

	measured  []definition     // the measures so far
	constants map[*Expr]folded // what is known of values

	env   scope                   // of the statement being instantiated
	wrong map[*lang.Statement]int // the first layer for which a statement is wrong: what is wrong for the next ones has been said

	misplaced map[*lang.Statement]int // those of wrong that define something, nobody knows what or for which layers
}

// A textPlace is a position in one of a program's files.
type textPlace struct {
	file  *diag.File
	start int
}

// A definition is an equation for one layer.
type definition struct {
	stmt  *lang.Statement
	layer int
	value *Value
	state state
}

// A state says how far a definition is checked.
type state uint8

const (
	untouched state = iota
	underWay
	done
	mistaken
)

// A scope is what the variable of a statement's for clause stands for.
type scope struct {
	name  string
	layer int
	bound bool
	stmt  *lang.Statement
}

func (in *instance) last() int { return len(in.p.Layers) }

// declares are the statements of the rule that declare or define a name, for whatever layers.
func (in *instance) declares(name string) (list []*lang.Statement) {
	for _, s := range in.rule.Statements {
		if (s.Kind == lang.Define || s.Kind == lang.Inverse || s.Kind == lang.Feedback) && s.Left.Name.Text == name {
			list = append(list, s)
		}
	}
	return list
}

// each calls do for every layer that a statement's for clause covers, with its variable bound; once, with none, where it has no clause.
func (in *instance) each(s *lang.Statement, do func(env scope)) {
	outer := in.env
	defer func() { in.env = outer }()
	with := func(env scope) {
		in.env = env
		do(env)
	}
	if s.For == nil {
		with(scope{stmt: s})
		return
	}
	from, to := 1, in.last()
	switch s.For.Word {
	case "hidden":
		to--
	case "in":
		var ok1, ok2 bool
		from, ok1 = in.index(s.For.From, scope{stmt: s})
		to, ok2 = in.index(s.For.To, scope{stmt: s})
		if !ok1 || !ok2 {
			return
		}
	}
	for l := max(0, from); l <= min(to, in.last()); l++ {
		with(scope{name: s.For.Var.Text, layer: l, bound: true, stmt: s})
	}
}

func (in *instance) isParam(name string) bool { _, ok := in.params[name]; return ok }

// ranges reports those that hold no layer of any network. One that ends at the top may end before it begins in a small one.
func (in *instance) ranges() {
	statements := slices.Clone(in.rule.Statements)
	for _, m := range in.measureList {
		statements = append(statements, &m.Equation)
	}
	for _, s := range statements {
		if s.For == nil || s.For.Word != "in" {
			continue
		}
		in.env = scope{stmt: s}
		from, ok1 := in.index(s.For.From, in.env)
		to, ok2 := in.index(s.For.To, in.env)
		if ok1 && ok2 && from > to && (in.env.fromTop(s.For.From) || !in.env.fromTop(s.For.To)) {
			in.fail(diag.EmptyRange, s.For.From.Span.Union(s.For.To.Span), "this range ends before it begins").
				Hint(fmt.Sprintf("for %s in %s..%s", s.For.Var.Text, s.For.To.Span.Text(), s.For.From.Span.Text()))
		}
	}
	in.env = scope{}
}

// covered names the layers that a statement is about: l1, l2, y.
func (in *instance) covered(s *lang.Statement) []string {
	var names []string
	in.each(s, func(env scope) {
		if s.Left.Kind != lang.IndexExpr {
			return
		}
		if l, ok := in.index(s.Left.Args[0], env); ok && (l > 0 || s.Kind == lang.Define) {
			names = append(names, in.p.LayerName(l))
		}
	})
	return names
}

// index evaluates which layer is meant: l, l+1, last, last-1, 2, or a layer's name.
func (in *instance) index(e *lang.Expr, env scope) (int, bool) {
	switch e.Kind {
	case lang.NumberExpr:
		if e.Number.Value != float64(int(e.Number.Value)) {
			in.fail(diag.BadIndex, e.Span, "a layer's number is whole").Found(e.Number.Text)
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
		in.unknownLayer(e, env)
		return 0, false
	case lang.BinaryExpr:
		if e.Op != "+" && e.Op != "-" {
			break
		}
		a, ok := in.index(e.Args[0], env)
		b, ok2 := in.index(e.Args[1], env)
		if !ok || !ok2 {
			return 0, false
		}
		if e.Op == "-" {
			b = -b
		}
		return a + b, true
	}
	in.fail(diag.BadIndex, e.Span, "a layer's index is a name, a number, or one plus or minus a number").Found(quote(e.Span.Text())).Hint("l, l+1, last, last-1, 2, or a layer's name")
	return 0, false
}

// fromTop tells whether an index counts from the last layer, so that a small network has none of it.
func (env scope) fromTop(e *lang.Expr) bool {
	if e.Kind == lang.NameExpr && env.bound && e.Name.Text == env.name {
		return env.stmt.For.Word == "in" && scope{}.fromTop(env.stmt.For.From)
	}
	return e.Kind == lang.NameExpr && e.Name.Text == "last" || slices.ContainsFunc(e.Args, env.fromTop)
}

func (in *instance) unknownLayer(e *lang.Expr, env scope) {
	in.failed = true
	if in.broken {
		return // it may be the name of a layer that could not be read
	}
	names := []string{"last"}
	if env.bound {
		names = append(names, env.name)
	}
	for _, l := range in.p.Layers {
		names = append(names, l.Name)
	}
	d := in.fail(diag.UnknownLayer, e.Span, "no layer, and no variable of a `for`, is named "+quote(e.Name.Text))
	if env.bound {
		d.Also(env.stmt.For.Span, "binds "+quote(env.name)).Nearest(e.Name.Text, names, "")
	} else {
		d.Nearest(e.Name.Text, names, "add `for every "+e.Name.Text+"`, or `for hidden "+e.Name.Text+"`")
	}
}

// indexText is a layer's index as the statement would write it: l+1; the layer's name where no variable is bound.
func (in *instance) indexText(l int, env scope) string {
	switch {
	case !env.bound:
		return in.p.LayerName(l)
	case l == env.layer:
		return env.name
	}
	return fmt.Sprintf("%s%+d", env.name, l-env.layer)
}

// fail reports what is wrong with a rule; of a statement that is wrong for several layers, for the first of them.
func (in *instance) fail(code diag.Code, at diag.Span, message string) *diag.Diagnostic {
	in.failed = true
	if s := in.env.stmt; s != nil {
		if first, ok := in.wrong[s]; ok && first != in.env.layer {
			return &diag.Diagnostic{}
		}
		in.wrong[s] = in.env.layer
	}
	return in.list.Error(code, at, message)
}

// declare collects the rule's declarations and equations, by name and layer.
func (in *instance) declare() {
	for _, s := range in.rule.Statements {
		switch s.Kind {
		case lang.Inverse:
			in.each(s, func(env scope) { in.inverse(s, env) })
		case lang.Feedback:
			in.each(s, func(env scope) { in.feedback(s, env) })
		}
	}
	for _, s := range in.rule.Statements {
		if s.Kind == lang.Define {
			in.each(s, func(env scope) { in.define(s, env) })
		}
	}
}

// builtin names are not a rule's to define.
var builtin = []string{"h", "a", "f", "label", "aux", "loss", "last"}

func (in *instance) define(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr && s.Left.Kind != lang.NameExpr {
		d := in.fail(diag.BadEquation, s.Left.Span, "an equation defines NAME[l], or NAME").Found(quote(s.Left.Span.Text()))
		if s.Left.Kind == lang.CallExpr && len(s.Left.Args) == 1 {
			d.Hint(s.Left.Fn.String() + "[" + s.Left.Args[0].String() + "] = …")
		}
		return
	}
	name, layer := s.Left.Name.Text, -1
	if at, declared := in.mapAt[name]; declared || slices.Contains(builtin, name) || in.isParam(name) {
		d := in.fail(diag.RedefinedName, s.Left.Name.Span, quote(name)+" has a meaning already, and cannot be defined").Hint("choose another name")
		if declared {
			d.Also(at, "declared here")
		}
		return
	}
	if s.Left.Kind == lang.IndexExpr {
		var ok bool
		if layer, ok = in.index(s.Left.Args[0], env); !ok || layer < 0 {
			return // a rule's last-2 in a network of one layer
		}
		if layer > in.last() {
			in.outOfRange(s.Left, layer, 0)
			return
		}
	}
	if in.values[name] == nil {
		in.values[name] = map[int]*definition{}
	}
	if old := in.values[name][layer]; old != nil {
		in.twice(s, old.stmt, in.nameOf(name, layer))
		return
	}
	in.values[name][layer] = &definition{stmt: s, layer: layer}
}

// twice reports a second equation or measure of one name and layer; both may be one statement, whose left side says nothing of its variable.
func (in *instance) twice(s, first *lang.Statement, name string) {
	d := in.fail(diag.DuplicateCase, s.Left.Span, name+" is defined twice")
	switch {
	case s == first:
		d.Also(s.For.Span, "defines it again for each layer").Hint(s.Left.Name.Text + "[" + s.For.Var.Text + "] = …")
	case s.Left.Kind == lang.IndexExpr && first.Left.Kind == lang.IndexExpr && (s.For != nil || first.For != nil):
		d.Also(first.Left.Span, "the first").Hint("`for hidden l` leaves out the last layer; `for l in 2..last` the first")
	default:
		d.Also(first.Left.Span, "the first").Hint("leave one out, or give it another name")
	}
}

// outOfRange reports a layer that there is not, in an index or in something indexed by it.
func (in *instance) outOfRange(e *lang.Expr, l, least int) {
	there := "they"
	if e.Kind == lang.IndexExpr {
		there = "those of " + e.Name.Text
	}
	in.fail(diag.IndexOutOfRange, e.Span, fmt.Sprintf("there is no layer %d: %s are %d to %d", l, there, least, in.last())).
		Hint(fmt.Sprintf("`last` is %d here, %s", in.last(), in.p.LayerName(in.last())))
}

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

// text is an expression with the layers' names in place of its variable.
func (in *instance) text(e *lang.Expr, env scope) string {
	return e.With(func(e *lang.Expr) string {
		if e.Kind != lang.IndexExpr {
			return ""
		}
		l, ok := in.index(e.Args[0], env)
		if !ok {
			return ""
		}
		return in.nameOf(e.Name.Text, l)
	})
}

// rangeText says which layers a for clause covers, in words.
func (in *instance) rangeText(s *lang.Statement) string {
	switch {
	case s.For == nil:
		return strings.Join(in.covered(s), ", ")
	case s.For.Word == "hidden":
		return "every hidden layer"
	case s.For.Word == "every", s.For.From.String() == "1" && s.For.To.String() == "last":
		return "every layer"
	case s.For.From.String() == "2" && s.For.To.String() == "last":
		return "every layer but the first"
	}
	return strings.Join(in.covered(s), ", ")
}
