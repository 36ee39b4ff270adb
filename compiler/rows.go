package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// row makes the kernel of work that goes sample by sample: soft-max, losses, noise. In a block, each value over units is one loop over units,
// each value per sample a variable; consecutive values of one shape share a loop unless one needs the other's sum.
func (b *builder) row(f *fusion, g *group) {
	k := &kernel.Kernel{Name: kernelName(g), ByBatch: !b.target.Wide}
	vars := map[*tensor.Node]string{}
	var body []kernel.Stmt
	stages := b.stages(f, g)
	if b.target.Wide && (len(stages) == 1 && pointwise(stages[0]) || drawn(g)) {
		for _, s := range stages {
			for _, p := range b.unitLoops(f, g, s, vars) {
				loops := []kernel.Loop{{Var: "nb", Extent: b.blocks, Mark: kernel.Parallel}}
				for _, l := range p.loops {
					l.Mark = kernel.Parallel
					loops = append(loops, l)
				}
				k.Body = append(k.Body, nest(loops, b.overVectors(p.body))...)
			}
		}
		b.finish(g, k)
		return
	}
	for _, stage := range stages {
		if len(stage.shape) == 0 {
			body = append(body, b.perSample(f, g, stage, vars)...)
		} else {
			body = append(body, b.overUnits(f, g, stage, vars)...)
		}
	}
	k.Body = nest([]kernel.Loop{{Var: "nb", Extent: b.blocks / b.together, Mark: kernel.Parallel}}, b.overVectors(body))
	b.finish(g, k)
}

// A stage is a run of a group's nodes that share a loop over units (or, with an empty shape, have none).
type stage struct {
	shape  []int
	nodes  []*tensor.Node
	places bool // a node needs the position along each dimension, not the unit's number alone
}

// random tells whether the stage draws numbers: it walks units by fours then, without their dimensions.
func (s *stage) random() bool {
	return slices.ContainsFunc(s.nodes, func(n *tensor.Node) bool { return n.Op == tensor.Random })
}

// readsPlaces tells whether a node needs the position along each dimension: for a window, or to find a channel's bias.
func (b *builder) readsPlaces(n *tensor.Node) bool {
	return windowed(n) || slices.ContainsFunc(n.Args, func(a *tensor.Node) bool {
		return a.Type.Units() > 1 && a.Type.Units() < units(b.loopShape(n))
	})
}

// loopShape is the units that computing a node walks over: a reduction walks its operand's, or the sums of its tiles, a window's the tensor that its relation
// writes.
func (b *builder) loopShape(n *tensor.Node) []int {
	switch {
	case windowed(n):
		_, _, shape, _ := writtenSide(n.Rel, windowRole(n))
		return shape
	case n.Op == tensor.Reduce:
		if sums, ok := b.tileSums[n.Args[0]]; ok {
			return b.plan.Buffers[sums].Shape[1:2]
		}
		return n.Args[0].Type.Shape
	}
	return n.Type.Shape
}

// windowRole is the role that a windowed node walks its relation in.
func windowRole(n *tensor.Node) ir.Role {
	if n.Kind == tensor.ToMaxWindow {
		return ir.Transpose
	}
	return ir.Apply
}

// windowed tells whether a node reads its operands at other units than its own: pooling, its adjoint, and that one's.
func windowed(n *tensor.Node) bool {
	return n.Op == tensor.Reduce && n.Kind.Windowed()
}

// stages puts the nodes of a group, in order, into as few loops as their dependences allow: a node goes into the first stage behind
// every stage whose sum it needs, and not before one whose elements it needs.
func (b *builder) stages(f *fusion, g *group) []*stage {
	var all []*stage
	of := map[*tensor.Node]int{}
	for _, n := range g.nodes {
		shape, earliest := b.loopShape(n), 0
		for _, a := range n.Args {
			s, in := of[a]
			if !in {
				continue
			}
			if (a.Op == tensor.Reduce || len(a.Type.Shape) == 0) && len(shape) > 0 || !slices.Equal(shape, all[s].shape) || windowed(n) {
				s++
			}
			earliest = max(earliest, s)
		}
		place := -1
		for i := earliest; i < len(all); i++ {
			if slices.Equal(all[i].shape, shape) && !(all[i].places && n.Op == tensor.Random) && !(all[i].random() && b.readsPlaces(n)) {
				place = i
				break
			}
		}
		if place < 0 {
			all = append(all, &stage{shape: shape})
			place = len(all) - 1
		}
		all[place].nodes = append(all[place].nodes, n)
		all[place].places = all[place].places || b.readsPlaces(n)
		of[n] = place
	}
	return all
}

