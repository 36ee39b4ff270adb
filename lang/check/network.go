package check

import (
	"fmt"
	"strings"

	"bnetc/lang"
)

// A layerWord says what the word of a layer's kind means: a row of layerWords.
type layerWord struct {
	word    string
	shape   func(c *checker, d *lang.Layer, in Shape) (Connectivity, Shape, bool)
	kind    LayerKind
	weights bool
	hint    string
}

// layerWords are the kinds of layers.
var layerWords = []layerWord{
	{"all", denseShape, Affine, true, "layer l1 = all -> 256, tanh"},
	{"field", fieldShape, Affine, true, "layer l1 = field 5x5 stride 2 -> 64, untied, tanh"},
	{"pool", poolShape, MaxPool, false, "layer p1 = pool max 2x2"},
	{"flatten", flattenShape, Flatten, false, "layer fl = flatten"},
	{"dropout", sameShapeAs, Dropout, false, "layer d1 = dropout 0.5"},
}

func findLayerWord(word string) *layerWord {
	for i := range layerWords {
		if layerWords[i].word == word {
			return &layerWords[i]
		}
	}
	return nil
}

func layerWordNames() []string {
	var names []string
	for _, w := range layerWords {
		names = append(names, w.word)
	}
	return names
}

// network checks a network's layers one after the other; a layer that is wrong leaves the shape unknown, and what depends on it is silent.
func (c *checker) network(n *lang.Network) {
	c.p.Name = n.Name.Text
	if n.Input == nil {
		c.report("missing-input", n.Name.Span, "network "+n.Name.Text+" has no input").Hint("input image 28x28x1")
		c.broken = true
	} else {
		c.p.Input = c.inputShape(n.Input)
		c.inputAt = n.Input.At
	}
	cur := c.p.Input
	known := n.Input != nil && cur.Units() > 0
	outputs := 0
	for i, d := range n.Layers {
		if d.Output {
			outputs++
			if i != len(n.Layers)-1 {
				c.report("output-not-last", d.Span, "the output is the last layer").Also(n.Layers[len(n.Layers)-1].Span, "comes after it").Hint("move it to the end, or call it `layer`")
				c.broken = true
			}
		}
		if first := c.layerAt[d.Name.Text]; first.File != nil {
			c.report("duplicate-layer", d.Name.Span, "there is a layer "+d.Name.Text+" already").Also(first, "the first").Hint("give it another name")
			c.broken = true
			continue
		}
		if d.Name.Text == "last" || d.Name.Text == "x" {
			c.report("reserved-name", d.Name.Span, quote(d.Name.Text)+" has a meaning of its own in rules").Hint("l1, l2, …, y are usual")
		}
		c.layerAt[d.Name.Text] = d.Name.Span
		layer, ok := c.layer(d, cur, known, i == len(n.Layers)-1)
		known = known && ok
		if ok {
			cur = layer.Shape
		} else {
			c.broken = true
		}
		layer.Index = i + 1
		c.p.Layers = append(c.p.Layers, layer)
	}
	if outputs == 0 {
		c.report("missing-output", n.Name.Span, "network "+n.Name.Text+" has no output").Hint("output y = all -> 10, softmax")
		c.broken = true
	}
}

func (c *checker) inputShape(in *lang.InputDecl) Shape {
	want := 1
	if in.Image {
		want = 3
	}
	for _, n := range in.Dims {
		if n <= 0 {
			c.report("bad-dimensions", in.At, "dimensions are at least 1")
			c.broken = true
			return Shape{}
		}
	}
	if len(in.Dims) != want {
		r := c.report("bad-input", in.At, "an image has a height, a width and channels").Found(dimsText(in.Dims)).Expected("three numbers, as 28x28x1")
		if !in.Image {
			r.Message("`input` takes a number of units; pictures are `input image`").Expected("one number").Hint("input image " + dimsText(in.Dims))
		}
		c.broken = true
		return Shape{}
	}
	if in.Image {
		return Shape{in.Dims[0], in.Dims[1], in.Dims[2]}
	}
	return Shape{1, 1, in.Dims[0]}
}

func dimsText(dims []int) string {
	var parts []string
	for _, n := range dims {
		parts = append(parts, fmt.Sprint(n))
	}
	return strings.Join(parts, "x")
}

// Text is a shape as people write it: 16x16x64, or 256 where it is flat.
func (s Shape) Text() string {
	if s.H == 1 && s.W == 1 {
		return fmt.Sprint(s.C)
	}
	return fmt.Sprintf("%dx%dx%d", s.H, s.W, s.C)
}

