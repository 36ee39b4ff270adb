package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// A walk is the loops over the tensor that a product writes, and where its relation's axes stand in them. It is the same code for dense,
// untied, shared, tiled and pooled layers, in either role: which loops there are follows from the relation (ir.Relation.Uses).
type walk struct {
	loops  []kernel.Loop  // over the written tensor, outermost first; Var and Extent alone
	dims   []kernel.Index // the position along each dimension of the written tensor
	shape  []int          // of the written tensor, flattened where the relation is dense
	tile   int            // the loop that is cut into register tiles: the last
	whole  bool           // each dimension is one loop
	guards []kernel.Where // that the written position needs (ragged tiles)
}

// A source is one product's side of a walk: where it reads, given the walk's loops and its own reduction loops.
type source struct {
	rel      *ir.Relation
	role     ir.Role
	reduce   []kernel.Loop
	guards   []kernel.Where // bounds of the window, and overlapping positions solved for
	weight   kernel.Index   // flat
	operand  kernel.Index   // flat unit
	position []kernel.Index // of each axis
}

// flat gives a dense relation two axes, however many dimensions its activities have; other relations are returned as they are.
func flat(r *ir.Relation) *ir.Relation {
	if !isDense(r) {
		return r
	}
	out, in := units(r.OutShape), units(r.InShape)
	one := func(c ...int) []ir.Index { return []ir.Index{{Coef: c}} }
	return &ir.Relation{
		Axes:     []ir.Axis{{Name: "o", Extent: out}, {Name: "i", Extent: in}},
		OutShape: []int{out}, InShape: []int{in}, WShape: []int{out, in},
		Out: one(1, 0), In: one(0, 1), W: []ir.Index{{Coef: []int{1, 0}}, {Coef: []int{0, 1}}},
	}
}

// isDense tells whether every output reads every input through a weight of its own, all in row-major order.
func isDense(r *ir.Relation) bool {
	w, out, in := flatIndex(r.W, r.WShape), flatIndex(r.Out, r.OutShape), flatIndex(r.In, r.InShape)
	if w.Const != 0 || out.Const != 0 || in.Const != 0 || units(r.WShape) != units(r.OutShape)*units(r.InShape) {
		return false
	}
	points := 1
	for i, a := range r.Axes {
		points *= a.Extent
		if a.Extent > 1 && w.Coef[i] != out.Coef[i]*units(r.InShape)+in.Coef[i] {
			return false
		}
	}
	return points == units(r.WShape)
}

// flatIndex is the row-major position in a tensor as one affine index.
func flatIndex(idx []ir.Index, shape []int) ir.Index {
	var out ir.Index
	for d, x := range idx {
		out.Const = out.Const*shape[d] + x.Const
		if out.Coef == nil {
			out.Coef = make([]int, len(x.Coef))
		}
		for i, c := range x.Coef {
			out.Coef[i] = out.Coef[i]*shape[d] + c
		}
	}
	return out
}

func writtenSide(r *ir.Relation, role ir.Role) (written, read []ir.Index, writtenShape, readShape []int) {
	if role == ir.Transpose {
		return r.In, r.Out, r.InShape, r.OutShape
	}
	return r.Out, r.In, r.OutShape, r.InShape
}

// A dimLoop is a loop over part of one dimension of the written tensor: an axis of the relation, or the whole dimension where windows overlap.
type dimLoop struct{ dim, axis, extent, coef int }

func dimLoops(r *ir.Relation, role ir.Role) []dimLoop { return cutLoops(r, role, false) }

// cutLoops is dimLoops; with whole, a dimension is never cut into the axes that make it up.
func cutLoops(r *ir.Relation, role ir.Role, whole bool) (loops []dimLoop) {
	written, _, shape, _ := writtenSide(r, role)
	uses := r.Uses(role)
	for d, x := range written {
		var own []dimLoop
		overlap := false
		for i, c := range x.Coef {
			if c != 0 && r.Axes[i].Extent > 1 {
				own = append(own, dimLoop{d, i, r.Axes[i].Extent, c})
				overlap = overlap || uses[i] == ir.Overlap
			}
		}
		// A window that strides over positions, or padding, leaves some of the dimension untouched: it is walked whole too.
		if role == ir.Transpose && (x.Const != 0 || !covers(own, shape[d])) || whole && len(own) != 1 {
			overlap = true
		}
		if overlap {
			own = []dimLoop{{d, -1, shape[d], 1}}
		}
		slices.SortStableFunc(own, func(a, b dimLoop) int { return b.coef - a.coef })
		loops = append(loops, own...)
	}
	return loops
}

