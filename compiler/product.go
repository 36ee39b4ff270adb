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
func (b *builder) product(f *fusion, g *group) error {
	var products []*tensor.Node
	for _, n := range g.nodes {
		if isProduct(n) {
			products = append(products, n)
		}
	}
	for _, n := range g.nodes {
		b.fetch(f, g, n)
	}
	first := products[0]
	w := newWalk(flat(first.Rel), first.Role)
	vectors := b.together
	if len(products) > 1 {
		// Several products: one vector at a time and more units, so that an operand loaded is used by more of them
		// (docs/performance.md: 80 % of peak with 6 units x 1 vector x 2 products, 68 % with 3 x 2 x 2).
		vectors = 1
	}
	tile := max(1, b.target.accumulators()/(vectors*len(products)))
	var sources []*source
	for _, n := range products {
		s := newSource(w, flat(n.Rel), n.Role)
		sources = append(sources, s)
		if len(w.loops) > 0 {
			name := w.loops[w.tile].Var
			if slices.ContainsFunc(append(slices.Clone(w.guards), s.guards...), func(x kernel.Where) bool { return uses(x.Num, name) }) {
				tile = 1 // a bound that depends on the tile would break the register tile apart
			}
		}
	}
	weightBytes := int64(0)
	for _, n := range products {
		weightBytes += 4 * int64(units(n.Args[0].Type.Shape))
	}
	k := &kernel.Kernel{Name: kernelName(g), ByBatch: b.blocks/b.together >= b.target.Workers && weightBytes <= b.target.Cache}
	body := func() []kernel.Stmt { return b.productBody(f, g, products, sources, w) }
	split := vectors < b.together
	if len(w.loops) == 0 {
		k.Body = b.overBlocks(k.ByBatch, nil, w.guards, b.walkVectors(split, body()))
		b.finish(g, k)
		return nil
	}
	last := w.loops[w.tile]
	tile = min(tile, last.Extent)
	for _, part := range tiles(last.Extent, tile) {
		outer := slices.Clone(w.loops[:w.tile])
		inner := body()
		from := at(part.from)
		if part.count > 1 {
			outer = append(outer, kernel.Loop{Var: last.Var + ".tile", Extent: part.count})
			from = plus(from, v(last.Var+".tile"), part.size)
		}
		if part.size > 1 {
			inner = []kernel.Stmt{&kernel.Loop{Var: last.Var + ".in", Extent: part.size, Mark: kernel.Unrolled, Body: inner}}
			from = plus(from, v(last.Var+".in"), 1)
		}
		inner = b.walkVectors(split, inner)
		guards := slices.Clone(w.guards)
		for i := range guards {
			guards[i].Num = substitute(guards[i].Num, last.Var, from)
		}
		inner = replaceVar(inner, last.Var, from)
		k.Body = append(k.Body, b.overBlocks(k.ByBatch, outer, guards, inner)...)
	}
	b.finish(g, k)
	return nil
}

// walkVectors walks the vectors of a block one after the other, around a register tile that holds one.
func (b *builder) walkVectors(split bool, body []kernel.Stmt) []kernel.Stmt {
	if !split {
		return body
	}
	return []kernel.Stmt{&kernel.Loop{Var: "v", Extent: b.together, Body: body}}
}

// A tilePart is count tiles of one size, from a position on.
type tilePart struct{ from, size, count int }

// tiles cuts an extent into the fewest tiles of at most a size, all of one size or the next smaller one: a small rest would leave registers idle.
func tiles(extent, size int) []tilePart {
	n := (extent + size - 1) / size
	size = (extent + n - 1) / n
	small := n*size - extent
	parts := []tilePart{{0, size, n - small}}
	if small > 0 {
		parts = append(parts, tilePart{(n - small) * size, size - 1, small})
	}
	return parts
}

// overBlocks puts a body that handles one block's vectors into the loops over blocks and units.
func (b *builder) overBlocks(byBatch bool, outer []kernel.Loop, guards []kernel.Where, body []kernel.Stmt) []kernel.Stmt {
	block := kernel.Loop{Var: "nb", Extent: b.blocks / b.together}
	for i := range outer {
		outer[i].Mark = kernel.Serial
		if !byBatch {
			outer[i].Mark = kernel.Parallel
		}
	}
	body = inGuards(nil, guards, body)
	if byBatch || len(outer) == 0 {
		block.Mark = kernel.Parallel
		return nest(append([]kernel.Loop{block}, outer...), body)
	}
	return nest(append(outer, block), body)
}

