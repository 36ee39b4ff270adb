package compiler

import (
	"fmt"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

// differentiate replaces the loss of every minimizing Update by its gradient (reverse mode, mean over the batch):
//
//	%9 = reduce sum_units %8                        %9  = reduce sum_units %8
//	update minimize adam l1.W, %9           →       %12 = map "2/N * ($0 - $1) * (1 - tanh($2)*tanh($2))" …
//	                                                %13 = linear outer l1 %12, x
//	                                                update adam l1.W, %13
//
// Named values other than the parameters themselves are constants: h, targets, noise (LEARNING.md section 4: each loss is
// differentiated by that layer's own parameters only).
func differentiate(p *tensor.Program, _ *Target) []Remark {
	var remarks []Remark
	losses := map[*tensor.Node][]*tensor.Node{}
	var order []*tensor.Node
	for _, n := range p.Nodes {
		if n.Op == tensor.Update && n.Minimize {
			if losses[n.Args[1]] == nil {
				order = append(order, n.Args[1])
			}
			losses[n.Args[1]] = append(losses[n.Args[1]], n)
		}
	}
	for _, loss := range order {
		updates := losses[loss]
		var wrt []*tensor.Node
		for _, u := range updates {
			wrt = append(wrt, u.Args[0])
		}
		p.Pass, p.From = updates[0].Pass, updates[0].From
		seed := p.Map(ir.Num(1 / float64(p.Batch)))
		for i, g := range gradients(p, loss, seed, wrt...) {
			updates[i].Args[1] = g
			updates[i].Minimize = false
			remarks = append(remarks, Remark{Subject: updates[i].Args[0].Name, Text: "gradient of " + updates[i].From})
		}
	}
	moveUpdatesLast(p)
	return remarks
}

// moveUpdatesLast restores the order arguments-before-users after gradients were appended behind their Updates.
func moveUpdatesLast(p *tensor.Program) {
	var rest, updates []*tensor.Node
	for _, n := range p.Nodes {
		if n.Op == tensor.Update {
			updates = append(updates, n)
		} else {
			rest = append(rest, n)
		}
	}
	p.Nodes = append(rest, updates...)
	renumber(p)
}

func renumber(p *tensor.Program) {
	for i, n := range p.Nodes {
		n.ID = i
	}
}

// gradients appends the adjoints of wrt: d(Σ seed·of)/d wrt, one for each. Nodes that do not lead to wrt, and named nodes on the way, are constants.
func gradients(p *tensor.Program, of, seed *tensor.Node, wrt ...*tensor.Node) []*tensor.Node {
	g := &reverse{Program: p, active: map[*tensor.Node]bool{}, adjoint: map[*tensor.Node]*tensor.Node{}, wrt: map[*tensor.Node]bool{}}
	for _, n := range wrt {
		g.wrt[n] = true
	}
	g.mark(of, map[*tensor.Node]bool{})
	g.adjoint[of] = seed
	until := len(p.Nodes)
	for i := until - 1; i >= 0; i-- {
		n := p.Nodes[i]
		if adj := g.adjoint[n]; adj != nil && g.active[n] && !g.wrt[n] {
			g.back(n, adj)
		}
	}
	out := make([]*tensor.Node, len(wrt))
	for i, n := range wrt {
		out[i] = g.adjoint[n]
		if out[i] == nil {
			// The loss does not depend on it (auxiliary units under the task loss): the gradient is zero.
			out[i] = p.Map(ir.Num(0), n)
		}
	}
	return out
}

// leads tells whether a value depends on a param by way of what differentiation goes through.
func leads(of, param *tensor.Node) bool {
	g := &reverse{active: map[*tensor.Node]bool{}, wrt: map[*tensor.Node]bool{param: true}}
	return g.mark(of, map[*tensor.Node]bool{})
}

type reverse struct {
	*tensor.Program
	wrt     map[*tensor.Node]bool
	active  map[*tensor.Node]bool // leads to wrt without passing a named value
	adjoint map[*tensor.Node]*tensor.Node
}

func (g *reverse) mark(n *tensor.Node, seen map[*tensor.Node]bool) bool {
	if g.wrt[n] {
		g.active[n] = true
		return true
	}
	if seen[n] {
		return g.active[n]
	}
	seen[n] = true
	if n.Name != "" {
		return false
	}
	for _, a := range n.Args {
		if g.mark(a, seen) {
			g.active[n] = true
		}
	}
	return g.active[n]
}

// add accumulates into the adjoint of n, summed down to its type where n was broadcast.
func (g *reverse) add(n, adj *tensor.Node) {
	adj = g.fit(adj, n.Type)
	if old := g.adjoint[n]; old != nil {
		adj = g.Map(expr("$0 + $1"), old, adj)
	}
	g.adjoint[n] = adj
}

func (g *reverse) fit(adj *tensor.Node, t tensor.Type) *tensor.Node {
	if adj.Type.Batch && len(t.Shape) == 0 && len(adj.Type.Shape) > 0 {
		adj = g.Reduce(tensor.SumUnits, adj)
	} else if len(adj.Type.Shape) > len(t.Shape) {
		adj = g.SumTo(adj, t.Shape)
	}
	if adj.Type.Batch && !t.Batch {
		adj = g.Reduce(tensor.SumBatch, adj)
	}
	return adj
}

// back passes the adjoint of n on to its arguments.
func (g *reverse) back(n, adj *tensor.Node) {
	switch n.Op {
	case tensor.Map:
		k := len(n.Args)
		for i, a := range n.Args {
			if g.active[a] {
				d := ir.Call(ir.OpMul, ir.In(k), n.Expr.Derivative(i)).Simplify()
				g.add(a, g.Map(d, append(append([]*tensor.Node{}, n.Args...), adj)...))
			}
		}
	case tensor.Linear:
		g.linear(n, adj)
	case tensor.Reduce:
		a := n.Args[0]
		switch n.Kind {
		case tensor.SumUnits, tensor.SumBatch, tensor.SumTrailing:
			g.add(a, g.Map(ir.In(1), a, adj))
		case tensor.MaxUnits, tensor.ArgMaxUnits:
			// The maximum is only ever the shift of a log-sum-exp, in which it cancels.
		case tensor.MaxWindow:
			g.add(a, g.MaxPoolGradient(n.Rel, a, n, adj))
		case tensor.ToMaxWindow: // which input is the largest does not change
			g.add(n.Args[2], g.MaxPoolSelection(n.Rel, a, n.Args[1], adj))
		case tensor.FromMaxWindow:
			g.add(n.Args[2], g.MaxPoolGradient(n.Rel, a, n.Args[1], adj))
		}
	default:
		panic(fmt.Sprintf("bug: no derivative of operation %d", n.Op))
	}
}

// linear uses that the three roles of a relation are each other's derivatives.
func (g *reverse) linear(n, adj *tensor.Node) {
	first, second := n.Args[0], n.Args[1]
	type part struct {
		role ir.Role
		a, b *tensor.Node
	}
	var toFirst, toSecond part
	switch n.Role {
	case ir.Apply: // out = W·in
		toFirst, toSecond = part{ir.Outer, adj, second}, part{ir.Transpose, first, adj}
	case ir.Transpose: // in = Wᵀ·out
		toFirst, toSecond = part{ir.Outer, second, adj}, part{ir.Apply, first, adj}
	case ir.Outer: // W = out ⊗ in
		toFirst, toSecond = part{ir.Apply, adj, second}, part{ir.Transpose, adj, first}
	}
	if g.active[first] {
		g.add(first, g.Linear(n.Rel, toFirst.role, toFirst.a, toFirst.b))
	}
	if g.active[second] {
		g.add(second, g.Linear(n.Rel, toSecond.role, toSecond.a, toSecond.b))
	}
}
