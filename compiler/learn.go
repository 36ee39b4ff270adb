package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// learn makes the kernel of an Update: the gradient is summed over the batch in registers and goes straight into the optimizer,
// so that a parameter costs the reading and writing of itself and its states, and a gradient is never stored.
//
//	parallel co.tile, i.tile
//	  unrolled co.in, v ; vector lane
//	    let s31 = 0
//	    serial nb, n: s31 += d1[nb, co, n] * x[n, i]
//	    let m' = …, v' = … ; store l1.W.m, l1.W.v, l1.W
func (b *builder) learn(f *fusion, g *group) error {
	var update *tensor.Node
	var outers []*tensor.Node
	for _, n := range g.nodes {
		switch {
		case n.Op == tensor.Update:
			update = n
		case n.Op == tensor.Linear:
			outers = append(outers, n)
		}
	}
	k := &kernel.Kernel{Name: kernelName(g)}
	if len(outers) > 0 {
		b.learnWeights(f, g, k, update, outers)
	} else {
		b.learnSums(f, g, k, update)
	}
	b.finish(g, k)
	return nil
}

// learnWeights walks the weights. Their last axis, along which they are contiguous, is the vector, and the outputs are the register tile; where the last
// axis is shorter than a vector, as the channels of a picture are, the two change places.
func (b *builder) learnWeights(f *fusion, g *group, k *kernel.Kernel, update *tensor.Node, outers []*tensor.Node) {
	rel := flat(outers[0].Rel)
	weight := flatIndex(rel.W, rel.WShape)
	s := &source{rel: rel, role: ir.Outer, position: make([]kernel.Index, len(rel.Axes))}
	var loops []kernel.Loop // over the weights
	var order []int
	extents := map[string]int{}
	for i, a := range rel.Axes {
		if a.Extent == 1 {
			continue
		}
		order = append(order, i)
		s.position[i] = v(a.Name)
		extents[a.Name] = a.Extent
	}
	slices.SortStableFunc(order, func(x, y int) int { return weight.Coef[y] - weight.Coef[x] })
	out, in := flatIndex(rel.Out, rel.OutShape), flatIndex(rel.In, rel.InShape)
	tile, vector := -1, -1
	for _, i := range order {
		loop := kernel.Loop{Var: rel.Axes[i].Name, Extent: rel.Axes[i].Extent}
		if weight.Coef[i] == 0 {
			s.reduce = append(s.reduce, loop)
			continue
		}
		if weight.Coef[i] == 1 && in.Coef[i] == 1 && out.Coef[i] == 0 {
			vector = len(loops)
		}
		if out.Coef[i] == 1 && in.Coef[i] == 0 {
			tile = len(loops)
		}
		loops = append(loops, loop)
	}
	// Bounds: a window position outside the image has no gradient; where that is known from the weight alone, the weight is skipped whole.
	var skip []kernel.Where
	inNames := []string{"y", "x", "c"}[3-min(3, len(rel.InShape)):]
	bounded := func(idx []ir.Index, shape []int, prefix string) kernel.Index {
		var flat kernel.Index
		for d, x := range idx {
			p := s.place(x)
			if lo, hi := interval(p, extents); lo < 0 || hi >= shape[d] {
				w := kernel.Where{Var: prefix + inNames[d], Num: p, Div: 1, Extent: shape[d]}
				if slices.ContainsFunc(s.reduce, func(l kernel.Loop) bool { return uses(p, l.Var) }) {
					s.guards = append(s.guards, w)
				} else {
					skip = append(skip, w)
				}
				p = v(w.Var)
			}
			flat = plus(scale(flat, shape[d]), p, 1)
		}
		return flat
	}
	outAt, inAt := bounded(rel.Out, rel.OutShape, "out_"), bounded(rel.In, rel.InShape, "at_")
	weightAt := s.place(weight)
	if tile >= 0 {
		name := loops[tile].Var
		if slices.ContainsFunc(append(slices.Clone(skip), s.guards...), func(w kernel.Where) bool { return uses(w.Num, name) }) {
			tile = -1
		}
	}
	if vector >= 0 {
		name := loops[vector].Var
		if slices.ContainsFunc(append(slices.Clone(skip), s.guards...), func(w kernel.Where) bool { return uses(w.Num, name) }) {
			vector = -1
		}
	}
	panels := 1 // the operand that is a vector along the weights: the inputs, or the outputs
	if tile >= 0 && loops[tile].Extent >= b.target.Vector && (vector < 0 || loops[vector].Extent < b.target.Vector) {
		tile, vector, panels = vector, tile, 0
	}
	make1 := func(vectors, width int, inAt, outAt, weightAt kernel.Index, next func(rows int) []kernel.Index) []kernel.Stmt {
		e := &element{b: b, vars: map[*tensor.Node]string{}, unit: weightAt, shape: []int{units(rel.WShape)}, dims: []kernel.Index{weightAt}}
		var body []kernel.Stmt
		for _, n := range outers {
			body = append(body, &kernel.Let{Var: e.define(n), Value: number(0)})
		}
		sum := func(block, row kernel.Index) []kernel.Stmt {
			var stmts []kernel.Stmt
			for _, n := range outers {
				operands := []kernel.Operand{load(b.inLanes(n.Args[0]), block, outAt, v("n")), b.rowOperand(n.Args[1], n.Rel, block, row, inAt)}
				if panels == 0 {
					operands = []kernel.Operand{b.rowOperand(n.Args[0], n.Rel, block, row, outAt), load(b.inLanes(n.Args[1]), block, inAt, v("n"))}
				}
				stmts = append(stmts, &kernel.Assign{Var: e.vars[n], How: kernel.Sum, Value: kernel.Value{
					Expr: ir.Call(ir.OpMul, ir.In(0), ir.In(1)), Operands: operands,
				}})
			}
			return stmts
		}
		var batch []kernel.Stmt
		full, rest := b.program.Batch/b.lanes, b.program.Batch%b.lanes
		if full > 0 {
			block := nest([]kernel.Loop{{Var: "n", Extent: b.lanes}}, sum(v("nb"), plus(v("n"), v("nb"), b.lanes)))
			batch = append(batch, nest([]kernel.Loop{{Var: "nb", Extent: full}}, append(b.fetchNext(update, next(full)), block...))...)
		}
		if rest > 0 {
			batch = append(batch, nest([]kernel.Loop{{Var: "n", Extent: rest}}, sum(at(full), plus(v("n"), at(full*b.lanes), 1)))...)
		}
		body = append(body, inGuards(s.reduce, s.guards, batch)...)
		body = append(body, b.apply(e, g, update)...)
		if width > 1 {
			body = []kernel.Stmt{&kernel.Loop{Var: "lane", Extent: width, Mark: kernel.Vector, Body: body}}
		}
		if vectors > 1 {
			body = []kernel.Stmt{&kernel.Loop{Var: "v", Extent: vectors, Mark: kernel.Unrolled, Body: body}}
		}
		return body
	}
	for _, n := range outers {
		b.packRows(n.Args[panels], n.Rel)
		b.fetch(f, g, n)
	}
	// The cuts of the two special loops: register tiles of outputs, vectors of inputs.
	outCuts := []cut{{vectors: 1, width: 1}}
	if tile >= 0 {
		outCuts = cuts(loops[tile].Extent, []int{max(1, b.target.accumulators()/(b.target.columns()*len(outers)))})
	}
	inCuts := []cut{{vectors: 1, width: 1}}
	if vector >= 0 {
		widths := []int{b.target.columns() * b.target.Vector}
		for width := b.target.Vector; width >= 1; width /= 2 {
			widths = append(widths, width)
		}
		inCuts = cuts(loops[vector].Extent, widths)
	}
	for _, oc := range outCuts {
		for _, ic := range inCuts {
			vectors, width := 1, ic.width
			if width > b.target.Vector {
				vectors, width = b.target.columns(), b.target.Vector
			}
			var outer []kernel.Loop
			sub := map[string]kernel.Index{}
			for i, l := range loops {
				l.Mark = kernel.Parallel
				switch {
				case i == tile:
					from := at(oc.from)
					if oc.count > 1 {
						outer = append(outer, kernel.Loop{Var: l.Var + ".tile", Extent: oc.count, Mark: kernel.Parallel})
						from = plus(from, v(l.Var+".tile"), oc.width)
					}
					if oc.width > 1 {
						from = plus(from, v(l.Var+".in"), 1)
					}
					sub[l.Var] = from
				case i == vector:
					from := at(ic.from)
					if ic.count > 1 {
						outer = append(outer, kernel.Loop{Var: l.Var + ".tile", Extent: ic.count, Mark: kernel.Parallel})
						from = plus(from, v(l.Var+".tile"), ic.width)
					}
					apart, beside := width, 1 // how far a lane's columns, and neighbouring lanes' ones, are from each other
					if b.target.Fours {
						apart, beside = 1, vectors
					}
					if vectors > 1 {
						from = plus(from, v("v"), apart)
					}
					if width > 1 {
						from = plus(from, v("lane"), beside)
					}
					sub[l.Var] = from
				default:
					outer = append(outer, l)
				}
			}
			put := func(x kernel.Index) kernel.Index {
				for _, l := range loops {
					if by, ok := sub[l.Var]; ok {
						x = substitute(x, l.Var, by)
					}
				}
				return x
			}
			// The weights of the next tile along the vector, a share of the rows with each block of the batch.
			next := func(blocks int) []kernel.Index {
				if panels == 0 || vector < 0 || oc.width == 1 {
					return nil
				}
				rows := (oc.width + blocks - 1) / blocks
				var ahead []kernel.Index
				for r := range rows {
					for i := range vectors {
						x := put(weightAt)
						x = substitute(x, loops[tile].Var+".in", plus(at(r), v("nb"), rows))
						x = substitute(substitute(x, "v", at(vectors+i)), "lane", at(0))
						ahead = append(ahead, x)
					}
				}
				return ahead
			}
			body := make1(vectors, width, put(inAt), put(outAt), put(weightAt), next)
			if oc.width > 1 {
				body = []kernel.Stmt{&kernel.Loop{Var: loops[tile].Var + ".in", Extent: oc.width, Mark: kernel.Unrolled, Body: body}}
			}
			body = inGuards(nil, skip, body)
			k.Body = append(k.Body, nest(outer, body)...)
		}
	}
}

