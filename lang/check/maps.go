package check

import (
	"fmt"
	"slices"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// inverse declares g[l] of f[l]: a map from layer l back to l-1.
func (in *instance) inverse(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr || s.Of.Kind != lang.IndexExpr || s.Of.Name.Text != "f" {
		in.fail(diag.BadDeclaration, s.Span, "an inverse is declared of one layer").Hint(meant(s, "g"))
		return
	}
	l, ok := in.declaredLayer(s, env)
	of, ok2 := in.index(s.Of.Args[0], env)
	if !ok || !ok2 {
		return
	}
	if l == 0 {
		in.outOfRange(s.Left, l, 1)
		return
	}
	if l != of {
		in.fail(diag.InverseIndex, s.Span, "the inverse of a layer has that layer's index").Expected(s.Left.Name.Text + "[" + in.indexText(of, env) + "]").Found(s.Left.String()).
			Hint(fmt.Sprintf("inverse %s[%s] of %s", s.Left.Name.Text, in.indexText(of, env), s.Of))
		return
	}
	layer := in.p.Layers[l-1]
	m := in.inverseMap(layer, s)
	if m == nil {
		m = &Map{Kind: InverseMap, Layer: layer, Span: s.Span} // so that its uses are not mistakes too
	}
	m.Fixed = s.Fixed
	if in.addMap(s.Left.Name, l, m) {
		layer.G = m
	}
}

// declaredLayer is the layer of a declared map, or 0 for the input; not ok where a small network has none of it, or the index is wrong.
func (in *instance) declaredLayer(s *lang.Statement, env scope) (int, bool) {
	at := s.Left.Args[0]
	l, ok := in.index(at, env)
	switch {
	case !ok || l < 1 && env.fromTop(at):
		return 0, false
	case l < 0 || l > in.last():
		in.outOfRange(s.Left, l, 1)
		return 0, false
	}
	return l, true
}

// meant is a declaration with the index that its left side lacks: that of its other side, or of every layer but the first.
func meant(s *lang.Statement, name string) string {
	index, each := "l", "   for l in 2..last"
	switch {
	case s.ToIndex != nil:
		index, each = s.ToIndex.Span.Text(), ""
	case s.Of.Kind == lang.IndexExpr:
		index, each = s.Of.Args[0].Span.Text(), ""
	case s.For != nil:
		index = s.For.Var.Text
	}
	if s.For != nil {
		each = "   " + s.For.Span.Text()
	}
	if s.Left.Name.Text != "" {
		name = s.Left.Name.Text
	}
	switch {
	case s.Kind == lang.Inverse:
		return fmt.Sprintf("inverse %s[%s] of f[%s]%s", name, index, index, each)
	case s.Of != nil:
		return fmt.Sprintf("feedback %s[%s] like f[%s]%s", name, index, index, each)
	}
	return fmt.Sprintf("feedback %s[%s] from %s to %s%s", name, index, s.FromIndex.Span.Text(), index, each)
}

// addMap enters a map under its name; false where that is taken.
func (in *instance) addMap(name lang.Name, l int, m *Map) bool {
	if slices.Contains(builtin, name.Text) || in.isParam(name.Text) {
		in.fail(diag.RedefinedName, name.Span, quote(name.Text)+" has a meaning already, and cannot be declared").Hint("choose another name")
		return false
	}
	if in.maps[name.Text] == nil {
		in.maps[name.Text] = map[int]*Map{}
		in.mapAt[name.Text] = m.Span
	}
	m.Name = in.nameOf(name.Text, l)
	if !in.fits(m.WeightShape) {
		in.failed = true
		in.tooMany(m.Span, m.Name+" has more weights", m.WeightShape)
	}
	if old := in.maps[name.Text][l]; old != nil {
		in.fail(diag.DuplicateCase, m.Span, m.Name+" is declared twice").Also(old.Span, "the first")
		return false
	}
	in.maps[name.Text][l] = m
	if !m.Exact && m.Weight != "" {
		in.p.Maps = append(in.p.Maps, m)
	}
	return true
}

// inverseMap is the inverse that a layer gets: mirrored unless it says otherwise.
func (in *instance) inverseMap(layer *Layer, s *lang.Statement) *Map {
	below := in.p.shape(layer.Index - 1)
	m := &Map{Kind: InverseMap, Layer: layer, Stem: in.stem(layer, s), Init: Init{Scheme: "glorot"}, Span: s.Span}
	m.Weight, m.Bias = m.Stem+".V", m.Stem+".c"
	if layer.Kind == MaxPool || layer.Kind == AveragePool && layer.Pool.Overlaps() {
		in.noInverse(layer, s)
		return nil
	}
	how, opt := "mirrored", in.inverses[layer]
	if opt != nil {
		how = opt.Inverse.Word.Text
	}
	if layer.F == nil || how == "exact" {
		m.Exact, m.Weight, m.Bias = true, "", ""
		return m
	}
	if !below.known() || !layer.Shape.known() {
		return m
	}
	top := layer.Shape
	if layer.Aux != nil {
		top = row(top.Units() + layer.Aux.Units)
	}
	switch {
	case how == "all" || how == "mirrored" && (layer.F.Conn.Dense || layer.Aux != nil):
		m.Conn = connDense(top, below) // auxiliary units see all of the layer below
	case layer.Aux != nil && how == "field":
		in.fail(diag.BadInverse, opt.Span, "the inverse of an output with auxiliary units sees all of it").Hint("inverse all")
		return nil
	case how == "mirrored":
		m.Conn, m.Transposed = layer.F.Conn, true
	default: // field
		var ok bool
		if m.Conn, ok = in.inverseField(layer, opt, below); !ok {
			return nil
		}
		m.Transposed = true
	}
	m.WeightShape, m.BiasShape = parameterShapes(m.Conn)
	if m.Transposed {
		m.BiasShape = []int{below.C}
		if m.Conn.Untied {
			m.BiasShape = shapeDims(below)
		}
	}
	return m
}

// inverseField is a field of another size, which looks down from the layer: the transpose of a field over what is below, with as many locations.
func (in *instance) inverseField(layer *Layer, opt *lang.Option, below Shape) (Connectivity, bool) {
	w, ok := in.window(opt.Inverse)
	if !ok {
		return Connectivity{}, false
	}
	out, ok := in.locations(opt.Inverse, layer.Name, &w, below)
	if !ok {
		return Connectivity{}, false
	}
	if out.H != layer.Shape.H || out.W != layer.Shape.W {
		in.inverseShape(layer, opt, &w, below)
		return Connectivity{}, false
	}
	c := Connectivity{In: below, Out: layer.Shape, Field: w, TileH: layer.F.Conn.TileH, TileW: layer.F.Conn.TileW, Untied: layer.F.Conn.Untied}
	if layer.F.Conn.Dense {
		c.TileH, c.TileW, c.Untied = 1, 1, true
	}
	return c, true
}

// inverseShape reports an inverse that gives another shape than that of the layer below.
func (in *instance) inverseShape(layer *Layer, opt *lang.Option, w *Field, below Shape) {
	at, name, is := in.p.at.input, "the input", "is "
	if layer.Index > 1 {
		name = in.p.Layers[layer.Index-2].Name
		at, is = in.layerAt[name], "has "
	}
	spanH, spanW := (w.KH-1)*w.DilH+1, (w.KW-1)*w.DilW+1
	gives := Shape{H: (layer.Shape.H-1)*w.StrideH + spanH - w.PadTop - w.PadBottom, W: (layer.Shape.W-1)*w.StrideW + spanW - w.PadLeft - w.PadRight, C: below.C}
	if opt.Inverse.Padding == nil || opt.Inverse.Padding.Word.Text == "same" {
		gives.H, gives.W = layer.Shape.H*w.StrideH, layer.Shape.W*w.StrideW
	}
	f := layer.F.Conn.Field
	mends := fmt.Sprintf("inverse field %dx%d", w.KH, w.KW)
	if !layer.F.Conn.Dense && (f.StrideH > 1 || f.StrideW > 1) {
		mends += " stride " + strideText(f)
	}
	hint := fmt.Sprintf("without `inverse`, %s gets the mirrored field, which always fits", layer.Name)
	if layer.F.Conn.Dense {
		hint = fmt.Sprintf("without `inverse`, %s gets one that sees all of it", layer.Name)
	} else if mends != opt.Span.Text() {
		hint = quote(mends) + " undoes the stride of the layer;\n" + hint
	}
	in.fail(diag.ShapeMismatch, opt.Span, "the inverse of "+layer.Name+" does not give back the shape of "+name).
		Label("maps "+layer.Shape.Text()+" to "+gives.Text()).Also(at, is+below.Text()).Expected(below.Text()).Found(gives.Text()).Hint(hint)
}

func strideText(f Field) string {
	if f.StrideH == f.StrideW {
		return fmt.Sprint(f.StrideH)
	}
	return fmt.Sprintf("%dx%d", f.StrideH, f.StrideW)
}

// noInverse reports a pooling layer whose inverse the rule needs; not where its window is unknown.
func (in *instance) noInverse(layer *Layer, s *lang.Statement) {
	p := layer.Pool
	if p.KH == 0 {
		in.failed = true
		return
	}
	what, why := "max pooling", fmt.Sprintf("does not keep which of its %d inputs was the largest", p.KH*p.KW)
	if layer.Kind == AveragePool {
		what, why = "average pooling over windows that overlap", "an input belongs to several averages"
	}
	hint := fmt.Sprintf("drop %s", layer.Name)
	if layer.Index > 1 {
		if b := in.p.Layers[layer.Index-2]; b.F != nil && !b.F.Conn.Dense {
			f := b.F.Conn.Field
			f.StrideH, f.StrideW = f.StrideH*p.StrideH, f.StrideW*p.StrideW
			hint += fmt.Sprintf(" and write `field %dx%d stride %s same` in %s, as the paper does", f.KH, f.KW, strideText(f), b.Name)
		}
	}
	hint += fmt.Sprintf("; or `pool average %dx%d`", p.KH, p.KW)
	in.fail(diag.NoInverse, layer.Span, in.rule.Name.Text+" needs an inverse of "+layer.Name+", and "+what+" has none").Label(why).
		Also(in.learn.Rule.Span, "the rule in use").Also(s.Span, "asks for one of "+in.rangeText(s)).Hint(hint)
}

// feedback declares fixed random operators: B[l] like f[l], or B[l] from one layer to another.
func (in *instance) feedback(s *lang.Statement, env scope) {
	if s.Left.Kind != lang.IndexExpr {
		in.fail(diag.BadDeclaration, s.Span, "feedback is declared for one layer").Hint(meant(s, "B"))
		return
	}
	l, ok := in.declaredLayer(s, env)
	if !ok {
		return
	}
	if l == 0 {
		in.fail(diag.BadDeclaration, s.Span, "feedback goes to a layer, and the input is none").Label("goes to the input").
			Hint(fmt.Sprintf("feedback %[1]s[1] like f[1]; transpose(%[1]s[1])(x) then carries a value of the first layer to the input", s.Left.Name.Text))
		return
	}
	layer := in.p.Layers[l-1]
	m := &Map{Layer: layer, Stem: in.stem(layer, s), Fixed: true, Init: Init{Scheme: "glorot"}, Span: s.Span}
	m.Weight = m.Stem + ".B"
	if s.Of != nil {
		like := s.Of.Kind == lang.IndexExpr && s.Of.Name.Text == "f"
		if like {
			of, ok := in.index(s.Of.Args[0], env)
			if !ok {
				return
			}
			like = of == l
		}
		if !like {
			in.fail(diag.BadDeclaration, s.Span, "feedback is like a layer of the same index").Hint(fmt.Sprintf("feedback %s like f[%s]", s.Left, in.indexText(l, env)))
			return
		}
		m.Kind = FeedbackLike
		if layer.F == nil {
			m.Weight = "" // pooling: what comes back goes the way that it went forward
		} else {
			m.Conn = layer.F.Conn
		}
	} else {
		from, ok := in.index(s.FromIndex, env)
		to, ok2 := in.index(s.ToIndex, env)
		if !ok || !ok2 {
			return
		}
		if to != l {
			in.fail(diag.BadDeclaration, s.Span, "direct feedback has the index of the layer that it goes to").Hint(fmt.Sprintf("feedback %s from %s to %s", s.Left, s.FromIndex, in.indexText(l, env)))
			return
		}
		if from < 0 || from > in.last() {
			in.outOfRange(s.FromIndex, from, 0)
			return
		}
		m.Kind, m.From, m.Conn = FeedbackDirect, from, connDense(in.p.shape(from), layer.Shape)
	}
	m.WeightShape, _ = parameterShapes(m.Conn)
	in.addMap(s.Left.Name, l, m)
}

// stem is what the tensors of a declared map are named by: LAYER for the first family of inverses and the first of feedback, LAYER.NAME for others. What a
// layer has is a letter or two behind its name, so no family has another's tensors, whatever it is called.
func (in *instance) stem(layer *Layer, s *lang.Statement) string {
	for _, o := range in.rule.Statements {
		if o.Kind == s.Kind && o.Left.Kind == lang.IndexExpr {
			if o.Left.Name.Text != s.Left.Name.Text {
				return layer.Name + "." + s.Left.Name.Text
			}
			break
		}
	}
	return layer.Name
}
