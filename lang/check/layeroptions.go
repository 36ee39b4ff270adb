package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// layerOptions is what the words behind a layer's kind say.
type layerOptions struct {
	shared  bool
	tile    []int
	sharing diag.Span
	inverse *lang.Option
	aux     *Aux
	init    Init
	noBias  bool
}

var initSchemes = []string{"glorot", "he", "lecun", "normal", "zero"}

// options reads a layer's options, then what --set says of them.
func (c *checker) options(d *lang.Layer, layer *Layer, last bool) layerOptions {
	o := layerOptions{init: Init{Scheme: "glorot"}}
	seen := map[string]diag.Span{}
	once := func(what string, at diag.Span) {
		if first, ok := seen[what]; ok {
			c.wrong(diag.DuplicateOption, at, "the "+what+" of "+d.Name.Text+" is given twice").Also(first, "the first")
		}
		seen[what] = at
	}
	for _, opt := range d.Options {
		switch word := opt.Word.Text; word {
		case "untied", "shared", "share":
			once("sharing", opt.Span)
			o.sharing = opt.Span
			o.shared = word == "shared"
			if opt.Tile != nil {
				o.tile = c.tile(opt.Tile)
			}
		case "inverse":
			once("inverse", opt.Span)
			o.inverse = c.inverseOption(opt)
		case "aux":
			once("auxiliary part", opt.Span)
			o.aux = c.aux(opt, d, last)
		case "init":
			once("initialization", opt.Span)
			o.init = c.init(opt)
		case "no_bias":
			once("bias", opt.Span)
			o.noBias = true
		default:
			once("nonlinearity", opt.Span)
			layer.Function = c.function(opt, last)
		}
	}
	c.setOptions(d, layer, &o, last)
	return o
}

func (c *checker) tile(d *lang.Dims) []int {
	h, w := d.Values[0], d.Values[len(d.Values)-1]
	if len(d.Values) > 2 || h < 1 || w < 1 {
		c.wrong(diag.BadDimensions, d.Span, "a tile has a height and a width, each at least 1").Found(quote(dimsText(d.Values)))
		return nil
	}
	return []int{h, w}
}

var inverseWords = []string{"exact", "mirrored", "all", "field"}

func (c *checker) inverseOption(opt *lang.Option) *lang.Option {
	if opt.Inverse != nil && slices.Contains(inverseWords, opt.Inverse.Word.Text) {
		return opt
	}
	at, word := opt.Span, ""
	if opt.Inverse != nil {
		at, word = opt.Inverse.Word.Span, opt.Inverse.Word.Text
	}
	c.wrong(diag.BadInverse, at, "`inverse` says which: `exact`, `mirrored`, `all`, or `field` with its size").
		Nearest(word, inverseWords, "inverse exact, inverse mirrored, inverse all, or inverse field 3x3")
	return nil
}

// aux reads an auxiliary part; where it names no nonlinearity it has that of the layer below.
func (c *checker) aux(opt *lang.Option, d *lang.Layer, last bool) *Aux {
	if !last {
		c.wrong(diag.AuxNotOutput, opt.Span, "only the output has auxiliary units").Also(d.Name.Span, "is not the output").Hint("move it to the output")
		return nil
	}
	a := &Aux{Units: 1, Function: c.hiddenFunction()}
	if opt.Units == nil || opt.Units.Value < 1 {
		c.wrong(diag.BadAux, opt.Span, "`aux` needs a number of auxiliary units").Hint("aux 512 tanh")
	} else {
		a.Units = int(opt.Units.Value)
	}
	if opt.Of != nil {
		a.Function = c.function(opt.Of, false)
	}
	return a
}

// hiddenFunction is the nonlinearity of the hidden layers: of the last that has one.
func (c *checker) hiddenFunction() Function {
	for _, l := range slices.Backward(c.p.Layers) {
		if l.Kind == Affine {
			return l.Function
		}
	}
	return Function{Name: "tanh"}
}

