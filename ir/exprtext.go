package ir

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// String writes the expression with as few parentheses as it can do with: "2 * ($0 - $1) * (1 - $0*$0)". Equal trees
// give equal texts, and ParseExpr of the text gives the tree back.
func (e *Expr) String() string {
	return e.Format(func(i int) string { return "$" + strconv.Itoa(i) })
}

// Format is String with a text of the caller's for each input.
func (e *Expr) Format(input func(int) string) string {
	var b strings.Builder
	w := exprWriter{&b, input}
	w.write(e, bindNothing, false)
	return b.String()
}

// How strongly a place in the text binds: what stands there needs parentheses if it binds less.
const (
	bindNothing = iota
	bindSum
	bindProduct
	bindUnary
)

type exprWriter struct {
	*strings.Builder
	input func(int) string
}

// write puts e where at least `bind` is needed. Products within a sum are written tight.
func (w exprWriter) write(e *Expr, bind int, tight bool) {
	switch e.Op {
	case OpConst:
		w.WriteString(formatConst(e.Const))
	case OpInput:
		w.WriteString(w.input(e.Input))
	case OpAdd, OpSub:
		w.infix(e, bindSum, bind, false)
	case OpMul, OpDiv:
		w.infix(e, bindProduct, bind, tight)
	case OpNeg:
		a := e.Args[0]
		w.WriteByte('-')
		if a.Op == OpConst { // "-2" is a constant
			w.WriteByte('(')
			w.write(a, bindNothing, false)
			w.WriteByte(')')
			return
		}
		w.write(a, bindUnary, false)
	default:
		w.WriteString(e.Op.String())
		w.WriteByte('(')
		for i, a := range e.Args {
			if i > 0 {
				w.WriteString(", ")
			}
			w.write(a, bindNothing, false)
		}
		w.WriteByte(')')
	}
}

func (w exprWriter) infix(e *Expr, own, bind int, tight bool) {
	if own < bind {
		w.WriteByte('(')
		defer w.WriteByte(')')
		tight = false
	}
	within := tight || own == bindSum // products below are tight
	w.write(e.Args[0], own, within)
	if tight {
		w.WriteString(e.Op.String())
	} else {
		w.WriteString(" " + e.Op.String() + " ")
	}
	w.write(e.Args[1], own+1, within)
}

