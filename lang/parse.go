package lang

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"bnetc/lang/diag"
)

// Parse reads a file. What cannot be parsed becomes a diagnostic, one for each item that is wrong, and is left out of the tree; what it is
// left out of is marked broken. A block without a head, or one that does not end before the next, may hide others.
func Parse(src *diag.File, l *diag.List) *File {
	p := &parser{src: src, list: l, file: &File{Source: src}}
	before := l.Len()
	if i := notText(src.Text); i >= 0 {
		l.Error(diag.NotText, diag.Span{File: src, Start: i, End: i}, "this is no text in UTF-8").Hint("save the file as UTF-8")
		p.file.Broken, p.file.Lost = true, true
		return p.file
	}
	p.code, p.file.Comments, p.bad = lexed(src, l)
	blocks := p.cutBlocks()
	p.file.Lost = l.Len() > before
	for _, b := range blocks {
		if block := p.block(b); block != nil {
			p.file.Blocks = append(p.file.Blocks, block)
		} else {
			p.file.Lost = true
		}
	}
	p.file.Broken = l.Len() > before
	return p.file
}

// notText is where something begins that is no text in UTF-8; -1 where nothing does.
func notText(text string) int {
	for i, r := range text {
		if r == 0 || r == utf8.RuneError && !strings.HasPrefix(text[i:], string(r)) {
			return i
		}
	}
	return -1
}

type parser struct {
	src  *diag.File
	list *diag.List
	file *File
	code piece       // all tokens
	bad  []diag.Span // what is no token
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
func item[T any](p *parser, g *participle.Parser[T], tokens piece, f form) *T {
	if p.endsInComma(tokens, f) {
		tokens = tokens[:len(tokens)-1]
	}
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
	p.syntax(err, tokens, f)
	return nil
}

var headForms = map[string]form{"network": networkForm, "learn": learnForm, "train": trainForm, "rule": ruleForm}

// block reads one block; nil where not even its head can be read.
func (p *parser) block(b block) Block {
	whole := p.pieceSpan(b.all)
	switch b.word {
	case "use":
		if u := item(p, useItem, b.head, useForm); u != nil {
			path := p.span(u.Path.span)
			return &Use{Path: Name{strings.Trim(u.Path.Text, `"`), path}, Span: whole}
		}
		return nil
	case "measure":
		if m := item(p, measureItem, b.head, measureForm); m != nil {
			return &Measure{Equation: *p.define(m.Define, b.head), Span: whole}
		}
		return nil
	}
	if !b.braces {
		return nil
	}
	head := item(p, headItem, b.head, headForms[b.word])
	if head == nil {
		head = &gHead{} // the items are read for their own mistakes
	}
	var out Block
	broken := !b.closed || p.spoiled(whole)
	before := p.list.Len()
	switch name := p.name(head.name()); b.word {
	case "network":
		n := &Network{Name: name, Span: whole}
		for _, it := range b.items {
			p.networkItem(n, it)
		}
		n.Broken = broken || p.list.Len() > before
		out = n
	case "learn":
		n := &Learn{Rule: name, Args: p.args(head.Args), Span: whole}
		for _, it := range b.items {
			p.learnItem(n, it)
		}
		n.Broken = broken || p.list.Len() > before
		out = n
	case "train":
		n := &Train{Data: name, Files: p.args(head.Args), Span: whole}
		for _, it := range b.items {
			p.trainItem(n, it)
		}
		out = n
	case "rule":
		n := &Rule{Name: name, Params: p.args(head.Args), Span: whole}
		for _, it := range b.items {
			if s := p.statement(it); s != nil {
				n.Statements = append(n.Statements, s)
			} else {
				n.Lost = append(n.Lost, defined(it)...)
			}
		}
		n.Broken = broken || p.list.Len() > before
		out = n
	}
	if head.name() == nil {
		return nil
	}
	return out
}

func (p *parser) networkItem(n *Network, it piece) {
	switch it[0].Value {
	case "input":
		if g := item(p, inputItem, it, inputForm); g != nil {
			d := p.dims(g.Dims)
			in := &InputDecl{Image: g.Image, Dims: d.Values, Span: p.pieceSpan(it), At: d.Span}
			if n.Input != nil {
				p.list.Error(diag.DuplicateInput, in.Span, "a network has one input").Also(n.Input.Span, "the first")
				return
			}
			n.Input = in
		}
	case "layer", "output":
		if p.missingArrow(it) {
			return
		}
		if g := item(p, layerItem, it, layerForm); g != nil {
			layer := &Layer{Output: g.Word == "output", Name: p.name(g.Name), Kind: *p.connection(g.Kind), Span: p.pieceSpan(it)}
			layer.Kind.Out = p.number(g.Out)
			for _, o := range g.Options {
				layer.Options = append(layer.Options, p.option(o))
			}
			n.Layers = append(n.Layers, layer)
		}
	default:
		p.unknownItem(it, "a network", "input", "layer", "output")
	}
}

func (p *parser) learnItem(n *Learn, it piece) {
	switch it[0].Value {
	case "forward", "inverse":
		if g := item(p, optimizerItem, it, optimizerForm); g != nil {
			n.Optimizers = append(n.Optimizers, &Optimizer{Group: p.name(g.Group), Name: p.name(g.Name), Args: p.args(g.Args), Span: p.pieceSpan(it)})
		}
	case "require":
		if g := item(p, requireItem, it, requireForm); g != nil {
			n.Requires = append(n.Requires, &Requirement{p.name(g.Word), p.pieceSpan(it)})
		}
	default:
		p.unknownItem(it, "`learn`", "forward", "inverse", "require")
	}
}

func (p *parser) trainItem(n *Train, it piece) {
	g := item(p, settingItem, p.apart(it), settingForm)
	if g == nil {
		return
	}
	s := &Setting{Word: p.name(g.Word), Span: p.pieceSpan(it)}
	for _, v := range g.Values {
		s.Values = append(s.Values, &Value{Literal: p.literal(v.Value), Args: p.args(v.Args)})
	}
	n.Settings = append(n.Settings, s)
}

// apart is a setting with a comma between its values also where one is missing, which is reported.
func (p *parser) apart(it piece) piece {
	var out piece
	depth, value := 0, 1 // brackets open, and where the value before begins
	for i, t := range it {
		if i > 1 && depth == 0 && t.Type == symbol["Ident"] && it[i-1].Value != "=" {
			if it[i-1].Value != "," {
				at := tokenSpan(p.src, t)
				p.list.Error(diag.Syntax, at, "a comma is missing").Label("before this").Expected("`,` or the next setting").Found(quoted(t.Value)).
					Hint(p.pieceSpan(it[value:i]).Text() + ", " + t.Value)
				comma := t
				comma.Type, comma.Value = symbol["Punct"], ","
				out = append(out, comma)
			}
			value = i
		}
		depth += open(it[i : i+1])
		out = append(out, t)
	}
	return out
}

func (p *parser) statement(it piece) *Statement {
	at := p.pieceSpan(it)
	var s *Statement
	var f *gFor
	switch it[0].Value {
	case "require":
		if g := item(p, requireItem, it, requireForm); g != nil {
			s = &Statement{Kind: Require, Word: p.name(g.Word)}
		}
	case "fixed", "inverse":
		if g := item(p, inverseItem, it, inverseForm); g != nil {
			s, f = &Statement{Kind: Inverse, Fixed: g.Fixed, Left: g.Left, Of: g.Of}, g.For
		}
	case "feedback":
		if g := item(p, feedbackItem, it, feedbackForm); g != nil {
			s, f = &Statement{Kind: Feedback, Left: g.Left, Of: g.Like, FromIndex: g.From, ToIndex: g.To}, g.For
		}
	case "minimize":
		if g := item(p, minimizeItem, it, minimizeForm); g != nil {
			s, f = &Statement{Kind: Minimize, Expr: g.Expr, Left: g.Over}, g.For
		}
	case "descend":
		if g := item(p, descendItem, it, descendForm); g != nil {
			s, f = &Statement{Kind: Descend, Left: g.Over, Expr: g.Expr}, g.For
		}
	default:
		if !defines(it, 0) && (len(it) < 2 || it[1].Value != "[" && it[1].Value != "(") {
			p.unknownItem(it, "a rule", "require", "inverse", "fixed", "feedback", "minimize", "descend")
			return nil
		}
		if g := item(p, defineItem, it, equationForm); g != nil {
			return p.define(g, it)
		}
	}
	if s == nil {
		return nil
	}
	return p.finish(s, f, at)
}

// defined are the names that a statement may have been meant to define, of those that it begins with: its first words may be misspelt. They include
// "" where it declares something whose name is none.
func defined(it piece) (names []string) {
	for i, t := range it {
		if t.Type != symbol["Ident"] || reserved[t.Value] {
			if declares[it[0].Value] && t.Value != "[" || i > 0 && declares[it[i-1].Value] {
				names = append(names, "")
			}
			break
		}
		names = append(names, t.Value)
	}
	return names
}

// declares are the words that begin a declaration.
var declares = set("fixed", "inverse", "feedback")

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
		at = p.upTo(at.Start, s.For.Span.Start)
	}
	s.Span = at
	return s
}

