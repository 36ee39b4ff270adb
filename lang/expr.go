package lang

import (
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"bnetc/lang/diag"
)

// binding is how tightly a binary operator binds.
var binding = map[string]int{"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}

const unaryBinding = 3

// Parse reads an expression by precedence climbing; participle calls it wherever the grammar holds an *Expr.
func (e *Expr) Parse(lex *lexer.PeekingLexer) error {
	x, err := parseBinary(lex, 0)
	if err != nil {
		return err
	}
	*e = *x
	return nil
}

// parseBinary reads operators that bind tighter than min. A bar where an operator may stand closes a norm.
func parseBinary(lex *lexer.PeekingLexer, min int) (*Expr, error) {
	left, err := parseUnary(lex)
	if err != nil {
		return nil, err
	}
	for {
		op := lex.Peek().Value
		b := binding[op]
		if b == 0 || b <= min {
			return left, nil
		}
		lex.Next()
		next := b
		if op == "^" {
			next = b - 1 // groups to the right
		}
		right, err := parseBinary(lex, next)
		if err != nil {
			return nil, err
		}
		left = &Expr{Kind: BinaryExpr, Op: op, Args: []*Expr{left, right}, Span: diag.Span{Start: left.Span.Start, End: right.Span.End}}
	}
}

func parseUnary(lex *lexer.PeekingLexer) (*Expr, error) {
	if t := lex.Peek(); t.Value == "-" {
		start := lex.Next().Pos.Offset
		x, err := parseBinary(lex, unaryBinding-1)
		if err != nil {
			return nil, err
		}
		return &Expr{Kind: NegExpr, Args: []*Expr{x}, Span: diag.Span{Start: start, End: x.Span.End}}, nil
	}
	return parsePostfix(lex)
}

// parsePostfix reads an operand and the calls behind it: transpose(f[l])(x).
func parsePostfix(lex *lexer.PeekingLexer) (*Expr, error) {
	x, err := parseOperand(lex)
	if err != nil {
		return nil, err
	}
	for lex.Peek().Value == "(" && (x.Kind == NameExpr || x.Kind == IndexExpr || x.Kind == CallExpr) && !x.Paren {
		lex.Next()
		args, end, err := parseList(lex, ")")
		if err != nil {
			return nil, err
		}
		x = &Expr{Kind: CallExpr, Fn: x, Args: args, Span: diag.Span{Start: x.Span.Start, End: end}}
	}
	return x, nil
}

func parseList(lex *lexer.PeekingLexer, closing string) (args []*Expr, end int, err error) {
	for {
		if t := lex.Peek(); t.Value == closing {
			lex.Next()
			return args, endOf(t), nil
		}
		if len(args) > 0 {
			if t := lex.Peek(); t.Value != "," {
				return nil, 0, wrong(t, "`,` or `"+closing+"`")
			}
			lex.Next()
		}
		x, err := parseBinary(lex, 0)
		if err != nil {
			return nil, 0, err
		}
		args = append(args, x)
	}
}

func parseOperand(lex *lexer.PeekingLexer) (*Expr, error) {
	t := lex.Peek()
	at := diag.Span{Start: t.Pos.Offset, End: endOf(t)}
	switch {
	case t.Type == symbol["Number"]:
		lex.Next()
		v, _ := strconv.ParseFloat(t.Value, 64)
		return &Expr{Kind: NumberExpr, Number: &Number{Value: v, Text: t.Value, Span: at}, Span: at}, nil
	case t.Type == symbol["Ident"] && !reserved[t.Value]:
		lex.Next()
		name := Name{Text: t.Value, Span: at}
		if lex.Peek().Value != "[" {
			return &Expr{Kind: NameExpr, Name: name, Span: at}, nil
		}
		lex.Next()
		index, err := parseBinary(lex, 0)
		if err != nil {
			return nil, err
		}
		closing := lex.Peek()
		if closing.Value != "]" {
			return nil, wrong(closing, "`]`")
		}
		lex.Next()
		return &Expr{Kind: IndexExpr, Name: name, Args: []*Expr{index}, Span: diag.Span{Start: at.Start, End: endOf(closing)}}, nil
	case t.Value == "(":
		lex.Next()
		x, err := parseBinary(lex, 0)
		if err != nil {
			return nil, err
		}
		closing := lex.Peek()
		if closing.Value != ")" {
			return nil, wrong(closing, "`)`")
		}
		lex.Next()
		x.Paren = true
		x.Span = diag.Span{Start: at.Start, End: endOf(closing)}
		return x, nil
	case t.Value == "|":
		lex.Next()
		x, err := parseBinary(lex, 0)
		if err != nil {
			return nil, err
		}
		closing := lex.Peek()
		if closing.Value != "|" {
			return nil, wrong(closing, "`|`, which closes the norm")
		}
		lex.Next()
		return &Expr{Kind: NormExpr, Args: []*Expr{x}, Span: diag.Span{Start: at.Start, End: endOf(closing)}}, nil
	case t.Value == "[":
		lex.Next()
		args, end, err := parseList(lex, "]")
		if err != nil {
			return nil, err
		}
		return &Expr{Kind: ListExpr, Args: args, Span: diag.Span{Start: at.Start, End: end}}, nil
	}
	return nil, wrong(t, "a value: a name, a number, `(`, `|` or `[`")
}

// reserved are words that end an expression.
var reserved = map[string]bool{"for": true, "over": true, "along": true, "of": true, "like": true, "from": true, "to": true, "in": true}

func endOf(t *lexer.Token) int { return t.Pos.Offset + len(strings.TrimRight(t.Value, "\n")) }

// place sets the file of every span of an expression.
func (e *Expr) place(src *diag.File) {
	if e == nil {
		return
	}
	e.Span.File, e.Name.Span.File = src, src
	if e.Number != nil {
		e.Number.Span.File = src
	}
	e.Fn.place(src)
	for _, a := range e.Args {
		a.place(src)
	}
}
