package ir

import "math"

// Derivative is ∂e/∂$input, simplified. Where a function has a corner, the value is that of one side: of max(a, b) at a = b
// a's, of |a| at 0 it is 0; comparisons and signs are constant.
func (e *Expr) Derivative(input int) *Expr { return e.derivative(input).Simplify() }

func (e *Expr) derivative(input int) *Expr {
	if e.Op == OpInput {
		return Num(truth(e.Input == input))
	}
	var d, a [3]*Expr
	constant := true
	for i, x := range e.Args {
		a[i], d[i] = x, x.Derivative(input)
		constant = constant && d[i].isConst(0)
	}
	rule := derivativeRules[e.Op]
	if constant || rule == nil {
		return Num(0)
	}
	return rule(e, a, d)
}

// derivativeRules gives the derivative of e from its arguments a and their derivatives d; an operation without a row is constant
// wherever it has a derivative.
var derivativeRules = [ScalarOps]func(e *Expr, a, d [3]*Expr) *Expr{
	OpAdd: func(_ *Expr, _, d [3]*Expr) *Expr { return Call(OpAdd, d[0], d[1]) },
	OpSub: func(_ *Expr, _, d [3]*Expr) *Expr { return Call(OpSub, d[0], d[1]) },
	OpMul: func(_ *Expr, a, d [3]*Expr) *Expr {
		return Call(OpAdd, Call(OpMul, d[0], a[1]), Call(OpMul, a[0], d[1]))
	},
	OpDiv: func(e *Expr, a, d [3]*Expr) *Expr {
		return Call(OpDiv, Call(OpSub, d[0], Call(OpMul, e, d[1])), a[1])
	},
	OpNeg:  func(_ *Expr, _, d [3]*Expr) *Expr { return Call(OpNeg, d[0]) },
	OpMax:  func(_ *Expr, a, d [3]*Expr) *Expr { return Call(OpSelect, Call(OpLess, a[0], a[1]), d[1], d[0]) },
	OpMin:  func(_ *Expr, a, d [3]*Expr) *Expr { return Call(OpSelect, Call(OpLess, a[0], a[1]), d[0], d[1]) },
	OpAbs:  func(_ *Expr, a, d [3]*Expr) *Expr { return Call(OpMul, Call(OpSign, a[0]), d[0]) },
	OpExp:  func(e *Expr, _, d [3]*Expr) *Expr { return Call(OpMul, e, d[0]) },
	OpLog:  func(_ *Expr, a, d [3]*Expr) *Expr { return Call(OpDiv, d[0], a[0]) },
	OpTanh: func(e *Expr, _, d [3]*Expr) *Expr { return Call(OpMul, Call(OpSub, Num(1), Call(OpMul, e, e)), d[0]) },
	OpSqrt: func(e *Expr, _, d [3]*Expr) *Expr { return Call(OpDiv, Call(OpMul, Num(0.5), d[0]), e) },
	OpPow: func(e *Expr, a, d [3]*Expr) *Expr {
		base := Call(OpMul, Call(OpMul, a[1], Call(OpPow, a[0], Call(OpSub, a[1], Num(1)))), d[0])
		if d[1].isConst(0) {
			return base
		}
		exponent := Call(OpMul, Call(OpMul, e, Call(OpLog, a[0])), d[1])
		return Call(OpAdd, base, exponent)
	},
	OpSelect: func(_ *Expr, a, d [3]*Expr) *Expr { return Call(OpSelect, a[0], d[1], d[2]) },
}

// Simplify folds constants, applies the laws of 0 and 1, and moves signs outwards. It changes no value that is finite (with finite
// intermediate values; 0*x is taken for 0) by as much as a rounding: it never reassociates. Simplifying twice changes nothing.
func (e *Expr) Simplify() *Expr {
	if len(e.Args) == 0 {
		return e
	}
	args := make([]*Expr, len(e.Args))
	same := true
	for i, a := range e.Args {
		args[i] = a.Simplify()
		same = same && args[i] == a
	}
	if !same {
		e = &Expr{Op: e.Op, Args: args}
	}
	return e.reduce()
}

// reduce rewrites the top of an expression whose arguments are simplified, until no law applies.
func (e *Expr) reduce() *Expr {
	if v, ok := e.folded(); ok {
		return Num(v)
	}
	law := laws[e.Op]
	if law == nil {
		return e
	}
	var a, b *Expr
	a = e.Args[0]
	if len(e.Args) > 1 {
		b = e.Args[1]
	}
	if out := law(e, a, b); out != nil {
		return out
	}
	return e
}

// folded is the value of an operation over constants, unless it is infinite or none.
func (e *Expr) folded() (float64, bool) {
	var a [3]float64
	for i, x := range e.Args {
		if x.Op != OpConst {
			return 0, false
		}
		a[i] = x.Const
	}
	if len(e.Args) == 0 {
		return 0, false
	}
	v := scalarOps[e.Op].compute(a[0], a[1], a[2])
	return v, !math.IsInf(v, 0) && !math.IsNaN(v)
}

