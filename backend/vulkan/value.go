package vulkan

import (
	"cmp"
	"fmt"
	"slices"

	"bnetc/backend/vulkan/spirv"
	"bnetc/ir"
	"bnetc/ir/kernel"
)

// emit adds an instruction without effects, at the level of its deepest argument, and once for equal arguments.
func (w *lowering) emit(op spirv.Op, typ spirv.ID, args ...spirv.ID) spirv.ID {
	return w.share(fmt.Sprint(op, typ, args), 0, args, func(b *spirv.Block) spirv.ID { return b.Do(op, typ, args...) })
}

// share gives what has been computed under a key, or computes it: at the level of the deepest argument, but not above the least.
func (w *lowering) share(key string, least int, args []spirv.ID, compute func(b *spirv.Block) spirv.ID) spirv.ID {
	depth := least
	for _, a := range args {
		depth = max(depth, w.depth[a])
	}
	l := w.levels[depth]
	if id, ok := l.memo[key]; ok {
		return id
	}
	id := compute(l.block)
	l.memo[key] = id
	w.depth[id] = depth
	if slices.ContainsFunc(args, func(a spirv.ID) bool { return w.varies[a] }) {
		w.varies[id] = true
	}
	return id
}

func (w *lowering) uint(x int) spirv.ID { return w.m.UintConst(uint32(x)) }

func (w *lowering) float(x float64) spirv.ID { return w.m.FloatConst(x) }

// add and mul are sums and products of positions.
func (w *lowering) add(a, b spirv.ID) spirv.ID { return w.emit(spirv.OpIAdd, w.m.Uint(), a, b) }

func (w *lowering) mul(a spirv.ID, by int) spirv.ID {
	if by == 1 {
		return a
	}
	return w.emit(spirv.OpIMul, w.m.Uint(), a, w.uint(by))
}

// An affine is a position in terms of values: constant + Σ terms.
type affine struct {
	constant int
	terms    []term
}

type term struct {
	id   spirv.ID
	coef int
}

func (a *affine) add(coef int, p position) {
	a.constant += coef * p.value
	if p.id == 0 {
		return
	}
	coef *= p.step()
	if i := slices.IndexFunc(a.terms, func(t term) bool { return t.id == p.id }); i >= 0 {
		a.terms[i].coef += coef
		return
	}
	a.terms = append(a.terms, term{p.id, coef})
}

// over is a position divided by a number that divides all of it.
func (a affine) over(n int) affine {
	out := affine{constant: a.constant / n}
	for _, t := range a.terms {
		out.terms = append(out.terms, term{t.id, t.coef / n})
	}
	return out
}

func (a affine) key() string { return fmt.Sprint(a.constant, a.terms) }

// perLane tells whether a position may be another one in another lane.
func (w *lowering) perLane(a affine) bool {
	return slices.ContainsFunc(a.terms, func(t term) bool { return w.varies[t.id] })
}

// affine gives an index for one instance.
func (w *lowering) affine(x kernel.Index, in instance) affine {
	a := affine{constant: x.Const}
	for _, t := range x.Terms {
		p, ok := in.at[t.Var]
		if !ok {
			panic(fmt.Sprintf("bug: kernel %s uses %s outside its loop", w.kernel.Name, t.Var))
		}
		a.add(t.Coef, p)
	}
	return a.sorted(w)
}

// flat gives the place of an element within its buffer.
func (w *lowering) flat(buffer int, index []kernel.Index, in instance) affine {
	shape := w.plan.Buffers[buffer].Shape
	var a affine
	stride := 1
	for d := len(shape) - 1; d >= 0; d-- {
		x := w.affine(index[d], in)
		a.constant += stride * x.constant
		for _, t := range x.terms {
			a.add(stride*t.coef, position{id: t.id})
		}
		stride *= shape[d]
	}
	return a.sorted(w)
}

// sorted puts the terms that change least first, so that their sums are computed outside of loops.
func (a affine) sorted(w *lowering) affine {
	a.terms = slices.DeleteFunc(a.terms, func(t term) bool { return t.coef == 0 })
	slices.SortStableFunc(a.terms, func(s, t term) int { return cmp.Compare(w.depth[s.id], w.depth[t.id]) })
	return a
}