// productBody is what one unit and block does: sums, reductions, epilogue, over the vectors of the block.
func (b *builder) productBody(f *fusion, g *group, products []*tensor.Node, sources []*source, w *walk) []kernel.Stmt {
	e := b.element(f, g, w.dims, w.shape)
	var body []kernel.Stmt
	for _, n := range products {
		body = append(body, &kernel.Let{Var: e.define(n), Value: number(0)})
	}
	done := map[int]bool{}
	for i, n := range products {
		if done[i] {
			continue
		}
		var inner []kernel.Stmt
		for j := i; j < len(products); j++ {
			m := products[j]
			if m.Args[0] != n.Args[0] || fmt.Sprint(*m.Rel, m.Role) != fmt.Sprint(*n.Rel, n.Role) {
				continue
			}
			done[j] = true
			inner = append(inner, &kernel.Assign{Var: e.vars[m], How: kernel.Sum, Value: kernel.Value{
				Expr:     ir.Call(ir.OpMul, ir.In(0), ir.In(1)),
				Operands: []kernel.Operand{load(b.param(m.Args[0]), sources[j].weight), load(b.inLanes(m.Args[1]), b.block(), sources[j].operand, v("lane"))},
			}})
		}
		body = append(body, inGuards(sources[i].reduce, sources[i].guards, inner)...)
	}
	for _, n := range g.nodes {
		if n.Op == tensor.Map {
			body = append(body, &kernel.Let{Var: e.define(n), Value: e.value(n)})
		}
		if outside(f, g, n) {
			body = append(body, &kernel.Store{Buffer: b.inLanes(n), Index: []kernel.Index{b.block(), e.unit, v("lane")}, Value: only(variable(e.vars[n]))})
		}
	}
	return b.lanesOf(body, len(products) == 1)
}

// block is the block that a kernel works on: one of those that a worker takes at once.
func (b *builder) block() kernel.Index {
	if b.together == 1 {
		return v("nb")
	}
	return plus(v("v"), v("nb"), b.together)
}

// sample is the sample within the batch that a lane works on.
func (b *builder) sample() kernel.Index { return plus(v("lane"), b.block(), b.target.Vector) }

// overVectors wraps a body for one sample into the vectors of a block.
func (b *builder) overVectors(body []kernel.Stmt) []kernel.Stmt { return b.lanesOf(body, true) }

// lanesOf wraps a body for one sample into a vector of samples, and into the vectors of a block unless the caller walks those.
func (b *builder) lanesOf(body []kernel.Stmt, whole bool) []kernel.Stmt {
	body = []kernel.Stmt{&kernel.Loop{Var: "lane", Extent: b.target.Vector, Mark: kernel.Vector, Body: body}}
	if whole && b.together > 1 {
		body = []kernel.Stmt{&kernel.Loop{Var: "v", Extent: b.together, Mark: kernel.Unrolled, Body: body}}
	}
	return body
}

// param is the buffer of a parameter, or of a value made of parameters (sign(W)).
func (b *builder) param(n *tensor.Node) int {
	if n.Op == tensor.Param {
		return b.buffers[n.Name]
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

func (b *builder) element(f *fusion, g *group, dims []kernel.Index, shape []int) *element {
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
		name = strings.NewReplacer(".", "_").Replace(n.Name)
	}
	e.vars[n] = name
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
		return load(e.b.buffers["settings"], at(e.b.settingIndex(n.Name)))
	case n.Type.Batch && len(n.Type.Shape) == 0:
		return load(e.b.inLanes(n), e.b.block(), at(0), v("lane"))
	case n.Type.Batch:
		return load(e.b.inLanes(n), e.b.block(), e.broadcast(n.Type.Shape), v("lane"))
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

// fetch makes sure that what a node reads from outside its group lies in lanes.
func (b *builder) fetch(f *fusion, g *group, n *tensor.Node) {
	for _, a := range n.Args {
		if a.Op == tensor.Input && a.Type.Batch {
			b.packInput(a)
		}
	}
}

// finish counts a kernel's arithmetic and adds it to the list.
func (b *builder) finish(g *group, k *kernel.Kernel) {
	k.Flops, k.Bytes = cost(b.plan, k.Body)
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
		case *kernel.Let:
			out = append(out, &kernel.Let{Var: s.Var, Value: val(s.Value)})
		case *kernel.Assign:
			out = append(out, &kernel.Assign{Var: s.Var, How: s.How, Value: val(s.Value)})
		case *kernel.Store:
			out = append(out, &kernel.Store{Buffer: s.Buffer, Index: index(s.Index), How: s.How, Value: val(s.Value)})
		case *kernel.Draw:
			c := *s
			c.Row, c.Block = substitute(s.Row, name, by), substitute(s.Block, name, by)
			out = append(out, &c)
		}
	}
	return out
}
