package cpu

import (
	"strconv"
	"strings"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// The tests write plans in Go with these few words.

// ix reads an affine index: "6*o + u - 1".
func ix(s string) kernel.Index {
	var x kernel.Index
	for _, part := range strings.Split(strings.ReplaceAll(strings.ReplaceAll(s, " ", ""), "-", "+-"), "+") {
		if part == "" {
			continue
		}
		sign := 1
		if strings.HasPrefix(part, "-") {
			sign, part = -1, part[1:]
		}
		a, b, product := strings.Cut(part, "*")
		n, err := strconv.Atoi(a)
		switch {
		case product:
			x.Terms = append(x.Terms, kernel.Term{Var: b, Coef: sign * n})
		case err == nil:
			x.Const += sign * n
		default:
			x.Terms = append(x.Terms, kernel.Term{Var: a, Coef: sign})
		}
	}
	return x
}

// ixs reads the indices of an element: "o, i".
func ixs(s string) (all []kernel.Index) {
	for _, part := range strings.Split(s, ",") {
		all = append(all, ix(part))
	}
	return all
}

func elem(buffer int, index string) kernel.Operand {
	return kernel.Operand{Kind: kernel.Load, Buffer: buffer, Index: ixs(index)}
}
func theVar(name string) kernel.Operand { return kernel.Operand{Kind: kernel.Variable, Var: name} }
func pos(index string) kernel.Operand {
	return kernel.Operand{Kind: kernel.Position, Index: ixs(index)}
}

func e(op ir.ScalarOp, args ...*ir.Expr) *ir.Expr { return &ir.Expr{Op: op, Args: args} }
func in(i int) *ir.Expr                           { return &ir.Expr{Op: ir.OpInput, Input: i} }
func num(x float64) *ir.Expr                      { return &ir.Expr{Op: ir.OpConst, Const: x} }
func val(x *ir.Expr, operands ...kernel.Operand) kernel.Value {
	return kernel.Value{Expr: x, Operands: operands}
}

func loop(v string, extent int, mark kernel.Mark, body ...kernel.Stmt) kernel.Stmt {
	return &kernel.Loop{Var: v, Extent: extent, Mark: mark, Body: body}
}
func let(v string, x kernel.Value) kernel.Stmt { return &kernel.Let{Var: v, Value: x} }
func assign(v string, how kernel.How, x kernel.Value) kernel.Stmt {
	return &kernel.Assign{Var: v, How: how, Value: x}
}
func store(buffer int, index string, how kernel.How, x kernel.Value) kernel.Stmt {
	return &kernel.Store{Buffer: buffer, Index: ixs(index), How: how, Value: x}
}

func buf(name string, kind kernel.BufferKind, shape ...int) kernel.Buffer {
	return kernel.Buffer{Name: name, Kind: kind, Shape: shape}
}

// temp16 is a buffer of elements of 16 bits, at a place of its own in the arena.
func temp16(name string, t kernel.Type, at int, shape ...int) kernel.Buffer {
	return kernel.Buffer{Name: name, Kind: kernel.Temp, Type: t, Shape: shape, Offset: at}
}

// oneKernel is a plan that runs one kernel in the list "step".
func oneKernel(buffers []kernel.Buffer, body ...kernel.Stmt) *kernel.Plan {
	return &kernel.Plan{Name: "test", Buffers: buffers, Kernels: []*kernel.Kernel{{Name: "test", From: "a test", Body: body}},
		Lists: []kernel.List{{Name: "step", Steps: []kernel.Step{{Kernel: 0}}}}}
}
