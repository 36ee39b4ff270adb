package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// A gradient is the kernel of the Update of weights, being built: loops over the weights around a register tile of their sums, rows of outputs by
// vectors of inputs.
type gradient struct {
	*builder
	group  *group
	update *tensor.Node
	outers []*tensor.Node // outer products; each is one sum of every weight

	source                 // the relation, where its axes stand, and what a weight sums over besides the batch: loops, and bounds
	loops   []kernel.Loop  // over the weights, outermost first
	skip    []kernel.Where // bounds that a weight's position alone decides: outside them it has no gradient and stays as it is
	out, in kernel.Index   // the units that the sums multiply

	tile   int                   // the loop whose turns are the tile's rows; -1: there is none
	vector int                   // the loop whose turns are its columns, along which weights are contiguous
	panels int                   // the argument of an outer product that is a vector along the columns: 1, the inputs, or 0, the outputs
	matrix *kernel.MatrixProduct // that sums are computed in; nil: none, they are register tiles
	most   [2]int                // rows and columns of the largest tile
	slabs  int                   // into which the outermost of the loops of a sum is cut, each in a sum of its own; 1: it is whole
}

// learnWeights makes the loops of an Update whose gradient is a sum of outer products.
func (b *builder) learnWeights(g *group, k *kernel.Kernel, update *tensor.Node, outers []*tensor.Node) {
	w := &gradient{builder: b, group: g, update: update, outers: outers}
	w.walk()
	w.choose()
	w.chooseMatrices(update.Args[0].Name)
	for _, n := range outers {
		if w.matrix == nil {
			b.packRows(n.Args[w.panels], n.Rel)
		}
	}
	w.slabs = w.chooseSlabs()
	into := k
	if w.slabs > 1 {
		into = &kernel.Kernel{Name: k.Name + "_slabs"}
	}
	rows, columns := w.cuts()
	w.most = [2]int{rows[0].width, columns[0].width}
	for _, r := range rows {
		for _, c := range columns {
			into.Body = append(into.Body, w.piece(r, c)...)
		}
	}
	if w.slabs > 1 {
		b.finish(g, into)
		k.Body = w.overSlabs()
		b.remarks = append(b.remarks, Remark{Subject: update.Args[0].Name, Text: fmt.Sprintf("its gradient's sum in %d slabs, added up where the optimizer is", w.slabs)})
	}
}

// walk makes the loops: over the weights in the order in which they lie, and over what else a weight sums; and the bounds of the window.
func (w *gradient) walk() {
	rel := flat(w.outers[0].Rel)
	w.source = source{rel: rel, role: ir.Outer, position: make([]kernel.Index, len(rel.Axes))}
	weight := flatIndex(rel.W, rel.WShape)
	var order []int
	for i, a := range rel.Axes {
		if a.Extent > 1 {
			order = append(order, i)
			w.position[i] = v(a.Name)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return weight.Coef[y] - weight.Coef[x] })
	out, in := flatIndex(rel.Out, rel.OutShape), flatIndex(rel.In, rel.InShape)
	w.tile, w.vector = -1, -1
	for _, i := range order {
		loop := kernel.Loop{Var: rel.Axes[i].Name, Extent: rel.Axes[i].Extent}
		if weight.Coef[i] == 0 {
			w.reduce = append(w.reduce, loop)
			continue
		}
		if weight.Coef[i] == 1 && in.Coef[i] == 1 && out.Coef[i] == 0 {
			w.vector = len(w.loops)
		}
		if out.Coef[i] == 1 && in.Coef[i] == 0 {
			w.tile = len(w.loops)
		}
		w.loops = append(w.loops, loop)
	}
	w.out, w.in = w.bounded(rel.Out, rel.OutShape, "out."), w.bounded(rel.In, rel.InShape, "at.")
	w.weight = w.place(weight)
}

// bounded is the unit at a position, with bounds where the position may lie outside the tensor.
func (w *gradient) bounded(idx []ir.Index, shape []int, prefix string) (unit kernel.Index) {
	extents := map[string]int{}
	for _, a := range w.rel.Axes {
		extents[a.Name] = a.Extent
	}
	names := dimensionNames(shape)
	for d, x := range idx {
		p := w.place(x)
		if lo, hi := interval(p, extents); lo < 0 || hi >= shape[d] {
			bound := kernel.Where{Var: prefix + names[d], Num: p, Div: 1, Extent: shape[d]}
			if slices.ContainsFunc(w.reduce, func(l kernel.Loop) bool { return uses(p, l.Var) }) {
				w.guards = append(w.guards, bound)
			} else {
				w.skip = append(w.skip, bound)
			}
			p = v(bound.Var)
		}
		unit = plus(scale(unit, shape[d]), p, 1)
	}
	return unit
}

