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
func (b *builder) learn(g *group) {
	var outers []*tensor.Node
	for _, n := range g.nodes {
		if n.Op == tensor.Linear {
			outers = append(outers, n)
		}
	}
	k := &kernel.Kernel{Name: kernelName(g)}
	for _, u := range updates(g) {
		if len(outers) > 0 {
			b.learnWeights(g, k, u, outers)
		} else {
			b.learnSums(&group{nodes: needed(g, u)}, k, u)
		}
	}
	b.finish(g, k)
}

// needed is what an Update of a group needs of it, in order.
func needed(g *group, u *tensor.Node) (nodes []*tensor.Node) {
	var all []*tensor.Node
	var add func(n *tensor.Node)
	add = func(n *tensor.Node) {
		if slices.Contains(g.nodes, n) && !slices.Contains(all, n) {
			all = append(all, n)
			for _, a := range n.Args {
				add(a)
			}
		}
	}
	add(u)
	for _, n := range g.nodes {
		if slices.Contains(all, n) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// A cut is count pieces of one width, from a position on.
type cut struct{ from, width, count int }

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
	operands := []kernel.Operand{load(b.buffers[update.Args[0]], e.unit), e.operand(update.Args[1])}
	targets := []int{b.buffers[update.Args[0]]}
	for _, s := range update.Args[2:] {
		operands = append(operands, load(b.buffers[s], e.unit))
		targets = append(targets, b.buffers[s])
	}
	if update.Optimizer == "sum" {
		operands[0] = load(targets[0], at(0))
	} else {
		for _, name := range optimizerScalars(row) {
			operands = append(operands, load(b.settings, at(b.settingIndex(update.Group+"."+name))))
		}
	}
	// States first: the parameter's expression is written over the old ones, and all loads come before all stores.
	var stores []kernel.Stmt
	for i, next := range row.Next {
		name := "next"
		if i > 0 {
			name = "next." + row.State[i-1]
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

// learnSums is the Update of a parameter whose gradient sums values over the batch (and over locations, for a shared bias). A vector is samples, whose sums
// are added up behind; where lanes may load from anywhere, it is parameters, and each lane has sums of its own.
func (b *builder) learnSums(g *group, k *kernel.Kernel, update *tensor.Node) {
	shape := update.Args[0].Type.Shape
	last := len(shape) - 1
	var outer []kernel.Loop
	dims := make([]kernel.Index, len(shape))
	for d, extent := range shape[:last] {
		l := kernel.Loop{Var: fmt.Sprintf("i%d", d), Extent: extent, Mark: kernel.Parallel}
		outer, dims[d] = append(outer, l), v(l.Var)
	}
	widths := []int{1}
	if b.target.Strided {
		widths = []int{4 * b.target.Vector, b.target.Vector, 1}
	}
	for _, c := range cuts(shape[last], widths) {
		l := kernel.Loop{Var: fmt.Sprintf("i%d", last), Extent: c.count, Mark: kernel.Parallel}
		dims[last] = plus(at(c.from), v(l.Var), c.width)
		loops := append(slices.Clone(outer), l)
		side := max(1, c.width/b.target.Vector)
		if side > 1 {
			dims[last] = plus(dims[last], v("v"), 1)
			loops = append(loops, kernel.Loop{Var: "v", Extent: side, Mark: kernel.Unrolled})
		}
		if c.width > 1 {
			dims[last] = plus(dims[last], v("lane"), side)
			loops = append(loops, kernel.Loop{Var: "lane", Extent: c.width / side, Mark: kernel.Vector})
		}
		e := b.element(dims, shape)
		body := append(b.sums(g, e, c.width == 1), b.apply(e, g, update)...)
		k.Body = append(k.Body, nest(loops, body)...)
	}
}

// sums computes a group's sums over the batch at one element of a parameter: whole blocks as vectors unless the caller has lanes of its own, the rest one by one.
func (b *builder) sums(g *group, e *element, vectors bool) []kernel.Stmt {
	var body []kernel.Stmt
	for _, n := range g.nodes {
		if n.Op != tensor.Reduce || n.Kind != tensor.SumBatch {
			continue
		}
		from := n.Args[0]
		var locations []kernel.Loop
		position := e.broadcast(n.Type.Shape)
		if from.Op == tensor.Reduce && from.Kind == tensor.SumTrailing && slices.Contains(g.nodes, from) {
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
		name := e.define(n)
		body = append(body, &kernel.Let{Var: name, Value: number(0)})
		add := func(block, lane kernel.Index) []kernel.Stmt {
			return []kernel.Stmt{&kernel.Assign{Var: name, How: kernel.Sum, Value: only(b.activity(from, block, position, lane))}}
		}
		full, rest := b.program.Batch/b.lanes, b.program.Batch%b.lanes
		switch {
		case full > 0 && !vectors:
			body = append(body, nest(append(slices.Clone(locations), kernel.Loop{Var: "nb", Extent: full}, kernel.Loop{Var: "n", Extent: b.lanes}), add(v("nb"), v("n")))...)
		case full > 0:
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
func (b *builder) metrics(g *group) {
	k := &kernel.Kernel{Name: kernelName(g)}
	e := b.element([]kernel.Index{at(0)}, []int{1})
	body := b.sums(g, e, true)
	for _, n := range g.nodes {
		if n.Op == tensor.Map {
			body = append(body, &kernel.Let{Var: e.define(n), Value: e.value(n)})
		}
	}
	for _, n := range g.nodes {
		if n.Op == tensor.Update {
			body = append(body, &kernel.Store{Buffer: b.buffers[n.Args[0]], Index: []kernel.Index{at(0)}, How: kernel.Sum, Value: only(e.operand(n.Args[1]))})
		}
	}
	k.Body = body
	b.finish(g, k)
}

// whole makes the kernel of values that have no batch: the signs of weights.
func (b *builder) whole(g *group) {
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
