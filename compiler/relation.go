package compiler

import (
	"bnetc/ir"
	"bnetc/lang/check"
)

// relation is the one place where a layer's connectivity becomes loops. Dense layers keep the shapes of images, so that
// activities never need reshaping; their axes are merged when kernels are made (flat).
func relation(c check.Connectivity) *ir.Relation {
	if !c.Dense {
		f := c.Field
		w := ir.Window{KH: f.KH, KW: f.KW, StrideH: f.StrideH, StrideW: f.StrideW, PadTop: f.PadTop, PadLeft: f.PadLeft,
			DilH: f.DilH, DilW: f.DilW, Groups: f.Groups}
		return compact(ir.Field(c.In.H, c.In.W, c.In.C, c.Out.H, c.Out.W, c.Out.C, w, ir.Sharing{TileH: c.TileH, TileW: c.TileW}))
	}
	r := &ir.Relation{OutShape: dims(c.Out), InShape: dims(c.In), WShape: []int{c.Out.Units(), c.In.Units()}}
	n := len(r.OutShape) + len(r.InShape)
	side := func(prefix string, shape []int, first int) (at []ir.Index, flat ir.Index) {
		names := dimensionNames(shape)
		flat.Coef = make([]int, n)
		stride := 1
		for d := len(shape) - 1; d >= 0; d-- {
			flat.Coef[first+d] = stride
			stride *= shape[d]
		}
		for d, extent := range shape {
			r.Axes = append(r.Axes, ir.Axis{Name: prefix + names[d], Extent: extent})
			coef := make([]int, n)
			coef[first+d] = 1
			at = append(at, ir.Index{Coef: coef})
		}
		return at, flat
	}
	var out, in ir.Index
	r.Out, out = side("o", r.OutShape, 0)
	r.In, in = side("i", r.InShape, len(r.OutShape))
	r.W = []ir.Index{out, in}
	return r
}

// window is the relation of a pooling layer: each channel's outputs read their own inputs, all with one weight.
func window(in, out check.Shape, f check.Field) *ir.Relation {
	const y, x, c, ky, kx, n = 0, 1, 2, 3, 4, 5
	at := func(constant int, pairs ...int) ir.Index {
		coef := make([]int, n)
		for i := 0; i < len(pairs); i += 2 {
			coef[pairs[i]] = pairs[i+1]
		}
		return ir.Index{Const: constant, Coef: coef}
	}
	return compact(&ir.Relation{
		Axes:     []ir.Axis{{Name: "y", Extent: out.H}, {Name: "x", Extent: out.W}, {Name: "c", Extent: out.C}, {Name: "ky", Extent: f.KH}, {Name: "kx", Extent: f.KW}},
		OutShape: []int{out.H, out.W, out.C}, InShape: []int{in.H, in.W, in.C}, WShape: []int{1},
		Out: []ir.Index{at(0, y, 1), at(0, x, 1), at(0, c, 1)},
		In:  []ir.Index{at(-f.PadTop, y, f.StrideH, ky, f.DilH), at(-f.PadLeft, x, f.StrideW, kx, f.DilW), at(0, c, 1)},
		W:   []ir.Index{at(0)},
	})
}

// compact drops axes of extent 1, which contribute nothing to any index.
func compact(r *ir.Relation) *ir.Relation {
	var keep []int
	for i, a := range r.Axes {
		if a.Extent > 1 {
			keep = append(keep, i)
		}
	}
	thin := func(list []ir.Index) []ir.Index {
		out := make([]ir.Index, len(list))
		for i, x := range list {
			out[i] = ir.Index{Const: x.Const, Coef: make([]int, len(keep))}
			for k, a := range keep {
				out[i].Coef[k] = x.Coef[a]
			}
		}
		return out
	}
	c := &ir.Relation{OutShape: r.OutShape, InShape: r.InShape, WShape: r.WShape, Out: thin(r.Out), In: thin(r.In), W: thin(r.W)}
	for _, a := range keep {
		c.Axes = append(c.Axes, r.Axes[a])
	}
	return c
}

// dims is the shape of a layer's activities: [units] where it is flat, [H W C] where it is an image.
func dims(s check.Shape) []int {
	if s.H == 1 && s.W == 1 {
		return []int{s.C}
	}
	return []int{s.H, s.W, s.C}
}

// dimensionNames is what the dimensions of a shape are called: those of an image, or its channels alone.
func dimensionNames(shape []int) []string { return []string{"y", "x", "c"}[3-len(shape):] }
