package check

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// source is the syntax that a program was made from, as far as it says what the program does not keep.
type source struct {
	network  *lang.Network
	rule     *lang.Rule
	requires []*lang.Requirement
	measures []*lang.Measure
	comments []lang.Comment // of the rule
	inverses map[*Layer]*lang.Option
}

// Source is the program as one file that stands by itself: the network, how it learns and is trained, with every default and every --set
// written out, and the text of its rule. It checks to the same program.
func Source(p *Program) string {
	f := &lang.File{Comments: p.source.comments}
	f.Blocks = append(f.Blocks, p.networkSource(), p.learnSource())
	if p.Train.Data != "" {
		f.Blocks = append(f.Blocks, p.trainSource())
	}
	f.Blocks = append(f.Blocks, p.source.rule)
	for _, m := range p.source.measures {
		f.Blocks = append(f.Blocks, m)
	}
	return f.String()
}

func (p *Program) networkSource() *lang.Network {
	from := p.source.network
	n := &lang.Network{Name: lang.Name{Text: p.Name}, Input: &lang.InputDecl{Image: from.Input.Image, Dims: from.Input.Dims}}
	for i, l := range p.Layers {
		d := from.Layers[i]
		out := &lang.Layer{Output: d.Output, Name: lang.Name{Text: l.Name}, Kind: d.Kind}
		w := findLayerWord(d.Kind.Word.Text)
		if w.window {
			written := l.Pool
			if l.F != nil {
				written = l.F.Conn.Field
			}
			out.Kind.Stride = &lang.Dims{Values: []int{written.StrideH, written.StrideW}}
			if written.StrideH == written.StrideW {
				out.Kind.Stride.Values = out.Kind.Stride.Values[:1]
			}
			if d.Kind.Padding == nil {
				out.Kind.Padding = &lang.Padding{Word: lang.Name{Text: "same"}}
				if w.units == "" {
					out.Kind.Padding.Word.Text = "valid"
				}
			}
		}
		if l.F != nil {
			out.Options = p.optionSource(l)
		}
		n.Layers = append(n.Layers, out)
	}
	return n
}

func (p *Program) optionSource(l *Layer) []*lang.Option {
	word := func(text string) *lang.Option { return &lang.Option{Word: lang.Name{Text: text}} }
	var list []*lang.Option
	if c := l.F.Conn; !c.Dense {
		switch {
		case c.Untied:
			list = append(list, word("untied"))
		case c.TileH == c.Out.H && c.TileW == c.Out.W:
			list = append(list, word("shared"))
		default:
			o := word("share")
			o.Tile = &lang.Dims{Values: []int{c.TileH, c.TileW}}
			list = append(list, o)
		}
	}
	list = append(list, functionSource(l.Function))
	if l.Aux != nil {
		o := word("aux")
		o.Units, o.Of = numberSource(float64(l.Aux.Units)), functionSource(l.Aux.Function)
		list = append(list, o)
	}
	if o := p.source.inverses[l]; o != nil && l.G != nil {
		list = append(list, o)
	}
	o := word("init")
	o.Of = word(l.F.Init.Scheme)
	if l.F.Init.Scheme == "normal" {
		o.Of.Args = []*lang.Arg{{Value: lang.Literal{Number: numberSource(l.F.Init.Scale)}}}
	}
	list = append(list, o)
	if l.F.Bias == "" {
		list = append(list, word("no_bias"))
	}
	return list
}

func functionSource(f Function) *lang.Option {
	o := &lang.Option{Word: lang.Name{Text: f.Name}}
	for _, a := range f.Args {
		o.Args = append(o.Args, &lang.Arg{Value: lang.Literal{Number: numberSource(a)}})
	}
	return o
}

// numberSource is a number as people write it, 0.05 and 3e-4; it reads back as the same.
func numberSource(v float64) *lang.Number {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e7) {
		text = strconv.FormatFloat(v, 'e', -1, 64)
		text = strings.ReplaceAll(strings.ReplaceAll(text, "e-0", "e-"), "e+0", "e+")
	}
	return &lang.Number{Value: v, Text: text}
}

func argSource(name string, v float64) *lang.Arg {
	return &lang.Arg{Name: lang.Name{Text: name}, Value: lang.Literal{Number: numberSource(v)}}
}

func (p *Program) learnSource() *lang.Learn {
	n := &lang.Learn{Rule: lang.Name{Text: p.Rule}}
	for _, s := range p.Params {
		n.Args = append(n.Args, argSource(s.Name, s.Value))
	}
	n.Args = append(n.Args, &lang.Arg{Name: lang.Name{Text: "schedule"}, Value: lang.Literal{Word: p.Schedule.String()}})
	for _, g := range []struct {
		name string
		o    Optimizer
	}{{"forward", p.Forward}, {"inverse", p.Inverse}} {
		if g.o.Name == "" {
			continue
		}
		o := &lang.Optimizer{Group: lang.Name{Text: g.name}, Name: lang.Name{Text: g.o.Name}}
		for _, h := range g.o.Hyper {
			o.Args = append(o.Args, argSource(h.Name, h.Value))
		}
		o.Args = append(o.Args, &lang.Arg{Name: lang.Name{Text: "decay"}, Value: lang.Literal{Word: g.o.Decay}})
		n.Optimizers = append(n.Optimizers, o)
	}
	for _, r := range p.source.requires {
		n.Requires = append(n.Requires, &lang.Requirement{Word: r.Word})
	}
	return n
}

func (p *Program) trainSource() *lang.Train {
	t := &p.Train
	n := &lang.Train{Data: lang.Name{Text: t.Data}}
	for _, f := range t.Files {
		n.Files = append(n.Files, &lang.Arg{Value: lang.Literal{String: &f}})
	}
	set := func(word string, values ...*lang.Value) {
		n.Settings = append(n.Settings, &lang.Setting{Word: lang.Name{Text: word}, Values: values})
	}
	number := func(v float64) *lang.Value { return &lang.Value{Literal: lang.Literal{Number: numberSource(v)}} }
	set("batch", number(float64(t.Batch)))
	set("epochs", number(float64(t.Epochs)))
	set("seed", &lang.Value{Literal: lang.Literal{Number: &lang.Number{Text: strconv.FormatUint(t.Seed, 10)}}})
	if t.LogEvery > 0 {
		set("log_every", number(float64(t.LogEvery)))
	}
	for _, f := range []struct {
		word string
		on   bool
	}{{"keep_last", t.KeepLast}, {"strict", t.Strict}} {
		if f.on {
			set(f.word)
		}
	}
	if p.TargetIsInput {
		set("target", &lang.Value{Literal: lang.Literal{Word: "input"}})
	}
	set("precision", &lang.Value{Literal: lang.Literal{Word: t.Precision}})
	var steps []*lang.Value
	for _, s := range t.Steps {
		v := &lang.Value{Literal: lang.Literal{Word: s.Name}}
		for _, a := range s.Args {
			v.Args = append(v.Args, &lang.Arg{Value: lang.Literal{Number: numberSource(a)}})
		}
		if s.Word != "" {
			v.Args = append(v.Args, &lang.Arg{Value: lang.Literal{Word: s.Word}})
		}
		steps = append(steps, v)
	}
	if len(steps) > 0 {
		set("augment", steps...)
	}
	return n
}

// commentsIn are the comments of a file in a span.
func commentsIn(f *lang.File, at diag.Span) []lang.Comment {
	return slices.DeleteFunc(slices.Clone(f.Comments), func(c lang.Comment) bool { return c.Span.Start < at.Start || c.Span.Start > at.End })
}
