package check

import (
	"cmp"
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

// An optionClass is what options of a layer are about; each is said once, and is a path of --set.
type optionClass struct {
	name  string // as diagnostics say it
	set   string // LAYER.set=VALUE of --set
	words []string
	flag  bool // its word has nothing behind it: true or false of --set
}

// optionClasses are the options there are; a word that is none of them is a nonlinearity, the last class.
var optionClasses = []optionClass{
	{"sharing", "sharing", []string{"untied", "shared", "share"}, false},
	{"inverse", "inverse", []string{"inverse"}, false},
	{"auxiliary part", "aux", []string{"aux"}, false},
	{"initialization", "init", []string{"init"}, false},
	{"bias", "no_bias", []string{"no_bias"}, true},
	{"nonlinearity", "nonlinearity", nil, false},
}

func classOf(word string) *optionClass {
	for i := range optionClasses {
		if slices.Contains(optionClasses[i].words, word) {
			return &optionClasses[i]
		}
	}
	return &optionClasses[len(optionClasses)-1]
}

// options reads a layer's options, those of --set in the place of its own.
func (c *checker) options(d *lang.Layer, layer *Layer, last bool) layerOptions {
	o := layerOptions{init: Init{Scheme: "glorot"}}
	seen := map[*optionClass]diag.Span{}
	for _, opt := range c.setOptions(d, last) {
		word := opt.Word.Text
		class := classOf(word)
		before := c.list.Len()
		if class.words != nil || c.findFunction(word) != nil { // of a word that nobody knows nothing follows
			if first, ok := seen[class]; ok {
				c.wrong(diag.DuplicateOption, opt.Span, "the "+class.name+" of "+d.Name.Text+" is given twice").Also(first, "the first")
			}
			seen[class] = opt.Span
		}
		switch class.name {
		case "sharing":
			o.sharing = opt.Span
			o.shared = word == "shared"
			if opt.Tile != nil {
				o.tile = c.tile(opt.Tile)
			}
		case "inverse":
			o.inverse = c.inverseOption(opt)
		case "auxiliary part":
			o.aux = c.aux(opt, d, last)
		case "initialization":
			o.init = c.init(opt)
		case "bias":
			o.noBias = true
		default:
			layer.Function = c.function(opt, last)
		}
		if opt.Rest.Text != "" && c.list.Len() == before { // behind a word that is wrong, who knows
			c.tooLong(opt)
		}
	}
	return o
}

// tooLong reports what follows an option that does not take it: the next one, without a comma, or an argument.
func (c *checker) tooLong(opt *lang.Option) {
	at, whole := opt.Rest.Span, opt.Span
	head := strings.TrimRight(whole.File.Text[whole.Start:at.Start], " \t\r\n")
	d := c.wrong(diag.Syntax, at, "an option ends before this").Label("before this").Expected("`,` or the next layer").Found(quote(at.Text())).Hint(head + ", " + at.Text())
	if _, err := strconv.ParseFloat(opt.Rest.Text, 64); err == nil {
		d.Hint(head + "(" + at.Text() + ")")
	}
}

// setOptions are a layer's options with those that --set LAYER.WORD=VALUE replaces or adds.
func (c *checker) setOptions(d *lang.Layer, last bool) []*lang.Option {
	options := slices.Clone(d.Options)
	for i := range optionClasses {
		class := &optionClasses[i]
		if class.set == "aux" && !last || class.set == "sharing" && d.Kind.Word.Text != "field" {
			continue
		}
		path := d.Name.Text + "." + class.set
		v, ok := c.set.take(path)
		if !ok {
			continue
		}
		word := ""
		switch {
		case class.flag:
			on, err := strconv.ParseBool(v)
			if err != nil {
				c.badSet(path, v, "true or false")
			}
			if v = ""; on {
				v = class.words[0]
			}
		case len(class.words) == 1:
			word = class.words[0] + " "
		}
		options = slices.DeleteFunc(options, func(o *lang.Option) bool { return classOf(o.Word.Text) == class })
		if v == "" {
			continue
		}
		src := diag.Framed("--set "+path, "network n { layer l = flatten, "+word, v, " }")
		for _, n := range lang.Blocks[*lang.Network](lang.Parse(src, c.list)) {
			for _, l := range n.Layers {
				options = append(options, l.Options...)
			}
		}
	}
	return options
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

// function reads a nonlinearity.
func (c *checker) function(opt *lang.Option, output bool) Function {
	f := Function{Name: opt.Word.Text}
	info := c.findFunction(f.Name)
	if info == nil {
		names := c.functionNames(output)
		var options []string
		for _, class := range optionClasses {
			options = append(options, class.words...)
		}
		c.unread = true
		c.list.Error(diag.UnknownName, opt.Word.Span, "no nonlinearity or layer option is named "+quote(f.Name)).
			Nearest(f.Name, slices.Concat(names, options), "nonlinearities: "+strings.Join(names, ", ")+"; options: "+strings.Join(options, ", "))
		return Function{Name: identity}
	}
	if info.Output && !output {
		c.list.Error(diag.SoftmaxNotLast, opt.Span, quote(f.Name)+" looks at all units of a layer, and only an output may").Hint("tanh")
		return Function{Name: identity}
	}
	if len(opt.Args) > len(info.Params) {
		c.list.Error(diag.ArgumentCount, opt.Span, fmt.Sprintf("%s takes %s", quote(f.Name), counted(len(info.Params), "argument"))).Found(fmt.Sprint(len(opt.Args))).Hint(decimal(spans(opt.Args)...))
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
		c.list.Error(diag.BadInit, opt.Span, "`init normal` needs a standard deviation").Hint(cmp.Or(decimal(spans(args)...), "init normal(0.05)"))
	case len(args) != takes:
		c.list.Error(diag.BadInit, opt.Span, quote("init "+in.Scheme)+" takes no argument").Hint("init " + in.Scheme)
	case takes == 1 && (args[0].Value.Number == nil || args[0].Value.Number.Value <= 0):
		c.list.Error(diag.BadInit, args[0].Span, "a standard deviation is a number above 0").Found(quote(args[0].Span.Text())).Hint("init normal(0.05)")
	case takes == 1:
		in.Scale = args[0].Value.Number.Value
	}
	return in
}
