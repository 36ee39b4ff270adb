package check

import (
	"fmt"
	"slices"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// A layerWord says what the word of a layer's kind means: a row of layerWords.
type layerWord struct {
	word   string
	kind   LayerKind
	window bool   // takes a size, a stride and padding
	units  string // what stands behind the arrow; "" where nothing does
	shape  func(c *checker, d *lang.Layer, in Shape) (Connectivity, Shape, bool)
}

// layerWords are the kinds of layers. Those with units have weights.
var layerWords = []layerWord{
	{"all", Affine, false, "units", (*checker).denseShape},
	{"field", Affine, true, "channels", (*checker).fieldShape},
	{"pool", MaxPool, true, "", (*checker).poolShape},
	{"flatten", Flatten, false, "", (*checker).flatShape},
	{"dropout", Dropout, false, "", (*checker).dropoutShape},
}

func findLayerWord(word string) *layerWord {
	if i := slices.IndexFunc(layerWords, func(w layerWord) bool { return w.word == word }); i >= 0 {
		return &layerWords[i]
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

// reservedNames have a meaning of their own where a rule names a layer, where --set names what it sets, or where a run names what it sums.
var reservedNames = []string{"last", "x", "for", "over", "along", "of", "like", "from", "to", "in", "learn", "train", "measure", "forward_loss", "inverse_loss"}

// network checks a network's layers one after the other; a layer that is wrong leaves the shape unknown, and what depends on it is silent.
func (c *checker) network(n *lang.Network) {
	c.p.Name = n.Name.Text
	c.broken = n.Broken
	if n.Input != nil {
		c.p.Input = c.inputShape(n.Input)
		c.p.at.input = n.Input.At
	} else if !n.Broken {
		c.wrong(diag.MissingInput, n.Name.Span, "network "+n.Name.Text+" has no input").Hint("input image 28x28x1")
	}
	in := c.p.Input
	outputs := 0
	for i, d := range n.Layers {
		last := i == len(n.Layers)-1
		if d.Output {
			outputs++
			if !last {
				c.wrong(diag.OutputNotLast, d.Span, "the output is the last layer").Also(n.Layers[i+1].Span, "comes after it").Hint("move it to the end, or call it `layer`")
			}
		}
		if first, ok := c.layerAt[d.Name.Text]; ok {
			c.wrong(diag.DuplicateLayer, d.Name.Span, "there is a layer "+d.Name.Text+" already").Also(first, "the first").Hint("give it another name")
			continue
		}
		if slices.Contains(reservedNames, d.Name.Text) {
			c.wrong(diag.ReservedName, d.Name.Span, quote(d.Name.Text)+" has a meaning of its own, and cannot be a layer's name").Hint("l1, l2, …, y are usual")
		}
		c.layerAt[d.Name.Text] = d.Name.Span
		layer := c.layer(d, in, last)
		layer.Index = len(c.p.Layers) + 1
		c.p.Layers = append(c.p.Layers, layer)
		in = layer.Shape
	}
	if outputs == 0 && !n.Broken {
		c.wrong(diag.MissingOutput, n.Name.Span, "network "+n.Name.Text+" has no output").Hint("output y = all -> 10, softmax")
	}
}

// wrong reports a mistake in the network, whose shapes are not to be relied on from then on.
func (c *checker) wrong(code diag.Code, at diag.Span, message string) *diag.Diagnostic {
	c.broken = true
	return c.list.Error(code, at, message)
}

func (c *checker) inputShape(in *lang.InputDecl) Shape {
	for _, n := range in.Dims {
		if n <= 0 {
			c.wrong(diag.BadDimensions, in.At, "dimensions are at least 1").Found(quote(dimsText(in.Dims)))
			return Shape{}
		}
	}
	switch d := in.Dims; {
	case in.Image && len(d) == 3 && !c.fits(d):
		c.tooMany(in.At, "the input has more units", d)
		c.broken = true
		return Shape{}
	case in.Image && len(d) == 3:
		return Shape{H: d[0], W: d[1], C: d[2]}
	case in.Image:
		c.wrong(diag.BadInput, in.At, "an image has a height, a width and channels").Expected("three numbers").Found(dimsText(d)).Hint("input image 28x28x1")
	case len(d) == 1:
		return row(d[0])
	default:
		c.wrong(diag.BadInput, in.At, "`input` takes a number of units; pictures are `input image`").Expected("one number").Found(dimsText(d)).Hint("input image " + dimsText(d))
	}
	return Shape{}
}

func dimsText(dims []int) string {
	var parts []string
	for _, n := range dims {
		parts = append(parts, fmt.Sprint(n))
	}
	return strings.Join(parts, "x")
}

// known tells whether a shape could be inferred.
func (s Shape) known() bool { return s.Units() > 0 }

// row is the shape of n units without locations.
func row(n int) Shape { return Shape{H: 1, W: 1, C: n} }

// Text is a shape as people write it: 16x16x64, or 256 where it is a row.
func (s Shape) Text() string {
	if s.Flat || s.H == 1 && s.W == 1 {
		return fmt.Sprint(s.Units())
	}
	return fmt.Sprintf("%dx%dx%d", s.H, s.W, s.C)
}

// layer gives a declaration its meaning; its shape stays unknown where that of the layer below is, or something is wrong.
func (c *checker) layer(d *lang.Layer, in Shape, last bool) *Layer {
	layer := &Layer{Name: d.Name.Text, Span: d.Kind.Span, Function: Function{Name: identity}}
	w := findLayerWord(d.Kind.Word.Text)
	if w == nil {
		c.broken = true
		c.unknown(diag.UnknownName, d.Kind.Word, "no kind of layer is named "+quote(d.Kind.Word.Text), layerWordNames(), "kinds")
		c.options(d, layer, last)
		layer.F = &Map{Kind: ForwardMap, Name: "f[" + layer.Name + "]", Layer: layer}
		return layer
	}
	layer.Kind = w.kind
	ok := c.words(d, w)
	conn, shape, fits := w.shape(c, d, in)
	if ok && fits && !c.fits([]int{shape.H, shape.W, shape.C}) {
		c.tooMany(layer.Span, "layer "+layer.Name+" has more units", []int{shape.H, shape.W, shape.C})
		c.broken, ok = true, false
	}
	if ok && fits {
		layer.Shape = shape
	}
	if w.units == "" {
		c.withoutWeights(d, layer, conn, last)
		return layer
	}
	opts := c.options(d, layer, last)
	c.sharing(&conn, opts)
	layer.F = c.forwardMap(ForwardMap, layer, conn, opts, ".W", ".b")
	if opts.aux != nil {
		layer.Aux = opts.aux
		opts.noBias = false
		layer.Aux.F = c.forwardMap(AuxMap, layer, connDense(in, row(opts.aux.Units)), opts, ".Wz", ".bz")
		layer.Aux.F.Name, layer.Aux.F.Fixed = "auxiliary f["+layer.Name+"]", true
	}
	c.inverses[layer] = opts.inverse
	return layer
}

// fits tells whether a tensor of a shape is small enough to compute with.
func (c *checker) fits(shape []int) bool {
	left := c.opts.Largest
	for _, n := range shape {
		if left /= max(1, n); left == 0 {
			return false
		}
	}
	return true
}

// words holds the words of a kind against what it takes.
func (c *checker) words(d *lang.Layer, w *layerWord) bool {
	k := d.Kind
	switch {
	case !w.window && (k.Size != nil || k.Stride != nil || k.Padding != nil || k.Dilation != nil || k.Groups != nil):
		c.wrong(diag.WindowWithoutField, k.Span, quote(w.word)+" takes no window").Hint("field 3x3 stride 2 -> 64")
	case w.word == "pool" && k.Groups != nil:
		c.wrong(diag.WindowWithoutField, k.Groups.Span, "pooling takes each channel by itself, and no groups").Hint("leave `groups` out")
	case w.units == "" && k.Out != nil:
		c.wrong(diag.BadUnits, k.Out.Span, quote(w.word)+" keeps the units or channels that it gets").Hint("leave out `-> " + k.Out.Text + "`")
	default:
		return true
	}
	return false
}

// tooMany reports a tensor of a shape that does not fit.
func (c *checker) tooMany(at diag.Span, what string, shape []int) {
	c.list.Error(diag.LayerTooLarge, at, what+" than can be computed with").Expected(fmt.Sprintf("at most %d", c.opts.Largest)).Found(dimsText(shape))
}

// withoutWeights completes pooling, flatten and dropout.
func (c *checker) withoutWeights(d *lang.Layer, layer *Layer, conn Connectivity, last bool) {
	for _, o := range d.Options {
		c.wrong(diag.OptionWithoutWeights, o.Span, "layer "+d.Name.Text+" has no weights, and takes no options").Also(d.Kind.Span, "copies or pools what it gets")
	}
	if d.Output {
		c.wrong(diag.OptionWithoutWeights, d.Span, "an output has weights").Expected("`all` or `field`").Found(quote(d.Kind.Word.Text)).Hint("output y = all -> 10, softmax")
	}
	if layer.Kind == MaxPool && d.Kind.Pool.Text == "average" {
		layer.Kind = AveragePool
	}
	layer.Pool = conn.Field
	if d.Kind.Rate != nil {
		layer.Rate = d.Kind.Rate.Value
	}
}

// sharing settles which locations use one copy of the weights.
func (c *checker) sharing(conn *Connectivity, opts layerOptions) {
	if conn.Dense {
		if opts.sharing.File != nil {
			c.wrong(diag.SharingWithoutField, opts.sharing, "a layer that sees all of its input has no locations that could share weights").Hint("leave it out, or see a window: `field 5x5 -> 64, shared`")
		}
		return
	}
	h, w := 1, 1
	if opts.shared {
		h, w = conn.Out.H, conn.Out.W
	}
	if opts.tile != nil {
		h, w = opts.tile[0], opts.tile[1]
	}
	conn.TileH, conn.TileW = min(h, conn.Out.H), min(w, conn.Out.W)
	conn.Untied = !opts.shared && h == 1 && w == 1
}

// forwardMap is a layer's map, or that of its auxiliary part.
func (c *checker) forwardMap(kind MapKind, layer *Layer, conn Connectivity, opts layerOptions, weight, bias string) *Map {
	m := &Map{Kind: kind, Name: "f[" + layer.Name + "]", Layer: layer, Conn: conn, Stem: layer.Name, Weight: layer.Name + weight, Init: opts.init, Span: layer.Span}
	m.WeightShape, m.BiasShape = parameterShapes(conn)
	if !c.fits(m.WeightShape) {
		c.broken = true
		c.tooMany(layer.Span, "layer "+layer.Name+" has more weights", m.WeightShape)
	}
	if opts.noBias {
		m.BiasShape = nil
	} else {
		m.Bias = layer.Name + bias
	}
	c.p.Maps = append(c.p.Maps, m)
	return m
}

func connDense(in, out Shape) Connectivity { return Connectivity{Dense: true, In: in, Out: out} }

// parameterShapes are the layouts of LEARNING.md section 1; none where the connectivity is unknown.
func parameterShapes(conn Connectivity) (weight, bias []int) {
	if !conn.In.known() || !conn.Out.known() {
		return nil, nil
	}
	if conn.Dense {
		return []int{conn.Out.Units(), conn.In.Units()}, shapeDims(conn.Out)
	}
	f := conn.Field
	weight = []int{conn.Out.C, f.KH, f.KW, conn.In.C / f.Groups}
	bias = []int{conn.Out.C}
	switch {
	case conn.Untied:
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
