package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// Where a program stores in 16 bits what a machine multiplies in matrices (Target.Matrices), a product's sums are matrices. Their elements lie among the
// machine's lanes as it likes, so they are put into local memory, from where the epilogue reads them as it reads sums elsewhere:
//
//	parallel c.tile, nb
//	  unrolled c.block, n.block
//	    matrix c, n
//	      let s20 = 0
//	      serial i.step: matrix i: s20 += V.f16[..]*h2[..]
//	      store t1.s20.tile[..] = s20
//	  serial c.in, vector lane
//	    let s20 = t1.s20.tile[..]
//	    serial i: s20 += V[..]*h2[..]                     the rest of a sum that no matrix holds
//	    store t1[..] = h1[..] - tanh(s20 + c[..])
//
// Units that fill no row of matrices are a register tile. Weights are read from a copy in 16 bits, made once in a list: they are parameters, whose steps
// of learning are smaller than what 16 bits tell apart. Rows of it are padded, since matrices begin at multiples of 16 bytes.

// tileBytes is the local memory that sums may take: what every device has.
const tileBytes = 16384

// inMatrix are the loops of a source whose positions are those of matrices: a unit, and a term of the sum.
type inMatrix struct {
	depth  kernel.Loop   // the loop over the terms
	others []kernel.Loop // over the rest of the sum
	row    int           // of the weights, as they lie: how many
}

// chooseMatrices finds the matrices for a kernel of products, and how each source walks them. It declines with what is in the way, "" where no matrices were asked for.
func (p *product) chooseMatrices() (m kernel.MatrixProduct, in []inMatrix, declined string) {
	m, ok := p.matrixProduct()
	switch {
	case !ok:
		return m, nil, ""
	case len(p.walk.loops) == 0 || p.walk.loops[p.walk.tile].Extent < m.Rows:
		return m, nil, fmt.Sprintf("fewer than %d units", m.Rows)
	case p.byBatch || p.slab > 0 || p.together > 1:
		return m, nil, "workers walk the batch"
	case 4*m.Rows*p.lanes*len(p.products) > tileBytes:
		return m, nil, "its sums are more than local memory holds"
	}
	unit := p.walk.loops[p.walk.tile].Var
	if slices.ContainsFunc(p.walk.guards, func(g kernel.Where) bool { return uses(g.Num, unit) }) {
		return m, nil, "a bound parts its units"
	}
	for _, s := range p.sources {
		x, why := s.inMatrix(unit, m.Depth)
		if why != "" {
			return m, nil, why
		}
		in = append(in, x)
	}
	return m, in, ""
}

// matrixProduct is what the target multiplies at once of the program's precision, if anything, and is the faster way.
func (b *builder) matrixProduct() (m kernel.MatrixProduct, ok bool) {
	i := slices.IndexFunc(b.target.Matrices, func(m kernel.MatrixProduct) bool { return m.Of == b.plan.Precision && b.lanes%m.Columns == 0 })
	if i < 0 || b.target.Plain {
		return m, false
	}
	return b.target.Matrices[i], true
}

// inMatrix finds which loop of the sum matrices can walk.
func (s *source) inMatrix(unit string, depth int) (x inMatrix, declined string) {
	if slices.ContainsFunc(s.guards, func(g kernel.Where) bool { return uses(g.Num, unit) }) {
		return x, "a bound parts its units"
	}
	if uses(s.operand, unit) {
		return x, "its units read inputs of their own"
	}
	best := -1
	for i, l := range s.reduce {
		beside := coefficient(s.weight, l.Var) == 1 || coefficient(s.weight, unit) == 1
		if beside && coefficient(s.weight, l.Var) > 0 && coefficient(s.operand, l.Var) > 0 && !s.bounds(l.Var) && l.Extent >= depth && (best < 0 || l.Extent > s.reduce[best].Extent) {
			best = i
		}
	}
	if best < 0 {
		return x, fmt.Sprintf("no %d terms of its sum lie together", depth)
	}
	x.depth = s.reduce[best]
	x.others = slices.Delete(slices.Clone(s.reduce), best, best+1)
	x.row = s.rel.WShape[len(s.rel.WShape)-1]
	for _, t := range s.weight.Terms {
		if t.Coef != 1 && t.Coef%x.row != 0 {
			return x, "its weights lie in no rows"
		}
	}
	if x.row == 1 || s.weight.Const%x.row != 0 || coefficient(s.weight, unit) < 1 {
		return x, "its weights lie in no rows"
	}
	return x, ""
}