// simple is an operation over simplified arguments, simplified.
func simple(op ScalarOp, args ...*Expr) *Expr { return Call(op, args...).reduce() }

// negative gives -e without writing a sign, if that is possible: of a constant below zero, or of a negation.
func (e *Expr) negative() (*Expr, bool) {
	switch {
	case e.Op == OpConst && e.Const < 0:
		return Num(-e.Const), true
	case e.Op == OpNeg:
		return e.Args[0], true
	}
	return nil, false
}

// laws rewrites an operation over simplified arguments, or gives nil where nothing applies.
var laws [ScalarOps]func(e, a, b *Expr) *Expr

func init() { // in a function, since the laws call reduce, which reads the table
	laws[OpAdd] = func(_, a, b *Expr) *Expr {
		switch {
		case a.isConst(0):
			return b
		case b.isConst(0):
			return a
		}
		if n, ok := b.negative(); ok {
			return simple(OpSub, a, n)
		}
		if a.Op == OpNeg {
			return simple(OpSub, b, a.Args[0])
		}
		return nil
	}
	laws[OpSub] = func(_, a, b *Expr) *Expr {
		switch {
		case a.isConst(0):
			return simple(OpNeg, b)
		case b.isConst(0):
			return a
		case a.Equal(b) && a.Op != OpConst:
			return Num(0)
		case a.Op == OpNeg:
			return simple(OpNeg, simple(OpAdd, a.Args[0], b))
		}
		if n, ok := b.negative(); ok {
			return simple(OpAdd, a, n)
		}
		return nil
	}
	laws[OpMul] = func(_, a, b *Expr) *Expr {
		switch {
		case a.isConst(0), b.isConst(0):
			return Num(0)
		case a.isConst(1):
			return b
		case b.isConst(1):
			return a
		case a.isConst(-1):
			return simple(OpNeg, b)
		case b.isConst(-1):
			return simple(OpNeg, a)
		case a.Op == OpNeg:
			return simple(OpNeg, simple(OpMul, a.Args[0], b))
		case b.Op == OpNeg:
			return simple(OpNeg, simple(OpMul, a, b.Args[0]))
		}
		return nil
	}
	laws[OpDiv] = func(_, a, b *Expr) *Expr {
		switch {
		case a.isConst(0) && !b.isConst(0):
			return Num(0)
		case b.isConst(1):
			return a
		case b.isConst(-1):
			return simple(OpNeg, a)
		case b.Op == OpConst && powerOfTwo(b.Const):
			return simple(OpMul, a, Num(1/b.Const))
		case a.Op == OpNeg:
			return simple(OpNeg, simple(OpDiv, a.Args[0], b))
		case b.Op == OpNeg:
			return simple(OpNeg, simple(OpDiv, a, b.Args[0]))
		}
		return nil
	}
	laws[OpNeg] = func(_, a, _ *Expr) *Expr {
		switch {
		case a.Op == OpNeg:
			return a.Args[0]
		case a.Op == OpSub:
			return simple(OpSub, a.Args[1], a.Args[0])
		case (a.Op == OpMul || a.Op == OpDiv) && a.Args[0].Op == OpConst:
			return simple(a.Op, Num(-a.Args[0].Const), a.Args[1])
		case (a.Op == OpMul || a.Op == OpDiv) && a.Args[1].Op == OpConst:
			return simple(a.Op, a.Args[0], Num(-a.Args[1].Const))
		}
		return nil
	}
	either := func(_, a, b *Expr) *Expr {
		if a.Equal(b) {
			return a
		}
		return nil
	}
	laws[OpMax], laws[OpMin] = either, either
	laws[OpAbs] = func(_, a, _ *Expr) *Expr {
		switch a.Op {
		case OpAbs:
			return a
		case OpNeg:
			return simple(OpAbs, a.Args[0])
		}
		return nil
	}
	laws[OpPow] = func(_, a, b *Expr) *Expr {
		switch {
		case b.isConst(0):
			return Num(1)
		case b.isConst(1):
			return a
		}
		return nil
	}
	laws[OpSelect] = func(e, a, b *Expr) *Expr {
		c := e.Args[2]
		switch {
		case a.Op == OpConst && a.Const != 0:
			return b
		case a.isConst(0), b.Equal(c):
			return c
		case (a.Op == OpLess || a.Op == OpEqual) && b.isConst(1) && c.isConst(0):
			return a
		}
		return nil
	}
}

// powerOfTwo tells whether dividing by v is, exactly, multiplying by 1/v, in float32 too.
func powerOfTwo(v float64) bool {
	m, exponent := math.Frexp(math.Abs(v))
	return m == 0.5 && exponent > -120 && exponent < 120
}
