package ir

import "math"

// A ScalarOp is one primitive of scalar arithmetic. Nonlinearities and optimizers are written in these
// (functions.go, optimizers.go), so a backend knows this list and nothing else.
type ScalarOp uint8

// The primitives. Comparisons give 1 or 0.
const (
	OpConst  ScalarOp = iota // Const
	OpInput                  // the Input-th operand
	OpAdd                    // a + b
	OpSub                    // a - b
	OpMul                    // a * b
	OpDiv                    // a / b
	OpNeg                    // -a
	OpMax                    // the larger of a and b
	OpMin                    // the smaller of a and b
	OpAbs                    // |a|
	OpSign                   // -1, 0 or 1
	OpExp                    // e^a
	OpLog                    // natural logarithm
	OpTanh                   // hyperbolic tangent
	OpSqrt                   // square root
	OpPow                    // a^b; host-side only (settings per step), refused inside kernels
	OpLess                   // a < b
	OpEqual                  // a == b
	OpSelect                 // b where a is not 0, else c
)

// An Expr is a tree of scalar operations over numbered operands ($0, $1, …). It is immutable: passes build
// new trees and may share subtrees.
type Expr struct {
	Op    ScalarOp
	Args  []*Expr
	Const float64 // of OpConst
	Input int     // of OpInput
}

// scalarOps is the table of primitives: how each is written, how many arguments it takes, and what it computes.
var scalarOps = [...]struct {
	name    string
	arity   int
	compute func(a, b, c float64) float64
}{
	OpConst: {"const", 0, nil},
	OpInput: {"input", 0, nil},
	OpAdd:   {"+", 2, func(a, b, _ float64) float64 { return a + b }},
	OpSub:   {"-", 2, func(a, b, _ float64) float64 { return a - b }},
	OpMul:   {"*", 2, func(a, b, _ float64) float64 { return a * b }},
	OpDiv:   {"/", 2, func(a, b, _ float64) float64 { return a / b }},
	OpNeg:   {"neg", 1, func(a, _, _ float64) float64 { return -a }},
	OpMax:   {"max", 2, func(a, b, _ float64) float64 { return math.Max(a, b) }},
	OpMin:   {"min", 2, func(a, b, _ float64) float64 { return math.Min(a, b) }},
	OpAbs:   {"abs", 1, func(a, _, _ float64) float64 { return math.Abs(a) }},
	OpSign:  {"sign", 1, func(a, _, _ float64) float64 { return sign(a) }},
	OpExp:   {"exp", 1, func(a, _, _ float64) float64 { return math.Exp(a) }},
	OpLog:   {"log", 1, func(a, _, _ float64) float64 { return math.Log(a) }},
	OpTanh:  {"tanh", 1, func(a, _, _ float64) float64 { return math.Tanh(a) }},
	OpSqrt:  {"sqrt", 1, func(a, _, _ float64) float64 { return math.Sqrt(a) }},
	OpPow:   {"pow", 2, func(a, b, _ float64) float64 { return math.Pow(a, b) }},
	OpLess:  {"less", 2, func(a, b, _ float64) float64 { return truth(a < b) }},
	OpEqual: {"equal", 2, func(a, b, _ float64) float64 { return truth(a == b) }},
	OpSelect: {"select", 3, func(a, b, c float64) float64 {
		if a != 0 {
			return b
		}
		return c
	}},
}

// ScalarOps is how many primitives there are: the length of a backend's table over them.
const ScalarOps = int(OpSelect) + 1

// String is the operation's name in expression text: "+", "tanh", "select".
func (op ScalarOp) String() string { return scalarOps[op].name }

// Arity is how many arguments the operation takes; 0 for constants and inputs.
func (op ScalarOp) Arity() int { return scalarOps[op].arity }

// Compute applies the operation in float64; arguments beyond its arity are ignored. Not for constants and inputs.
func (op ScalarOp) Compute(a, b, c float64) float64 { return scalarOps[op].compute(a, b, c) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// sign is -1, 0 or 1; a NaN has none and gives 0, as the comparisons in C and SPIR-V do.
func sign(a float64) float64 { return truth(a > 0) - truth(a < 0) }

// Num is a constant.
func Num(v float64) *Expr { return &Expr{Op: OpConst, Const: v} }

// In is the i-th operand, $i.
func In(i int) *Expr { return &Expr{Op: OpInput, Input: i} }

// Call is an operation over arguments, as many as its arity. (Apply is a Role of a Relation.)
func Call(op ScalarOp, args ...*Expr) *Expr {
	if len(args) != op.Arity() || len(args) == 0 {
		panic("bug: wrong number of arguments for " + op.String())
	}
	return &Expr{Op: op, Args: args}
}

// Eval computes the expression in float64, by definition. in must hold every input that occurs.
func (e *Expr) Eval(in []float64) float64 {
	switch e.Op {
	case OpConst:
		return e.Const
	case OpInput:
		return in[e.Input]
	}
	var a [3]float64
	for i, x := range e.Args {
		a[i] = x.Eval(in)
	}
	return scalarOps[e.Op].compute(a[0], a[1], a[2])
}

// Inputs is one more than the largest input that occurs, 0 if none does.
func (e *Expr) Inputs() int {
	if e.Op == OpInput {
		return e.Input + 1
	}
	n := 0
	for _, a := range e.Args {
		n = max(n, a.Inputs())
	}
	return n
}

// Flops counts the operations of one evaluation; each counts as one, a tanh as much as a sum.
func (e *Expr) Flops() int {
	n := 0
	for _, a := range e.Args {
		n += a.Flops()
	}
	if e.Op.Arity() > 0 {
		n++
	}
	return n
}

// Equal tells whether two trees are the same, operation by operation; constants are compared bit by bit.
func (e *Expr) Equal(o *Expr) bool {
	if e == o {
		return true
	}
	if e == nil || o == nil || e.Op != o.Op || e.Input != o.Input || len(e.Args) != len(o.Args) ||
		math.Float64bits(e.Const) != math.Float64bits(o.Const) {
		return false
	}
	for i, a := range e.Args {
		if !a.Equal(o.Args[i]) {
			return false
		}
	}
	return true
}

// Substitute puts args[i] in place of each $i. args must cover every input that occurs.
func (e *Expr) Substitute(args []*Expr) *Expr {
	if e.Op == OpInput {
		return args[e.Input]
	}
	if len(e.Args) == 0 {
		return e
	}
	out := &Expr{Op: e.Op, Args: make([]*Expr, len(e.Args))}
	for i, a := range e.Args {
		out.Args[i] = a.Substitute(args)
	}
	return out
}

// isConst tells whether the expression is the constant v (of either sign, for zero).
func (e *Expr) isConst(v float64) bool { return e.Op == OpConst && e.Const == v }
