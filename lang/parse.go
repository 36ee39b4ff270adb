package lang

import (
	"errors"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"bnetc/lang/diag"
)

// Parse reads a file. What cannot be parsed becomes a diagnostic, one for each item that is wrong, and is left out of the tree.
func Parse(src *diag.File, l *diag.List) *File {
	p := &parser{src: src, list: l, file: &File{Source: src}}
	for _, b := range cutBlocks(src, lexed(src, l), l) {
		p.block(b)
	}
	return p.file
}

type parser struct {
	src  *diag.File
	list *diag.List
	file *File
}

// A pieceLexer gives participle the tokens of one piece.
type pieceLexer struct {
	rest piece
	end  lexer.Position
}

func (p *pieceLexer) Next() (lexer.Token, error) {
	if len(p.rest) == 0 {
		return lexer.EOFToken(p.end), nil
	}
	t := p.rest[0]
	p.rest = p.rest[1:]
	return t, nil
}

// item parses one piece with a grammar; nil, and a diagnostic, where it does not fit.
func item[T any](p *parser, g *participle.Parser[T], tokens piece, what string) *T {
	last := tokens[len(tokens)-1]
	end := last.Pos
	end.Offset += len(last.Value)
	lex, err := lexer.Upgrade(&pieceLexer{tokens, end})
	if err == nil {
		var v *T
		if v, err = g.ParseFromLexer(lex); err == nil {
			return v
		}
	}
	p.syntax(err, tokens, what)
	return nil
}

// syntax words participle's complaint for people: the found token, what was expected, and an example that parses.
func (p *parser) syntax(err error, tokens piece, what string) {
	var at participle.Error
	if !errors.As(err, &at) {
		panic("bug: " + err.Error())
	}
	offset := at.Position().Offset
	found, where := "the end of "+what, after(p.src, tokens)
	for _, t := range tokens {
		if t.Pos.Offset == offset {
			found, where = quoted(t.Value), tokenSpan(p.src, t)
		}
	}
	d := diag.Diagnostic{Code: "syntax", Message: what + " cannot go on like this", At: diag.Label{Span: where, Text: "before this"}, Found: found, Hint: examples[what]}
	var u *unexpected
	if errors.As(err, &u) {
		d.Expected = u.expected
	} else {
		d.Expected = expectation(at.Message())
	}
	p.list.Add(d)
}