// choose settles which loops make the register tile. A bound that depends on one of them would break the tile apart. Where the inputs are fewer than a
// vector, as the channels of a picture are, rows and columns change places.
func (w *gradient) choose() {
	for _, i := range []*int{&w.tile, &w.vector} {
		if *i >= 0 && slices.ContainsFunc(slices.Concat(w.skip, w.guards), func(x kernel.Where) bool { return uses(x.Num, w.loops[*i].Var) }) {
			*i = -1
		}
	}
	w.panels = 1
	if w.tile >= 0 && w.loops[w.tile].Extent >= w.target.Vector && (w.vector < 0 || w.loops[w.vector].Extent < w.target.Vector) {
		w.tile, w.vector, w.panels = w.vector, w.tile, 0
	}
}

// cuts divides the tile's two loops into what a tile holds of them.
func (w *gradient) cuts() (rows, columns []cut) {
	rows, columns = []cut{{width: 1}}, []cut{{width: 1}}
	if w.tile >= 0 {
		widths := []int{max(1, w.target.accumulators()/(w.target.columns()*len(w.outers)))}
		if w.matrix != nil {
			widths = []int{max(1, widths[0]/w.matrix.Rows) * w.matrix.Rows, w.matrix.Rows, widths[0]}
		}
		rows = cuts(w.loops[w.tile].Extent, widths)
	}
	if w.vector >= 0 {
		widths := []int{w.target.columns() * w.target.Vector}
		for width := w.target.Vector; width >= 1; width /= 2 {
			widths = append(widths, width)
		}
		columns = cuts(w.loops[w.vector].Extent, widths)
	}
	return rows, columns
}

// A gradientTile is one size of a gradient's register tiles.
type gradientTile struct {
	*gradient
	rows    int
	vectors int                     // of columns
	width   int                     // lanes of each
	from    map[string]kernel.Index // where the loops that it cuts begin
	inside  map[string]kernel.Index // where they stand
	sums    map[*tensor.Node]int    // the local memory of each sum, where sums are matrices
}

// piece is the loops over the tiles of one cut of the rows and one of the columns.
func (w *gradient) piece(rows, columns cut) []kernel.Stmt {
	t := &gradientTile{gradient: w, rows: rows.width, vectors: 1, width: columns.width, from: map[string]kernel.Index{}, inside: map[string]kernel.Index{}}
	if t.width > w.target.Vector {
		t.vectors, t.width = w.target.columns(), w.target.Vector
	}
	apart, beside := t.width, 1 // how far a lane's columns, and neighbouring lanes' ones, are from each other
	if w.target.Fours {
		apart, beside = 1, t.vectors
	}
	var outer []kernel.Loop
	if w.slabs > 1 {
		outer = append(outer, kernel.Loop{Var: "slab", Extent: w.slabs, Mark: kernel.Parallel})
	}
	cut := func(name string, c cut) (from kernel.Index) {
		from = at(c.from)
		if c.count > 1 {
			outer = append(outer, kernel.Loop{Var: name + ".tile", Extent: c.count, Mark: kernel.Parallel})
			from = plus(from, v(name+".tile"), c.width)
		}
		return from
	}
	for i, l := range w.loops {
		switch i {
		case w.tile:
			from := cut(l.Var, rows)
			t.from[l.Var] = from
			if t.rows > 1 {
				from = plus(from, v(l.Var+".in"), 1)
			}
			t.inside[l.Var] = from
		case w.vector:
			from := cut(l.Var, columns)
			t.from[l.Var] = from
			if t.vectors > 1 {
				from = plus(from, v("v"), apart)
			}
			if t.width > 1 {
				from = plus(from, v("lane"), beside)
			}
			t.inside[l.Var] = from
		default:
			outer = append(outer, parallel(l))
		}
	}
	var before []kernel.Stmt
	rowMark := kernel.Unrolled
	if w.matrix != nil && rows.width%w.matrix.Rows == 0 && columns.width%w.matrix.Columns == 0 {
		before, rowMark = t.multiply(), kernel.Serial
	}
	body := t.one()
	if t.width > 1 {
		body = []kernel.Stmt{&kernel.Loop{Var: "lane", Extent: t.width, Mark: kernel.Vector, Body: body}}
	}
	if t.vectors > 1 {
		body = []kernel.Stmt{&kernel.Loop{Var: "v", Extent: t.vectors, Mark: kernel.Unrolled, Body: body}}
	}
	if t.rows > 1 {
		body = []kernel.Stmt{&kernel.Loop{Var: w.loops[w.tile].Var + ".in", Extent: t.rows, Mark: rowMark, Body: body}}
	}
	return nest(outer, inGuards(nil, w.skip, append(before, body...)))
}