// index computes a position.
func (w *lowering) index(a affine) spirv.ID {
	sum := spirv.ID(0)
	for _, t := range a.terms {
		switch {
		case sum == 0:
			sum = w.mul(t.id, t.coef)
		case t.coef < 0:
			sum = w.emit(spirv.OpISub, w.m.Uint(), sum, w.mul(t.id, -t.coef))
		default:
			sum = w.add(sum, w.mul(t.id, t.coef))
		}
	}
	switch {
	case sum == 0:
		return w.uint(a.constant)
	case a.constant > 0:
		return w.add(sum, w.uint(a.constant))
	case a.constant < 0:
		return w.emit(spirv.OpISub, w.m.Uint(), sum, w.uint(-a.constant))
	}
	return sum
}

func (w *lowering) statement(s kernel.Stmt, in instance, later bool) {
	if w.vector == nil && w.sheet == nil && w.local > 1 {
		w.hazards.meet(w, s, later)
	}
	switch s := s.(type) {
	case *kernel.Seek:
		at := w.extended(spirv.NClamp, w.value(s.Value, in), w.float(0), w.float(float64(s.Extent-1)))
		id := w.emit(spirv.OpConvertFToU, w.m.Uint(), at)
		w.varies[id] = true // for all that is known of it
		in.at[s.Var] = position{id: id}
	case *kernel.Let:
		value := w.value(s.Value, in)
		if w.sheet != nil {
			value = w.m.Filled(w.sums(), value)
		}
		in.vars[s.Var] = &cell{value}
	case *kernel.Assign:
		w.assign(s, in)
	case *kernel.Store:
		w.storeStatement(s, in)
	case *kernel.Draw:
		w.draw(s, in)
	case *kernel.Prefetch: // nothing to do
	}
}

// assign changes a variable. A sum gains a product in one operation.
func (w *lowering) assign(s *kernel.Assign, in instance) {
	c := in.vars[s.Var]
	if c == nil {
		panic("bug: kernel " + w.kernel.Name + " assigns to " + s.Var + " where it is not defined")
	}
	if e := s.Value.Expr; s.How == kernel.Sum && e.Op == ir.OpMul {
		input := func(i int) spirv.ID { return w.operand(s.Value.Operands[i], in) }
		c.value = w.fma(w.expr(e.Args[0], input), w.expr(e.Args[1], input), c.value)
		return
	}
	c.value = w.combine(s.How, c.value, w.value(s.Value, in))
}

// storeStatement stores a value of every lane; or, where the place is the same for all lanes, what they combine to, by the first invocation.
func (w *lowering) storeStatement(s *kernel.Store, in instance) {
	if w.sheet != nil {
		w.keep(s, in)
		w.version[s.Buffer]++
		return
	}
	at := w.flat(s.Buffer, s.Index, in)
	value := w.value(s.Value, in)
	one := func() {
		if s.How != kernel.Set {
			value = w.combine(s.How, w.load(s.Buffer, at), value)
		}
		w.store(s.Buffer, at, value)
	}
	lane := w.perLane(at)
	switch {
	case w.vector != nil && !lane && s.How == kernel.Set:
		w.when(w.emit(spirv.OpIEqual, w.m.Bool(), w.lane, w.uint(w.vector.Extent-1)), nil, one)
	case w.vector != nil && !lane:
		value = w.overLanes(s.How, w.ofLane(s.How, value))
		w.when(w.emit(spirv.OpIEqual, w.m.Bool(), w.lane, w.uint(0)), nil, one)
	case w.vector == nil && w.local > 1:
		w.when(w.emit(spirv.OpIEqual, w.m.Bool(), w.lane, w.uint(0)), nil, one)
	default:
		w.when(w.hasLane, nil, one)
	}
	w.version[s.Buffer]++
}

// value computes a value for one instance.
func (w *lowering) value(v kernel.Value, in instance) spirv.ID {
	return w.expr(v.Expr, func(i int) spirv.ID { return w.operand(v.Operands[i], in) })
}