// expectation is the part in parentheses of participle's message, in the words of the language.
func expectation(message string) string {
	i := strings.LastIndex(message, "(expected ")
	if i < 0 {
		return ""
	}
	text := strings.TrimSuffix(message[i+len("(expected "):], ")")
	for _, r := range [][2]string{{"<ident>", "a name"}, {"<number>", "a number"}, {"<dims>", "dimensions like 5x5"}, {"<string>", "a text in quotes"},
		{"GName", "a name"}, {"GNumber", "a number"}, {"GDims", "dimensions like 28x28x1, or a number"}, {"GConnect", "`all`, `field`, `pool`, `flatten` or `dropout`"},
		{"GArg", "an argument"}, {"GOption", "an option"}, {" GFor", ""}, {"Expr", "an expression"}, {"GLiteral", "a value"}, {"GString", "a text in quotes"}} {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	if i := strings.IndexAny(text, "(?*"); i > 0 {
		text = strings.TrimSpace(text[:i])
	}
	return strings.ReplaceAll(text, `"`, "`")
}

// examples show an item that parses.
var examples = map[string]string{
	"`use`":                  `use "common.bnet"`,
	"an input":               "input image 28x28x1",
	"a layer":                "layer l1 = field 5x5 stride 2 -> 64, untied, tanh",
	"an optimizer":           "forward adam(lr = 1e-3)",
	"a requirement":          "require local",
	"a setting":              "batch 128",
	"an inverse":             "inverse g[l] of f[l]   for l in 2..last",
	"a feedback declaration": "feedback B[l] like f[l]   for l in 2..last",
	"`minimize`":             "minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l",
	"`descend`":              "descend f[l] along outer(delta[l], h[l-1])   for every l",
	"an equation":            "target[l] = g[l+1](target[l+1])   for hidden l",
	"a measure":              "measure recon[l] = |h[l-1] - g[l](h[l])|^2   for l in 2..last",
	"the head of a block":    "learn RULE(noise = 0.1) { … }",
}

func (p *parser) block(b block) {
	switch b.word {
	case "use":
		if u := item(p, useItem, b.head, "`use`"); u != nil {
			p.file.Uses = append(p.file.Uses, &Use{Path: strings.Trim(u.Path.Text, `"`), Span: p.span(u.Path.span)})
		}
		return
	case "measure":
		if m := item(p, measureItem, b.head, "a measure"); m != nil {
			p.file.Measures = append(p.file.Measures, &Measure{Equation: *p.define(m.Define, b.head)})
		}
		return
	}
	if !b.braces {
		return
	}
	head := item(p, headItem, b.head, "the head of a block")
	if head == nil {
		head = &gHead{Name: &gName{}}
	}
	whole := diag.Span{File: p.src, Start: b.all[0].Pos.Offset, End: after(p.src, b.all).End}
	name := p.name(head.Name)
	switch b.word {
	case "network":
		n := &Network{Name: name, Span: whole}
		for _, it := range b.items {
			p.networkItem(n, it)
		}
		p.file.Networks = append(p.file.Networks, n)
	case "learn":
		n := &Learn{Rule: name, Args: p.args(head.Args), Span: whole}
		for _, it := range b.items {
			p.learnItem(n, it)
		}
		p.file.Learns = append(p.file.Learns, n)
	case "train":
		n := &Train{Data: name, Files: p.args(head.Args), Span: whole}
		for _, it := range b.items {
			p.trainItem(n, it)
		}
		p.file.Trains = append(p.file.Trains, n)
	case "rule":
		n := &Rule{Name: name, Params: p.args(head.Args), Span: whole}
		for _, it := range b.items {
			if s := p.statement(it); s != nil {
				n.Statements = append(n.Statements, s)
			}
		}
		p.file.Rules = append(p.file.Rules, n)
	}
}

func (p *parser) networkItem(n *Network, it piece) {
	switch it[0].Value {
	case "input":
		if g := item(p, inputItem, it, "an input"); g != nil {
			d := p.dims(g.Dims)
			in := &InputDecl{Image: g.Image, Dims: d.Values, Span: p.pieceSpan(it), At: d.Span}
			if n.Input != nil {
				p.list.Add(diag.Diagnostic{Code: "duplicate-input", Message: "a network has one input", At: diag.Label{Span: in.Span},
					Also: []diag.Label{{Span: n.Input.Span, Text: "the first"}}})
				return
			}
			n.Input = in
		}
	case "layer", "output":
		if g := item(p, layerItem, it, "a layer"); g != nil {
			layer := &Layer{Output: g.Word == "output", Name: p.name(g.Name), Kind: *p.connection(g.Kind), Span: p.pieceSpan(it)}
			for _, o := range g.Options {
				layer.Options = append(layer.Options, p.option(o))
			}
			n.Layers = append(n.Layers, layer)
		}
	default:
		p.unknownItem(it, "a network", "input", "layer", "output")
	}
}

// unknownItem reports a word that begins no item of a block.
func (p *parser) unknownItem(it piece, where string, words ...string) {
	d := diag.Diagnostic{Code: "unknown-statement", Message: "nothing in " + where + " begins with " + quoted(it[0].Value),
		At: diag.Label{Span: tokenSpan(p.src, it[0])}, Expected: alternatives(words), Found: quoted(it[0].Value)}
	if near := diag.Nearest(it[0].Value, words); near != "" {
		d.Hint = "did you mean " + quoted(near) + "?"
	}
	p.list.Add(d)
}

func alternatives(words []string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(quoted(w))
	}
	return b.String()
}

func (p *parser) learnItem(n *Learn, it piece) {
	switch it[0].Value {
	case "forward", "inverse":
		if g := item(p, optimizerItem, it, "an optimizer"); g != nil {
			n.Optimizers = append(n.Optimizers, &Optimizer{Group: p.name(g.Group), Name: p.name(g.Name), Args: p.args(g.Args), Span: p.pieceSpan(it)})
		}
	case "require":
		if g := item(p, requireItem, it, "a requirement"); g != nil {
			n.Requires = append(n.Requires, p.name(g.Word))
		}
	default:
		p.unknownItem(it, "`learn`", "forward", "inverse", "require")
	}
}

func (p *parser) trainItem(n *Train, it piece) {
	g := item(p, settingItem, it, "a setting")
	if g == nil {
		return
	}
	s := &Setting{Word: p.name(g.Word), Span: p.pieceSpan(it)}
	for _, st := range g.Steps {
		lit := p.literal(st.Value)
		s.Values = append(s.Values, &lit)
		s.Steps = append(s.Steps, &Step{Name: Name{Text: lit.Word, Span: lit.Span}, Args: p.args(st.Args), Span: p.span(st.span)})
	}
	n.Settings = append(n.Settings, s)
}