// fetchNext asks memory for weights and states that an Update will want soon, where they do not stay in the worker's cache anyway.
func (b *builder) fetchNext(update *tensor.Node, weights []kernel.Index) []kernel.Stmt {
	params := append([]*tensor.Node{update.Args[0]}, update.Args[2:]...)
	if b.target.L2 == 0 || 4*int64(units(params[0].Type.Shape)*len(params)) <= b.target.Cache {
		return nil
	}
	var body []kernel.Stmt
	for _, n := range params {
		for _, x := range weights {
			body = append(body, &kernel.Prefetch{Buffer: b.buffers[n.Name], Index: []kernel.Index{x}})
		}
	}
	return body
}

// A cut is count pieces of one width, from a position on.
type cut struct{ from, width, count, vectors int }

// loops walks the pieces of a cut, each unrolled, and gives the position.
func (c cut) loops(name string, mark kernel.Mark) (position kernel.Index, loops []kernel.Loop) {
	position = at(c.from)
	if c.count > 1 {
		loops = append(loops, kernel.Loop{Var: name, Extent: c.count, Mark: mark})
		position = plus(position, v(name), c.width)
	}
	if c.width > 1 {
		loops = append(loops, kernel.Loop{Var: name + ".in", Extent: c.width, Mark: kernel.Unrolled})
		position = plus(position, v(name+".in"), 1)
	}
	return position, loops
}