// perSample computes values of one number a sample.
func (b *builder) perSample(f *fusion, g *group, s *stage, vars map[*tensor.Node]string) []kernel.Stmt {
	e := b.element(nil, nil)
	e.vars = vars
	var body []kernel.Stmt
	for _, n := range s.nodes {
		val := e.value(n)
		body = append(body, &kernel.Let{Var: e.define(n), Value: val})
		if outside(f, g, n) {
			body = append(body, b.storeSample(n, vars[n]))
		}
	}
	return body
}

func (b *builder) storeSample(n *tensor.Node, name string) kernel.Stmt {
	return &kernel.Store{Buffer: b.inLanes(n), Index: []kernel.Index{b.block(), at(0), b.lane()}, Value: only(variable(name))}
}

// overUnits computes a stage's values in one loop over units; random numbers come four units at a time.
func (b *builder) overUnits(f *fusion, g *group, s *stage, vars map[*tensor.Node]string) []kernel.Stmt {
	var before, after []kernel.Stmt
	sums := element{b: b, vars: vars}
	for _, n := range s.nodes {
		if n.Op == tensor.Reduce && !windowed(n) {
			name := sums.define(n)
			switch n.Kind {
			case tensor.SumUnits:
				before = append(before, &kernel.Let{Var: name, Value: number(0)})
			case tensor.MaxUnits:
				before = append(before, &kernel.Let{Var: name, Value: number(lowest)})
			case tensor.ArgMaxUnits:
				before = append(before, &kernel.Let{Var: name + ".max", Value: number(lowest)}, &kernel.Let{Var: name, Value: number(0)})
			}
			if outside(f, g, n) {
				after = append(after, b.storeSample(n, name))
			}
		}
	}
	var body []kernel.Stmt
	for _, p := range b.unitLoops(f, g, s, vars) {
		body = append(body, nest(p.loops, p.body)...)
	}
	return append(append(before, body...), after...)
}

// pointwise tells whether each unit of a stage is computed by itself.
func pointwise(s *stage) bool {
	return len(s.shape) > 0 && !slices.ContainsFunc(s.nodes, func(n *tensor.Node) bool { return n.Op == tensor.Reduce && !windowed(n) })
}

// A part is what a stage does at some of its units: loops over them, and what is in the loops.
type part struct {
	loops []kernel.Loop
	body  []kernel.Stmt
}

// unitLoops computes a stage's values at each unit.
func (b *builder) unitLoops(f *fusion, g *group, s *stage, vars map[*tensor.Node]string) []part {
	stored := map[*tensor.Node]bool{}
	for _, n := range s.nodes {
		for _, r := range f.readers[n] {
			if f.of[r] != g || !slices.Contains(s.nodes, r) {
				stored[n] = true
			}
		}
	}
	var loops []kernel.Loop
	dims := make([]kernel.Index, len(s.shape))
	for d, extent := range s.shape {
		name := fmt.Sprintf("u%d", d)
		loops = append(loops, kernel.Loop{Var: name, Extent: extent})
		dims[d] = v(name)
	}
	one := func(dims []kernel.Index, draws map[*tensor.Node]string) []kernel.Stmt {
		e := b.element(dims, s.shape)
		for n, name := range vars {
			e.vars[n] = name
		}
		var body []kernel.Stmt
		suffix := ""
		for n, name := range draws {
			e.vars[n] = name
			suffix = name[len(name)-2:]
		}
		for _, n := range s.nodes {
			body = append(body, b.unitOf(f, e, n, suffix)...)
			if stored[n] && len(n.Type.Shape) > 0 {
				body = append(body, &kernel.Store{Buffer: b.inLanes(n), Index: []kernel.Index{b.block(), e.unit, b.lane()}, Value: only(variable(e.vars[n]))})
			}
		}
		return body
	}
	if s.random() {
		return b.inFours(s, one)
	}
	return []part{{loops, one(dims, nil)}}
}

// lowest starts a running maximum.
const lowest float64 = -3.4028234663852886e38

// unitOf computes a node at one unit, or adds the unit to a sum.
func (b *builder) unitOf(f *fusion, e *element, n *tensor.Node, suffix string) []kernel.Stmt {
	switch n.Op {
	case tensor.Map:
		val := e.value(n)
		name := e.define(n) + suffix
		e.vars[n] = name
		return []kernel.Stmt{&kernel.Let{Var: name, Value: val}}
	case tensor.Reduce:
		x := e.operand(n.Args[0])
		name := e.vars[n]
		switch n.Kind {
		case tensor.SumUnits:
			return []kernel.Stmt{&kernel.Assign{Var: name, How: kernel.Sum, Value: only(x)}}
		case tensor.MaxUnits:
			return []kernel.Stmt{&kernel.Assign{Var: name, How: kernel.Largest, Value: only(x)}}
		case tensor.ArgMaxUnits:
			// Strictly larger: ties go to the lowest index.
			larger := ir.Call(ir.OpLess, ir.In(1), ir.In(0))
			unit := kernel.Operand{Kind: kernel.Position, Index: []kernel.Index{e.unit}}
			return []kernel.Stmt{
				&kernel.Assign{Var: name, Value: kernel.Value{Expr: ir.Call(ir.OpSelect, larger, ir.In(2), ir.In(3)), Operands: []kernel.Operand{x, variable(name + ".max"), unit, variable(name)}}},
				&kernel.Assign{Var: name + ".max", How: kernel.Largest, Value: only(x)},
			}
		}
		return b.pool(e, n)
	}
	return nil // a draw: its variable is defined with its block of four
}