func (p *parser) statement(it piece) *Statement {
	at := p.pieceSpan(it)
	s := &Statement{}
	var f *gFor
	switch it[0].Value {
	case "require":
		g := item(p, requireItem, it, "a requirement")
		if g == nil {
			return nil
		}
		s = &Statement{Kind: Require, Word: p.name(g.Word)}
	case "fixed", "inverse":
		g := item(p, inverseItem, it, "an inverse")
		if g == nil {
			return nil
		}
		s, f = &Statement{Kind: Inverse, Fixed: g.Fixed, Left: g.Left, Of: g.Of}, g.For
	case "feedback":
		g := item(p, feedbackItem, it, "a feedback declaration")
		if g == nil {
			return nil
		}
		s, f = &Statement{Kind: Feedback, Left: g.Left, Of: g.Like, FromIndex: g.From, ToIndex: g.To}, g.For
	case "minimize":
		g := item(p, minimizeItem, it, "`minimize`")
		if g == nil {
			return nil
		}
		s, f = &Statement{Kind: Minimize, Expr: g.Expr, Left: g.Over}, g.For
	case "descend":
		g := item(p, descendItem, it, "`descend`")
		if g == nil {
			return nil
		}
		s, f = &Statement{Kind: Descend, Left: g.Over, Expr: g.Expr}, g.For
	default:
		if len(it) < 2 || it[1].Value != "=" && it[1].Value != "[" {
			p.unknownItem(it, "a rule", "require", "inverse", "fixed", "feedback", "minimize", "descend")
			return nil
		}
		g := item(p, defineItem, it, "an equation")
		if g == nil {
			return nil
		}
		return p.define(g, it)
	}
	return p.finish(s, f, at)
}

func (p *parser) define(g *gDefine, it piece) *Statement {
	return p.finish(&Statement{Kind: Define, Left: g.Left, Expr: g.Expr}, g.For, p.pieceSpan(it))
}

// finish sets the spans of a statement; its own ends before the for clause.
func (p *parser) finish(s *Statement, f *gFor, at diag.Span) *Statement {
	for _, e := range []*Expr{s.Left, s.Of, s.FromIndex, s.ToIndex, s.Expr} {
		e.place(p.src)
	}
	if f != nil {
		s.For = &For{Word: f.Word, From: f.From, To: f.To, Span: p.span(f.span)}
		if f.In != nil {
			s.For.Word, s.For.Var = "in", p.name(f.In)
		} else {
			s.For.Var = p.name(f.Var)
		}
		f.From.place(p.src)
		f.To.place(p.src)
		at.End = s.For.Span.Start
	}
	at.End = at.Start + len(strings.TrimRight(p.src.Text[at.Start:at.End], " \t\r\n"))
	s.Span = at
	return s
}

// Conversion of the grammar's structs.

func (p *parser) pieceSpan(it piece) diag.Span {
	return diag.Span{File: p.src, Start: it[0].Pos.Offset, End: after(p.src, it).End}
}

func (p *parser) span(s span) diag.Span {
	out := diag.Span{File: p.src, Start: s.Pos.Offset, End: s.EndPos.Offset}
	out.End = out.Start + len(strings.TrimRight(p.src.Text[out.Start:max(out.Start, out.End)], " \t\r\n"))
	return out
}

func (p *parser) name(g *gName) Name {
	if g == nil || g.Text == "" {
		return Name{}
	}
	s := p.span(g.span)
	s.End = s.Start + len(g.Text)
	return Name{Text: g.Text, Span: s}
}

func (p *parser) number(g *gNumber) *Number {
	if g == nil {
		return nil
	}
	v, err := strconv.ParseFloat(g.Sign+g.Text, 64)
	s := p.span(g.span)
	if err != nil {
		p.list.Add(diag.Diagnostic{Code: "bad-number", Message: "this number is out of range", At: diag.Label{Span: s}})
	}
	return &Number{Value: v, Text: g.Sign + g.Text, Span: s}
}

func (p *parser) dims(g *gDims) *Dims {
	if g == nil {
		return nil
	}
	d := &Dims{Span: p.span(g.span)}
	for _, part := range strings.Split(g.Text, "x") {
		n, err := strconv.Atoi(part)
		if err != nil || n > 1<<24 {
			p.list.Add(diag.Diagnostic{Code: "bad-dimensions", Message: "dimensions are whole numbers of at most 16777216", At: diag.Label{Span: d.Span}, Found: quoted(g.Text)})
			n = 1
		}
		d.Values = append(d.Values, n)
	}
	return d
}

func (p *parser) args(list []*gArg) []*Arg {
	var out []*Arg
	for _, g := range list {
		out = append(out, &Arg{Name: p.name(g.Name), Value: p.literal(g.Value), Span: p.span(g.span)})
	}
	return out
}

func (p *parser) literal(g *gLiteral) Literal {
	l := Literal{Span: p.span(g.span)}
	switch {
	case g.Number != nil:
		l.Number = p.number(g.Number)
	case g.Word != nil:
		l.Word = g.Word.Text
	case g.String != nil:
		s := strings.Trim(g.String.Text, `"`)
		l.String = &s
	}
	return l
}

