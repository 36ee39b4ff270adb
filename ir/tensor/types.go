package tensor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bnetc/ir"
)

// String writes the type as the shape of the whole value, N standing for the batch: "[N, 28, 28, 1]", "[N]" for one number per sample, "[]" for a
// single number.
func (t Type) String() string {
	var dims []string
	if t.Batch {
		dims = append(dims, "N")
	}
	for _, n := range t.Shape {
		dims = append(dims, strconv.Itoa(n))
	}
	return "[" + strings.Join(dims, ", ") + "]"
}

// Equal compares types; no shape and an empty shape are the same.
func (t Type) Equal(o Type) bool { return t.Batch == o.Batch && slices.Equal(t.Shape, o.Shape) }

// Units is how many numbers one sample's value has.
func (t Type) Units() int { return units(t.Shape) }

func units(shape []int) int {
	u := 1
	for _, n := range shape {
		u *= n
	}
	return u
}

// typeOf is a type with an empty shape as nil.
func typeOf(batch bool, shape []int) Type {
	if len(shape) == 0 {
		shape = nil
	}
	return Type{Batch: batch, Shape: shape}
}

// valueOf is the type of a computed value. Leading extents of 1, which say nothing where shapes are aligned at the right, are dropped down to the last
// axis, so that a layer of a single location has the shape of a flat one. Params and inputs keep the shape that the host knows them by.
func valueOf(batch bool, shape []int) Type {
	for len(shape) > 1 && shape[0] == 1 {
		shape = shape[1:]
	}
	return typeOf(batch, shape)
}

// Broadcast is the type of a Map over two operands; it panics where they do not fit, which a checked program cannot bring about.
func Broadcast(a, b Type) Type {
	t, ok := broadcast(a, b)
	if !ok {
		panic(fmt.Sprintf("bug: %v and %v do not broadcast", a, b))
	}
	return t
}

func broadcast(a, b Type) (Type, bool) {
	long, short := a.Shape, b.Shape
	if len(long) < len(short) {
		long, short = short, long
	}
	shape := slices.Clone(long)
	for i, n := range short {
		k := len(long) - len(short) + i
		switch {
		case shape[k] == 1:
			shape[k] = n
		case n != 1 && n != shape[k]:
			return Type{}, false
		}
	}
	return valueOf(a.Batch || b.Batch, shape), true
}

// infer is the type of a node from its operation and its arguments' types. Where the type is part of the operation (params, inputs, random
// numbers, the shape that a sum_trailing leaves) it is checked. Arguments must be sound.
func infer(n *Node) (Type, error) {
	if int(n.Op) >= len(operations) {
		return Type{}, fmt.Errorf("no operation %d", n.Op)
	}
	if arity := operations[n.Op].arity; arity >= 0 && len(n.Args) != arity {
		return Type{}, fmt.Errorf("%d arguments, %s takes %d", len(n.Args), n.Op, arity)
	}
	return operations[n.Op].infer(n)
}

// operations is the table of the seven: their word in the text, how many arguments they take (-1: it depends), and how their type follows.
var operations = [...]struct {
	word  string
	arity int
	infer func(n *Node) (Type, error)
}{
	Param:  {"param", 0, inferParam},
	Input:  {"input", 0, inferInput},
	Linear: {"linear", 2, inferLinear},
	Map:    {"map", -1, inferMap},
	Reduce: {"reduce", -1, inferReduce},
	Random: {"random", 0, inferRandom},
	Update: {"update", -1, inferUpdate},
}

// String is the operation's word: "linear".
func (op Op) String() string {
	if int(op) < len(operations) {
		return operations[op].word
	}
	return fmt.Sprintf("?%d", op)
}

func inferParam(n *Node) (Type, error) {
	if n.Type.Batch {
		return Type{}, fmt.Errorf("a param of type %v would differ between samples", n.Type)
	}
	return n.Type, nil
}

func inferInput(n *Node) (Type, error) {
	if !n.Type.Batch && len(n.Type.Shape) > 0 {
		return Type{}, fmt.Errorf("an input of type %v; without a batch it is a setting, a single number", n.Type)
	}
	return n.Type, nil
}

func inferRandom(n *Node) (Type, error) {
	if !n.Type.Batch {
		return Type{}, fmt.Errorf("random numbers of type %v; they are numbered by sample", n.Type)
	}
	return n.Type, nil
}