// inMatrices is the kernel's loops.
func (p *product) inMatrices(m kernel.MatrixProduct, in []inMatrix) []kernel.Stmt {
	unit := p.walk.loops[p.walk.tile]
	blocks := max(1, min(p.units/m.Rows, tileBytes/(4*m.Rows*p.lanes*len(p.products))))
	parts := tiles(unit.Extent/m.Rows, blocks)
	t := &matrixTile{product: p, MatrixProduct: m, in: in, unit: unit.Var, sums: map[*tensor.Node]int{}}
	for _, n := range p.products {
		t.sums[n] = p.sumOf(n, p.group, "tile", kernel.Local, parts[0].size*m.Rows, p.lanes)
	}
	var body []kernel.Stmt
	for _, part := range parts {
		loops, first := slices.Clone(p.walk.loops[:p.walk.tile]), at(part.from*m.Rows)
		if part.count > 1 {
			loops = append(loops, kernel.Loop{Var: unit.Var + ".tile", Extent: part.count})
			first = plus(first, v(unit.Var+".tile"), part.size*m.Rows)
		}
		body = append(body, p.overBlocks(loops, inGuards(nil, p.walk.guards, append(t.multiply(part.size, first), t.finish(part.size, first)...)))...)
	}
	whole := unit.Extent / m.Rows * m.Rows
	if whole == unit.Extent {
		return body
	}
	return append(body, p.inRegisters(whole)...)
}

// A matrixTile is the units whose sums a worker holds in matrices at once, over a block of the batch.
type matrixTile struct {
	*product
	kernel.MatrixProduct
	in   []inMatrix           // of each product
	unit string               // the loop over units
	sums map[*tensor.Node]int // the local memory of each product's sums
}

// multiply computes the sums of so many rows of matrices, from a unit on, and puts them into local memory.
func (t *matrixTile) multiply(blocks int, first kernel.Index) []kernel.Stmt {
	row, rows := v(t.unit), several(t.unit+".block", blocks)
	column, columns := v("n"), several("n.block", t.lanes/t.Columns)
	for _, l := range rows {
		row = plus(row, v(l.Var), t.Rows)
	}
	for _, l := range columns {
		column = plus(column, v(l.Var), t.Columns)
	}
	e := t.element()
	var zero, keep []kernel.Stmt
	for _, n := range t.products {
		zero = append(zero, &kernel.Let{Var: e.define(n), Value: number(0)})
		keep = append(keep, &kernel.Store{Buffer: t.sums[n], Index: []kernel.Index{row, column}, Value: only(variable(e.vars[n]))})
	}
	sums := t.addUp(func(s *source, in inMatrix, together []*tensor.Node) []kernel.Stmt {
		var adds []kernel.Stmt
		for _, n := range together {
			adds = append(adds, gain(e.vars[n], t.copyOf(n, in.row, s.weight), load(t.inLanes(n.Args[1]), t.block(), s.operand, column)))
		}
		step := in.depth.Var + ".step"
		adds = replaceVar(adds, in.depth.Var, plus(v(in.depth.Var), v(step), t.Depth))
		adds = []kernel.Stmt{&kernel.Loop{Var: in.depth.Var, Extent: t.Depth, Mark: kernel.Matrix, Body: adds}}
		return inGuards(append(slices.Clone(in.others), kernel.Loop{Var: step, Extent: in.depth.Extent / t.Depth}), s.guards, adds)
	})
	sums = replaceVar(sums, t.unit, plus(first, row, 1))
	matrices := nest([]kernel.Loop{{Var: t.unit, Extent: t.Rows, Mark: kernel.Matrix}, {Var: "n", Extent: t.Columns, Mark: kernel.Matrix}}, slices.Concat(zero, sums, keep))
	return nest(append(rows, columns...), matrices)
}

// several is the loop that goes through all of them at once, if there are several.
func several(name string, n int) []kernel.Loop {
	if n == 1 {
		return nil
	}
	return []kernel.Loop{{Var: name, Extent: n, Mark: kernel.Unrolled}}
}

