package compiler

import (
	"slices"
	"strings"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

// A list is the Updates that one call of a machine makes, and the nodes they need.
type list struct {
	name    string
	updates []*tensor.Node
	nodes   []*tensor.Node // needed, in creation order; without params and inputs
}

// listsOf divides a program's Updates among the plan's lists (ir/kernel.Plan.Lists).
func listsOf(p *tensor.Program) []*list {
	lists := []*list{{name: "step"}, {name: "evaluate"}}
	of := map[string]*list{"forward": lists[0], "inverse": lists[0], "evaluate": lists[1]}
	if p.Alternating {
		lists = []*list{{name: "step inverse"}, {name: "step forward"}, {name: "evaluate"}}
		of = map[string]*list{"inverse": lists[0], "forward": lists[1], "evaluate": lists[2]}
	}
	for _, n := range p.Nodes {
		if n.Op == tensor.Update {
			l := of[n.Group]
			l.updates = append(l.updates, n)
		}
	}
	for _, l := range lists {
		need := map[*tensor.Node]bool{}
		for i := len(p.Nodes) - 1; i >= 0; i-- {
			n := p.Nodes[i]
			if n.Op == tensor.Update && of[n.Group] == l {
				need[n] = true
			}
			if need[n] {
				for _, a := range n.Args {
					need[a] = true
				}
			}
		}
		for _, n := range p.Nodes {
			if need[n] && n.Op != tensor.Param && n.Op != tensor.Input {
				l.nodes = append(l.nodes, n)
			}
		}
	}
	return lists
}

// split gives each list its own copy of what it computes, so that from here on a node belongs to one list and is fused for
// that list alone: evaluation does not carry the noise of training along. Each Update of a parameter gets its own copy of the sums over the batch that it
// reads, since they are added up where the optimizer is, and no kernel stores them.
func split(p *tensor.Program, _ *Target) []Remark {
	reads := map[*tensor.Node][]*tensor.Node{} // before any list has its own
	for _, n := range p.Nodes {
		reads[n] = n.Args
	}
	taken := map[*tensor.Node]bool{}
	for _, l := range listsOf(p) {
		own := map[*tensor.Node]*tensor.Node{}
		prefix := strings.TrimPrefix(l.name, "step ") + "."
		for _, n := range l.nodes {
			mine := n
			if taken[n] {
				c := *n
				if c.Name != "" {
					c.Name = prefix + c.Name
				}
				mine = &c
				p.Nodes = append(p.Nodes, mine)
			}
			taken[n] = true
			own[n] = mine
			mine.Args = slices.Clone(reads[n])
			for i, a := range mine.Args {
				if own[a] != nil {
					mine.Args[i] = own[a]
				}
			}
		}
	}
	splitSums(p)
	sortByUse(p)
	distinguish(p)
	return nil
}

// splitSums copies the sums over the batch that an Update of a parameter shares with an earlier one: of two maps that learn alike, both biases do. The
// metrics of a list are one kernel, and may share.
func splitSums(p *tensor.Program) {
	owner := map[*tensor.Node]*tensor.Node{}
	for _, u := range slices.Clone(p.Nodes) {
		if u.Op != tensor.Update || u.Args[0].Param.Kind == tensor.Metric {
			continue
		}
		own := map[*tensor.Node]*tensor.Node{}
		var claim func(n *tensor.Node) *tensor.Node
		claim = func(n *tensor.Node) *tensor.Node {
			if !sumsBatch(n) {
				return n
			}
			if own[n] == nil {
				mine := n
				if owner[n] != nil {
					c := *n
					c.Args = slices.Clone(n.Args)
					mine = &c
					p.Nodes = append(p.Nodes, mine)
				}
				owner[mine], own[n] = u, mine
				for i, a := range n.Args {
					mine.Args[i] = claim(a)
				}
			}
			return own[n]
		}
		u.Args[1] = claim(u.Args[1])
	}
}

// sumsBatch tells whether a value is a sum over the batch, arithmetic on one, or the sum over locations before one.
func sumsBatch(n *tensor.Node) bool {
	switch n.Op {
	case tensor.Linear:
		return n.Role == ir.Outer
	case tensor.Reduce:
		return n.Kind == tensor.SumBatch || n.Kind == tensor.SumTrailing
	}
	return n.Op == tensor.Map && !n.Type.Batch && slices.ContainsFunc(n.Args, sumsBatch)
}

// sortByUse restores the order arguments-before-users, keeping the order of creation otherwise.
func sortByUse(p *tensor.Program) {
	var order []*tensor.Node
	done := map[*tensor.Node]bool{}
	var visit func(n *tensor.Node)
	visit = func(n *tensor.Node) {
		if done[n] {
			return
		}
		done[n] = true
		for _, a := range n.Args {
			visit(a)
		}
		order = append(order, n)
	}
	for _, n := range p.Nodes {
		if n.Op != tensor.Update {
			visit(n)
		}
	}
	for _, n := range p.Nodes {
		visit(n)
	}
	p.Nodes = order
	renumber(p)
}
