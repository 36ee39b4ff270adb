package compiler

import (
	"fmt"

	"bnetc/ir/tensor"
)

// distinguish makes names of values that several nodes have differ. The host asks for params and inputs by their names, which stay; a value's only says to
// people what it is, and gives way. What it gets behind a dot begins with a digit, as nothing in a program does.
func distinguish(p *tensor.Program) {
	taken := map[string]bool{}
	for _, n := range p.Nodes {
		if hosts(n) {
			taken[n.Name] = true
		}
	}
	for _, n := range p.Nodes {
		if n.Name != "" && !hosts(n) {
			n.Name = unlike(n.Name, ".", taken)
			taken[n.Name] = true
		}
	}
}

// hosts tells whether the host knows a node by its name.
func hosts(n *tensor.Node) bool { return n.Op == tensor.Param || n.Op == tensor.Input }

// unlike is a name that is not taken: the one wanted, or that with a number.
func unlike(want, separator string, taken map[string]bool) string {
	name := want
	for i := 2; taken[name]; i++ {
		name = fmt.Sprintf("%s%s%d", want, separator, i)
	}
	return name
}