func (c *checker) layer(d *lang.Layer, in Shape, known, last bool) (*Layer, bool) {
	layer := &Layer{Name: d.Name.Text, Span: d.Kind.Span, Function: Function{Name: "identity"}}
	w := findLayerWord(d.Kind.Word.Text)
	if w == nil {
		c.unknownName(d.Kind.Word, "no kind of layer is named "+quote(d.Kind.Word.Text), layerWordNames(), "kinds")
		c.options(d, layer, last)
		return layer, false
	}
	layer.Kind = w.kind
	if d.Kind.Word.Text == "pool" && d.Kind.Pool.Text == "average" {
		layer.Kind = AveragePool
	}
	var conn Connectivity
	ok := false
	if known {
		conn, layer.Shape, ok = w.shape(c, d, in)
	}
	opts := c.options(d, layer, last)
	if !ok {
		return layer, false
	}
	if d.Kind.Rate != nil {
		layer.Rate = d.Kind.Rate.Value
	}
	if !w.weights {
		layer.Pool = conn.Field
		return layer, true
	}
	if !conn.Dense {
		conn.TileH, conn.TileW = 1, 1
		if opts.shared {
			conn.TileH, conn.TileW = conn.Out.H, conn.Out.W
		}
		if opts.tile != nil {
			conn.TileH, conn.TileW = min(opts.tile[0], conn.Out.H), min(opts.tile[1], conn.Out.W)
		}
	} else if opts.sharing.File != nil {
		c.report("sharing-without-field", opts.sharing, "a layer that sees all of its input has no locations that could share weights").Hint("leave it out, or see a window: `field 5x5 -> 64, shared`")
	}
	layer.F = &Map{Kind: ForwardMap, Name: "f[" + layer.Name + "]", Layer: layer, Conn: conn, Weight: layer.Name + ".W", Init: opts.init, Span: d.Kind.Span}
	layer.F.WeightShape, layer.F.BiasShape = parameterShapes(conn)
	if !opts.noBias {
		layer.F.Bias = layer.Name + ".b"
	} else {
		layer.F.BiasShape = nil
	}
	c.p.Maps = append(c.p.Maps, layer.F)
	if opts.aux != nil {
		aux := connDense(in, Shape{1, 1, opts.aux.Units})
		opts.aux.F = &Map{Kind: AuxMap, Name: "auxiliary f[" + layer.Name + "]", Layer: layer, Conn: aux, Weight: layer.Name + ".Wz", Bias: layer.Name + ".bz", Fixed: true, Init: opts.init, Span: d.Kind.Span}
		opts.aux.F.WeightShape, opts.aux.F.BiasShape = parameterShapes(aux)
		layer.Aux = opts.aux
		c.p.Maps = append(c.p.Maps, opts.aux.F)
	}
	c.inverses[layer] = opts.inverse
	return layer, true
}

func connDense(in, out Shape) Connectivity { return Connectivity{Dense: true, In: in, Out: out} }

// parameterShapes are the layouts of LEARNING.md section 1.
func parameterShapes(conn Connectivity) (weight, bias []int) {
	if conn.Dense {
		return []int{conn.Out.Units(), conn.In.Units()}, shapeDims(conn.Out)
	}
	f := conn.Field
	weight = []int{conn.Out.C, f.KH, f.KW, conn.In.C / f.Groups}
	bias = []int{conn.Out.C}
	switch {
	case conn.TileH == 1 && conn.TileW == 1:
		weight = append([]int{conn.Out.H, conn.Out.W}, weight...)
		bias = []int{conn.Out.H, conn.Out.W, conn.Out.C}
	case conn.TileH < conn.Out.H || conn.TileW < conn.Out.W:
		weight = append([]int{ceil(conn.Out.H, conn.TileH), ceil(conn.Out.W, conn.TileW)}, weight...)
	}
	return weight, bias
}

func shapeDims(s Shape) []int {
	if s.H == 1 && s.W == 1 {
		return []int{s.C}
	}
	return []int{s.H, s.W, s.C}
}

func ceil(a, b int) int { return (a + b - 1) / b }

func denseShape(c *checker, d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	k := d.Kind
	if k.Size != nil || k.Stride != nil || k.Padding != nil || k.Dilation != nil || k.Groups != nil {
		c.report("window-without-field", k.Span, "`all` sees the whole layer below, and takes no window").Hint("`all -> 256`, or `field 5x5 -> 64`")
		return Connectivity{}, Shape{}, false
	}
	n, ok := c.channels(d, "units")
	out := Shape{1, 1, n}
	return connDense(in, out), out, ok
}

// channels is the number behind the arrow.
func (c *checker) channels(d *lang.Layer, what string) (int, bool) {
	if d.Kind.Out == nil {
		c.report("missing-units", d.Kind.Span, "layer "+d.Name.Text+" does not say its number of "+what).Expected("`->` and a number").Hint(d.Kind.Word.Text + " … -> 64")
		return 0, false
	}
	n := int(d.Kind.Out.Value)
	if float64(n) != d.Kind.Out.Value || n < 1 || n > 1<<24 {
		c.report("bad-units", d.Kind.Out.Span, "a number of "+what+" is whole and at least 1").Found(d.Kind.Out.Text)
		return 0, false
	}
	return n, true
}

func fieldShape(c *checker, d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	n, ok := c.channels(d, "channels")
	f, outH, outW, fits := c.field(&d.Kind, d.Name.Text, in)
	if !ok || !fits {
		return Connectivity{}, Shape{}, false
	}
	if in.C%f.Groups != 0 || n%f.Groups != 0 {
		c.report("groups-divide", d.Kind.Groups.Span, "groups divide the channels below and above").Found(fmt.Sprintf("%d groups of %d and %d channels", f.Groups, in.C, n))
		return Connectivity{}, Shape{}, false
	}
	out := Shape{outH, outW, n}
	return Connectivity{In: in, Out: out, Field: f}, out, true
}

