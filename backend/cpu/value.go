package cpu

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// An operation says how a scalar operation is written in C: between its operands, or as a call of the helper of that name,
// which exists for scalars and for vectors.
type operation struct {
	infix string
	prec  int // of infix: 2 multiplies, 3 adds
	name  string
	file  string // of rt/ that has the helper, if not the file that is always there
}

// operations has a row for every ir.ScalarOp that a kernel may hold, but for those that are operands or need more than their
// operands' values: constants, inputs, comparisons and select, which value.expr writes.
var operations = map[ir.ScalarOp]operation{
	ir.OpAdd:  {infix: "+", prec: 3},
	ir.OpSub:  {infix: "-", prec: 3},
	ir.OpMul:  {infix: "*", prec: 2},
	ir.OpDiv:  {infix: "/", prec: 2},
	ir.OpMax:  {name: "max"},
	ir.OpMin:  {name: "min"},
	ir.OpAbs:  {name: "abs"},
	ir.OpSign: {name: "sign"},
	ir.OpSqrt: {name: "sqrt"},
	ir.OpExp:  {name: "exp", file: "exp"},
	ir.OpLog:  {name: "log", file: "log"},
	ir.OpTanh: {name: "tanh", file: "tanh"},
}

var comparisons = map[ir.ScalarOp]string{ir.OpLess: "<", ir.OpEqual: "=="}

// An expression is C text with the precedence of its outermost operator (0 binds most), its number of lanes, and a key that two
// expressions of a group share if they have the same value.
type expression struct {
	text  string
	prec  int
	lanes int
	key   string
}

// within gives the text to stand as an operand where at most prec may stand bare.
func (e expression) within(prec int) string {
	if e.prec > prec {
		return "(" + e.text + ")"
	}
	return e.text
}

// A valuer writes one value for one instance.
type valuer struct {
	*group
	in     instance
	value  *kernel.Value
	shared map[*ir.Expr]expression // functions that were computed for all instances at once
	refs   map[*ir.Expr]int        // how often a subtree stands in the expression
	keys   map[*ir.Expr]string
}

func (g *group) valuer(v *kernel.Value, in instance) *valuer {
	e := &valuer{group: g, in: in, value: v, shared: map[*ir.Expr]expression{}, refs: map[*ir.Expr]int{}, keys: map[*ir.Expr]string{}}
	e.count(v.Expr)
	return e
}

func (v *valuer) count(e *ir.Expr) {
	v.refs[e]++
	if v.refs[e] == 1 {
		for _, a := range e.Args {
			v.count(a)
		}
	}
}

func (v *valuer) expr(e *ir.Expr) expression {
	if s, ok := v.shared[e]; ok {
		return s
	}
	switch e.Op {
	case ir.OpConst, ir.OpInput:
		s := v.write(e)
		s.key = v.keyOf(e)
		return s
	}
	return v.share(v.keyOf(e), "t", func() expression { return v.write(e) })
}

// keyOf gives what two expressions have in common if their values are the same: the operation, and the keys of its arguments.
func (v *valuer) keyOf(e *ir.Expr) string {
	if s, ok := v.shared[e]; ok {
		return s.key
	}
	if k, ok := v.keys[e]; ok {
		return k
	}
	var b strings.Builder
	switch e.Op {
	case ir.OpConst:
		b.WriteString(literal(e.Const))
	case ir.OpInput:
		b.WriteString(v.operandKey(v.value.Operands[e.Input]))
	default:
		fmt.Fprintf(&b, "%d(", e.Op)
		for _, a := range e.Args {
			b.WriteString(v.keyOf(a))
			b.WriteByte(',')
		}
		b.WriteByte(')')
	}
	v.keys[e] = v.id(b.String())
	return v.keys[e]
}

func (v *valuer) operandKey(o kernel.Operand) string {
	switch {
	case o.Kind == kernel.Variable:
		x := v.in.vars[o.Var]
		return fmt.Sprintf("%s@%d", x.text, v.changes[x.text])
	case o.Kind == kernel.Position:
		a := v.affine(o.Index[0], v.in)
		return fmt.Sprintf("position %s, %d, %s", a.text(), a.lane, a.pick())
	case v.isSetting(o):
		return v.settings[o.Index[0].Const]
	}
	return v.access(o, v.in).key
}

