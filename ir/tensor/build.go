package tensor

import (
	"fmt"
	"slices"

	"bnetc/ir"
)

// New is an empty program for a batch size.
func New(name string, batch int) *Program { return &Program{Name: name, Batch: batch} }

func (p *Program) add(n *Node) *Node {
	n.ID, n.Pass, n.From = len(p.Nodes), p.Pass, p.From
	p.Nodes = append(p.Nodes, n)
	return n
}

// Param declares a tensor that lives as long as the run.
func (p *Program) Param(name string, shape []int, info ParamInfo) *Node {
	return p.add(&Node{Op: Param, Name: name, Type: Type{Shape: shape}, Param: &info})
}

// Input declares a value that the host gives at every step.
func (p *Program) Input(name string, t Type) *Node {
	return p.add(&Node{Op: Input, Name: name, Type: t})
}

// Setting declares a scalar that the host gives at every step.
func (p *Program) Setting(name string) *Node { return p.Input(name, Type{}) }

// Linear applies a relation in a role: apply(W, in), transpose(W, out), outer(out, in). An outer product is summed over the batch.
func (p *Program) Linear(rel *ir.Relation, role ir.Role, a, b *Node) *Node {
	return p.add(&Node{Op: Linear, Rel: rel, Role: role, Args: []*Node{a, b}, Type: linearType(rel, role)})
}

func linearType(rel *ir.Relation, role ir.Role) Type {
	switch role {
	case ir.Transpose:
		return Type{Batch: true, Shape: rel.InShape}
	case ir.Outer:
		return Type{Shape: rel.WShape}
	}
	return Type{Batch: true, Shape: rel.OutShape}
}

// Map is a scalar expression, element by element; its type is that of the operands broadcast together.
func (p *Program) Map(e *ir.Expr, args ...*Node) *Node {
	t := Type{}
	for _, a := range args {
		t = Broadcast(t, a.Type)
	}
	return p.add(&Node{Op: Map, Expr: e, Args: args, Type: t})
}

// Reduce sums, or finds the largest, over units or over the batch.
func (p *Program) Reduce(kind ReduceKind, a *Node) *Node {
	return p.add(&Node{Op: Reduce, Kind: kind, Args: []*Node{a}, Type: reduceType(kind, a.Type)})
}

func reduceType(kind ReduceKind, t Type) Type {
	switch kind {
	case SumBatch, MeanBatch:
		return Type{Shape: t.Shape}
	}
	return Type{Batch: t.Batch}
}

// SumTo sums leading axes away, so that the result has a shape that the operand's ends in: the adjoint of broadcasting.
func (p *Program) SumTo(a *Node, shape []int) *Node {
	return p.add(&Node{Op: Reduce, Kind: SumTrailing, Args: []*Node{a}, Type: Type{Batch: a.Type.Batch, Shape: shape}})
}

// MaxPool is the largest input of each window of a relation.
func (p *Program) MaxPool(rel *ir.Relation, a *Node) *Node {
	return p.add(&Node{Op: Reduce, Kind: MaxWindow, Rel: rel, Args: []*Node{a}, Type: Type{Batch: true, Shape: rel.OutShape}})
}

// Random is standard normal numbers of a stream.
func (p *Program) Random(stream uint32, t Type) *Node {
	return p.add(&Node{Op: Random, Stream: stream, Type: t})
}

// Update writes a Param from its gradient and the optimizer's states.
func (p *Program) Update(optimizer, group string, param, grad *Node, states ...*Node) *Node {
	return p.add(&Node{Op: Update, Optimizer: optimizer, Group: group, Args: append([]*Node{param, grad}, states...), Type: param.Type})
}

// Broadcast is the type of a Map over two operands; it panics where they do not fit, which a checked program cannot bring about.
func Broadcast(a, b Type) Type {
	t := Type{Batch: a.Batch || b.Batch}
	long, short := a.Shape, b.Shape
	if len(long) < len(short) {
		long, short = short, long
	}
	t.Shape = slices.Clone(long)
	for i, n := range short {
		k := len(long) - len(short) + i
		switch {
		case t.Shape[k] == 1:
			t.Shape[k] = n
		case n != 1 && n != t.Shape[k]:
			panic(fmt.Sprintf("bug: %v and %v do not broadcast", a.Shape, b.Shape))
		}
	}
	return t
}

// Equal compares types; no shape and an empty shape are the same.
func (t Type) Equal(o Type) bool { return t.Batch == o.Batch && slices.Equal(t.Shape, o.Shape) }

// MaxPoolGradient sends the gradient of a MaxPool's windows (adj) to the input that was the largest of each; equal inputs of a window all get it.
func (p *Program) MaxPoolGradient(rel *ir.Relation, in, out, adj *Node) *Node {
	return p.add(&Node{Op: Reduce, Kind: ToMaxWindow, Rel: rel, Args: []*Node{in, out, adj}, Type: Type{Batch: true, Shape: rel.InShape}})
}
