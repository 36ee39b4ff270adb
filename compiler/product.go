package compiler

import (
	"fmt"
	"slices"
	"strings"

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
	sources  []*source // of each product
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
	for _, part := range tiles(p.walk.loops[p.walk.tile].Extent-from, p.units) {
		tile, inner := p.tile(part, at(from), inner)
		body = append(body, p.overBlocks(slices.Concat(p.walk.loops[:p.walk.tile], tile), inner)...)
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
	for _, chunk := range tiles(unit.Extent, p.chunk) {
		loops, first := slices.Clone(p.walk.loops[:p.walk.tile]), at(chunk.from)
		if chunk.count > 1 {
			loops = append(loops, kernel.Loop{Var: unit.Var + ".chunk", Extent: chunk.count})
			first = plus(first, v(unit.Var+".chunk"), chunk.size)
		}
		overTiles := func(inner []kernel.Stmt) []kernel.Stmt {
			var body []kernel.Stmt
			for _, part := range tiles(chunk.size, p.units) {
				tile, inner := p.tile(part, first, inner)
				if !p.byBatch {
					tile = append(tile, p.blockLoop())
				}
				body = append(body, nest(tile, inner)...)
			}
			return body
		}
		stages := slices.Concat(overTiles(begin), inGuards(slabs, source.guards, overTiles(middle)), overTiles(finish))
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

// tile places a register tile's work at the tiles of a part, which begins at a unit: the loop over the part's tiles, if there are several, and the body.
func (p *product) tile(part tilePart, first kernel.Index, inner []kernel.Stmt) (loops []kernel.Loop, body []kernel.Stmt) {
	unit := p.walk.loops[p.walk.tile].Var
	from, whole := plus(first, at(part.from), 1), kernel.Index{}
	if part.count > 1 {
		loops = []kernel.Loop{{Var: unit + ".tile", Extent: part.count}}
		from = plus(from, v(unit+".tile"), part.size)
	}
	body, whole = p.overVectors(inner), from
	if part.size > 1 {
		body = []kernel.Stmt{&kernel.Loop{Var: unit + ".in", Extent: part.size, Mark: kernel.Unrolled, Body: body}}
		from = plus(from, v(unit+".in"), 1)
	}
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

// blockLoop is the loop over the blocks of the batch, as many at a time as a worker takes.
func (b *builder) blockLoop() kernel.Loop {
	return kernel.Loop{Var: "nb", Extent: b.blocks / b.together}
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

// stepToNext is how many terms of a sum lie between two requests for the weights of the next register tile, at most a line of them; 0: none are made.
// They pay where another worker has written weights that this one reads in a few register tiles: a line that lies in another core's own cache takes
// several times as long to come as one from the cache that they share, and no prefetcher follows a tile's rows, several of which share a page. Asked for in the
// order in which they lie, they are found by the prefetchers, too.
func (p *product) stepToNext(n *tensor.Node) int {
	s := p.sources[slices.Index(p.products, n)]
	if p.target.L2 == 0 || p.target.Workers < 2 || !p.byBatch || len(p.walk.loops) != 1 || len(s.reduce) != 1 || len(s.guards) > 0 ||
		n.Args[0].Op != tensor.Param || n.Args[0].Param.Kind != tensor.Weight || coefficient(s.weight, s.reduce[0].Var) != 1 ||
		coefficient(s.weight, p.walk.loops[p.walk.tile].Var) != s.reduce[0].Extent { // the rows of a tile lie one behind the other
		return 0
	}
	for step := line / 4; step >= line/8; step-- {
		if s.reduce[0].Extent%step == 0 {
			return step
		}
	}
	return 0
}

// fetchNextTile cuts a sum into steps, before each of which memory is asked for what the next register tile will read there.
func (p *product) fetchNextTile(n *tensor.Node, step int, adds []kernel.Stmt) (outer []kernel.Loop, body []kernel.Stmt) {
	s := p.sources[slices.Index(p.products, n)]
	inner, unit := s.reduce[0], p.walk.loops[p.walk.tile].Var
	steps := kernel.Loop{Var: stepVar, Extent: inner.Extent / step}
	inner.Extent = step
	next := plus(substitute(substitute(s.weight, unit, v(unit+firstOfNext)), inner.Var, at(0)), v(unit+lineOfNext), step)
	ask := &kernel.Prefetch{Buffer: p.param(n.Args[0]), Index: []kernel.Index{next}}
	adds = replaceVar(adds, inner.Var, plus(v(inner.Var), v(steps.Var), step))
	return []kernel.Loop{steps}, append([]kernel.Stmt{ask}, nest([]kernel.Loop{inner}, adds)...)
}

// stepVar is the loop over the steps of a sum that asks for the next register tile.
const stepVar = "step"

// What ends the names of the variables that stand, until the tile is placed, for the next register tile's first unit and for a line of its weights: of each
// row of a tile another one, and all of them in the order in which they lie.
const firstOfNext, lineOfNext = ".next", ".line"

// firstOfTile ends the name of the variable that stands for a register tile's first unit, until the tile is placed.
const firstOfTile = ".first"

// ahead is where a product that walks down the columns of large weights will read some rows later: in no order that a processor foresees.
func (p *product) ahead(n *tensor.Node) (kernel.Index, bool) {
	s := p.sources[slices.Index(p.products, n)]
	if !p.downColumns(s) || 4*int64(units(n.Args[0].Type.Shape)) < p.target.L2 {
		return kernel.Index{}, false
	}
	unit, row := p.walk.loops[p.walk.tile].Var, coefficient(s.weight, s.reduce[len(s.reduce)-1].Var)
	if p.target.linesAt(4*row) < 2*rowsAhead {
		return kernel.Index{}, false // what came early would drive out what is in use
	}
	return plus(substitute(s.weight, unit, v(unit+firstOfTile)), at(rowsAhead*row), 1), true
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
		if outside(p.fusion, p.group, n) {
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

// block is the block that a kernel works on: one of those that a worker takes at once.
func (b *builder) block() kernel.Index {
	if b.together == 1 {
		return v("nb")
	}
	return plus(v("v"), v("nb"), b.together)
}

// lane is the place within its block that a lane works on: one of those that it has side by side.
func (b *builder) lane() kernel.Index {
	if b.lanes == b.target.Vector {
		return v("lane")
	}
	return plus(v("v"), v("lane"), b.lanes/b.target.Vector)
}

// vectorsOf is how many vectors of samples a worker takes at once: of several blocks, or of one.
func (b *builder) vectorsOf() int { return b.together * b.lanes / b.target.Vector }

// sample is the sample within the batch that a lane works on.
func (b *builder) sample() kernel.Index { return plus(b.lane(), b.block(), b.lanes) }

// overVectors wraps a body for one sample into the vectors of a block.
func (b *builder) overVectors(body []kernel.Stmt) []kernel.Stmt { return b.lanesOf(body, true) }

// lanesOf wraps a body for one sample into a vector of samples, and into the vectors of a block unless the caller walks those.
func (b *builder) lanesOf(body []kernel.Stmt, whole bool) []kernel.Stmt {
	body = []kernel.Stmt{&kernel.Loop{Var: "lane", Extent: b.target.Vector, Mark: kernel.Vector, Body: body}}
	if vectors := b.vectorsOf(); whole && vectors > 1 {
		body = []kernel.Stmt{&kernel.Loop{Var: "v", Extent: vectors, Mark: kernel.Unrolled, Body: body}}
	}
	return body
}

// param is the buffer of a parameter, or of a value made of parameters (sign(W)).
func (b *builder) param(n *tensor.Node) int {
	if n.Op == tensor.Param {
		return b.buffers[n]
	}
	return b.inWhole(n)
}

// An element is the values of a group's nodes at one unit: variables already computed, or loads.
type element struct {
	b     *builder
	dims  []kernel.Index
	shape []int
	unit  kernel.Index
	vars  map[*tensor.Node]string
}

func (b *builder) element(dims []kernel.Index, shape []int) *element {
	e := &element{b: b, dims: dims, shape: shape, vars: map[*tensor.Node]string{}}
	for d, x := range dims {
		e.unit = plus(scale(e.unit, shape[d]), x, 1)
	}
	return e
}

// define names the variable that holds a node's value.
func (e *element) define(n *tensor.Node) string {
	name := fmt.Sprintf("s%d", n.ID)
	if n.Name != "" {
		name = e.b.variableOf(n)
	}
	e.vars[n] = name
	return name
}

// variableOf is the variable of a value that has a name: that with underscores for its dots. What the builder calls variables of its own has no underscore,
// or a dot, so the two do not meet; two values may (a.b_c and a_b.c), and then one gets a number.
func (b *builder) variableOf(n *tensor.Node) string {
	name, ok := b.variables[n]
	if !ok {
		name = unlike(strings.ReplaceAll(n.Name, ".", "_"), "_", b.named)
		b.named[name], b.variables[n] = true, name
	}
	return name
}

func (e *element) value(n *tensor.Node) kernel.Value {
	val := kernel.Value{Expr: n.Expr}
	for _, a := range n.Args {
		val.Operands = append(val.Operands, e.operand(a))
	}
	return val
}

// operand is where a Map finds an argument: a variable, a setting, a parameter by broadcast position, or a stored value.
func (e *element) operand(n *tensor.Node) kernel.Operand {
	if name, ok := e.vars[n]; ok {
		return variable(name)
	}
	switch {
	case n.Op == tensor.Input && !n.Type.Batch:
		return load(e.b.settings, at(e.b.settingIndex(n.Name)))
	case n.Type.Batch && len(n.Type.Shape) == 0:
		return e.b.activity(n, e.b.block(), at(0), e.b.lane())
	case n.Type.Batch:
		return e.b.activity(n, e.b.block(), e.broadcast(n.Type.Shape), e.b.lane())
	}
	return load(e.b.param(n), e.broadcast(n.Type.Shape))
}

// broadcast is the flat position in a tensor aligned at the right with the element's.
func (e *element) broadcast(shape []int) kernel.Index {
	if units(shape) == units(e.shape) {
		return e.unit
	}
	var x kernel.Index
	for d, extent := range shape {
		x = scale(x, extent)
		if extent > 1 {
			x = plus(x, e.dims[len(e.dims)-len(shape)+d], 1)
		}
	}
	return x
}

// fetch makes sure that the inputs which a node reads lie in lanes.
func (b *builder) fetch(n *tensor.Node) {
	for _, a := range n.Args {
		if a.Op == tensor.Input && a.Type.Batch {
			b.packInput(a)
		}
	}
}

// finish counts a kernel's arithmetic and adds it to the list.
func (b *builder) finish(g *group, k *kernel.Kernel) {
	k.Flops, k.Bytes = flops(k.Body), moved(b.plan, k)
	b.emit(g, k)
}

// substitute puts an index in place of a variable.
func substitute(x kernel.Index, name string, by kernel.Index) kernel.Index {
	out := kernel.Index{Const: x.Const}
	for _, t := range x.Terms {
		if t.Var == name {
			out = plus(out, by, t.Coef)
		} else {
			out = plus(out, v(t.Var), t.Coef)
		}
	}
	return out
}

// replaceVar substitutes an index for a variable throughout statements.
func replaceVar(body []kernel.Stmt, name string, by kernel.Index) []kernel.Stmt {
	index := func(list []kernel.Index) []kernel.Index {
		out := make([]kernel.Index, len(list))
		for i, x := range list {
			out[i] = substitute(x, name, by)
		}
		return out
	}
	val := func(x kernel.Value) kernel.Value {
		out := kernel.Value{Expr: x.Expr, Operands: slices.Clone(x.Operands)}
		for i := range out.Operands {
			if out.Operands[i].Index != nil {
				out.Operands[i].Index = index(out.Operands[i].Index)
			}
		}
		return out
	}
	var out []kernel.Stmt
	for _, s := range body {
		switch s := s.(type) {
		case *kernel.Loop:
			c := *s
			c.Body = replaceVar(s.Body, name, by)
			out = append(out, &c)
		case *kernel.Where:
			c := *s
			c.Num, c.Body = substitute(s.Num, name, by), replaceVar(s.Body, name, by)
			out = append(out, &c)
		case *kernel.Seek:
			out = append(out, &kernel.Seek{Var: s.Var, Extent: s.Extent, Value: val(s.Value)})
		case *kernel.Let:
			out = append(out, &kernel.Let{Var: s.Var, Value: val(s.Value)})
		case *kernel.Assign:
			out = append(out, &kernel.Assign{Var: s.Var, How: s.How, Value: val(s.Value)})
		case *kernel.Store:
			out = append(out, &kernel.Store{Buffer: s.Buffer, Index: index(s.Index), How: s.How, Value: val(s.Value)})
		case *kernel.Prefetch:
			out = append(out, &kernel.Prefetch{Buffer: s.Buffer, Index: index(s.Index), Own: s.Own})
		case *kernel.Draw:
			c := *s
			c.Row, c.Block = substitute(s.Row, name, by), substitute(s.Block, name, by)
			out = append(out, &c)
		}
	}
	return out
}