// within is an index over the weights' loops in terms of those of the tiles.
func (t *gradientTile) within(x kernel.Index) kernel.Index {
	for _, l := range t.loops {
		if by, ok := t.inside[l.Var]; ok {
			x = substitute(x, l.Var, by)
		}
	}
	return x
}

// one is what is done for one weight: its sums over the batch, then the optimizer; or the sums over a slab.
func (t *gradientTile) one() []kernel.Stmt {
	place := t.within(t.weight)
	e := &element{b: t.builder, vars: map[*tensor.Node]string{}, unit: place, shape: []int{units(t.rel.WShape)}, dims: []kernel.Index{place}}
	var begin []kernel.Stmt
	for _, n := range t.outers {
		value := number(0)
		if t.sums != nil {
			value = only(load(t.sums[n], t.inTile()...))
		}
		begin = append(begin, &kernel.Let{Var: e.define(n), Value: value})
	}
	if t.slabs > 1 {
		return slices.Concat(begin, t.overSum(t.sumBatch(e)), t.keep(e))
	}
	return slices.Concat(begin, t.overSum(t.sumBatch(e)), t.apply(e, t.group, t.update))
}

// overSum puts what adds one location's terms into the loops of a sum, or of a slab of it.
func (t *gradientTile) overSum(body []kernel.Stmt) []kernel.Stmt {
	switch {
	case len(body) == 0:
		return nil
	case t.slabs > 1:
		return t.inSlab(body)
	}
	return inGuards(t.reduce, t.guards, body)
}

// sumBatch adds the whole blocks of the batch to the sums, then the samples of the last; behind matrices those samples that none held.
func (t *gradientTile) sumBatch(e *element) []kernel.Stmt {
	var body []kernel.Stmt
	full, rest := t.program.Batch/t.lanes, t.program.Batch%t.lanes
	if t.sums != nil {
		if n := rest % t.matrix.Depth; n > 0 {
			adds := t.add(e, at(full), plus(v("n"), at(full*t.lanes), 1))
			body = nest([]kernel.Loop{{Var: "n", Extent: n}}, replaceVar(adds, "n", plus(v("n"), at(rest-n), 1)))
		}
		return body
	}
	if full > 0 {
		block := nest([]kernel.Loop{{Var: "n", Extent: t.lanes}}, t.add(e, v("nb"), plus(v("n"), v("nb"), t.lanes)))
		body = append(body, nest([]kernel.Loop{{Var: "nb", Extent: full}}, append(t.ahead(full), block...))...)
	}
	if rest > 0 {
		body = append(body, nest([]kernel.Loop{{Var: "n", Extent: rest}}, t.add(e, at(full), plus(v("n"), at(full*t.lanes), 1)))...)
	}
	return body
}

// add adds the products of one sample, which is lane n of a block of the batch and a row of the panels.
func (t *gradientTile) add(e *element, block, row kernel.Index) []kernel.Stmt {
	var body []kernel.Stmt
	for _, n := range t.outers {
		var operands [2]kernel.Operand
		for i, unit := range []kernel.Index{t.within(t.out), t.within(t.in)} {
			if i == t.panels && t.matrix == nil {
				operands[i] = t.rowOperand(n.Args[i], n.Rel, block, row, unit)
			} else {
				operands[i] = t.activity(n.Args[i], block, unit, v("n"))
			}
		}
		body = append(body, gain(e.vars[n], operands[0], operands[1]))
	}
	return body
}

// ahead asks memory for the weights and states of the next tile along the columns, a share of the rows with each block of the batch: where they do not stay
// in a cache anyway, and where other workers have read the weights, whose copies must be gone before one is stored (from a core that shares no cache with
// this one each takes 8 ns, and the first layer's update of MNIST-FC 160 µs instead of 93).
func (t *gradientTile) ahead(blocks int) []kernel.Stmt {
	params := append([]*tensor.Node{t.update.Args[0]}, t.update.Args[2:]...)
	small := 4*int64(units(params[0].Type.Shape)*len(params)) <= t.target.Cache
	if t.target.L2 == 0 || small && t.target.Workers < 2 || t.panels == 0 || t.vector < 0 || t.rows == 1 {
		return nil
	}
	rows := (t.rows + blocks - 1) / blocks
	var body []kernel.Stmt
	for _, n := range params {
		for r := range rows {
			for i := range t.vectors {
				x := substitute(t.within(t.weight), t.loops[t.tile].Var+".in", plus(at(r), v("nb"), rows))
				x = substitute(substitute(x, "v", at(t.vectors+i)), "lane", at(0))
				body = append(body, &kernel.Prefetch{Buffer: t.buffers[n], Index: []kernel.Index{x}, Own: t.target.Workers > 1 && n == params[0]})
			}
		}
	}
	return body
}
