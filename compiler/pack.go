package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// activity reads a unit of the sample in a lane of a block: from lanes, or from an input as the host wrote it.
func (b *builder) activity(n *tensor.Node, block, unit, lane kernel.Index) kernel.Operand {
	if b.asItLies(n) {
		return load(b.buffers[n], plus(lane, block, b.lanes), unit)
	}
	return load(b.inLanes(n), block, unit, lane)
}

// asItLies tells whether an input is read as the host wrote it: where lanes may load fours from anywhere, those are whole along its units for all that read
// it, no block has lanes behind the batch, for which there are no rows, and the program does not round what it packs.
func (b *builder) asItLies(n *tensor.Node) bool {
	return n.Op == tensor.Input && b.target.Strided && b.plan.Precision == kernel.F32 && units(n.Type.Shape)%4 == 0 && b.program.Batch%b.lanes == 0 &&
		!slices.ContainsFunc(b.program.Nodes, func(r *tensor.Node) bool {
			return slices.Contains(r.Args, n) && (r.Op == tensor.Linear && !isDense(r.Rel) || windowed(r))
		})
}

// fetch makes sure that the inputs which a node reads lie in lanes.
func (b *builder) fetch(n *tensor.Node) {
	for _, a := range n.Args {
		if a.Op == tensor.Input && a.Type.Batch {
			b.packInput(a)
		}
	}
}

// packInput lays an input, which the host writes sample by sample, out in lanes, unless it is read as it lies; once in a list.
func (b *builder) packInput(n *tensor.Node) {
	if b.asItLies(n) {
		return
	}
	to := b.inLanes(n)
	if b.packed[to] {
		return
	}
	b.packed[to] = true
	from, count := b.buffers[n], units(n.Type.Shape)
	k := &kernel.Kernel{Name: "pack_" + n.Name, From: n.Name + " to lanes", ByBatch: !b.target.Wide}
	b.overSamples(k, func(block kernel.Index, samples int) []kernel.Stmt {
		var body []kernel.Stmt
		for _, c := range b.fours(count) {
			unit, place := c.loops("u", b.target.shared())
			lanes, lane := []kernel.Loop{{Var: "n", Extent: samples}}, v("n")
			if samples == b.lanes {
				lanes, lane = []kernel.Loop{{Var: "lane", Extent: b.target.Vector, Mark: kernel.Vector}}, b.lane()
				if n := b.lanes / b.target.Vector; n > 1 {
					lanes = append([]kernel.Loop{{Var: "v", Extent: n, Mark: kernel.Unrolled}}, lanes...)
				}
			}
			body = append(body, nest(append(place, lanes...), []kernel.Stmt{
				&kernel.Store{Buffer: to, Index: []kernel.Index{block, unit, lane}, Value: only(load(from, plus(lane, block, b.lanes), unit))}})...)
		}
		return body
	})
	b.finish(nil, k)
}

// fours cuts an extent into fours where the target takes four neighbours at once.
func (b *builder) fours(extent int) []cut {
	if b.target.Fours {
		return cuts(extent, []int{4, 1})
	}
	return cuts(extent, []int{1})
}

// panelWidth is how many units of a value lie side by side in a panel: the vector tile of a dense weight gradient, or the channels at one location.
func (b *builder) panelWidth(n *tensor.Node, r *ir.Relation) int {
	if isDense(r) {
		return b.target.columns() * b.target.Vector
	}
	return n.Type.Shape[len(n.Type.Shape)-1]
}

// packRows lays a value out with the batch outside its last units, in panels [units/P, N, P], for the outer products of a list. Inputs lie sample by
// sample already.
func (b *builder) packRows(n *tensor.Node, r *ir.Relation) {
	if n.Op == tensor.Input || b.target.Strided {
		return
	}
	lanes, count, p := b.inLanes(n), units(n.Type.Shape), b.panelWidth(n, r)
	to := b.rows(n, p)
	if b.packed[to] {
		return
	}
	b.packed[to] = true
	k := &kernel.Kernel{Name: "pack_" + b.plan.Buffers[to].Name, From: b.plan.Buffers[lanes].Name + " to panels", ByBatch: !b.target.Wide}
	b.overSamples(k, func(block kernel.Index, samples int) []kernel.Stmt {
		var body []kernel.Stmt
		if n := count / p; n > 0 {
			body = b.copyPanels(lanes, to, block, at(0), n, p, p, samples)
		}
		if width := count % p; width > 0 {
			body = append(body, b.copyPanels(lanes, to, block, at(count/p), 1, p, width, samples)...)
		}
		return body
	})
	b.finish(nil, k)
}

