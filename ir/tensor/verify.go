package tensor

import (
	"fmt"
	"math"
	"slices"

	"bnetc/ir"
)

// groups are what an Update may belong to: the hyperparameters it reads, and the lists it runs in.
var groups = []string{"forward", "inverse", "evaluate"}

// Verify checks what every pass must leave: arguments before users, types that follow from the operations, names that no two nodes
// have, updates that write each param once per list with the states its optimizer has. The error names the node.
func (p *Program) Verify() error {
	if p.Batch < 1 {
		return fmt.Errorf("program %s has batch %d", p.Name, p.Batch)
	}
	v := &verifier{
		program: p, before: map[*Node]bool{}, relations: map[*ir.Relation]bool{},
		names: map[string]bool{}, written: map[*Node]map[string]bool{},
	}
	for i, n := range p.Nodes {
		if n == nil {
			return fmt.Errorf("node %d is missing", i)
		}
		if n.ID != i {
			return fmt.Errorf("%s is numbered %d at position %d", describe(n), n.ID, i)
		}
		if err := v.node(n); err != nil {
			return fmt.Errorf("%s: %w", describe(n), err)
		}
		v.before[n] = true
	}
	return nil
}

type verifier struct {
	program   *Program
	before    map[*Node]bool // the nodes that are sound
	relations map[*ir.Relation]bool
	names     map[string]bool
	written   map[*Node]map[string]bool // lists by param or state
}

func (v *verifier) node(n *Node) error {
	for i, a := range n.Args {
		switch {
		case a == nil:
			return fmt.Errorf("argument %d is missing", i)
		case !v.before[a]:
			return fmt.Errorf("argument %s does not stand before it", describe(a))
		case a.Op == Update:
			return fmt.Errorf("argument %d is an update of %s, which has no value", i, a.Args[0].Label())
		}
	}
	if n.Rel != nil && !v.relations[n.Rel] {
		if err := n.Rel.Verify(); err != nil {
			return fmt.Errorf("relation: %w", err)
		}
		v.relations[n.Rel] = true
	}
	if err := ir.VerifyShape(n.Type.Shape); err != nil {
		return err
	}
	t, err := infer(n)
	if err != nil {
		return err
	}
	if !t.Equal(n.Type) {
		return fmt.Errorf("type %v; from its arguments it is %v", n.Type, t)
	}
	if err := stray(n); err != nil {
		return err
	}
	if hosts := n.Op == Param || n.Op == Input; v.names[n.Name] || hosts && n.Name == "" {
		return fmt.Errorf("name %q is empty or taken", n.Name)
	}
	if n.Name != "" {
		v.names[n.Name] = true
	}
	switch n.Op {
	case Param:
		return verifyParam(n)
	case Update:
		return v.update(n)
	}
	return nil
}

// stray refuses what another operation's node would have.
func stray(n *Node) error {
	windows := n.Op == Reduce && n.Kind.Windowed()
	for _, f := range []struct {
		what      string
		has, want bool
	}{
		{"a relation", n.Rel != nil, n.Op == Linear || windows},
		{"a role", n.Role != 0, n.Op == Linear},
		{"an expression", n.Expr != nil, n.Op == Map},
		{"a reduction", n.Kind != 0, n.Op == Reduce},
		{"a stream", n.Stream != 0, n.Op == Random},
		{"an optimizer", n.Optimizer != "" || n.Group != "" || n.Minimize, n.Op == Update},
		{"an initialization", n.Param != nil, n.Op == Param},
		{"a name", n.Name != "", n.Op != Update},
	} {
		if f.has && !f.want {
			return fmt.Errorf("it has %s, which belongs to another operation", f.what)
		}
	}
	return nil
}

func verifyParam(n *Node) error {
	i := n.Param
	switch {
	case i == nil:
		return fmt.Errorf("nothing says how it starts")
	case int(i.Kind) >= len(paramWords):
		return fmt.Errorf("no kind of param %d", i.Kind)
	}
	if _, ok := ir.FindInitial(i.Init); !ok {
		return fmt.Errorf("no initialization %q", i.Init)
	}
	if math.IsNaN(i.Scale) || math.IsInf(i.Scale, 0) {
		return fmt.Errorf("standard deviation %v", i.Scale)
	}
	if i.Part == (Part{}) {
		return nil
	}
	own := 0
	if len(n.Type.Shape) > 0 {
		own = n.Type.Shape[len(n.Type.Shape)-1]
	}
	if i.Part.Of == "" || own == 0 || i.Part.Offset < 0 || i.Part.Columns < own || i.Part.Offset > i.Part.Columns-own {
		return fmt.Errorf("columns %d to %d do not lie within the %d of %q", i.Part.Offset, i.Part.Offset+own, i.Part.Columns, i.Part.Of)
	}
	return nil
}

func (v *verifier) update(n *Node) error {
	param, gradient, states := n.Args[0], n.Args[1], n.Args[2:]
	if param.Op != Param || param.Param.Kind == Constant {
		return fmt.Errorf("it writes %s, which is no param that changes", describe(param))
	}
	row, ok := ir.FindOptimizer(n.Optimizer)
	if !ok {
		return fmt.Errorf("no optimizer %q", n.Optimizer)
	}
	if !slices.Contains(groups, n.Group) {
		return fmt.Errorf("group %q is none of %v", n.Group, groups)
	}
	if len(states) != len(row.State) {
		return fmt.Errorf("%s of %s has %d states, not %d", row.Name, param.Label(), len(row.State), len(states))
	}
	for _, s := range states {
		if s.Op != Param || s.Param.Kind != State || !s.Type.Equal(param.Type) {
			return fmt.Errorf("%s of type %v is no state for %s of type %v", describe(s), s.Type, param.Label(), param.Type)
		}
	}
	switch t := gradient.Type; {
	case n.Minimize && len(t.Shape) > 0:
		return fmt.Errorf("it minimizes %s of type %v, which is not a number", gradient.Label(), t)
	case !n.Minimize && (t.Batch || len(t.Shape) > 0 && t.Units() != param.Type.Units()):
		return fmt.Errorf("gradient %s of type %v for %s of type %v", gradient.Label(), t, param.Label(), param.Type)
	}
	list := n.Group
	if list == "inverse" && !v.program.Alternating {
		list = "forward" // one list has both
	}
	for _, w := range append([]*Node{param}, states...) {
		if v.written[w] == nil {
			v.written[w] = map[string]bool{}
		}
		if v.written[w][list] {
			return fmt.Errorf("%s is written twice in one list", w.Label())
		}
		v.written[w][list] = true
	}
	return nil
}
