package compiler

import (
	"bnetc/ir"
	"bnetc/ir/tensor"
)

// simplify merges a Map into its only reader, folds scalar expressions, and drops what nothing needs:
//
//	%3 = map "$0 + $1" %2, l1.b                 %4 = map "tanh($0 + $1)" %2, l1.b
//	%4 = map "tanh($0)" %3               →
//
// It declines for named values (the rule's own, which reports and measures show), and where the inner value is smaller than the
// outer one, so that nothing is computed once per unit that was computed once per sample.
func simplify(p *tensor.Program, _ *Target) []Remark {
	drop(p)
	for {
		readers := countReaders(p)
		changed := false
		for _, n := range p.Nodes {
			if n.Op == tensor.Map {
				changed = inline(n, readers) || changed
			}
		}
		drop(p)
		if !changed {
			return nil
		}
	}
}

func countReaders(p *tensor.Program) map[*tensor.Node]int {
	readers := map[*tensor.Node]int{}
	for _, n := range p.Nodes {
		for _, a := range n.Args {
			readers[a]++
		}
	}
	return readers
}

// inline substitutes n's mergeable arguments into its expression and tidies its argument list.
func inline(n *tensor.Node, readers map[*tensor.Node]int) bool {
	changed := false
	var args []*tensor.Node
	subst := make([]*ir.Expr, len(n.Args))
	position := func(a *tensor.Node) *ir.Expr {
		for i, b := range args {
			if a == b {
				return ir.In(i)
			}
		}
		args = append(args, a)
		return ir.In(len(args) - 1)
	}
	for i, a := range n.Args {
		if !mergeable(a, n, i, readers) {
			subst[i] = position(a)
			continue
		}
		changed = true
		inner := make([]*ir.Expr, len(a.Args))
		for k, b := range a.Args {
			inner[k] = position(b)
		}
		subst[i] = a.Expr.Substitute(inner)
	}
	e := n.Expr.Substitute(subst).Simplify()
	// An argument that the expression no longer reads stays only if the type needs it.
	used := make([]bool, len(args))
	mark(e, used)
	var kept []*tensor.Node
	renumbered := make([]*ir.Expr, len(args))
	for i, a := range args {
		renumbered[i] = ir.Num(0)
		if used[i] || !covered(n.Type, args, used, i) {
			used[i] = true
			renumbered[i] = ir.In(len(kept))
			kept = append(kept, a)
		}
	}
	e = e.Substitute(renumbered)
	if !changed && e.Equal(n.Expr) && len(kept) == len(n.Args) {
		return false
	}
	n.Expr, n.Args = e, kept
	return true
}

// covered tells whether the used arguments other than i broadcast to t by themselves.
func covered(t tensor.Type, args []*tensor.Node, used []bool, i int) bool {
	out := tensor.Type{}
	for k, a := range args {
		if k != i && (used[k] || k > i) {
			out = tensor.Broadcast(out, a.Type)
		}
	}
	return out.Equal(t)
}

func mark(e *ir.Expr, used []bool) {
	if e.Op == ir.OpInput {
		used[e.Input] = true
	}
	for _, a := range e.Args {
		mark(a, used)
	}
}

func mergeable(a, into *tensor.Node, input int, readers map[*tensor.Node]int) bool {
	if a.Op != tensor.Map || a.Name != "" {
		return false
	}
	if len(a.Args) == 0 {
		return true // a constant
	}
	if !a.Type.Equal(into.Type) {
		return false
	}
	return a.Expr.Flops() == 0 || readers[a] == 1 && (occurrences(into.Expr, input)-1)*a.Expr.Flops() <= 1
}

// occurrences is how often an expression reads an input.
func occurrences(e *ir.Expr, input int) int {
	n := 0
	if e.Op == ir.OpInput && e.Input == input {
		n++
	}
	for _, a := range e.Args {
		n += occurrences(a, input)
	}
	return n
}

// drop removes every node that no Update needs; params and inputs stay where something reads them.
func drop(p *tensor.Program) {
	needed := map[*tensor.Node]bool{}
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		n := p.Nodes[i]
		if n.Op == tensor.Update {
			needed[n] = true
		}
		if needed[n] {
			for _, a := range n.Args {
				needed[a] = true
			}
		}
	}
	var kept []*tensor.Node
	for _, n := range p.Nodes {
		if needed[n] || n.Op == tensor.Param && n.Param.Kind == tensor.Weight {
			kept = append(kept, n)
		}
	}
	p.Nodes = kept
	renumber(p)
}