func (w *lowering) operand(o kernel.Operand, in instance) spirv.ID {
	switch o.Kind {
	case kernel.Variable:
		c := in.vars[o.Var]
		if c == nil {
			panic("bug: kernel " + w.kernel.Name + " reads " + o.Var + " where it is not defined")
		}
		return c.value
	case kernel.Position:
		a := w.affine(o.Index[0], in)
		if len(a.terms) == 0 {
			return w.float(float64(a.constant))
		}
		signed := w.emit(spirv.OpBitcast, w.m.Int(), w.index(a))
		return w.emit(spirv.OpConvertSToF, w.m.Float(), signed)
	}
	return w.load(o.Buffer, w.flat(o.Buffer, o.Index, in))
}

// operations has a row for every ir.ScalarOp that is one instruction; functions for those that are several.
var (
	operations = map[ir.ScalarOp]spirv.Op{
		ir.OpAdd: spirv.OpFAdd, ir.OpSub: spirv.OpFSub, ir.OpMul: spirv.OpFMul, ir.OpDiv: spirv.OpFDiv, ir.OpNeg: spirv.OpFNegate,
	}
	comparisons = map[ir.ScalarOp]spirv.Op{ir.OpLess: spirv.OpFOrdLessThan, ir.OpEqual: spirv.OpFOrdEqual}
	functions   = map[ir.ScalarOp]func(w *lowering, a []spirv.ID) spirv.ID{
		ir.OpMax:  func(w *lowering, a []spirv.ID) spirv.ID { return w.largest(a[0], a[1]) },
		ir.OpMin:  func(w *lowering, a []spirv.ID) spirv.ID { return w.smallest(a[0], a[1]) },
		ir.OpAbs:  func(w *lowering, a []spirv.ID) spirv.ID { return w.extended(spirv.FAbs, a[0]) },
		ir.OpSqrt: func(w *lowering, a []spirv.ID) spirv.ID { return w.extended(spirv.Sqrt, a[0]) },
		ir.OpSign: func(w *lowering, a []spirv.ID) spirv.ID { return w.sign(a[0]) },
		ir.OpExp:  func(w *lowering, a []spirv.ID) spirv.ID { return w.exp(a[0]) },
		ir.OpLog:  func(w *lowering, a []spirv.ID) spirv.ID { return w.log(a[0]) },
		ir.OpTanh: func(w *lowering, a []spirv.ID) spirv.ID { return w.tanh(a[0]) },
	}
)

func (w *lowering) expr(e *ir.Expr, input func(i int) spirv.ID) spirv.ID {
	switch e.Op {
	case ir.OpConst:
		return w.float(e.Const)
	case ir.OpInput:
		return input(e.Input)
	case ir.OpLess, ir.OpEqual:
		return w.choose(w.condition(e, input), w.float(1), w.float(0))
	case ir.OpSelect:
		return w.choose(w.condition(e.Args[0], input), w.expr(e.Args[1], input), w.expr(e.Args[2], input))
	}
	for i, product := range e.Args {
		if e.Op == ir.OpAdd && product.Op == ir.OpMul {
			return w.fma(w.expr(product.Args[0], input), w.expr(product.Args[1], input), w.expr(e.Args[1-i], input))
		}
	}
	args := make([]spirv.ID, len(e.Args))
	for i, a := range e.Args {
		args[i] = w.expr(a, input)
	}
	if op, ok := operations[e.Op]; ok {
		return w.emit(op, w.m.Float(), args...)
	}
	f, ok := functions[e.Op]
	if !ok {
		panic(fmt.Sprintf("bug: scalar operation %s has no SPIR-V form; kernel %s", e.Op, w.kernel.Name))
	}
	return f(w, args)
}

// condition is a comparison as it is, anything else by being other than 0.
func (w *lowering) condition(e *ir.Expr, input func(i int) spirv.ID) spirv.ID {
	if op, ok := comparisons[e.Op]; ok {
		return w.emit(op, w.m.Bool(), w.expr(e.Args[0], input), w.expr(e.Args[1], input))
	}
	return w.emit(spirv.OpFUnordNotEqual, w.m.Bool(), w.expr(e, input), w.float(0))
}
