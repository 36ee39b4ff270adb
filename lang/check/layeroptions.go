package check

import (
	"fmt"
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

// options reads a layer's options, and what --set says of them: LAYER.aux, LAYER.nonlinearity, LAYER.inverse, LAYER.init.
func (c *checker) options(d *lang.Layer, layer *Layer, last bool) layerOptions {
	o := layerOptions{init: Init{Scheme: "glorot"}}
	seen := map[string]diag.Span{}
	once := func(what string, at diag.Span) {
		if first, ok := seen[what]; ok {
			c.report("duplicate-option", at, "the "+what+" of "+d.Name.Text+" is given twice").Also(first, "the first")
		}
		seen[what] = at
	}
	for _, opt := range d.Options {
		switch word := opt.Word.Text; word {
		case "untied", "shared", "share":
			once("sharing", opt.Span)
			o.sharing = opt.Span
			o.shared = word == "shared"
			if word == "share" && opt.Tile != nil {
				v := opt.Tile.Values
				o.tile = []int{max(1, v[0]), max(1, v[len(v)-1])}
			}
		case "inverse":
			once("inverse", opt.Span)
			o.inverse = opt
			if opt.Inverse == nil {
				c.report("bad-inverse", opt.Span, "`inverse` needs to say which").Hint("inverse exact, inverse mirrored, inverse all, or inverse field 3x3")
			}
		case "aux":
			once("auxiliary part", opt.Span)
			if opt.Units == nil || opt.Units.Value < 1 || opt.Units.Value != float64(int(opt.Units.Value)) {
				c.report("bad-aux", opt.Span, "`aux` needs a number of auxiliary units").Hint("aux 512 tanh")
				continue
			}
			if !last {
				c.report("aux-not-output", opt.Span, "only the output has auxiliary units").Hint("move it to the output")
			}
			o.aux = &Aux{Units: int(opt.Units.Value), Function: Function{Name: "tanh"}}
			if n := len(c.p.Layers); n > 0 {
				o.aux.Function = c.p.Layers[n-1].Function
			}
			if opt.Of != nil {
				o.aux.Function = c.function(opt.Of, false)
			}
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

// setOptions applies --set LAYER.WORD=VALUE.
func (c *checker) setOptions(d *lang.Layer, layer *Layer, o *layerOptions, last bool) {
	bad := func(path, value, want string) {
		c.list.Add(diag.Diagnostic{Code: "bad-set", Message: fmt.Sprintf("--set %s=%s does not fit", path, value), Expected: want})
	}
	path := d.Name.Text + ".nonlinearity"
	if v, ok := c.set.take(path); ok {
		if c.findFunction(v) == nil {
			bad(path, v, strings.Join(c.functionNames(), ", "))
		} else {
			layer.Function = Function{Name: v}
		}
	}
	path = d.Name.Text + ".inverse"
	if v, ok := c.set.take(path); ok {
		if v != "exact" && v != "mirrored" && v != "all" {
			bad(path, v, "exact, mirrored or all")
		} else {
			o.inverse = &lang.Option{Word: lang.Name{Text: "inverse"}, Inverse: &lang.Connection{Word: lang.Name{Text: v, Span: d.Span}, Span: d.Span}, Span: d.Span}
		}
	}
	path = d.Name.Text + ".init"
	if v, ok := c.set.take(path); ok {
		if diagIndex(initSchemes, v) < 0 {
			bad(path, v, strings.Join(initSchemes, ", "))
		} else {
			o.init = Init{Scheme: v}
		}
	}
	if last {
		path = d.Name.Text + ".aux"
		if v, ok := c.set.take(path); ok {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				bad(path, v, "a number of units")
			} else if o.aux == nil {
				o.aux = &Aux{Units: n, Function: Function{Name: "tanh"}}
			} else {
				o.aux.Units = n
			}
		}
	}
}

func diagIndex(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

func (c *checker) findFunction(name string) *FunctionInfo {
	for i := range c.opts.Functions {
		if c.opts.Functions[i].Name == name {
			return &c.opts.Functions[i]
		}
	}
	return nil
}

func (c *checker) functionNames() []string {
	var names []string
	for _, f := range c.opts.Functions {
		names = append(names, f.Name)
	}
	return names
}

// function reads a nonlinearity.
func (c *checker) function(opt *lang.Option, output bool) Function {
	f := Function{Name: opt.Word.Text}
	info := c.findFunction(f.Name)
	if info == nil {
		c.unknownName(opt.Word, "no nonlinearity or layer option is named "+quote(f.Name), c.functionNames(), "nonlinearities")
		return Function{Name: "identity"}
	}
	if info.Output && !output {
		c.report("softmax-not-last", opt.Span, quote(f.Name)+" looks at all units of a layer, and only an output may").Hint("tanh")
	}
	if len(opt.Args) > len(info.Params) {
		c.report("too-many-arguments", opt.Span, fmt.Sprintf("%s takes %d arguments", quote(f.Name), len(info.Params))).Found(fmt.Sprint(len(opt.Args)))
		return f
	}
	for _, a := range opt.Args {
		if a.Value.Number == nil {
			c.report("not-a-number", a.Span, "an argument of "+quote(f.Name)+" is a number")
			continue
		}
		f.Args = append(f.Args, a.Value.Number.Value)
	}
	return f
}

func (c *checker) init(opt *lang.Option) Init {
	if opt.Of == nil {
		c.report("bad-init", opt.Span, "`init` needs the name of a scheme").Hint("init he, or init normal(0.05)")
		return Init{Scheme: "glorot"}
	}
	in := Init{Scheme: opt.Of.Word.Text}
	if diagIndex(initSchemes, in.Scheme) < 0 {
		c.unknownName(opt.Of.Word, "no initialization is named "+quote(in.Scheme), initSchemes, "schemes")
		return Init{Scheme: "glorot"}
	}
	for _, a := range opt.Of.Args {
		if a.Value.Number != nil {
			in.Scale = a.Value.Number.Value
		}
	}
	if in.Scheme == "normal" && in.Scale <= 0 {
		c.report("bad-init", opt.Span, "`init normal` needs a standard deviation").Hint("init normal(0.05)")
	}
	return in
}
