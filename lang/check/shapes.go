package check

import (
	"fmt"
	"slices"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// The shape that each kind of layer gives: the rows of layerWords.

func (c *checker) denseShape(d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	n, ok := c.units(d, "units")
	out := row(n)
	return connDense(in, out), out, ok
}

// units is the number behind the arrow.
func (c *checker) units(d *lang.Layer, what string) (int, bool) {
	if d.Kind.Out == nil {
		return 0, false // the parser has reported it
	}
	n := int(d.Kind.Out.Value)
	if float64(n) != d.Kind.Out.Value || n < 1 || n > lang.MaxDimension {
		c.wrong(diag.BadUnits, d.Kind.Out.Span, fmt.Sprintf("a number of %s is whole, from 1 to %d", what, lang.MaxDimension)).Found(d.Kind.Out.Text)
		return 0, false
	}
	return n, true
}

func (c *checker) fieldShape(d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	n, ok := c.units(d, "channels")
	w, fits := c.window(&d.Kind)
	var out Shape
	if fits {
		out, fits = c.locations(&d.Kind, d.Name.Text, &w, in)
	}
	if !ok || !fits {
		return Connectivity{}, Shape{}, false
	}
	if in.C%w.Groups != 0 || n%w.Groups != 0 {
		c.wrong(diag.GroupsDivide, d.Kind.Groups.Span, "groups divide the channels below and above").Expected(fmt.Sprintf("a divisor of %d and of %d", in.C, n)).Found(fmt.Sprint(w.Groups))
		return Connectivity{}, Shape{}, false
	}
	out.C = n
	return Connectivity{In: in, Out: out, Field: w}, out, true
}

func (c *checker) poolShape(d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	if t := d.Kind.Pool.Text; t != "max" && t != "average" {
		at := d.Kind.Span
		if t != "" {
			at = d.Kind.Pool.Span
		}
		c.wrong(diag.BadPool, at, "pooling is `max` or `average`").Nearest(t, []string{"max", "average"}, "pool max 2x2, or pool average 2x2")
		return Connectivity{}, Shape{}, false
	}
	k := d.Kind
	if k.Stride == nil {
		k.Stride = k.Size // windows side by side, where nothing else is said
	}
	w, ok := c.window(&k)
	var out Shape
	if ok {
		out, ok = c.locations(&k, d.Name.Text, &w, in)
	}
	return Connectivity{Field: w}, out, ok
}

func (c *checker) flatShape(d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	in.Flat = true
	return Connectivity{}, in, true
}

func (c *checker) dropoutShape(d *lang.Layer, in Shape) (Connectivity, Shape, bool) {
	if d.Kind.Rate == nil || d.Kind.Rate.Value < 0 || d.Kind.Rate.Value >= 1 {
		c.wrong(diag.BadRate, d.Kind.Span, "dropout needs the share of units that it silences, from 0 to below 1").Hint("dropout 0.5")
		return Connectivity{}, Shape{}, false
	}
	return Connectivity{}, in, true
}

// window reads the numbers of a window; padding is left to locations.
func (c *checker) window(k *lang.Connection) (w Field, ok bool) {
	w = Field{StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, Groups: 1}
	if k.Size == nil {
		c.wrong(diag.MissingSize, k.Span, "a "+k.Word.Text+" needs its height and width").Hint(k.Word.Text + " 3x3" + k.Span.Text()[len(k.Word.Text):])
		return w, false
	}
	ok = true
	for _, n := range []struct {
		dims *lang.Dims
		h, w *int
	}{{k.Size, &w.KH, &w.KW}, {k.Stride, &w.StrideH, &w.StrideW}, {k.Dilation, &w.DilH, &w.DilW}} {
		if n.dims == nil {
			continue
		}
		v := n.dims.Values
		*n.h, *n.w = v[0], v[len(v)-1]
		if len(v) > 2 || *n.h < 1 || *n.w < 1 {
			c.wrong(diag.BadDimensions, n.dims.Span, "a window's numbers are one or two, height and width, each at least 1").Found(quote(dimsText(v)))
			ok = false
		}
	}
	if k.Groups != nil {
		w.Groups = int(k.Groups.Value)
		if w.Groups < 1 {
			c.wrong(diag.BadDimensions, k.Groups.Span, "a number of groups is at least 1").Found(k.Groups.Text)
			ok = false
		}
	}
	return w, ok
}

// locations pads a window and gives the height and width of what it has on an input: LEARNING.md section 1. Fields are padded `same`
// where nothing is said, pooling is not.
func (c *checker) locations(k *lang.Connection, name string, w *Field, in Shape) (Shape, bool) {
	if !in.known() {
		return Shape{}, false
	}
	if in.Flat {
		c.noLocations(k, name, in)
		return Shape{}, false
	}
	spanH, spanW := (w.KH-1)*w.DilH+1, (w.KW-1)*w.DilW+1
	if k.Padding == nil && k.Word.Text != "pool" || k.Padding != nil && k.Padding.Word.Text == "same" {
		out := Shape{H: ceil(in.H, w.StrideH), W: ceil(in.W, w.StrideW), C: in.C}
		w.PadTop, w.PadBottom = halves(max((out.H-1)*w.StrideH+spanH-in.H, 0))
		w.PadLeft, w.PadRight = halves(max((out.W-1)*w.StrideW+spanW-in.W, 0))
		c.how[name] = fmt.Sprintf("%d / %d rounded up = %d", in.H, w.StrideH, out.H)
		return out, true
	}
	if k.Padding != nil && k.Padding.By != nil {
		switch v := k.Padding.By.Values; len(v) {
		case 1:
			w.PadTop, w.PadBottom, w.PadLeft, w.PadRight = v[0], v[0], v[0], v[0]
		case 2:
			w.PadTop, w.PadBottom, w.PadLeft, w.PadRight = v[0], v[0], v[1], v[1]
		case 4:
			w.PadTop, w.PadBottom, w.PadLeft, w.PadRight = v[0], v[1], v[2], v[3]
		default:
			c.wrong(diag.BadPadding, k.Padding.Span, "`pad` takes one number, two (height, width) or four (top, bottom, left, right)").Found(quote(dimsText(v))).Hint("pad 1, pad 1x0, or pad 1x0x2x1")
			return Shape{}, false
		}
	}
	h, wd := in.H+w.PadTop+w.PadBottom, in.W+w.PadLeft+w.PadRight
	if spanH > h || spanW > wd {
		c.tooLarge(k, name, spanH, spanW, h, wd, in)
		return Shape{}, false
	}
	out := Shape{H: (h-spanH)/w.StrideH + 1, W: (wd-spanW)/w.StrideW + 1, C: in.C}
	c.how[name] = fmt.Sprintf("(%d - %d) / %d + 1 = %d", h, spanH, w.StrideH, out.H)
	return out, true
}

// halves divides padding, the smaller half first.
func halves(n int) (before, after int) { return n / 2, n - n/2 }

// under lists the layers below the one of a name.
func (c *checker) under(name string) []*Layer {
	if i := slices.IndexFunc(c.p.Layers, func(l *Layer) bool { return l.Name == name }); i >= 0 {
		return c.p.Layers[:i]
	}
	return c.p.Layers
}

// windowOf names a window, that of a layer or, where the layer is known already, of its inverse; and what sees all that it does not.
func (c *checker) windowOf(k *lang.Connection, name string) (window, instead string) {
	if len(c.under(name)) < len(c.p.Layers) {
		return "the inverse of " + name, "inverse all"
	}
	return "the " + k.Word.Text + " of " + name, "all"
}

func (c *checker) noLocations(k *lang.Connection, name string, in Shape) {
	flat := c.under(name)
	for flat[len(flat)-1].Kind != Flatten {
		flat = flat[:len(flat)-1]
	}
	l := flat[len(flat)-1]
	window, instead := c.windowOf(k, name)
	c.wrong(diag.FieldOfFlat, k.Span, window+" looks at units in a row, which have no height and width").Label("goes over locations").
		Also(l.Span, "leaves "+counted(in.Units(), "unit")+" in a row").Expected(dimsText([]int{in.H, in.W, in.C})).Found(in.Text()).
		Hint("drop " + l.Name + ": `all` sees every unit without it; or write " + quote(instead))
}

func (c *checker) tooLarge(k *lang.Connection, name string, spanH, spanW, h, w int, in Shape) {
	below, at, gives := "the input", c.p.at.input, "is "+in.Text()
	if under := c.under(name); len(under) > 0 {
		below = under[len(under)-1].Name
		at, gives = c.layerAt[below], "gives "+in.Text()
		if how := c.how[below]; how != "" {
			gives += ": " + how
		}
	}
	needs := fmt.Sprintf("at least %dx%d", spanH, spanW)
	hint := fmt.Sprintf("`field %dx%d` or `all` sees the whole of %s; `same` instead of `valid` pads with zeros", in.H, in.W, below)
	if k.Word.Text == "pool" {
		hint = fmt.Sprintf("`pool %s %dx%d` takes the whole of %s", k.Pool.Text, in.H, in.W, below)
	}
	window, _ := c.windowOf(k, name)
	c.wrong(diag.FieldTooLarge, k.Span, window+" is larger than its input").Label("needs an input of "+needs).
		Also(at, gives).Expected(needs).Found(fmt.Sprintf("%dx%d", h, w)).Hint(hint)
}
