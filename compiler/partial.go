package compiler

import (
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// A long sum of a weight gradient is added up in two kernels: partial sums over slabs of the locations, all slabs side by side, and then the slabs, where the
// optimizer is:
//
//	parallel slab, co.tile: let s31 = 0; serial y, x, nb, n: s31 += …; store s31.slabs[slab, …] = s31
//
//	parallel i: let s31 = 0; serial slab: s31 += s31.slabs[slab, i]; let m' = …; store l1.W.m, l1.W.v, l1.W
//
// It is where a worker would add up more terms than it may (Target.Longest), or where the weights are too few to keep the workers busy (Target.Positions).

// leastTerms is how many terms a partial sum has for storing and loading it to cost little.
const leastTerms = 256

// chooseSlabs finds into how many slabs of one size the sums are cut.
func (w *gradient) chooseSlabs() int {
	if len(w.reduce) == 0 || len(w.skip) > 0 {
		return 1
	}
	t, terms := w.target, w.program.Batch
	for _, l := range w.reduce {
		terms *= l.Extent
	}
	positions := units(w.rel.WShape)/(max(1, t.accumulators()/len(w.outers))*t.Vector) + 1
	wanted := 1
	if t.Longest > 0 {
		wanted = (terms + t.Longest - 1) / t.Longest
	}
	if positions < t.Positions {
		wanted = max(wanted, min(t.Positions/positions, terms/leastTerms))
	}
	extent := w.reduce[0].Extent
	for n := wanted; n < extent; n++ {
		if extent%n == 0 {
			return n
		}
	}
	return extent
}

// inSlab makes the sums over a slab of what adds one location's terms.
func (w *gradient) inSlab(body []kernel.Stmt) []kernel.Stmt {
	whole := w.reduce[0]
	part := kernel.Loop{Var: whole.Var, Extent: whole.Extent / w.slabs}
	body = inGuards(append([]kernel.Loop{part}, w.reduce[1:]...), w.guards, body)
	return replaceVar(body, whole.Var, plus(v(whole.Var), v("slab"), part.Extent))
}

// partial is where a weight's sum over a slab waits.
func (w *gradient) partial(n *tensor.Node, weight kernel.Index) kernel.Operand {
	weights := units(w.rel.WShape)
	return load(w.sumOf(n, w.group, "slabs", kernel.Temp, w.slabs, weights), v("slab"), weight)
}

// keep stores a weight's sums over a slab.
func (w *gradient) keep(e *element) []kernel.Stmt {
	var body []kernel.Stmt
	for _, n := range w.outers {
		to := w.partial(n, e.unit)
		body = append(body, &kernel.Store{Buffer: to.Buffer, Index: to.Index, Value: only(variable(e.vars[n]))})
	}
	return body
}

// overSlabs adds up the partial sums of each weight and goes on with the optimizer.
func (w *gradient) overSlabs() []kernel.Stmt {
	var all []kernel.Stmt
	weights := units(w.rel.WShape)
	for _, c := range cuts(weights, []int{w.target.Vector, 1}) {
		i, loops := plus(at(c.from), v("i"), c.width), []kernel.Loop{{Var: "i", Extent: c.count, Mark: kernel.Parallel}}
		if c.width > 1 {
			i = plus(i, v("lane"), 1)
			loops = append(loops, kernel.Loop{Var: "lane", Extent: c.width, Mark: kernel.Vector})
		}
		e := &element{b: w.builder, vars: map[*tensor.Node]string{}, unit: i, dims: []kernel.Index{i}, shape: []int{weights}}
		var body, sums []kernel.Stmt
		for _, n := range w.outers {
			body = append(body, &kernel.Let{Var: e.define(n), Value: number(0)})
			sums = append(sums, &kernel.Assign{Var: e.vars[n], How: kernel.Sum, Value: only(w.partial(n, i))})
		}
		body = append(body, nest([]kernel.Loop{{Var: "slab", Extent: w.slabs}}, sums)...)
		all = append(all, nest(loops, append(body, w.apply(e, w.group, w.update)...))...)
	}
	return all
}
