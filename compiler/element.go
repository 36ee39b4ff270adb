package compiler

import (
	"fmt"
	"strings"

	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// An element is the values of a group's nodes at one unit: variables already computed, or loads.
type element struct {
	b     *builder
	dims  []kernel.Index
	shape []int
	unit  kernel.Index
	vars  map[*tensor.Node]string
}

func (b *builder) element(dims []kernel.Index, shape []int) *element {
	e := &element{b: b, dims: dims, shape: shape, vars: map[*tensor.Node]string{}}
	for d, x := range dims {
		e.unit = plus(scale(e.unit, shape[d]), x, 1)
	}
	return e
}

// define names the variable that holds a node's value.
func (e *element) define(n *tensor.Node) string {
	name := fmt.Sprintf("s%d", n.ID)
	if n.Name != "" {
		name = e.b.variableOf(n)
	}
	e.vars[n] = name
	return name
}

// variableOf is the variable of a value that has a name: that with underscores for its dots. What the builder calls variables of its own has no underscore,
// or a dot, so the two do not meet; two values may (a.b_c and a_b.c), and then one gets a number.
func (b *builder) variableOf(n *tensor.Node) string {
	name, ok := b.variables[n]
	if !ok {
		name = unlike(strings.ReplaceAll(n.Name, ".", "_"), "_", b.named)
		b.named[name], b.variables[n] = true, name
	}
	return name
}

func (e *element) value(n *tensor.Node) kernel.Value {
	val := kernel.Value{Expr: n.Expr}
	for _, a := range n.Args {
		val.Operands = append(val.Operands, e.operand(a))
	}
	return val
}

// operand is where a Map finds an argument: a variable, a setting, a parameter by broadcast position, or a stored value.
func (e *element) operand(n *tensor.Node) kernel.Operand {
	if name, ok := e.vars[n]; ok {
		return variable(name)
	}
	if sums, ok := e.b.tileSums[n]; ok {
		return load(sums, e.b.block(), e.unit, e.b.lane())
	}
	switch {
	case n.Op == tensor.Input && !n.Type.Batch:
		return load(e.b.settings, at(e.b.settingIndex(n.Name)))
	case n.Type.Batch && len(n.Type.Shape) == 0:
		return e.b.activity(n, e.b.block(), at(0), e.b.lane())
	case n.Type.Batch:
		return e.b.activity(n, e.b.block(), e.broadcast(n.Type.Shape), e.b.lane())
	}
	return load(e.b.param(n), e.broadcast(n.Type.Shape))
}

// broadcast is the flat position in a tensor aligned at the right with the element's.
func (e *element) broadcast(shape []int) kernel.Index {
	if units(shape) == units(e.shape) {
		return e.unit
	}
	var x kernel.Index
	for d, extent := range shape {
		x = scale(x, extent)
		if extent > 1 {
			x = plus(x, e.dims[len(e.dims)-len(shape)+d], 1)
		}
	}
	return x
}

// param is the buffer of a parameter, or of a value made of parameters (sign(W)).
func (b *builder) param(n *tensor.Node) int {
	if n.Op == tensor.Param {
		return b.buffers[n]
	}
	return b.inWhole(n)
}