// pool is the largest input of one window; for its adjoint the sum over the windows that an input was the largest of; and for that one's the sum over the
// inputs that were the largest of a window.
func (b *builder) pool(e *element, n *tensor.Node) []kernel.Stmt {
	name := e.define(n)
	role, start := windowRole(n), number(0)
	w := &walk{shape: b.loopShape(n), dims: e.dims, whole: true}
	for _, l := range cutLoops(n.Rel, role, true) {
		w.loops = append(w.loops, kernel.Loop{Var: fmt.Sprintf("u%d", l.dim), Extent: l.extent})
	}
	s := newSource(w, n.Rel, role)
	at := func(a *tensor.Node, unit kernel.Index) kernel.Operand {
		return b.activity(a, b.block(), unit, b.lane())
	}
	var add kernel.Stmt
	if n.Kind == tensor.MaxWindow {
		start = s.paddingOr(lowest)
		add = &kernel.Assign{Var: name, How: kernel.Largest, Value: only(at(n.Args[0], s.operand))}
	} else {
		in, out := s.operand, e.unit
		if n.Kind == tensor.ToMaxWindow {
			in, out = out, in
		}
		add = &kernel.Assign{Var: name, How: kernel.Sum, Value: kernel.Value{Expr: expr("select(equal($0, $1), $2, 0)"),
			Operands: []kernel.Operand{at(n.Args[0], in), at(n.Args[1], out), at(n.Args[2], s.operand)}}}
	}
	return append([]kernel.Stmt{&kernel.Let{Var: name, Value: start}}, inGuards(s.reduce, s.guards, []kernel.Stmt{add})...)
}

// paddingOr is what a window's maximum starts from: the zero of padding where the window reaches into it, or else a number.
func (s *source) paddingOr(x float64) kernel.Value {
	start := number(x)
	for _, g := range s.guards {
		first, last := g.Num, g.Num
		for _, l := range s.reduce {
			first, last = substitute(first, l.Var, at(0)), substitute(last, l.Var, at(l.Extent-1))
		}
		for _, beyond := range []kernel.Index{plus(at(-1), first, -1), plus(last, at(-g.Extent), 1)} { // not below zero, where it is outside
			start.Expr = ir.Call(ir.OpSelect, ir.Call(ir.OpLess, ir.In(len(start.Operands)), ir.Num(0)), start.Expr, ir.Num(0))
			start.Operands = append(start.Operands, kernel.Operand{Kind: kernel.Position, Index: []kernel.Index{beyond}})
		}
	}
	return start
}

// inFours walks the flat units four at a time, with one draw of four numbers for each Random of the stage.
func (b *builder) inFours(s *stage, one func([]kernel.Index, map[*tensor.Node]string) []kernel.Stmt) []part {
	count := units(s.shape)
	row := b.sample()
	four := func(q kernel.Index, n int) []kernel.Stmt {
		var body []kernel.Stmt
		for _, r := range s.nodes {
			if r.Op == tensor.Random {
				d := &kernel.Draw{Stream: r.Stream, Row: row, Block: q}
				for i := range d.Vars {
					d.Vars[i] = fmt.Sprintf("e%d.%d", r.ID, i)
				}
				body = append(body, d)
			}
		}
		for i := range n {
			draws := map[*tensor.Node]string{}
			for _, r := range s.nodes {
				if r.Op == tensor.Random {
					draws[r] = fmt.Sprintf("e%d.%d", r.ID, i)
				}
			}
			body = append(body, one(flatDims(plus(scale(q, 4), at(i), 1), s.shape), draws)...)
		}
		return body
	}
	var parts []part
	if n := count / 4; n > 0 {
		parts = append(parts, part{[]kernel.Loop{{Var: "q", Extent: n}}, four(v("q"), 4)})
	}
	if rest := count % 4; rest > 0 {
		parts = append(parts, part{nil, four(at(count/4), rest)})
	}
	return parts
}

// flatDims places a flat unit for a stage that walks units without their dimensions: only the flat position is meaningful.
func flatDims(unit kernel.Index, shape []int) []kernel.Index {
	dims := make([]kernel.Index, len(shape))
	dims[len(dims)-1] = unit
	return dims
}
