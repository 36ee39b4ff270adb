package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// product makes the kernel of a group with products: loops over batch blocks and output units around a register tile of running
// sums, one for each product, unit and vector of the tile; then the epilogue, element by element, straight from the registers.
//
//	parallel nb                               batch blocks (or units first, where the weights are large)
//	  serial c.tile
//	    unrolled c.in, unrolled v
//	      vector lane
//	        let s20 = 0, s21 = 0
//	        serial i: s20 += V[..]*h2[..]; s21 += V[..]*t2[..]
//	        store t1[..] = h1[..] - tanh(s20 + c[..]) + tanh(s21 + c[..])
//
// With slabs (schedule.slab), a chunk of units goes through one slab of the sum after the other, and the sums wait in memory in between:
//
//	parallel c.chunk
//	  serial c.tile, nb: store s20.sum[..] = 0
//	  serial i.slab
//	    serial c.tile, nb: let s20 = s20.sum[..]; serial i: s20 += V[..]*h2[..]; store s20.sum[..] = s20
//	  serial c.tile, nb: let s20 = s20.sum[..]; store t1[..] = h1[..] - tanh(s20 + c[..])
func (b *builder) product(f *fusion, g *group) {
	p := &product{builder: b, fusion: f, group: g}
	for _, n := range g.nodes {
		if isProduct(n) {
			p.products = append(p.products, n)
		}
	}
	relation := flat
	if p.broadcasts() {
		relation = func(r *ir.Relation) *ir.Relation { return r } // what is the same at all locations is found by its channel
	}
	first := p.products[0]
	p.walk = newWalk(relation(first.Rel), first.Role)
	for _, n := range p.products {
		p.sources = append(p.sources, newSource(p.walk, relation(n.Rel), n.Role))
	}
	p.schedule = p.choose()
	k := &kernel.Kernel{Name: kernelName(g), ByBatch: p.byBatch}
	m, in, declined := p.chooseMatrices()
	if in == nil {
		p.chooseTileSums()
	}
	switch {
	case in != nil:
		for i, n := range p.products {
			b.packWeights(n, in[i].row)
		}
		k.Body = p.inMatrices(m, in)
	case p.slab > 0:
		k.Body = p.inSlabs()
	default:
		k.Body = p.inRegisters(0)
	}
	if declined != "" {
		b.remarks = append(b.remarks, Remark{Subject: k.Name, Text: "no matrices: " + declined})
	} else if in != nil {
		b.remarks = append(b.remarks, Remark{Subject: k.Name, Text: fmt.Sprintf("its sums in matrices of %s", m)})
	}
	b.finish(g, k)
}

// broadcasts tells whether the epilogue reads parameters of some dimensions of its units only, as the bias of channels is.
func (p *product) broadcasts() bool {
	for _, n := range p.group.nodes {
		if n.Op == tensor.Map && slices.ContainsFunc(n.Args, func(a *tensor.Node) bool {
			u := units(a.Type.Shape)
			return u > 1 && u < units(n.Type.Shape)
		}) {
			return true
		}
	}
	return false
}

// A product is a kernel of products being built.
type product struct {
	*builder
	fusion   *fusion
	group    *group
	products []*tensor.Node
	walk     *walk
	sources  []*source      // of each product
	summed   []*tensor.Node // values of which the epilogue stores the sums of register tiles
	schedule
}

// inRegisters is the kernel's loops, from a unit on, where a tile's sums never leave the registers.
func (p *product) inRegisters(from int) []kernel.Stmt {
	e := p.element()
	inner := slices.Concat(p.zero(e), p.sum(e), p.epilogue(e))
	if len(p.walk.loops) == 0 {
		return p.overBlocks(nil, inGuards(nil, p.walk.guards, p.walkVectors(p.overVectors(inner))))
	}
	var body []kernel.Stmt
	before := at(0)
	for _, part := range tiles(p.walk.loops[p.walk.tile].Extent-from, p.units) {
		tile, inner := p.tile(part, before, at(from), p.addingUp(inner))
		body = append(body, p.overBlocks(slices.Concat(p.walk.loops[:p.walk.tile], tile), inner)...)
		before.Const += part.count
	}
	return body
}

