package compiler

import (
	"fmt"
	"slices"
	"strings"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

// share makes one node of all nodes that compute the same (value numbering), and lets an expression read a value that
// another node has anyway:
//
//	h.l1 = map "tanh($0 + $1)" %2, l1.b                       h.l1 = map "tanh($0 + $1)" %2, l1.b
//	%9   = map "1 - tanh($0 + $1)*tanh($0 + $1)" %2, l1.b  →  %9   = map "1 - $0*$0" h.l1
//
// The second form is taken for values that cost a function call or a division; anything cheaper is recomputed.
func share(p *tensor.Program, _ *Target) []Remark {
	var remarks []Remark
	for {
		merged := numberValues(p)
		for _, m := range merged {
			if m.known.Name != "" {
				remarks = append(remarks, Remark{Subject: m.known.Name, Text: "serves where " + m.again.From + " computes the same"})
			}
		}
		again := reuse(p)
		simplify(p, nil)
		if len(merged) == 0 && !again {
			return remarks
		}
	}
}

// A merge is a node that computes what another one does.
type merge struct{ known, again *tensor.Node }

// numberValues replaces every node by the first that computes the same.
func numberValues(p *tensor.Program) (merged []merge) {
	first := map[string]*tensor.Node{}
	same := map[*tensor.Node]*tensor.Node{}
	for _, n := range p.Nodes {
		for i, a := range n.Args {
			if s := same[a]; s != nil {
				n.Args[i] = s
			}
		}
		if n.Op == tensor.Param || n.Op == tensor.Input || n.Op == tensor.Update || n.Op == tensor.Random {
			continue
		}
		k := key(n)
		f := first[k]
		if f == nil {
			first[k] = n
			continue
		}
		if f.Name == "" {
			f.Name = n.Name // the later one has the name: the earlier takes it over
		}
		same[n] = f
		merged = append(merged, merge{f, n})
	}
	var kept []*tensor.Node
	for _, n := range p.Nodes {
		if same[n] == nil {
			kept = append(kept, n)
		}
	}
	p.Nodes = kept
	drop(p)
	return merged
}

func key(n *tensor.Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d %d %v %v", n.Op, n.Role, n.Kind, n.Type.Batch, n.Type.Shape)
	if n.Rel != nil {
		fmt.Fprintf(&b, " %v", *n.Rel)
	}
	if n.Expr != nil {
		b.WriteString(" " + n.Expr.String())
	}
	for _, a := range n.Args {
		fmt.Fprintf(&b, " %d", a.ID)
	}
	return b.String()
}

// reuse rewrites costly subexpressions that another, earlier Map computes.
func reuse(p *tensor.Program) bool {
	changed := false
	for i, n := range p.Nodes {
		if n.Op != tensor.Map {
			continue
		}
		for _, h := range p.Nodes[:i] {
			if h.Op != tensor.Map || !costly(h.Expr) || !h.Type.Equal(n.Type) || !within(h.Args, n.Args) {
				continue
			}
			inputs := make([]*ir.Expr, len(h.Args))
			for k, a := range h.Args {
				inputs[k] = ir.In(slices.Index(n.Args, a))
			}
			pattern := h.Expr.Substitute(inputs)
			e, found := replace(n.Expr, pattern, ir.In(len(n.Args)))
			if found && !e.Equal(ir.In(len(n.Args))) {
				n.Expr, n.Args = e, append(append([]*tensor.Node{}, n.Args...), h)
				changed = true
			}
		}
	}
	return changed
}

func costly(e *ir.Expr) bool {
	switch e.Op {
	case ir.OpExp, ir.OpLog, ir.OpTanh, ir.OpSqrt, ir.OpDiv:
		return true
	}
	return slices.ContainsFunc(e.Args, costly)
}

// within tells whether b has all nodes of a.
func within(a, b []*tensor.Node) bool {
	return !slices.ContainsFunc(a, func(n *tensor.Node) bool { return !slices.Contains(b, n) })
}

func replace(e, pattern, by *ir.Expr) (*ir.Expr, bool) {
	if e.Equal(pattern) {
		return by, true
	}
	found := false
	args := make([]*ir.Expr, len(e.Args))
	for i, a := range e.Args {
		var f bool
		args[i], f = replace(a, pattern, by)
		found = found || f
	}
	if !found {
		return e, false
	}
	c := *e
	c.Args = args
	return &c, true
}
