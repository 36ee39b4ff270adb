package ir

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