// formatConst writes a number so that it reads back exactly.
func formatConst(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// ParseExpr reads an expression: numbers, + - * /, parentheses, the functions of the table of primitives (exp log tanh sqrt abs
// sign max min pow select less equal), and inputs, written $0, $1, … or by the given names in order.
func ParseExpr(text string, names ...string) (*Expr, error) {
	p := &ExprParser{Text: text, Numbered: true, Operand: func(p *ExprParser) (int, bool, error) {
		word := p.Word()
		for i, name := range names {
			if word == name {
				return i, true, nil
			}
		}
		return 0, false, nil
	}}
	e, err := p.Parse()
	if err == nil && p.Next() != 0 {
		err = p.Fail("an operator")
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// MustParseExpr is ParseExpr for texts in the source of bnetc itself.
func MustParseExpr(text string, names ...string) *Expr {
	e, err := ParseExpr(text, names...)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return e
}

// An ExprParser reads one expression out of a longer text, with operands of the caller's own writing.
type ExprParser struct {
	Text string
	At   int // how far it has read
	// Operand is asked where a value is expected and no number, sign, parenthesis or function call stands there. It reads the
	// operand and gives the input's number, or false, having read whatever, if there is none.
	Operand func(p *ExprParser) (input int, ok bool, err error)
	// Numbered allows inputs by number: $0.
	Numbered bool
	depth    int
}

// maxExprDepth bounds recursion over hostile texts.
const maxExprDepth = 10000

var functionOps = func() map[string]ScalarOp {
	m := map[string]ScalarOp{}
	for op := OpMax; int(op) < ScalarOps; op++ {
		m[op.String()] = op
	}
	return m
}()

// Next skips spaces and looks at the next byte; 0 at the end.
func (p *ExprParser) Next() byte {
	for p.At < len(p.Text) && (p.Text[p.At] == ' ' || p.Text[p.At] == '\t') {
		p.At++
	}
	if p.At == len(p.Text) {
		return 0
	}
	return p.Text[p.At]
}

// Accept reads the byte c if it is next.
func (p *ExprParser) Accept(c byte) bool {
	if p.Next() != c || c == 0 {
		return false
	}
	p.At++
	return true
}

// Word reads a name: a letter or underscore, then letters, digits, underscores and dots; "" if none stands here.
func (p *ExprParser) Word() string {
	p.Next()
	from := p.At
	for p.At < len(p.Text) && (isLetter(p.Text[p.At]) || p.At > from && (isDigit(p.Text[p.At]) || p.Text[p.At] == '.')) {
		p.At++
	}
	return p.Text[from:p.At]
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// Fail is an error at the present place.
func (p *ExprParser) Fail(expected string) error {
	found := "the end"
	if c := p.Next(); c != 0 {
		found = strconv.Quote(p.Text[p.At:min(len(p.Text), p.At+12)])
	}
	return fmt.Errorf("expected %s, found %s at column %d of %q", expected, found, p.At+1, p.Text)
}

// Parse reads one expression and stops behind it.
func (p *ExprParser) Parse() (*Expr, error) { return p.binary(bindSum) }

var infixOps = map[byte]struct {
	op   ScalarOp
	bind int
}{'+': {OpAdd, bindSum}, '-': {OpSub, bindSum}, '*': {OpMul, bindProduct}, '/': {OpDiv, bindProduct}}

func (p *ExprParser) binary(bind int) (*Expr, error) {
	if p.depth++; p.depth > maxExprDepth {
		return nil, fmt.Errorf("expression nested more than %d deep", maxExprDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.unary()
	for err == nil {
		row, ok := infixOps[p.Next()]
		if !ok || row.bind < bind {
			return left, nil
		}
		p.At++
		var right *Expr
		if right, err = p.binary(row.bind + 1); err == nil {
			left = Call(row.op, left, right)
		}
	}
	return nil, err
}

func (p *ExprParser) unary() (*Expr, error) {
	switch c := p.Next(); {
	case c == '-':
		p.At++
		if c := p.Next(); isDigit(c) || c == '.' || p.constantWord() != "" {
			v, err := p.atom()
			if err != nil {
				return nil, err
			}
			if math.IsNaN(v.Const) {
				return v, nil // it has no sign in the text
			}
			return Num(-v.Const), nil
		}
		if p.depth++; p.depth > maxExprDepth {
			return nil, fmt.Errorf("expression nested more than %d deep", maxExprDepth)
		}
		defer func() { p.depth-- }()
		a, err := p.unary()
		if err != nil {
			return nil, err
		}
		return Call(OpNeg, a), nil
	case c == '(':
		p.At++
		e, err := p.Parse()
		if err == nil && !p.Accept(')') {
			err = p.Fail(`")"`)
		}
		return e, err
	}
	return p.atom()
}

// constantWord is "inf" or "nan" if that word is next; it reads nothing.
func (p *ExprParser) constantWord() string {
	from := p.At
	defer func() { p.At = from }()
	if w := p.Word(); w == "inf" || w == "nan" {
		return w
	}
	return ""
}

func (p *ExprParser) atom() (*Expr, error) {
	c := p.Next()
	if isDigit(c) || c == '.' {
		return p.number()
	}
	if c == '$' && p.Numbered {
		p.At++
		from := p.At
		for p.At < len(p.Text) && isDigit(p.Text[p.At]) {
			p.At++
		}
		i, err := strconv.ParseUint(p.Text[from:p.At], 10, 16)
		if err != nil {
			return nil, p.Fail("the number of an input")
		}
		return In(int(i)), nil
	}
	if w := p.constantWord(); w != "" {
		p.Word()
		if w == "nan" {
			return Num(math.NaN()), nil
		}
		return Num(math.Inf(1)), nil
	}
	from := p.At
	if op, ok := functionOps[p.Word()]; ok && p.Accept('(') {
		return p.call(op)
	}
	p.At = from
	if p.Operand != nil {
		i, ok, err := p.Operand(p)
		if err != nil {
			return nil, err
		}
		if ok {
			return In(i), nil
		}
	}
	p.At = from
	return nil, p.Fail("a value")
}

func (p *ExprParser) call(op ScalarOp) (*Expr, error) {
	args := make([]*Expr, op.Arity())
	for i := range args {
		if i > 0 && !p.Accept(',') {
			return nil, p.Fail(fmt.Sprintf(`"," (%s takes %d values)`, op, op.Arity()))
		}
		a, err := p.Parse()
		if err != nil {
			return nil, err
		}
		args[i] = a
	}
	if !p.Accept(')') {
		return nil, p.Fail(`")"`)
	}
	return &Expr{Op: op, Args: args}, nil
}

// number reads digits, a fraction and an exponent.
func (p *ExprParser) number() (*Expr, error) {
	from := p.At
	digits := func() {
		for p.At < len(p.Text) && isDigit(p.Text[p.At]) {
			p.At++
		}
	}
	digits()
	if p.At < len(p.Text) && p.Text[p.At] == '.' {
		p.At++
		digits()
	}
	if p.At < len(p.Text) && (p.Text[p.At] == 'e' || p.Text[p.At] == 'E') {
		p.At++
		if p.At < len(p.Text) && (p.Text[p.At] == '-' || p.Text[p.At] == '+') {
			p.At++
		}
		digits()
	}
	v, err := strconv.ParseFloat(p.Text[from:p.At], 64)
	if err != nil {
		p.At = from
		return nil, p.Fail("a number")
	}
	return Num(v), nil
}
