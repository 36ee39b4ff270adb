package lang

import (
	"strconv"
	"strings"

	"bnetc/lang/diag"
)

// The text of each part of the tree, in the canonical layout.

func (in *InputDecl) text() string {
	if in.Image {
		return "input image " + (&Dims{Values: in.Dims}).text()
	}
	return "input " + (&Dims{Values: in.Dims}).text()
}

// cells are a layer's columns: name, kind, size, options.
func (l *Layer) cells() []string {
	word := "layer "
	if l.Output {
		word = "output "
	}
	var options []string
	for _, o := range l.Options {
		options = append(options, o.text())
	}
	rest := strings.Join(options, ", ")
	out := []string{word + l.Name.Text, "= " + l.Kind.text()}
	if l.Kind.Out == nil {
		if rest != "" {
			out[1] += ", " + rest
		}
		return out
	}
	arrow := "-> " + l.Kind.Out.Text
	if rest == "" {
		return append(out, arrow)
	}
	return append(out, arrow+",", rest)
}

// text is a connection without what stands behind its arrow.
func (c *Connection) text() string {
	words := []string{c.Word.Text}
	if c.Pool.Text != "" {
		words = append(words, c.Pool.Text)
	}
	if c.Rate != nil {
		words = append(words, c.Rate.Text)
	}
	if c.Size != nil {
		words = append(words, c.Size.text())
	}
	if c.Stride != nil {
		words = append(words, "stride", c.Stride.text())
	}
	if c.Dilation != nil {
		words = append(words, "dilation", c.Dilation.text())
	}
	if c.Groups != nil {
		words = append(words, "groups", c.Groups.Text)
	}
	if c.Padding != nil {
		words = append(words, c.Padding.Word.Text)
		if c.Padding.By != nil {
			words = append(words, c.Padding.By.text())
		}
	}
	return strings.Join(words, " ")
}

func (d *Dims) text() string {
	var parts []string
	for _, n := range d.Values {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, "x")
}

func (o *Option) text() string {
	words := []string{o.Word.Text + parenthesized(o.Args)}
	if o.Tile != nil {
		words = append(words, "tile", o.Tile.text())
	}
	if o.Inverse != nil {
		words = append(words, o.Inverse.text())
	}
	if o.Units != nil {
		words = append(words, o.Units.Text)
	}
	if o.Of != nil {
		words = append(words, o.Of.text())
	}
	if o.Rest.Text != "" {
		words = append(words, o.Rest.Text)
	}
	return strings.Join(words, " ")
}

func (s *Setting) text() string {
	var values []string
	for _, v := range s.Values {
		values = append(values, v.Literal.text()+parenthesized(v.Args))
	}
	if len(values) == 0 {
		return s.Word.Text
	}
	return s.Word.Text + " " + strings.Join(values, ", ")
}

func parenthesized(args []*Arg) string {
	if len(args) == 0 {
		return ""
	}
	var out []string
	for _, a := range args {
		text := a.Value.text()
		if a.Name.Text != "" {
			text = a.Name.Text + " = " + text
		}
		out = append(out, text)
	}
	return "(" + strings.Join(out, ", ") + ")"
}

func (l *Literal) text() string {
	switch {
	case l.Number != nil:
		return l.Number.Text
	case l.String != nil:
		return `"` + *l.String + `"`
	}
	return l.Word
}

// statementCells are the columns of a statement.
func statementCells(s *Statement) []string {
	var out []string
	switch s.Kind {
	case Define:
		out = []string{s.Left.String(), "= " + s.Expr.String()}
	case Require:
		out = []string{"require " + s.Word.Text}
	case Inverse:
		out = []string{"inverse " + s.Left.String() + " of " + s.Of.String()}
		if s.Fixed {
			out[0] = "fixed " + out[0]
		}
	case Feedback:
		out = []string{"feedback " + s.Left.String()}
		if s.Of != nil {
			out[0] += " like " + s.Of.String()
		} else {
			out[0] += " from " + s.FromIndex.index() + " to " + s.ToIndex.index()
		}
	case Minimize:
		out = []string{"minimize " + s.Expr.String(), "over " + s.Left.String()}
	case Descend:
		out = []string{"descend " + s.Left.String() + " along " + s.Expr.String()}
	}
	if s.For != nil {
		out = append(out, s.For.text())
	}
	return out
}

// whole is a statement's span with its for clause.
func (s *Statement) whole() diag.Span {
	if s.For == nil {
		return s.Span
	}
	return s.Span.Union(s.For.Span)
}

func (f *For) text() string {
	if f.Word == "in" {
		return "for " + f.Var.Text + " in " + f.From.index() + ".." + f.To.index()
	}
	return "for " + f.Word + " " + f.Var.Text
}

// index is an expression that says which layer, without spaces.
func (e *Expr) index() string { return strings.ReplaceAll(e.String(), " ", "") }

// String is an expression as it is written, its operators apart, except in an index.
func (e *Expr) String() string { return e.With(nil) }

// With is an expression as it is written, except that name, where it is given, says otherwise for a name or an indexed name by another text than "".
func (e *Expr) With(name func(*Expr) string) string {
	s := ""
	if name != nil && (e.Kind == NameExpr || e.Kind == IndexExpr) {
		s = name(e)
	}
	if s == "" {
		s = e.text(name)
	}
	if e.Paren {
		return "(" + s + ")"
	}
	return s
}

func (e *Expr) text(name func(*Expr) string) string {
	list := func() string {
		var args []string
		for _, a := range e.Args {
			args = append(args, a.With(name))
		}
		return strings.Join(args, ", ")
	}
	switch e.Kind {
	case NumberExpr:
		return e.Number.Text
	case NameExpr:
		return e.Name.Text
	case IndexExpr:
		return e.Name.Text + "[" + e.Args[0].index() + "]"
	case NegExpr:
		return "-" + e.Args[0].With(name)
	case NormExpr:
		return "|" + e.Args[0].With(name) + "|"
	case BinaryExpr:
		op := " " + e.Op + " "
		if e.Op == "^" {
			op = "^"
		}
		return e.Args[0].With(name) + op + e.Args[1].With(name)
	case ListExpr:
		return "[" + list() + "]"
	}
	return e.Fn.With(name) + "(" + list() + ")"
}