// inSlabs is the kernel's loops where the sums wait in memory from slab to slab.
func (p *product) inSlabs() []kernel.Stmt {
	unit := p.walk.loops[p.walk.tile]
	e := p.element()
	var begin, middle, end []kernel.Stmt
	for _, n := range p.products {
		sum := load(p.waiting(n), p.block(), e.unit, p.lane())
		store := func(from kernel.Value) kernel.Stmt {
			return &kernel.Store{Buffer: sum.Buffer, Index: sum.Index, Value: from}
		}
		begin = append(begin, store(number(0)))
		middle = append(middle, &kernel.Let{Var: e.define(n), Value: only(sum)})
		end = append(end, store(only(variable(e.vars[n]))))
	}
	finish := append(slices.Clone(middle), p.epilogue(e)...)
	source := p.sources[0]
	last := len(source.reduce) - 1
	inner := source.reduce[last]
	slabs := slices.Clone(source.reduce)
	slabs[last] = kernel.Loop{Var: inner.Var + ".slab", Extent: inner.Extent / p.slab}
	inner.Extent = p.slab
	sums := replaceVar(p.add(e, p.products), inner.Var, plus(v(inner.Var), v(slabs[last].Var), p.slab))
	middle = slices.Concat(middle, nest([]kernel.Loop{inner}, sums), end)

	var body []kernel.Stmt
	tilesBefore := 0
	for _, chunk := range tiles(unit.Extent, p.chunk) {
		loops, first, before := slices.Clone(p.walk.loops[:p.walk.tile]), at(chunk.from), at(tilesBefore)
		tilesOf := count(tiles(chunk.size, p.units))
		tilesBefore += chunk.count * tilesOf
		if chunk.count > 1 {
			loops = append(loops, kernel.Loop{Var: unit.Var + ".chunk", Extent: chunk.count})
			first = plus(first, v(unit.Var+".chunk"), chunk.size)
			before = plus(before, v(unit.Var+".chunk"), tilesOf)
		}
		overTiles := func(inner placed) []kernel.Stmt {
			var body []kernel.Stmt
			before := before
			for _, part := range tiles(chunk.size, p.units) {
				tile, inner := p.tile(part, before, first, inner)
				if !p.byBatch {
					tile = append(tile, p.blockLoop())
				}
				body = append(body, nest(tile, inner)...)
				before.Const += part.count
			}
			return body
		}
		stages := slices.Concat(overTiles(p.inVectors(begin)), inGuards(slabs, source.guards, overTiles(p.inVectors(middle))), overTiles(p.addingUp(finish)))
		switch {
		case p.byBatch:
			loops = append([]kernel.Loop{parallel(p.blockLoop())}, loops...)
		default:
			for i := range loops {
				loops[i] = parallel(loops[i])
			}
		}
		body = append(body, nest(loops, stages)...)
	}
	return body
}

func parallel(l kernel.Loop) kernel.Loop {
	l.Mark = kernel.Parallel
	return l
}

// placed is work of a register tile: it is told the loop over the tile's units, if it has several, and which of all tiles it is.
type placed func(units []kernel.Loop, tile kernel.Index) []kernel.Stmt

// inVectors is a unit's work, done for each unit by itself.
func (p *product) inVectors(inner []kernel.Stmt) placed {
	return func(units []kernel.Loop, _ kernel.Index) []kernel.Stmt { return nest(units, p.overVectors(inner)) }
}

// tile places a register tile's work at the tiles of a part, which begins at a unit and has so many tiles before it: the loop over the part's tiles, if there
// are several, and the body.
func (p *product) tile(part tilePart, before, first kernel.Index, inner placed) (loops []kernel.Loop, body []kernel.Stmt) {
	unit := p.walk.loops[p.walk.tile].Var
	from, whole := plus(first, at(part.from), 1), kernel.Index{}
	if part.count > 1 {
		loops = []kernel.Loop{{Var: unit + ".tile", Extent: part.count}}
		from, before = plus(from, v(unit+".tile"), part.size), plus(before, v(unit+".tile"), 1)
	}
	whole = from
	var units []kernel.Loop
	if part.size > 1 {
		units = []kernel.Loop{{Var: unit + ".in", Extent: part.size, Mark: kernel.Unrolled}}
		from = plus(from, v(unit+".in"), 1)
	}
	body = inner(units, before)
	body = inGuards(nil, p.walk.guards, p.walkVectors(body))
	line := plus(v(unit+".in"), v(stepVar), part.size)
	if part.size == 1 {
		line = v(stepVar)
	}
	body = replaceVar(replaceVar(replaceVar(body, unit+firstOfTile, whole), unit+firstOfNext, plus(whole, at(part.size), 1)), unit+lineOfNext, line)
	return loops, replaceVar(body, unit, from)
}

// walkVectors walks the blocks that a worker takes at once, where a register tile does not hold them all.
func (p *product) walkVectors(body []kernel.Stmt) []kernel.Stmt {
	if p.vectors == p.vectorsOf() {
		return body
	}
	return []kernel.Stmt{&kernel.Loop{Var: "v", Extent: p.vectorsOf(), Body: body}}
}