// setOptions applies --set LAYER.WORD=VALUE.
func (c *checker) setOptions(d *lang.Layer, layer *Layer, o *layerOptions, last bool) {
	set := func(word string, values []string, put func(string)) {
		path := d.Name.Text + "." + word
		v, ok := c.set.take(path)
		switch {
		case ok && slices.Contains(values, v):
			put(v)
		case ok:
			c.badSet(path, v, strings.Join(values, ", "))
		}
	}
	set("nonlinearity", c.functionNames(last), func(v string) { layer.Function = Function{Name: v} })
	set("init", []string{"glorot", "he", "lecun", "zero"}, func(v string) { o.init = Init{Scheme: v} })
	set("inverse", []string{"exact", "mirrored", "all"}, func(v string) {
		at := d.Span
		o.inverse = &lang.Option{Word: lang.Name{Text: "inverse"}, Inverse: &lang.Connection{Word: lang.Name{Text: v, Span: at}, Span: at}, Span: at}
	})
	if !last {
		return
	}
	path := d.Name.Text + ".aux"
	if v, ok := c.set.take(path); ok {
		n, err := strconv.Atoi(v)
		switch {
		case err != nil || n < 1:
			c.badSet(path, v, "a number of units")
		case o.aux == nil:
			o.aux = &Aux{Units: n, Function: c.hiddenFunction()}
		default:
			o.aux.Units = n
		}
	}
}

func (c *checker) findFunction(name string) *FunctionInfo {
	if i := slices.IndexFunc(c.opts.Functions, func(f FunctionInfo) bool { return f.Name == name }); i >= 0 {
		return &c.opts.Functions[i]
	}
	return nil
}

// functionNames are the nonlinearities that a layer may have.
func (c *checker) functionNames(output bool) []string {
	var names []string
	for _, f := range c.opts.Functions {
		if output || !f.Output {
			names = append(names, f.Name)
		}
	}
	return names
}

// optionWords are the words of a layer's options beside nonlinearities.
var optionWords = []string{"untied", "shared", "share", "inverse", "aux", "init", "no_bias"}

// function reads a nonlinearity.
func (c *checker) function(opt *lang.Option, output bool) Function {
	f := Function{Name: opt.Word.Text}
	info := c.findFunction(f.Name)
	if info == nil {
		names := c.functionNames(output)
		c.list.Error(diag.UnknownName, opt.Word.Span, "no nonlinearity or layer option is named "+quote(f.Name)).
			Nearest(f.Name, slices.Concat(names, optionWords), "nonlinearities: "+strings.Join(names, ", "))
		return Function{Name: "identity"}
	}
	if info.Output && !output {
		c.list.Error(diag.SoftmaxNotLast, opt.Span, quote(f.Name)+" looks at all units of a layer, and only an output may").Hint("tanh")
		return Function{Name: "identity"}
	}
	if len(opt.Args) > len(info.Params) {
		c.list.Error(diag.ArgumentCount, opt.Span, fmt.Sprintf("%s takes %s", quote(f.Name), counted(len(info.Params), "argument"))).Found(fmt.Sprint(len(opt.Args)))
		return f
	}
	for i, a := range opt.Args {
		if n := a.Name; n.Text != "" && n.Text != info.Params[i] {
			c.unknown(diag.UnknownParameter, n, quote(f.Name)+" has no parameter "+quote(n.Text), info.Params, "parameters")
		}
		if a.Value.Number == nil {
			c.list.Error(diag.NotANumber, a.Value.Span, "an argument of "+quote(f.Name)+" is a number").Found(quote(a.Value.Span.Text()))
			continue
		}
		f.Args = append(f.Args, a.Value.Number.Value)
	}
	return f
}

// counted is a number with its noun: 1 argument, 2 arguments.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (c *checker) init(opt *lang.Option) Init {
	in := Init{Scheme: "glorot"}
	if opt.Of == nil {
		c.list.Error(diag.BadInit, opt.Span, "`init` needs the name of a scheme").Hint("init he, or init normal(0.05)")
		return in
	}
	if !slices.Contains(initSchemes, opt.Of.Word.Text) {
		c.unknown(diag.UnknownName, opt.Of.Word, "no initialization is named "+quote(opt.Of.Word.Text), initSchemes, "schemes")
		return in
	}
	in.Scheme = opt.Of.Word.Text
	takes := 0
	if in.Scheme == "normal" {
		takes = 1
	}
	args := opt.Of.Args
	switch {
	case len(args) != takes && takes == 1:
		c.list.Error(diag.BadInit, opt.Span, "`init normal` needs a standard deviation").Hint("init normal(0.05)")
	case len(args) != takes:
		c.list.Error(diag.BadInit, opt.Span, quote("init "+in.Scheme)+" takes no argument").Hint("init " + in.Scheme)
	case takes == 1 && (args[0].Value.Number == nil || args[0].Value.Number.Value <= 0):
		c.list.Error(diag.BadInit, args[0].Span, "a standard deviation is a number above 0").Found(quote(args[0].Span.Text())).Hint("init normal(0.05)")
	case takes == 1:
		in.Scale = args[0].Value.Number.Value
	}
	return in
}