// finish adds to the sums what no matrix held, and goes on with the epilogue.
func (t *matrixTile) finish(blocks int, first kernel.Index) []kernel.Stmt {
	e, unit := t.element(), t.unit+".in"
	var body []kernel.Stmt
	for _, n := range t.products {
		body = append(body, &kernel.Let{Var: e.define(n), Value: only(load(t.sums[n], v(unit), t.lane()))})
	}
	body = append(body, t.addUp(func(s *source, in inMatrix, together []*tensor.Node) []kernel.Stmt {
		rest := in.depth.Extent % t.Depth
		if rest == 0 {
			return nil
		}
		adds := replaceVar(t.add(e, together), in.depth.Var, plus(at(in.depth.Extent-rest), v(in.depth.Var), 1))
		return inGuards(append(slices.Clone(in.others), kernel.Loop{Var: in.depth.Var, Extent: rest}), s.guards, adds)
	})...)
	body = replaceVar(append(body, t.epilogue(e)...), t.unit, plus(first, v(unit), 1))
	return nest([]kernel.Loop{{Var: unit, Extent: blocks * t.Rows}}, t.walkVectors(t.overVectors(body)))
}

// addUp makes the sums of all products, those that read the same weights alike together.
func (t *matrixTile) addUp(of func(s *source, in inMatrix, together []*tensor.Node) []kernel.Stmt) []kernel.Stmt {
	var body []kernel.Stmt
	for _, together := range t.readAlike() {
		i := slices.Index(t.products, together[0])
		body = append(body, of(t.sources[i], t.in[i], together)...)
	}
	return body
}

// chooseMatrices finds the matrices for a gradient: both of its factors are activities, in 16 bits, whose samples are the depth. It says so, or what is in the way.
func (w *gradient) chooseMatrices(name string) {
	m, ok := w.matrixProduct()
	if !ok || w.lanes%m.Depth != 0 {
		return
	}
	declined := ""
	switch {
	case w.tile < 0 || w.vector < 0:
		declined = "a bound parts its rows or columns"
	case w.loops[w.tile].Extent < m.Rows || w.loops[w.vector].Extent < m.Columns:
		declined = fmt.Sprintf("fewer than %d rows or %d columns", m.Rows, m.Columns)
	case 4*m.Rows*w.target.columns()*w.target.Vector*len(w.outers) > tileBytes:
		declined = "its sums are more than local memory holds"
	case w.program.Batch < m.Depth:
		declined = fmt.Sprintf("fewer than %d samples", m.Depth)
	case !w.target.Wide:
		declined = "workers are few"
	}
	if declined != "" {
		w.remarks = append(w.remarks, Remark{Subject: name, Text: "no matrices: " + declined})
		return
	}
	w.matrix = &m
	w.remarks = append(w.remarks, Remark{Subject: name, Text: fmt.Sprintf("its gradient in matrices of %s", m)})
}

// inTile is the place of a weight's sum in local memory.
func (t *gradientTile) inTile() []kernel.Index {
	row, column := t.loops[t.tile].Var, t.loops[t.vector].Var
	return []kernel.Index{plus(t.inside[row], t.from[row], -1), plus(t.inside[column], t.from[column], -1)}
}