// covers tells whether loops of mixed radix meet each of n positions exactly once.
func covers(loops []dimLoop, n int) bool {
	sorted := slices.Clone(loops)
	slices.SortFunc(sorted, func(a, b dimLoop) int { return a.coef - b.coef })
	next := 1
	for _, l := range sorted {
		if l.coef != next {
			return false
		}
		next *= l.extent
	}
	return next == n
}

// sameLoops tells whether two products walk their outputs alike, so that one kernel can hold both.
func sameLoops(x, y *tensor.Node) bool {
	strip := func(n *tensor.Node) (out [][3]int) {
		for _, l := range dimLoops(flat(n.Rel), n.Role) {
			out = append(out, [3]int{l.dim, l.extent, l.coef})
		}
		return out
	}
	return slices.Equal(strip(x), strip(y))
}

// newWalk makes the loops over the written tensor of a relation in a role.
func newWalk(r *ir.Relation, role ir.Role) *walk {
	_, _, shape, _ := writtenSide(r, role)
	w := &walk{shape: shape, dims: make([]kernel.Index, len(shape))}
	names := dimensionNames(shape)
	count := map[int]int{}
	for _, l := range dimLoops(r, role) {
		name := names[l.dim]
		if count[l.dim] > 0 {
			name = fmt.Sprintf("%s%d", name, count[l.dim])
		}
		count[l.dim]++
		w.loops = append(w.loops, kernel.Loop{Var: name, Extent: l.extent})
		w.dims[l.dim] = plus(w.dims[l.dim], v(name), l.coef)
	}
	extents := map[string]int{}
	for _, l := range w.loops {
		extents[l.Var] = l.Extent
	}
	for d := range w.dims {
		if _, hi := interval(w.dims[d], extents); hi >= shape[d] {
			g := kernel.Where{Var: "in." + names[d], Num: w.dims[d], Div: 1, Extent: shape[d]}
			w.guards = append(w.guards, g)
			w.dims[d] = v(g.Var)
		}
	}
	w.tile = len(w.loops) - 1
	return w
}

// newSource places a product's axes in a walk: parallel axes are the walk's own loops, overlapping ones are solved for, the rest are reduced over.
func newSource(w *walk, r *ir.Relation, role ir.Role) *source {
	s := &source{rel: r, role: role, position: make([]kernel.Index, len(r.Axes))}
	written, read, shape, readShape := writtenSide(r, role)
	placed := make([]bool, len(r.Axes))
	loops := cutLoops(r, role, w.whole)
	for i, l := range loops {
		if l.axis >= 0 {
			s.position[l.axis], placed[l.axis] = v(w.loops[i].Var), true
		}
	}
	for i, a := range r.Axes {
		if a.Extent == 1 {
			placed[i] = true
		}
	}
	// Axes of overlapping dimensions that the read side knows are solved for; the others are window positions, reduced over.
	solved := map[int][]int{}
	for _, l := range loops {
		if l.axis >= 0 {
			continue
		}
		for axis, c := range written[l.dim].Coef {
			if c != 0 && !placed[axis] && reads(read, axis) {
				solved[l.dim] = append(solved[l.dim], axis)
			}
		}
	}
	inSolved := func(axis int) bool {
		for _, list := range solved {
			if slices.Contains(list, axis) {
				return true
			}
		}
		return false
	}
	weight := flatIndex(r.W, r.WShape)
	var order []int
	for i := range r.Axes {
		if !placed[i] && !inSolved(i) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return weight.Coef[b] - weight.Coef[a] })
	for _, i := range order {
		name := r.Axes[i].Name
		if slices.ContainsFunc(w.loops, func(l kernel.Loop) bool { return l.Var == name }) {
			name += "_"
		}
		s.reduce = append(s.reduce, kernel.Loop{Var: name, Extent: r.Axes[i].Extent})
		s.position[i] = v(name)
	}
	names := dimensionNames(shape)
	for d := range shape {
		if axes := solved[d]; len(axes) > 0 {
			s.solve(r, written[d], v(w.loops[loopOfDim(loops, d)].Var), axes, names[d])
		} else if i := loopOfDim(loops, d); i >= 0 && loops[i].axis < 0 {
			// Only window positions reach this dimension: the position must be one of theirs.
			rest := plus(v(w.loops[i].Var), s.place(written[d]), -1)
			s.guards = append(s.guards, kernel.Where{Var: "on." + names[d], Num: rest, Div: 1, Extent: 1})
		}
	}
	extents := s.extents(w)
	for d, x := range read {
		p := s.place(x)
		lo, hi := interval(p, extents)
		if lo < 0 || hi >= readShape[d] {
			g := kernel.Where{Var: "at." + dimensionNames(readShape)[d], Num: p, Div: 1, Extent: readShape[d]}
			s.guards = append(s.guards, g)
			p = v(g.Var)
		}
		s.operand = plus(scale(s.operand, readShape[d]), p, 1)
	}
	s.weight = s.place(weight)
	// Loops that a bound depends on stand outside those that none does, so that the innermost loop runs without a test.
	slices.SortStableFunc(s.reduce, func(a, b kernel.Loop) int { return boolInt(s.bounds(b.Var)) - boolInt(s.bounds(a.Var)) })
	return s
}

