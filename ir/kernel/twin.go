package kernel

import "slices"

// Twin gives the buffers that stand in kernel b where others stand in kernel a, by those of a, where the two are the same but for which buffers they touch
// and what their variables are called: whoever has made code of a has made it of b. Layers of one shape have such kernels.
func (p *Plan) Twin(a, b *Kernel) (buffers map[int]int, ok bool) {
	if a.ByBatch != b.ByBatch || a.Flops != b.Flops || a.Bytes != b.Bytes {
		return nil, false
	}
	t := &twins{plan: p, names: pairs[string]{}, buffers: pairs[int]{}}
	return t.buffers, t.body(a.Body, b.Body) && t.buffers.distinct()
}

// twins walks two kernels side by side with what stands for what.
type twins struct {
	plan    *Plan
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

func (t *twins) body(a, b []Stmt) bool { return slices.EqualFunc(a, b, t.stmt) }

func (t *twins) stmt(a, b Stmt) bool {
	switch a := a.(type) {
	case *Loop:
		b, ok := b.(*Loop)
		return ok && a.Extent == b.Extent && a.Mark == b.Mark && t.define(a.Var, b.Var) && t.body(a.Body, b.Body)
	case *Where:
		b, ok := b.(*Where)
		return ok && a.Div == b.Div && a.Floor == b.Floor && a.Extent == b.Extent && t.index(a.Num, b.Num) && t.define(a.Var, b.Var) && t.body(a.Body, b.Body)
	case *Seek:
		b, ok := b.(*Seek)
		return ok && a.Extent == b.Extent && t.value(a.Value, b.Value) && t.define(a.Var, b.Var)
	case *Let:
		b, ok := b.(*Let)
		return ok && t.value(a.Value, b.Value) && t.define(a.Var, b.Var)
	case *Assign:
		b, ok := b.(*Assign)
		return ok && a.How == b.How && t.names[a.Var] == b.Var && t.value(a.Value, b.Value)
	case *Store:
		b, ok := b.(*Store)
		return ok && a.How == b.How && t.buffer(a.Buffer, b.Buffer) && slices.EqualFunc(a.Index, b.Index, t.index) && t.value(a.Value, b.Value)
	case *Prefetch:
		b, ok := b.(*Prefetch)
		return ok && a.Own == b.Own && t.buffer(a.Buffer, b.Buffer) && slices.EqualFunc(a.Index, b.Index, t.index)
	}
	return false // a draw has a stream of its own
}

// define binds a variable in both; a name may be bound again behind its scope.
func (t *twins) define(a, b string) bool {
	t.names[a] = b
	return true
}

func (t *twins) value(a, b Value) bool {
	return a.Expr.Equal(b.Expr) && slices.EqualFunc(a.Operands, b.Operands, t.operand)
}

func (t *twins) operand(a, b Operand) bool {
	switch {
	case a.Kind != b.Kind:
		return false
	case a.Kind == Variable:
		return t.names[a.Var] == b.Var
	case a.Kind == Load && !t.buffer(a.Buffer, b.Buffer):
		return false
	}
	return slices.EqualFunc(a.Index, b.Index, t.index)
}

func (t *twins) index(a, b Index) bool {
	return a.Const == b.Const && slices.EqualFunc(a.Terms, b.Terms, func(x, y Term) bool { return x.Coef == y.Coef && t.names[x.Var] == y.Var })
}

// buffer pairs two buffers, which must look alike.
func (t *twins) buffer(a, b int) bool {
	x, y := &t.plan.Buffers[a], &t.plan.Buffers[b]
	for _, kind := range []BufferKind{Setting, Local} {
		if (x.Kind == kind) != (y.Kind == kind) {
			return false
		}
	}
	return x.Type == y.Type && slices.Equal(x.Shape, y.Shape) && t.buffers.pair(a, b)
}
