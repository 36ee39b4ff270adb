package kernel

import (
	"fmt"
	"slices"

	"bnetc/ir"
)

// Buffer is the number of the buffer of a name, -1 if there is none.
func (p *Plan) Buffer(name string) int {
	return slices.IndexFunc(p.Buffers, func(b Buffer) bool { return b.Name == name })
}

// Kernel is the number of the kernel of a name, -1 if there is none.
func (p *Plan) Kernel(name string) int {
	return slices.IndexFunc(p.Kernels, func(k *Kernel) bool { return k.Name == name })
}

// List is the number of the list of a name. That a plan lacks a list that someone runs is an error, which says so.
func (p *Plan) List(name string) (int, error) {
	i := slices.IndexFunc(p.Lists, func(l List) bool { return l.Name == name })
	if i < 0 {
		return 0, fmt.Errorf("plan %s has no list %q", p.Name, name)
	}
	return i, nil
}

// Elements is how many numbers the buffer holds.
func (b *Buffer) Elements() int {
	n := 1
	for _, d := range b.Shape {
		n *= d
	}
	return n
}

// Floats is the memory that the buffer takes, in units of a float32: as many as it holds, or half of that, rounded up, where they take half.
func (b *Buffer) Floats() int { return (b.Elements()*b.Type.Bytes() + 3) / 4 }

// Bytes is the memory that the plan's buffers need: each its own, but for temporaries, which need the arena that they have places in.
func (p *Plan) Bytes() int64 {
	var own, arena int64
	for i := range p.Buffers {
		b := &p.Buffers[i]
		switch n := int64(b.Floats()); b.Kind {
		case Temp:
			arena = max(arena, int64(b.Offset)+n)
		case Local:
		default:
			own += n
		}
	}
	return 4 * (own + arena)
}

// Lives is when the temporaries are needed: by buffer, from the first level that touches it to the last, in each list by itself. Nothing survives from one
// list's run to the next.
type Lives map[int][]life

type life struct{ list, from, to int }

// Lives finds them, from the levels of the steps.
func (p *Plan) Lives() Lives {
	lives := Lives{}
	for li, l := range p.Lists {
		for _, s := range l.Steps {
			read, written := p.Kernels[s.Kernel].Buffers()
			for _, b := range slices.Concat(read, written) {
				if p.Buffers[b].Kind != Temp {
					continue
				}
				if n := len(lives[b]); n == 0 || lives[b][n-1].list != li {
					lives[b] = append(lives[b], life{li, s.Level, s.Level})
				} else {
					lives[b][n-1].to = s.Level
				}
			}
		}
	}
	return lives
}

// Meet tells whether two buffers are needed at once.
func (l Lives) Meet(a, b int) bool {
	return slices.ContainsFunc(l[a], func(x life) bool {
		return slices.ContainsFunc(l[b], func(y life) bool { return x.list == y.list && x.from <= y.to && y.from <= x.to })
	})
}

// Walk calls f for each statement of a body, outer before inner.
func Walk(body []Stmt, f func(Stmt)) {
	for _, s := range body {
		f(s)
		switch s := s.(type) {
		case *Loop:
			Walk(s.Body, f)
		case *Where:
			Walk(s.Body, f)
		}
	}
}

// ValueOf is the value that a statement computes, nil if it computes none.
func ValueOf(s Stmt) *Value {
	switch s := s.(type) {
	case *Seek:
		return &s.Value
	case *Let:
		return &s.Value
	case *Assign:
		return &s.Value
	case *Store:
		return &s.Value
	}
	return nil
}

// Buffers lists the buffers that a kernel loads from and those that it stores to, each in order of first use. A Store that adds reads its
// buffer, too, but is only among the written.
func (k *Kernel) Buffers() (read, written []int) {
	note := func(list *[]int, b int) {
		if !slices.Contains(*list, b) {
			*list = append(*list, b)
		}
	}
	Walk(k.Body, func(s Stmt) {
		if v := ValueOf(s); v != nil {
			eachInput(v.Expr, func(i int) {
				if i < len(v.Operands) && v.Operands[i].Kind == Load {
					note(&read, v.Operands[i].Buffer)
				}
			})
		}
		if s, ok := s.(*Store); ok {
			note(&written, s.Buffer)
		}
	})
	return read, written
}

// Equal tells whether two operands are the same.
func (o Operand) Equal(q Operand) bool {
	return o.Kind == q.Kind && o.Buffer == q.Buffer && o.Var == q.Var && slices.EqualFunc(o.Index, q.Index, Index.Equal)
}

// Equal tells whether two positions are written the same.
func (x Index) Equal(y Index) bool { return x.Const == y.Const && slices.Equal(x.Terms, y.Terms) }

// Canonical is the value with its operands numbered by first occurrence in the text, each once, and none that is not read.
func (v Value) Canonical() Value {
	if v.Expr == nil {
		return v
	}
	var operands []Operand
	inputs := make([]*ir.Expr, max(len(v.Operands), v.Expr.Inputs()))
	eachInput(v.Expr, func(i int) {
		if i >= len(v.Operands) {
			panic(fmt.Sprintf("bug: %s reads an operand beyond its %d", v.Expr, len(v.Operands)))
		}
		o := v.Operands[i]
		n := slices.IndexFunc(operands, o.Equal)
		if n < 0 {
			n = len(operands)
			operands = append(operands, o)
		}
		inputs[i] = ir.In(n)
	})
	return Value{Expr: v.Expr.Substitute(inputs), Operands: operands}
}

// eachInput calls f for every input that an expression reads, in the order of its text.
func eachInput(e *ir.Expr, f func(i int)) {
	if e == nil {
		return
	}
	if e.Op == ir.OpInput {
		f(e.Input)
	}
	for _, a := range e.Args {
		eachInput(a, f)
	}
}

// Canonical is a copy of the plan with all values canonical: what Parse gives of its text.
func (p *Plan) Canonical() *Plan {
	out := *p
	out.Kernels = nil
	for _, k := range p.Kernels {
		c := *k
		c.Body = canonicalBody(k.Body)
		out.Kernels = append(out.Kernels, &c)
	}
	return &out
}

func canonicalBody(body []Stmt) []Stmt {
	var out []Stmt
	for _, s := range body {
		switch s := s.(type) {
		case *Loop:
			c := *s
			c.Body = canonicalBody(s.Body)
			out = append(out, &c)
		case *Where:
			c := *s
			c.Body = canonicalBody(s.Body)
			out = append(out, &c)
		case *Seek:
			out = append(out, &Seek{s.Var, s.Extent, s.Value.Canonical()})
		case *Let:
			out = append(out, &Let{s.Var, s.Value.Canonical()})
		case *Assign:
			out = append(out, &Assign{s.Var, s.How, s.Value.Canonical()})
		case *Store:
			out = append(out, &Store{s.Buffer, s.Index, s.How, s.Value.Canonical()})
		default:
			out = append(out, s)
		}
	}
	return out
}