func (v *valuer) write(e *ir.Expr) expression {
	switch e.Op {
	case ir.OpConst:
		return expression{literal(e.Const), 0, 1, ""}
	case ir.OpInput:
		return v.operand(v.value.Operands[e.Input])
	case ir.OpNeg:
		a := v.expr(e.Args[0])
		return expression{"-" + a.within(0), 1, a.lanes, ""}
	case ir.OpLess, ir.OpEqual:
		mask := v.mask(e)
		return expression{v.call(mask.lanes, "one") + "(" + mask.text + ")", 0, mask.lanes, ""}
	case ir.OpSelect:
		mask, a, b := v.mask(e.Args[0]), v.expr(e.Args[1]), v.expr(e.Args[2])
		lanes := max(mask.lanes, a.lanes, b.lanes)
		if mask.lanes == 1 && lanes > 1 { // the same choice in all lanes
			return expression{fmt.Sprintf("(%s ? %s : %s)", mask.text, v.splat(a, lanes), v.splat(b, lanes)), 0, lanes, ""}
		}
		return expression{fmt.Sprintf("%s(%s, %s, %s)", v.call(lanes, "blend"), mask.text, v.splat(a, lanes), v.splat(b, lanes)), 0, lanes, ""}
	case ir.OpAdd:
		if isProduct(e.Args[0]) && v.refs[e.Args[0]] == 1 {
			return v.fma("", e.Args[0], "", v.expr(e.Args[1]))
		}
		if isProduct(e.Args[1]) && v.refs[e.Args[1]] == 1 {
			return v.fma("", e.Args[1], "", v.expr(e.Args[0]))
		}
	case ir.OpSub:
		if isProduct(e.Args[0]) && v.refs[e.Args[0]] == 1 {
			return v.fma("", e.Args[0], "-", v.expr(e.Args[1]))
		}
		if isProduct(e.Args[1]) && v.refs[e.Args[1]] == 1 {
			return v.fma("-", e.Args[1], "", v.expr(e.Args[0]))
		}
	}
	op, ok := operations[e.Op]
	if !ok {
		panic(fmt.Sprintf("bug: scalar operation %d has no C form; kernel %s", e.Op, v.kernel.Name))
	}
	args := make([]expression, len(e.Args))
	lanes := 1
	for i, a := range e.Args {
		args[i] = v.expr(a)
		lanes = max(lanes, args[i].lanes)
	}
	if op.infix != "" {
		return expression{args[0].within(op.prec) + " " + op.infix + " " + args[1].within(op.prec-1), op.prec, lanes, ""}
	}
	if op.file != "" {
		v.used[helper{op.file, lanes}] = true
	}
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = v.splat(a, lanes)
	}
	return expression{v.call(lanes, op.name) + "(" + strings.Join(texts, ", ") + ")", 0, lanes, ""}
}

func isProduct(e *ir.Expr) bool { return e.Op == ir.OpMul }

// fma writes sign a·b + csign c of a product and another value.
func (v *valuer) fma(sign string, product *ir.Expr, csign string, c expression) expression {
	a, b := v.expr(product.Args[0]), v.expr(product.Args[1])
	lanes := max(a.lanes, b.lanes, c.lanes)
	signed := func(sign string, e expression) string {
		if sign == "" {
			return v.splat(e, lanes)
		}
		return sign + v.splat(expression{e.within(0), 0, e.lanes, ""}, lanes)
	}
	return expression{fmt.Sprintf("%s(%s, %s, %s)", v.call(lanes, "fma"), signed(sign, a), v.splat(b, lanes), signed(csign, c)), 0, lanes, ""}
}

// mask writes a condition: a comparison as it is, anything else by being other than 0.
func (v *valuer) mask(e *ir.Expr) expression {
	sign, ok := comparisons[e.Op]
	if !ok {
		a := v.expr(e)
		return expression{a.within(3) + " != 0.0f", 4, a.lanes, ""}
	}
	a, b := v.expr(e.Args[0]), v.expr(e.Args[1])
	return expression{a.within(3) + " " + sign + " " + b.within(3), 4, max(a.lanes, b.lanes), ""}
}

// splat gives the text of an expression with so many lanes.
func (v *valuer) splat(e expression, lanes int) string {
	if e.lanes == lanes {
		return e.text
	}
	return fmt.Sprintf("v%d_splat(%s)", lanes, e.text)
}

func (v *valuer) operand(o kernel.Operand) expression {
	switch o.Kind {
	case kernel.Variable:
		x, ok := v.in.vars[o.Var]
		if !ok {
			panic("bug: kernel " + v.kernel.Name + " reads " + o.Var + " where it is not defined")
		}
		if x.sum != "" {
			panic("bug: kernel " + v.kernel.Name + " reads " + o.Var + " in the vector loop that adds to it")
		}
		return expression{x.text, 0, x.lanes, ""}
	case kernel.Position:
		a := v.affine(o.Index[0], v.in)
		switch pick := a.pick(); {
		case pick != "":
			number := expression{fmt.Sprintf("v%d_number(%s)", v.lanes, pick), 0, v.lanes, ""}
			if a.lane == 0 && len(a.terms) == 0 && a.constant == 0 {
				return number
			}
			return expression{fmt.Sprintf("%s + v%d_position(%s, %d)", number.text, v.lanes, a.text(), a.lane), 3, v.lanes, ""}
		case a.lane != 0:
			return expression{fmt.Sprintf("v%d_position(%s, %d)", v.lanes, a.text(), a.lane), 0, v.lanes, ""}
		case len(a.terms) == 0:
			return expression{literal(float64(a.constant)), 0, 1, ""}
		default:
			return expression{"(float)(" + a.text() + ")", 1, 1, ""}
		}
	}
	if v.isSetting(o) {
		return expression{v.settings[o.Index[0].Const], 0, 1, ""}
	}
	return v.load(o, v.in)
}

// literal writes a number as a float of C.
func literal(x float64) string {
	f := float32(x)
	switch {
	case math.IsNaN(x):
		return `__builtin_nanf("")`
	case math.IsInf(float64(f), 1):
		return "__builtin_inff()"
	case math.IsInf(float64(f), -1):
		return "(-__builtin_inff())"
	}
	s := strconv.FormatFloat(float64(f), 'g', -1, 32)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	if f < 0 || f == 0 && math.Signbit(float64(f)) {
		return "(" + s + "f)"
	}
	return s + "f"
}