// field reads a window and gives the locations it has on an input: LEARNING.md section 1, padding.
func (c *checker) field(k *lang.Connection, name string, in Shape) (f Field, outH, outW int, ok bool) {
	f = Field{StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, Groups: 1}
	if k.Size == nil {
		c.report("missing-size", k.Span, "a "+k.Word.Text+" needs its height and width").Hint(k.Word.Text + " 3x3")
		return f, 0, 0, false
	}
	pair := func(d *lang.Dims, h, w *int) {
		if d == nil {
			return
		}
		*h, *w = d.Values[0], d.Values[len(d.Values)-1]
		if len(d.Values) > 2 || *h < 1 || *w < 1 {
			c.report("bad-dimensions", d.Span, "a window's numbers are one or two, each at least 1").Found(dimsText(d.Values))
			*h, *w = 1, 1
			ok = false
		}
	}
	ok = true
	pair(k.Size, &f.KH, &f.KW)
	pair(k.Stride, &f.StrideH, &f.StrideW)
	pair(k.Dilation, &f.DilH, &f.DilW)
	if k.Groups != nil {
		f.Groups = max(1, int(k.Groups.Value))
	}
	if !ok {
		return f, 0, 0, false
	}
	spanH, spanW := (f.KH-1)*f.DilH+1, (f.KW-1)*f.DilW+1
	same := k.Padding == nil || k.Padding.Word.Text == "same"
	if k.Word.Text == "pool" && k.Padding == nil {
		same = false
	}
	if same {
		outH, outW = ceil(in.H, f.StrideH), ceil(in.W, f.StrideW)
		padH, padW := max((outH-1)*f.StrideH+spanH-in.H, 0), max((outW-1)*f.StrideW+spanW-in.W, 0)
		f.PadTop, f.PadLeft = padH/2, padW/2
		f.PadBottom, f.PadRight = padH-padH/2, padW-padW/2
		return f, outH, outW, true
	}
	if k.Padding != nil && k.Padding.By != nil {
		switch v := k.Padding.By.Values; len(v) {
		case 1:
			f.PadTop, f.PadBottom, f.PadLeft, f.PadRight = v[0], v[0], v[0], v[0]
		case 2:
			f.PadTop, f.PadBottom, f.PadLeft, f.PadRight = v[0], v[0], v[1], v[1]
		case 4:
			f.PadTop, f.PadBottom, f.PadLeft, f.PadRight = v[0], v[1], v[2], v[3]
		default:
			c.report("bad-padding", k.Padding.Span, "`pad` takes one number, two (height, width) or four (top, bottom, left, right)").Found(dimsText(v))
			return f, 0, 0, false
		}
	}
	h, w := in.H+f.PadTop+f.PadBottom, in.W+f.PadLeft+f.PadRight
	if spanH > h || spanW > w {
		r := c.report("field-too-large", k.Span, "the "+k.Word.Text+" of "+name+" is larger than its input").
			Label(fmt.Sprintf("needs an input of at least %dx%d", spanH, spanW)).
			Expected(fmt.Sprintf("at least %dx%d", spanH, spanW)).Found(fmt.Sprintf("%dx%d", h, w)).
			Hint(fmt.Sprintf("`%s %dx%d` or `all` sees the whole of the layer below; `same` instead of `valid` pads with zeros", k.Word.Text, in.H, in.W))
		if n := len(c.p.Layers); n > 0 {
			r.Also(c.p.Layers[n-1].Span, "gives "+in.Text())
		} else {
			r.Also(c.inputAt, "gives "+in.Text())
		}
		return f, 0, 0, false
	}
	return f, (h-spanH)/f.StrideH + 1, (w-spanW)/f.StrideW + 1, true
}

func poolShape(c *checker, d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	if t := d.Kind.Pool.Text; t != "max" && t != "average" {
		c.report("bad-pool", d.Kind.Span, "pooling is `max` or `average`").Found(quote(t)).Hint("pool max 2x2")
		return Connectivity{}, Shape{}, false
	}
	k := d.Kind
	if k.Stride == nil {
		k.Stride = k.Size // windows side by side, where nothing else is said
	}
	f, h, w, ok := c.field(&k, d.Name.Text, in)
	return Connectivity{Field: f}, Shape{h, w, in.C}, ok
}

func flattenShape(c *checker, d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	return Connectivity{}, in, true // `all` sees its units in row-major order whatever their shape
}

func sameShapeAs(c *checker, d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	if d.Kind.Rate == nil || d.Kind.Rate.Value < 0 || d.Kind.Rate.Value >= 1 {
		c.report("bad-rate", d.Kind.Span, "dropout needs the share of units it silences, from 0 to below 1").Hint("dropout 0.5")
		return Connectivity{}, Shape{}, false
	}
	return Connectivity{}, in, true
}
