package tensor

import (
	"fmt"

	"bnetc/ir"
)

// New is an empty program for a batch size.
func New(name string, batch int) *Program { return &Program{Name: name, Batch: batch} }

// add appends a node with the type that follows from its arguments. It panics where none does: its caller is a pass.
func (p *Program) add(n *Node) *Node {
	n.ID, n.Pass, n.From = len(p.Nodes), p.Pass, p.From
	n.Type = typeOf(n.Type.Batch, n.Type.Shape)
	t, err := infer(n)
	if err != nil {
		panic(fmt.Sprintf("bug: %s: %v", describe(n), err))
	}
	n.Type = t
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
// Operands may have any shape with as many units as the relation's.
func (p *Program) Linear(rel *ir.Relation, role ir.Role, a, b *Node) *Node {
	return p.add(&Node{Op: Linear, Rel: rel, Role: role, Args: []*Node{a, b}})
}

// Map is a scalar expression, element by element; its type is that of the operands broadcast together.
func (p *Program) Map(e *ir.Expr, args ...*Node) *Node {
	return p.add(&Node{Op: Map, Expr: e, Args: args})
}

// Reduce sums, or finds the largest, over units or over the batch.
func (p *Program) Reduce(kind ReduceKind, a *Node) *Node {
	return p.add(&Node{Op: Reduce, Kind: kind, Args: []*Node{a}})
}

// SumTo sums leading axes away, so that the result has a shape that the operand's ends in: the adjoint of broadcasting.
func (p *Program) SumTo(a *Node, shape []int) *Node {
	return p.add(&Node{Op: Reduce, Kind: SumTrailing, Args: []*Node{a}, Type: Type{Shape: shape}})
}

// MaxPool is the largest input of each window of a relation; padding reads zeros.
func (p *Program) MaxPool(rel *ir.Relation, a *Node) *Node {
	return p.add(&Node{Op: Reduce, Kind: MaxWindow, Rel: rel, Args: []*Node{a}})
}

// MaxPoolGradient sends the gradient of a MaxPool's windows (adj) to the input that was the largest of each; equal inputs of a window all get it.
func (p *Program) MaxPoolGradient(rel *ir.Relation, in, out, adj *Node) *Node {
	return p.add(&Node{Op: Reduce, Kind: ToMaxWindow, Rel: rel, Args: []*Node{in, out, adj}})
}

// MaxPoolSelection sums over each window of a MaxPool, of values like its inputs, those where the input was the largest of the window: the adjoint of
// MaxPoolGradient.
func (p *Program) MaxPoolSelection(rel *ir.Relation, in, out, values *Node) *Node {
	return p.add(&Node{Op: Reduce, Kind: FromMaxWindow, Rel: rel, Args: []*Node{in, out, values}})
}

// Random is standard normal numbers of a stream.
func (p *Program) Random(stream uint32, t Type) *Node {
	return p.add(&Node{Op: Random, Stream: stream, Type: t})
}

// Update writes a Param from its gradient and the optimizer's states.
func (p *Program) Update(optimizer, group string, param, grad *Node, states ...*Node) *Node {
	return p.add(&Node{Op: Update, Optimizer: optimizer, Group: group, Args: append([]*Node{param, grad}, states...)})
}

// Find is the last node of a name, nil if there is none.
func (p *Program) Find(name string) *Node {
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		if p.Nodes[i].Name == name {
			return p.Nodes[i]
		}
	}
	return nil
}

// Label is how messages refer to a node: its name, or its number.
func (n *Node) Label() string {
	if n.Name != "" {
		return n.Name
	}
	return fmt.Sprintf("%%%d", n.ID)
}

// describe is the label with the operation and the line that asked for it.
func describe(n *Node) string {
	if n.From == "" {
		return fmt.Sprintf("%s (%s)", n.Label(), n.Op)
	}
	return fmt.Sprintf("%s (%s, %s)", n.Label(), n.Op, n.From)
}