// connection reads the words of a layer's kind, or of an inverse.
func (p *parser) connection(g *gConnect) *Connection {
	c := &Connection{Word: p.name(g.Word), Pool: p.name(g.Pool), Out: p.number(g.Out), Span: p.span(g.span)}
	if c.Word.Text == "dropout" && g.Size != nil {
		v, _ := strconv.ParseFloat(g.Size.Text, 64)
		c.Rate = &Number{Value: v, Text: g.Size.Text, Span: p.span(g.Size.span)}
		g.Size = nil
	}
	c.Size = p.dims(g.Size)
	windows := g.Window
	if c.Pool.Text != "" && c.Word.Text != "pool" {
		// A window word directly behind the first: `all stride 2` and the like.
		windows = append([]*gWindow{{Word: g.Pool, Dims: g.Size}}, windows...)
		c.Pool, c.Size = Name{}, nil
	}
	for _, w := range windows {
		p.window(c, w.Word, w.Dims, p.span(w.span))
	}
	return c
}

func (p *parser) window(c *Connection, word *gName, dims *gDims, at diag.Span) {
	name, d := p.name(word), p.dims(dims)
	needs := func() bool {
		if d == nil {
			p.list.Add(diag.Diagnostic{Code: "missing-number", Message: quoted(name.Text) + " needs a number", At: diag.Label{Span: name.Span}, Hint: name.Text + " 2"})
		}
		return d != nil
	}
	switch name.Text {
	case "stride":
		if needs() {
			c.Stride = d
		}
	case "dilation":
		if needs() {
			c.Dilation = d
		}
	case "groups":
		if needs() {
			c.Groups = &Number{Value: float64(d.Values[0]), Text: dims.Text, Span: d.Span}
		}
	case "same", "valid":
		c.Padding = &Padding{Word: name, Span: name.Span}
	case "pad":
		if needs() {
			c.Padding = &Padding{Word: name, By: d, Span: name.Span.Union(d.Span)}
		}
	default:
		words := []string{"stride", "dilation", "groups", "same", "valid", "pad"}
		e := diag.Diagnostic{Code: "unknown-window-word", Message: "a field has no " + quoted(name.Text), At: diag.Label{Span: name.Span}, Expected: alternatives(words) + ", then `->`", Found: quoted(name.Text)}
		if near := diag.Nearest(name.Text, words); near != "" {
			e.Hint = "did you mean " + quoted(near) + "?"
		}
		p.list.Add(e)
	}
}

// option reads one option; what stands behind its first word depends on that.
func (p *parser) option(g *gOption) *Option {
	o := &Option{Word: p.name(g.Word), Args: p.args(g.Args), Span: p.span(g.span)}
	rest := g.Rest
	next := func() *gWord {
		if len(rest) == 0 {
			return nil
		}
		w := rest[0]
		rest = rest[1:]
		return w
	}
	switch o.Word.Text {
	case "share":
		if w := next(); w != nil && w.Name != nil && w.Name.Text == "tile" {
			if w := next(); w != nil {
				o.Tile = p.dims(w.Dims)
			}
		}
		if o.Tile == nil {
			p.list.Add(diag.Diagnostic{Code: "missing-tile", Message: "`share` needs the size of a tile", At: diag.Label{Span: o.Span}, Hint: "share tile 4x4"})
		}
	case "aux":
		if w := next(); w != nil && w.Dims != nil {
			d := p.dims(w.Dims)
			o.Units = &Number{Value: float64(d.Values[0]), Text: w.Dims.Text, Span: d.Span}
		}
		if w := next(); w != nil && w.Name != nil {
			o.Of = &Option{Word: p.name(w.Name), Args: p.args(w.Args), Span: p.span(w.span)}
		}
	case "init":
		if w := next(); w != nil && w.Name != nil {
			o.Of = &Option{Word: p.name(w.Name), Args: p.args(w.Args), Span: p.span(w.span)}
		}
	case "inverse":
		if w := next(); w != nil && w.Name != nil {
			o.Inverse = &Connection{Word: p.name(w.Name), Span: p.span(w.span)}
			for w := next(); w != nil; w = next() {
				if w.Dims != nil && o.Inverse.Size == nil {
					o.Inverse.Size = p.dims(w.Dims)
				} else if w.Name != nil {
					var d *gDims
					if len(rest) > 0 && rest[0].Dims != nil {
						d = next().Dims
					}
					p.window(o.Inverse, w.Name, d, p.span(w.span))
				}
			}
			o.Inverse.Span.End = o.Span.End
		}
	}
	for _, w := range rest {
		p.list.Add(diag.Diagnostic{Code: "syntax", Message: "an option ends before this", At: diag.Label{Span: p.span(w.span)}, Expected: "`,` or the next layer",
			Found: quoted(p.span(w.span).Text())})
	}
	return o
}