// overSamples gives a kernel the blocks that the batch fills, by the batch, and behind them the samples of one that it does not: lanes behind the batch
// keep what they hold, and nothing sums over them.
func (b *builder) overSamples(k *kernel.Kernel, body func(block kernel.Index, samples int) []kernel.Stmt) {
	full, rest := b.program.Batch/b.lanes, b.program.Batch%b.lanes
	if b.target.Wide { // each statement a nest of its own, all of whose loops are shared out
		for _, s := range body(v("nb"), b.lanes) {
			if full > 0 {
				k.Body = append(k.Body, nest([]kernel.Loop{{Var: "nb", Extent: full, Mark: kernel.Parallel}}, []kernel.Stmt{s})...)
			}
		}
		if rest > 0 {
			k.Body = append(k.Body, body(at(full), rest)...)
		}
		return
	}
	switch {
	case rest == 0:
		k.Body = b.overBatch(body(b.block(), b.lanes))
		return
	case full > 0:
		k.Body = nest([]kernel.Loop{{Var: "nb", Extent: full, Mark: kernel.Parallel}}, body(v("nb"), b.lanes))
	}
	k.ByBatch = false
	k.Body = append(k.Body, body(at(full), rest)...)
}

// overBatch puts what a worker does for a block into the loops over all of them.
func (b *builder) overBatch(body []kernel.Stmt) []kernel.Stmt {
	loops := []kernel.Loop{{Var: "nb", Extent: b.blocks / b.together, Mark: kernel.Parallel}}
	if b.together > 1 {
		loops = append(loops, kernel.Loop{Var: "v", Extent: b.together})
	}
	return nest(loops, body)
}

// copyPanels copies the first width units of panels for one block of samples: a vector is units of one sample, gathered from lanes.
func (b *builder) copyPanels(lanes, to int, block, first kernel.Index, panels, p, width, samples int) []kernel.Stmt {
	var widths []int
	for w := b.target.Vector; w >= 1; w /= 2 {
		widths = append(widths, w)
	}
	var inner []kernel.Stmt
	panel := first
	if panels > 1 {
		panel = plus(panel, v("p"), 1)
	}
	row := plus(v("n"), block, b.lanes)
	for _, c := range cuts(width, widths) {
		within := at(c.from)
		var loops []kernel.Loop
		if c.count > 1 {
			loops = append(loops, kernel.Loop{Var: "u", Extent: c.count})
			within = plus(within, v("u"), c.width)
		}
		if c.width > 1 {
			loops = append(loops, kernel.Loop{Var: "lane", Extent: c.width, Mark: kernel.Vector})
			within = plus(within, v("lane"), 1)
		}
		inner = append(inner, nest(loops, []kernel.Stmt{&kernel.Store{Buffer: to, Index: []kernel.Index{panel, row, within},
			Value: only(load(lanes, block, plus(within, panel, p), v("n")))}})...)
	}
	outer := []kernel.Loop{{Var: "n", Extent: samples}}
	if parts := b.target.partsOf(samples, panels); parts > 1 {
		outer = []kernel.Loop{{Var: "n.part", Extent: parts, Mark: kernel.Parallel}, {Var: "n", Extent: samples / parts}}
		inner = replaceVar(inner, "n", plus(v("n"), v("n.part"), samples/parts))
	}
	if panels > 1 {
		outer = append([]kernel.Loop{{Var: "p", Extent: panels, Mark: b.target.shared()}}, outer...)
	}
	return nest(outer, inner)
}

// rows is the panels buffer of a value.
func (b *builder) rows(n *tensor.Node, p int) int {
	return b.copyIn(b.inLanes(n), fmt.Sprintf("panels%d", p), (units(n.Type.Shape)+p-1)/p, b.program.Batch, p)
}

// rowOperand reads unit i of sample n from an input's own rows, or from panels where i = P·panel + rest is split by its terms.
func (b *builder) rowOperand(n *tensor.Node, r *ir.Relation, block, row, unit kernel.Index) kernel.Operand {
	if b.target.Strided {
		return b.activity(n, block, unit, v("n"))
	}
	if n.Op == tensor.Input {
		return load(b.buffers[n], row, unit)
	}
	p := b.panelWidth(n, r)
	panel, within := at(unit.Const/p), at(unit.Const%p)
	for _, t := range unit.Terms {
		if t.Coef%p == 0 {
			panel = plus(panel, v(t.Var), t.Coef/p)
		} else {
			within = plus(within, v(t.Var), t.Coef)
		}
	}
	return load(b.rows(n, p), panel, row, within)
}
