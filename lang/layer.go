package lang

import (
	"strconv"
	"strings"

	"bnetc/lang/diag"
)

// kinds are the words that a layer's kind begins with.
var kindList = []string{"all", "field", "pool", "flatten", "dropout"}

var kinds = set(kindList...)

// connection reads the words of a layer's kind.
func (p *parser) connection(g *gConnect) *Connection {
	c := &Connection{Word: p.name(g.Word), Pool: p.name(g.Pool), Span: p.span(g.span)}
	if c.Word.Text == "dropout" && g.Size != nil {
		v, _ := strconv.ParseFloat(g.Size.Text, 64)
		c.Rate = &Number{Value: v, Text: g.Size.Text, Span: p.span(g.Size.span)}
		g.Size = nil
	}
	c.Size = p.dims(g.Size)
	windows := g.Window
	if c.Pool.Text != "" && c.Word.Text != "pool" {
		// A window word directly behind the first: `all stride 2` and the like.
		windows = append([]*gWindow{{span: g.Pool.span, Word: g.Pool, Dims: g.Size}}, windows...)
		c.Pool, c.Size = Name{}, nil
	}
	if kinds[c.Word.Text] { // behind a word that nobody knows, who knows
		for _, w := range windows {
			p.window(c, w.Word, w.Dims)
		}
	}
	return c
}

// needsArrow are the kinds of layers with `->` behind them: what people call them, what stands behind the arrow, and what may stand before it.
var needsArrow = map[string]struct{ name, units, expected string }{
	"all":   {"`all`", "units", "`->`"},
	"field": {"a field", "channels", "`stride`, `same`, `valid` or `->`"},
}

// missingArrow tells whether a layer does not say its size, reports it, and shows the same line with it.
func (p *parser) missingArrow(it piece) bool {
	if len(it) < 4 || it[2].Value != "=" {
		return false
	}
	kind, ok := needsArrow[it[3].Value]
	if !ok {
		return false
	}
	i := 4
	for i < len(it) && (it[i].Type == symbol["Dims"] || it[i].Type == symbol["Ident"] || it[i].Type == symbol["Number"] && it[i-1].Type == symbol["Ident"] && it[i-1].Value != "all") {
		i++
	}
	before, rest := it[:i], it[i:]
	if len(rest) > 0 && rest[0].Value == "->" {
		return false
	}
	whole, end := p.pieceSpan(it), after(p.src, before).End
	if p.spoiled(whole) {
		return true // which has been reported
	}
	where, found, units := after(p.src, it), "the end of the layer", "64"
	if len(rest) > 0 {
		where, found = tokenSpan(p.src, rest[0]), quoted(rest[0].Value)
	}
	if len(rest) > 1 && rest[0].Value == "," && rest[1].Type == symbol["Number"] {
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0].Type == symbol["Number"] {
		units, end = rest[0].Value, tokenSpan(p.src, rest[0]).End
	}
	p.list.Error(diag.Syntax, where, kind.name+" needs `->` and its number of "+kind.units).Label("before this").Expected(kind.expected).Found(found).
		Hint(p.src.Text[whole.Start:after(p.src, before).End] + " -> " + units + p.src.Text[end:whole.End])
	return true
}

// window reads one word of a window, with the numbers behind it.
func (p *parser) window(c *Connection, word *gName, dims *gDims) {
	name, d := p.name(word), p.dims(dims)
	if !windowWords[name.Text] {
		p.list.Error(diag.UnknownName, name.Span, "a field has no "+quoted(name.Text)).Expected(alternatives(windowWordList)+", then `->`").Found(quoted(name.Text)).
			Nearest(name.Text, windowWordList, "")
		return
	}
	if name.Text == "same" || name.Text == "valid" {
		c.Padding = &Padding{Word: name, Span: name.Span}
		return
	}
	if d == nil {
		p.list.Error(diag.Syntax, name.Span, quoted(name.Text)+" needs a number behind it").Hint(name.Text + " 2")
		return
	}
	switch name.Text {
	case "stride":
		c.Stride = d
	case "dilation":
		c.Dilation = d
	case "groups":
		c.Groups = &Number{Value: float64(d.Values[0]), Text: dims.Text, Span: d.Span}
	case "pad":
		c.Padding = &Padding{Word: name, By: d, Span: name.Span.Union(d.Span)}
	}
}

// tokensText is the tokens of a span with a space between each.
func (p *parser) tokensText(at diag.Span) string {
	var words []string
	for _, t := range p.code {
		if at.Start <= t.Pos.Offset && t.Pos.Offset < at.End {
			words = append(words, t.Value)
		}
	}
	return strings.Join(words, " ")
}

// option reads one option; what stands behind its first word depends on that.
func (p *parser) option(g *gOption) *Option {
	o := &Option{Word: p.name(g.Word), Args: p.args(g.Args), Span: p.span(g.span)}
	rest := g.Rest
	next := func(fits func(*gWord) bool) *gWord {
		if len(rest) == 0 || !fits(rest[0]) {
			return nil
		}
		w := rest[0]
		rest = rest[1:]
		return w
	}
	isDims := func(w *gWord) bool { return w.Dims != nil }
	isName := func(w *gWord) bool { return w.Name != nil }
	of := func() *Option {
		if w := next(isName); w != nil {
			return &Option{Word: p.name(w.Name), Args: p.args(w.Args), Span: p.span(w.span)}
		}
		return nil
	}
	switch o.Word.Text {
	case "share":
		if next(func(w *gWord) bool { return isName(w) && w.Name.Text == "tile" }) != nil {
			if w := next(isDims); w != nil {
				o.Tile = p.dims(w.Dims)
			}
		}
		if o.Tile == nil {
			p.list.Error(diag.Syntax, o.Span, "`share` needs the size of a tile").Hint("share tile 4x4")
		}
	case "aux":
		if w := next(isDims); w != nil {
			d := p.dims(w.Dims)
			o.Units = &Number{Value: float64(d.Values[0]), Text: w.Dims.Text, Span: d.Span}
		}
		o.Of = of()
	case "init":
		o.Of = of()
	case "inverse":
		w := next(isName)
		if w == nil {
			break
		}
		o.Inverse = &Connection{Word: p.name(w.Name), Span: p.span(w.span)}
		if d := next(isDims); d != nil {
			o.Inverse.Size = p.dims(d.Dims)
		}
		for w := next(isName); w != nil; w = next(isName) {
			var d *gDims
			if n := next(isDims); n != nil {
				d = n.Dims
			}
			p.window(o.Inverse, w.Name, d)
		}
		o.Inverse.Span.End = o.Span.End
	}
	if len(rest) > 0 {
		at := diag.Span{File: p.src, Start: rest[0].Pos.Offset, End: o.Span.End}
		o.Rest = Name{p.tokensText(at), at}
	}
	return o
}
