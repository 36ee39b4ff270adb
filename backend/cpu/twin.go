package cpu

import (
	"slices"

	"bnetc/ir/kernel"
)

// twin gives the buffers that stand in kernel b where others stand in kernel a, by those of a, where the two are the same but for which buffers they touch
// and what their variables are called: the function of a is that of b. Layers of one shape have such kernels.
func twin(p *kernel.Plan, a, b *kernel.Kernel) (buffers map[int]int, ok bool) {
	if a.ByBatch != b.ByBatch || a.Flops != b.Flops || a.Bytes != b.Bytes {
		return nil, false
	}
	t := &twins{plan: p, names: pairs[string]{}, buffers: pairs[int]{}}
	return t.buffers, t.body(a.Body, b.Body) && t.buffers.distinct()
}

// twins walks two kernels side by side with what stands for what.
type twins struct {
	plan    *kernel.Plan
	names   pairs[string]
	buffers pairs[int]
}

// pairs are what stands for what.
type pairs[T comparable] map[T]T

// pair notes that y stands for x, unless something else does.
func (p pairs[T]) pair(x, y T) bool {
	known, ok := p[x]
	p[x] = y
	return !ok || known == y
}

// distinct tells whether nothing stands for two things.
func (p pairs[T]) distinct() bool {
	taken := map[T]bool{}
	for _, y := range p {
		if taken[y] {
			return false
		}
		taken[y] = true
	}
	return true
}

func (t *twins) body(a, b []kernel.Stmt) bool { return slices.EqualFunc(a, b, t.stmt) }

func (t *twins) stmt(a, b kernel.Stmt) bool {
	switch a := a.(type) {
	case *kernel.Loop:
		b, ok := b.(*kernel.Loop)
		return ok && a.Extent == b.Extent && a.Mark == b.Mark && t.define(a.Var, b.Var) && t.body(a.Body, b.Body)
	case *kernel.Where:
		b, ok := b.(*kernel.Where)
		return ok && a.Div == b.Div && a.Floor == b.Floor && a.Extent == b.Extent && t.index(a.Num, b.Num) && t.define(a.Var, b.Var) && t.body(a.Body, b.Body)
	case *kernel.Seek:
		b, ok := b.(*kernel.Seek)
		return ok && a.Extent == b.Extent && t.value(a.Value, b.Value) && t.define(a.Var, b.Var)
	case *kernel.Let:
		b, ok := b.(*kernel.Let)
		return ok && t.value(a.Value, b.Value) && t.define(a.Var, b.Var)
	case *kernel.Assign:
		b, ok := b.(*kernel.Assign)
		return ok && a.How == b.How && t.names[a.Var] == b.Var && t.value(a.Value, b.Value)
	case *kernel.Store:
		b, ok := b.(*kernel.Store)
		return ok && a.How == b.How && t.buffer(a.Buffer, b.Buffer) && slices.EqualFunc(a.Index, b.Index, t.index) && t.value(a.Value, b.Value)
	case *kernel.Prefetch:
		b, ok := b.(*kernel.Prefetch)
		return ok && a.Own == b.Own && t.buffer(a.Buffer, b.Buffer) && slices.EqualFunc(a.Index, b.Index, t.index)
	}
	return false // a draw has a stream of its own
}

// define binds a variable in both; a name may be bound again behind its scope.
func (t *twins) define(a, b string) bool {
	t.names[a] = b
	return true
}

func (t *twins) value(a, b kernel.Value) bool {
	return a.Expr.Equal(b.Expr) && slices.EqualFunc(a.Operands, b.Operands, t.operand)
}

func (t *twins) operand(a, b kernel.Operand) bool {
	switch {
	case a.Kind != b.Kind:
		return false
	case a.Kind == kernel.Variable:
		return t.names[a.Var] == b.Var
	case a.Kind == kernel.Load && !t.buffer(a.Buffer, b.Buffer):
		return false
	}
	return slices.EqualFunc(a.Index, b.Index, t.index)
}

func (t *twins) index(a, b kernel.Index) bool {
	return a.Const == b.Const && slices.EqualFunc(a.Terms, b.Terms, func(x, y kernel.Term) bool { return x.Coef == y.Coef && t.names[x.Var] == y.Var })
}

// buffer pairs two buffers, which must look alike.
func (t *twins) buffer(a, b int) bool {
	x, y := &t.plan.Buffers[a], &t.plan.Buffers[b]
	for _, kind := range []kernel.BufferKind{kernel.Setting, kernel.Local} {
		if (x.Kind == kind) != (y.Kind == kind) {
			return false
		}
	}
	return x.Type == y.Type && slices.Equal(x.Shape, y.Shape) && t.buffers.pair(a, b)
}