// cuts divides an extent into pieces of the given widths, largest first; the last rest is one piece where widths do not end in 1.
func cuts(extent int, widths []int) []cut {
	var out []cut
	from := 0
	for _, w := range widths {
		if n := (extent - from) / w; n > 0 {
			out = append(out, cut{from: from, width: w, count: n})
			from += n * w
		}
	}
	if from < extent {
		out = append(out, cut{from: from, width: extent - from, count: 1})
	}
	return out
}

// apply computes a gradient's arithmetic and the optimizer's update of parameter and states.
func (b *builder) apply(e *element, g *group, update *tensor.Node) []kernel.Stmt {
	var body []kernel.Stmt
	for _, n := range g.nodes {
		if n.Op == tensor.Map {
			body = append(body, &kernel.Let{Var: e.define(n), Value: e.value(n)})
		}
	}
	row, _ := ir.FindOptimizer(update.Optimizer)
	operands := []kernel.Operand{load(b.buffers[update.Args[0].Name], e.unit), e.operand(update.Args[1])}
	targets := []int{b.buffers[update.Args[0].Name]}
	for _, s := range update.Args[2:] {
		operands = append(operands, load(b.buffers[s.Name], e.unit))
		targets = append(targets, b.buffers[s.Name])
	}
	if update.Optimizer == "sum" {
		operands[0] = load(targets[0], at(0))
	} else {
		for _, name := range optimizerScalars(row) {
			operands = append(operands, load(b.buffers["settings"], at(b.settingIndex(update.Group+"."+name))))
		}
	}
	// States first: the parameter's expression is written over the old ones, and all loads come before all stores.
	var stores []kernel.Stmt
	for i, next := range row.Next {
		name := "next"
		if i > 0 {
			name = "next_" + row.State[i-1]
		}
		body = append(body, &kernel.Let{Var: name, Value: compactValue(kernel.Value{Expr: next, Operands: operands})})
		stores = append(stores, &kernel.Store{Buffer: targets[i], Index: []kernel.Index{operands[stateOperand(i)].Index[0]}, Value: only(variable(name))})
	}
	return append(body, stores...)
}