// overBlocks puts what is done for a tile of units and the blocks that a worker takes at once into the loops over units and blocks.
func (p *product) overBlocks(outer []kernel.Loop, body []kernel.Stmt) []kernel.Stmt {
	if p.byBatch || len(outer) == 0 {
		return nest(append([]kernel.Loop{parallel(p.blockLoop())}, p.staggered(outer)...), body)
	}
	loops := slices.Clone(outer)
	for i := range loops {
		loops[i] = parallel(loops[i])
	}
	block := p.blockLoop()
	block.Mark = p.target.shared()
	return nest(append(loops, block), body)
}

// staggered has workers that read the same weights begin at different ones. Side by side they would ask for the same line at the same time, which delays
// both (docs/performance.md).
func (p *product) staggered(outer []kernel.Loop) []kernel.Loop {
	outer = slices.Clone(outer)
	if len(outer) > 0 && p.target.Workers > 1 && p.target.L2 > 0 {
		outer[0].Mark = kernel.Staggered
	}
	return outer
}

// zero starts the sums.
func (p *product) zero(e *element) []kernel.Stmt {
	var body []kernel.Stmt
	for _, n := range p.products {
		body = append(body, &kernel.Let{Var: e.define(n), Value: number(0)})
	}
	return body
}

// sum adds everything up, once for all products that read the same weights alike.
func (p *product) sum(e *element) []kernel.Stmt {
	var body []kernel.Stmt
	for _, together := range p.readAlike() {
		n := together[0]
		s := p.sources[slices.Index(p.products, n)]
		reduce, adds := s.reduce, p.add(e, together)
		if step := p.stepToNext(n); step > 0 {
			reduce, adds = p.fetchNextTile(n, step, adds)
		}
		body = append(body, inGuards(reduce, s.guards, adds)...)
	}
	return body
}

// readAlike are the products that read the same weights alike, in groups.
func (p *product) readAlike() (groups [][]*tensor.Node) {
	for _, n := range p.products {
		if i := slices.IndexFunc(groups, func(g []*tensor.Node) bool { return alike(g[0], n) }); i >= 0 {
			groups[i] = append(groups[i], n)
		} else {
			groups = append(groups, []*tensor.Node{n})
		}
	}
	return groups
}

// alike tells whether two products read the same weights in the same way.
func alike(m, n *tensor.Node) bool {
	return m.Args[0] == n.Args[0] && fmt.Sprint(*m.Rel, m.Role) == fmt.Sprint(*n.Rel, n.Role)
}

// add adds one term to the sums of products.
func (p *product) add(e *element, products []*tensor.Node) []kernel.Stmt {
	var body []kernel.Stmt
	if x, ok := p.ahead(products[0]); ok {
		body = append(body, &kernel.Prefetch{Buffer: p.param(products[0].Args[0]), Index: []kernel.Index{x}})
	}
	for _, n := range products {
		s := p.sources[slices.Index(p.products, n)]
		body = append(body, gain(e.vars[n], load(p.param(n.Args[0]), s.weight), p.activity(n.Args[1], p.block(), s.operand, p.lane())))
	}
	return body
}

// gain adds a product to a sum.
func gain(sum string, x, y kernel.Operand) kernel.Stmt {
	return &kernel.Assign{Var: sum, How: kernel.Sum, Value: kernel.Value{Expr: ir.Call(ir.OpMul, ir.In(0), ir.In(1)), Operands: []kernel.Operand{x, y}}}
}

// epilogue computes and stores what becomes of the sums.
func (p *product) epilogue(e *element) []kernel.Stmt {
	var body []kernel.Stmt
	for _, n := range p.group.nodes {
		if n.Op == tensor.Map {
			body = append(body, &kernel.Let{Var: e.define(n), Value: e.value(n)})
		}
		switch {
		case slices.Contains(p.summed, n):
			body = append(body, &kernel.Assign{Var: tileSum(n), How: kernel.Sum, Value: only(variable(e.vars[n]))})
		case outside(p.fusion, p.group, n):
			body = append(body, &kernel.Store{Buffer: p.inLanes(n), Index: []kernel.Index{p.block(), e.unit, p.lane()}, Value: only(variable(e.vars[n]))})
		}
	}
	return body
}

// element is the values at the unit that the walk stands at.
func (p *product) element() *element {
	return p.builder.element(p.walk.dims, p.walk.shape)
}

// waiting is the buffer in which a product's sums wait from slab to slab.
func (p *product) waiting(n *tensor.Node) int {
	return p.sumOf(n, p.group, "sum", kernel.Temp, p.blocks, units(n.Type.Shape), p.lanes)
}

// overVectors puts what is done for a vector of samples into the loops that a register tile unrolls.
func (p *product) overVectors(body []kernel.Stmt) []kernel.Stmt {
	return p.lanesOf(body, p.vectors == p.vectorsOf())
}