// inferLinear lets operands have any shape with as many units as the relation's: flattening is free.
func inferLinear(n *Node) (Type, error) {
	if n.Rel == nil {
		return Type{}, fmt.Errorf("no relation")
	}
	weights := func(a *Node) error {
		if a.Type.Batch || a.Type.Units() != units(n.Rel.WShape) {
			return fmt.Errorf("weights %s of type %v; the relation's are %v", a.Label(), a.Type, typeOf(false, n.Rel.WShape))
		}
		return nil
	}
	activities := func(a *Node, shape []int, what string) error {
		if !a.Type.Batch || a.Type.Units() != units(shape) {
			return fmt.Errorf("%s %s of type %v; the relation's are %v", what, a.Label(), a.Type, typeOf(true, shape))
		}
		return nil
	}
	first := func(errs ...error) error {
		i := slices.IndexFunc(errs, func(e error) bool { return e != nil })
		if i < 0 {
			return nil
		}
		return errs[i]
	}
	a, b := n.Args[0], n.Args[1]
	switch n.Role {
	case ir.Apply:
		return valueOf(true, n.Rel.OutShape), first(weights(a), activities(b, n.Rel.InShape, "inputs"))
	case ir.Transpose:
		return valueOf(true, n.Rel.InShape), first(weights(a), activities(b, n.Rel.OutShape, "outputs"))
	case ir.Outer:
		return valueOf(false, n.Rel.WShape), first(activities(a, n.Rel.OutShape, "outputs"), activities(b, n.Rel.InShape, "inputs"))
	}
	return Type{}, fmt.Errorf("no role %d", n.Role)
}

func inferMap(n *Node) (Type, error) {
	if !wellFormed(n.Expr) {
		return Type{}, fmt.Errorf("no expression, or one with missing operands")
	}
	if in := n.Expr.Inputs(); in > len(n.Args) {
		return Type{}, fmt.Errorf("%q reads $%d of %d arguments", n.Expr, in-1, len(n.Args))
	}
	t := Type{}
	for _, a := range n.Args {
		var ok bool
		if t, ok = broadcast(t, a.Type); !ok {
			return Type{}, fmt.Errorf("argument %s of type %v does not broadcast with those before it", a.Label(), a.Type)
		}
	}
	return t, nil
}

func wellFormed(e *ir.Expr) bool {
	return e != nil && int(e.Op) < ir.ScalarOps && len(e.Args) == e.Op.Arity() && e.Input >= 0 &&
		!slices.ContainsFunc(e.Args, func(a *ir.Expr) bool { return !wellFormed(a) })
}

func inferReduce(n *Node) (Type, error) {
	want := 1
	if n.Kind == ToMaxWindow || n.Kind == FromMaxWindow {
		want = 3
	}
	if len(n.Args) != want {
		return Type{}, fmt.Errorf("%d arguments, %s takes %d", len(n.Args), n.Kind, want)
	}
	a := n.Args[0]
	switch n.Kind {
	case SumUnits, MaxUnits, ArgMaxUnits:
		return typeOf(a.Type.Batch, nil), nil
	case SumBatch:
		if !a.Type.Batch {
			return Type{}, fmt.Errorf("%s of %s, which is the same for all samples: type %v", n.Kind, a.Label(), a.Type)
		}
		return valueOf(false, a.Type.Shape), nil
	case SumTrailing:
		lead := len(a.Type.Shape) - len(n.Type.Shape)
		if lead < 0 || !slices.Equal(a.Type.Shape[lead:], n.Type.Shape) {
			return Type{}, fmt.Errorf("shape %v is not what %v of %s ends in", n.Type.Shape, a.Type, a.Label())
		}
		return valueOf(a.Type.Batch, n.Type.Shape), nil
	case MaxWindow, ToMaxWindow, FromMaxWindow:
		return inferWindows(n)
	}
	return Type{}, fmt.Errorf("no reduction %d", n.Kind)
}

// inferWindows checks a reduction over windows: operands, like those of Linear, may have any shape with as many units as the relation's.
func inferWindows(n *Node) (Type, error) {
	if n.Rel == nil {
		return Type{}, fmt.Errorf("no relation")
	}
	in, out := n.Rel.InShape, n.Rel.OutShape
	wanted, result := [][]int{in}, out
	switch n.Kind {
	case ToMaxWindow:
		wanted, result = [][]int{in, out, out}, in
	case FromMaxWindow:
		wanted = [][]int{in, out, in}
	}
	for k, shape := range wanted {
		if t := n.Args[k].Type; !t.Batch || t.Units() != units(shape) {
			return Type{}, fmt.Errorf("argument %s of type %v; the relation's are %v", n.Args[k].Label(), t, typeOf(true, shape))
		}
	}
	return valueOf(true, result), nil
}

// inferUpdate gives the type of the param written; what is written is Verify's to judge.
func inferUpdate(n *Node) (Type, error) {
	if len(n.Args) < 2 {
		return Type{}, fmt.Errorf("%d arguments; an update takes a param and a gradient", len(n.Args))
	}
	return n.Args[0].Type, nil
}