// stateOperand is the operand that Next[i] replaces: theta, then the states behind the gradient.
func stateOperand(i int) int {
	if i == 0 {
		return 0
	}
	return i + 1
}

// compactValue drops operands that an expression does not read.
func compactValue(x kernel.Value) kernel.Value {
	used := make([]bool, len(x.Operands))
	mark(x.Expr, used)
	subst := make([]*ir.Expr, len(x.Operands))
	out := kernel.Value{}
	for i, o := range x.Operands {
		subst[i] = ir.Num(0)
		if used[i] {
			subst[i] = ir.In(len(out.Operands))
			out.Operands = append(out.Operands, o)
		}
	}
	out.Expr = x.Expr.Substitute(subst)
	return out
}

// learnSums is the Update of a parameter whose gradient sums values over the batch (and over locations, for a shared bias).
func (b *builder) learnSums(f *fusion, g *group, k *kernel.Kernel, update *tensor.Node) {
	shape := update.Args[0].Type.Shape
	w := &walk{shape: shape, dims: make([]kernel.Index, len(shape))}
	for d, extent := range shape {
		l := kernel.Loop{Var: fmt.Sprintf("i%d", d), Extent: extent, Mark: kernel.Parallel}
		w.loops, w.dims[d] = append(w.loops, l), v(l.Var)
	}
	e := b.element(f, g, w.dims, shape)
	body := b.sums(f, g, e)
	body = append(body, b.apply(e, g, update)...)
	k.Body = nest(w.loops, body)
}