// multiply computes the sums of a tile in matrices and puts them into local memory: all but those of the samples that fill no depth.
func (t *gradientTile) multiply() []kernel.Stmt {
	m, row, column := t.matrix, t.loops[t.tile].Var, t.loops[t.vector].Var
	width := t.vectors * t.width
	t.sums = map[*tensor.Node]int{}
	rows, columns := several(row+".block", t.rows/m.Rows), several(column+".block", width/m.Columns)
	within := *t
	within.inside = map[string]kernel.Index{row: t.from[row], column: t.from[column]}
	down, along := v(row), v(column)
	for _, l := range rows {
		down = plus(down, v(l.Var), m.Rows)
	}
	for _, l := range columns {
		along = plus(along, v(l.Var), m.Columns)
	}
	within.inside[row], within.inside[column] = plus(t.from[row], down, 1), plus(t.from[column], along, 1)
	e := &element{b: t.builder, vars: map[*tensor.Node]string{}}
	var zero, adds, keep []kernel.Stmt
	for _, n := range t.outers {
		t.sums[n] = t.sumOf(n, t.group, "tile", kernel.Local, t.most[:]...)
		zero = append(zero, &kernel.Let{Var: e.define(n), Value: number(0)})
		keep = append(keep, &kernel.Store{Buffer: t.sums[n], Index: []kernel.Index{down, along}, Value: only(variable(e.vars[n]))})
	}
	samples := func(steps int, block kernel.Index) []kernel.Stmt {
		adds = within.add(e, block, kernel.Index{})
		if t.panels == 0 { // the left matrix is of the rows
			for _, s := range adds {
				o := s.(*kernel.Assign).Value.Operands
				o[0], o[1] = o[1], o[0]
			}
		}
		adds = replaceVar(adds, "n", plus(v("n"), v("n.step"), m.Depth))
		return nest([]kernel.Loop{{Var: "n.step", Extent: steps}, {Var: "n", Extent: m.Depth, Mark: kernel.Matrix}}, adds)
	}
	var sums []kernel.Stmt
	full, rest := t.program.Batch/t.lanes, t.program.Batch%t.lanes
	if full > 0 {
		sums = nest([]kernel.Loop{{Var: "nb", Extent: full}}, samples(t.lanes/m.Depth, v("nb")))
	}
	if n := rest / m.Depth; n > 0 {
		sums = append(sums, samples(n, at(full))...)
	}
	matrices := nest([]kernel.Loop{{Var: row, Extent: m.Rows, Mark: kernel.Matrix}, {Var: column, Extent: m.Columns, Mark: kernel.Matrix}}, slices.Concat(zero, t.overSum(sums), keep))
	return nest(append(rows, columns...), matrices)
}

// padded is the length of a row of weights in 16 bits: matrices begin at multiples of 16 bytes.
func padded(row int) int { return (row + 7) / 8 * 8 }

// copyOf is a weight of a product in the copy whose rows are padded.
func (b *builder) copyOf(n *tensor.Node, row int, weight kernel.Index) kernel.Operand {
	x := at(weight.Const / row * padded(row))
	for _, t := range weight.Terms {
		if t.Coef == 1 {
			x = plus(x, v(t.Var), 1)
		} else {
			x = plus(x, v(t.Var), t.Coef/row*padded(row))
		}
	}
	return load(b.copyFor(n, row), x)
}

// copyFor is the buffer of the copy.
func (b *builder) copyFor(n *tensor.Node, row int) int {
	of := b.param(n.Args[0])
	return b.copyIn(of, b.plan.Precision.String(), b.plan.Buffers[of].Elements()/row*padded(row))
}

// packWeights makes the copy of a product's weights; once in a list.
func (b *builder) packWeights(n *tensor.Node, row int) {
	from := b.param(n.Args[0])
	to := b.copyFor(n, row)
	if b.packed[to] {
		return
	}
	b.packed[to] = true
	k := &kernel.Kernel{Name: "pack_" + b.plan.Buffers[from].Name, From: fmt.Sprintf("%s to %s", b.plan.Buffers[from].Name, b.plan.Precision)}
	vectors := 1
	if b.target.Fours {
		vectors = 4
	}
	for _, c := range cuts(row, []int{vectors * b.target.Vector, b.target.Vector, 1}) {
		loops := []kernel.Loop{{Var: "r", Extent: b.plan.Buffers[from].Elements() / row, Mark: kernel.Parallel}}
		x := at(c.from)
		if c.count > 1 {
			loops, x = append(loops, kernel.Loop{Var: "u", Extent: c.count}), plus(x, v("u"), c.width)
		}
		if n := c.width / b.target.Vector; n > 1 {
			loops, x = append(loops, kernel.Loop{Var: "v", Extent: n, Mark: kernel.Unrolled}), plus(x, v("v"), 1)
		}
		if c.width > 1 {
			loops, x = append(loops, kernel.Loop{Var: "lane", Extent: b.target.Vector, Mark: kernel.Vector}), plus(x, v("lane"), c.width/b.target.Vector)
		}
		k.Body = append(k.Body, nest(loops, []kernel.Stmt{&kernel.Store{Buffer: to, Index: []kernel.Index{plus(x, v("r"), padded(row))}, Value: only(load(from, plus(x, v("r"), row)))}})...)
	}
	b.finish(nil, k)
}