// Conversion of the grammar's structs.

func (p *parser) pieceSpan(it piece) diag.Span {
	return diag.Span{File: p.src, Start: it[0].Pos.Offset, End: after(p.src, it).End}
}

func (p *parser) span(s span) diag.Span { return p.upTo(s.Pos.Offset, s.EndPos.Offset) }

// upTo is the span from start to the end of the last token that begins before end: without space and comments behind it.
func (p *parser) upTo(start, end int) diag.Span {
	i := sort.Search(len(p.code), func(i int) bool { return p.code[i].Pos.Offset >= end })
	if i == 0 || p.code[i-1].Pos.Offset < start {
		return diag.Span{File: p.src, Start: start, End: start}
	}
	return diag.Span{File: p.src, Start: start, End: tokenSpan(p.src, p.code[i-1]).End}
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
		p.list.Error(diag.BadNumber, s, "this number is out of range")
	}
	return &Number{Value: v, Text: g.Sign + g.Text, Span: s}
}

// MaxDimension is the largest height, width or number of units and channels.
const MaxDimension = 1 << 24

func (p *parser) dims(g *gDims) *Dims {
	if g == nil {
		return nil
	}
	d := &Dims{Span: p.span(g.span)}
	for _, part := range strings.Split(g.Text, "x") {
		n, err := strconv.Atoi(part)
		if err != nil || n > MaxDimension {
			p.list.Error(diag.BadDimensions, d.Span, fmt.Sprintf("dimensions are whole numbers of at most %d", MaxDimension)).Found(quoted(g.Text))
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