// sums computes a group's sums over the batch at one element of a parameter: whole blocks as vectors, the rest one by one.
func (b *builder) sums(f *fusion, g *group, e *element) []kernel.Stmt {
	var body []kernel.Stmt
	for _, n := range g.nodes {
		if n.Op != tensor.Reduce || n.Kind != tensor.SumBatch {
			continue
		}
		from := n.Args[0]
		var locations []kernel.Loop
		position := e.broadcast(n.Type.Shape)
		if from.Op == tensor.Reduce && from.Kind == tensor.SumTrailing && f.of[from] == g {
			from = from.Args[0]
			lead := from.Type.Shape[:len(from.Type.Shape)-len(n.Type.Shape)]
			var x kernel.Index
			for d, extent := range lead {
				l := kernel.Loop{Var: fmt.Sprintf("at%d", d), Extent: extent}
				locations = append(locations, l)
				x = plus(scale(x, extent), v(l.Var), 1)
			}
			position = plus(scale(x, units(n.Type.Shape)), position, 1)
		}
		buffer := b.inLanes(from)
		name := e.define(n)
		body = append(body, &kernel.Let{Var: name, Value: number(0)})
		add := func(block, lane kernel.Index) []kernel.Stmt {
			return []kernel.Stmt{&kernel.Assign{Var: name, How: kernel.Sum, Value: only(load(buffer, block, position, lane))}}
		}
		full, rest := b.program.Batch/b.lanes, b.program.Batch%b.lanes
		if full > 0 {
			loops := append(slices.Clone(locations), kernel.Loop{Var: "nb", Extent: full})
			if n := b.lanes / b.target.Vector; n > 1 {
				loops = append(loops, kernel.Loop{Var: "v", Extent: n})
			}
			body = append(body, &kernel.Loop{Var: "lane", Extent: b.target.Vector, Mark: kernel.Vector, Body: nest(loops, add(v("nb"), b.lane()))})
		}
		if rest > 0 {
			body = append(body, nest(append(slices.Clone(locations), kernel.Loop{Var: "n", Extent: rest}), add(at(full), v("n")))...)
		}
	}
	return body
}

// metrics adds a list's losses and errors to their running sums, in one kernel.
func (b *builder) metrics(f *fusion, g *group) error {
	k := &kernel.Kernel{Name: kernelName(g)}
	e := b.element(f, g, []kernel.Index{at(0)}, []int{1})
	body := b.sums(f, g, e)
	for _, n := range g.nodes {
		if n.Op == tensor.Map {
			body = append(body, &kernel.Let{Var: e.define(n), Value: e.value(n)})
		}
	}
	for _, n := range g.nodes {
		if n.Op == tensor.Update {
			body = append(body, &kernel.Store{Buffer: b.buffers[n.Args[0].Name], Index: []kernel.Index{at(0)}, How: kernel.Sum, Value: only(e.operand(n.Args[1]))})
		}
	}
	k.Body = body
	b.finish(g, k)
	return nil
}

// whole makes the kernel of values that have no batch: the signs of weights.
func (b *builder) whole(f *fusion, g *group) error {
	k := &kernel.Kernel{Name: kernelName(g)}
	for _, n := range g.nodes {
		count := units(n.Type.Shape)
		for _, c := range cuts(count, []int{b.target.Vector, 1}) {
			i := at(c.from)
			var loops []kernel.Loop
			if c.count > 1 {
				loops = append(loops, kernel.Loop{Var: "i", Extent: c.count, Mark: kernel.Parallel})
				i = plus(i, v("i"), c.width)
			}
			if c.width > 1 {
				i = plus(i, v("lane"), 1)
				loops = append(loops, kernel.Loop{Var: "lane", Extent: c.width, Mark: kernel.Vector})
			}
			e := &element{b: b, vars: map[*tensor.Node]string{}, unit: i, dims: []kernel.Index{i}, shape: []int{count}}
			store := &kernel.Store{Buffer: b.inWhole(n), Index: []kernel.Index{i}, Value: e.value(n)}
			k.Body = append(k.Body, nest(loops, []kernel.Stmt{store})...)
		}
	}
	b.finish(g, k)
	return nil
}

// inWhole is the buffer of a value without a batch.
func (b *builder) inWhole(n *tensor.Node) int {
	if i, ok := b.stored[n]; ok {
		return i
	}
	name := n.Name
	if name == "" {
		name = fmt.Sprintf("v%d", n.ID)
	}
	b.stored[n] = b.buffer(kernel.Buffer{Name: name, Kind: kernel.Temp, Shape: []int{units(n.Type.Shape)}})
	return b.stored[n]
}