// bounds tells whether a bound of the source depends on a variable.
func (s *source) bounds(name string) bool {
	return slices.ContainsFunc(s.guards, func(g kernel.Where) bool { return uses(g.Num, name) })
}

func boolInt(x bool) int {
	if x {
		return 1
	}
	return 0
}

func reads(idx []ir.Index, axis int) bool {
	for _, x := range idx {
		if x.Coef[axis] != 0 {
			return true
		}
	}
	return false
}

func loopOfDim(loops []dimLoop, d int) int {
	return slices.IndexFunc(loops, func(l dimLoop) bool { return l.dim == d })
}

// solve finds the axes (sorted as digits of a mixed-radix number) from a position: position = const + Σ digit + Σ window.
func (s *source) solve(r *ir.Relation, x ir.Index, position kernel.Index, axes []int, dim string) {
	slices.SortFunc(axes, func(a, b int) int { return x.Coef[a] - x.Coef[b] })
	rest := plus(position, kernel.Index{Const: 1}, -x.Const)
	for i, c := range x.Coef {
		if c != 0 && !slices.Contains(axes, i) {
			rest = plus(rest, s.position[i], -c)
		}
	}
	unit := x.Coef[axes[0]]
	total := 1
	for _, a := range axes {
		total += x.Coef[a] / unit * (r.Axes[a].Extent - 1)
	}
	out := kernel.Where{Var: "out." + dim, Num: rest, Div: unit, Extent: total}
	s.guards = append(s.guards, out)
	left := v(out.Var)
	for i := len(axes) - 1; i > 0; i-- {
		a := axes[i]
		digit := kernel.Where{Var: fmt.Sprintf("%s.%s", out.Var, r.Axes[a].Name), Num: left, Div: x.Coef[a] / unit, Floor: true, Extent: r.Axes[a].Extent}
		s.guards = append(s.guards, digit)
		s.position[a] = v(digit.Var)
		left = plus(left, v(digit.Var), -digit.Div)
	}
	s.position[axes[0]] = left
}

// place is an index of the relation in terms of the kernel's variables.
func (s *source) place(x ir.Index) kernel.Index {
	out := kernel.Index{Const: x.Const}
	for i, c := range x.Coef {
		if c != 0 && s.rel.Axes[i].Extent > 1 {
			out = plus(out, s.position[i], c)
		}
	}
	return out
}

func (s *source) extents(w *walk) map[string]int {
	e := map[string]int{}
	for _, l := range w.loops {
		e[l.Var] = l.Extent
	}
	for _, l := range s.reduce {
		e[l.Var] = l.Extent
	}
	for _, g := range append(slices.Clone(w.guards), s.guards...) {
		e[g.Var] = g.Extent
	}
	return e
}

func scale(x kernel.Index, by int) kernel.Index {
	return plus(kernel.Index{}, x, by)
}

// interval bounds an index over the loops' extents.
func interval(x kernel.Index, extents map[string]int) (lo, hi int) {
	lo, hi = x.Const, x.Const
	for _, t := range x.Terms {
		if reach := t.Coef * (extents[t.Var] - 1); reach > 0 {
			hi += reach
		} else {
			lo += reach
		}
	}
	return lo, hi
}

// uses tells whether an index depends on a variable.
func uses(x kernel.Index, name string) bool {
	return slices.ContainsFunc(x.Terms, func(t kernel.Term) bool { return t.Var == name })
}

// inGuards wraps body in reduction loops, with each guard as far out as its variables allow.
func inGuards(reduce []kernel.Loop, guards []kernel.Where, body []kernel.Stmt) []kernel.Stmt {
	depth := map[string]int{} // variable -> how many reduction loops bind it
	for i, l := range reduce {
		depth[l.Var] = i + 1
	}
	at := make([][]kernel.Where, len(reduce)+1)
	for _, g := range guards {
		d := 0
		for _, t := range g.Num.Terms {
			d = max(d, depth[t.Var])
		}
		depth[g.Var] = d
		at[d] = append(at[d], g)
	}
	for d := len(reduce); d >= 0; d-- {
		for i := len(at[d]) - 1; i >= 0; i-- {
			g := at[d][i]
			g.Body = body
			body = []kernel.Stmt{&g}
		}
		if d > 0 {
			l := reduce[d-1]
			l.Body = body
			body = []kernel.Stmt{&l}
		}
	}
	return body
}
