// Package lang is the text of a program and its syntax tree, both ways: it parses, keeps comments, and prints the one
// canonical layout. It does not know which names exist, nor shapes, nor spaces.
package lang

import "bnetc/lang/diag"

// A File is one parsed .bnet file: its blocks and comments in order. Blocks that could not be parsed are left out.
type File struct {
	Source   *diag.File
	Blocks   []Block
	Comments []Comment
	Broken   bool // something is missing: it could not be parsed
	Lost     bool // a block may be what is missing
}

// A Block is what a file holds: Use, Network, Learn, Train, Rule or Measure.
type Block interface{ Where() diag.Span }

// Blocks are a file's blocks of one kind.
func Blocks[B Block](f *File) []B {
	var out []B
	for _, b := range f.Blocks {
		if b, ok := b.(B); ok {
			out = append(out, b)
		}
	}
	return out
}

func (u *Use) Where() diag.Span     { return u.Span }
func (n *Network) Where() diag.Span { return n.Span }
func (n *Learn) Where() diag.Span   { return n.Span }
func (n *Train) Where() diag.Span   { return n.Span }
func (n *Rule) Where() diag.Span    { return n.Span }
func (n *Measure) Where() diag.Span { return n.Span }

// A Comment runs from # to the end of its line.
type Comment struct {
	Text string
	Span diag.Span
}

// A Name is an identifier and where it stands.
type Name struct {
	Text string
	Span diag.Span
}

// A Number is a numeric literal, and its text as written.
type Number struct {
	Value float64
	Text  string
	Span  diag.Span
}

// Use reads another file's blocks: use "common.bnet", relative to the file that says it.
type Use struct {
	Path Name // without quotes
	Span diag.Span
}

// Network is `network NAME { input …  layer …  output … }`.
type Network struct {
	Name   Name
	Input  *InputDecl
	Layers []*Layer // in order; the output last
	Broken bool     // an item is missing: it could not be parsed
	Span   diag.Span
}

// InputDecl is `input image HxWxC` or `input UNITS`.
type InputDecl struct {
	Image bool
	Dims  []int // [H W C] or [units], as written
	Span  diag.Span
	At    diag.Span // of the dimensions
}

// Layer is `layer NAME = KIND, OPTION, …` or `output NAME = …`.
type Layer struct {
	Output  bool
	Name    Name
	Kind    Connection
	Options []*Option
	Span    diag.Span
}

// A Connection is what a layer (or its inverse) sees: `all -> 256`, `field 5x5 stride 2 same -> 64`, `pool max 2x2`,
// `flatten`, `dropout 0.5`. Zero fields were not written.
type Connection struct {
	Word     Name // all, field, pool, flatten, dropout
	Pool     Name // max, average
	Size     *Dims
	Stride   *Dims // one or two numbers
	Dilation *Dims
	Groups   *Number
	Padding  *Padding
	Out      *Number   // after ->
	Rate     *Number   // of dropout
	Span     diag.Span // without what stands behind ->
}

// Dims is `5x5`, or a single number.
type Dims struct {
	Values []int
	Span   diag.Span
}

// Padding is `same`, `valid`, or `pad N` (all sides), `pad 1x2` (height, width), `pad 1x0x2x1` (top, bottom, left, right).
type Padding struct {
	Word Name
	By   *Dims
	Span diag.Span
}

// An Option of a layer: a nonlinearity with arguments (tanh, leaky_relu(0.1)), untied, shared, `share tile 4x4`,
// `inverse exact`, `inverse mirrored`, `inverse all`, `inverse field 3x3 stride 2`, `aux 512 tanh`, `init he`,
// `init normal(0.05)`, `no_bias`.
type Option struct {
	Word    Name
	Args    []*Arg
	Tile    *Dims       // of share
	Inverse *Connection // of inverse: Word is exact, mirrored, all or field
	Units   *Number     // of aux
	Of      *Option     // of aux: its nonlinearity; of init: the scheme with its arguments
	Rest    Name        // what follows that the option does not take, with a space between its tokens
	Span    diag.Span
}

// An Arg is `name = value` or a bare value.
type Arg struct {
	Name  Name // Text "" where bare
	Value Literal
	Span  diag.Span
}

// A Literal is a number, a word, or a quoted string.
type Literal struct {
	Number *Number
	Word   string
	String *string
	Span   diag.Span
}

// Learn is `learn RULE(args) { forward adam(…)  inverse adam(…)  require local }`.
type Learn struct {
	Rule       Name
	Args       []*Arg
	Optimizers []*Optimizer
	Requires   []*Requirement
	Broken     bool // an item is missing: it could not be parsed
	Span       diag.Span
}

// Requirement is `require local`.
type Requirement struct {
	Word Name
	Span diag.Span
}

// Optimizer is `forward adam(lr = 1e-3)`; Group is forward or inverse.
type Optimizer struct {
	Group Name
	Name  Name
	Args  []*Arg
	Span  diag.Span
}

// Train is `train on DATA("a", "b") { batch 128  epochs 10  augment flip, crop(4) }`.
type Train struct {
	Data     Name
	Files    []*Arg
	Settings []*Setting
	Span     diag.Span
}

// A Setting is a word with its values: `batch 128`, `target input`, `augment flip, crop(4)`, `keep_last`.
type Setting struct {
	Word   Name
	Values []*Value
	Span   diag.Span
}

// A Value of a setting: 128, input, flip(vertical), crop(4).
type Value struct {
	Literal
	Args []*Arg
}

// Rule is `rule NAME(param = default, …) { … }`.
type Rule struct {
	Name       Name
	Params     []*Arg
	Statements []*Statement
	Broken     bool     // a statement is missing: it could not be parsed
	Lost       []string // the names that such statements may define; "" for any
	Span       diag.Span
}

// A Measure is `measure NAME[l] = EXPR for …` or `measure NAME = EXPR`, at the top level.
type Measure struct {
	Equation Statement
	Span     diag.Span
}

// A StatementKind says which form a Statement has.
type StatementKind uint8

const (
	Define   StatementKind = iota // NAME[index] = Expr                 Left, Expr
	Require                       // require WORD                       Word
	Inverse                       // [fixed] inverse g[l] of f[l]       Left, Of
	Feedback                      // feedback B[l] like f[l]            Left, Of;  or: feedback B[l] from I to J   Left, FromIndex, ToIndex
	Minimize                      // minimize Expr over f[l]            Expr, Left
	Descend                       // descend f[l] along Expr            Left, Expr
)

// A Statement of a rule; For is nil where it has no `for` clause.
type Statement struct {
	Kind               StatementKind
	Fixed              bool
	Left               *Expr // Name or Index
	Of                 *Expr
	FromIndex, ToIndex *Expr
	Word               Name
	Expr               *Expr
	For                *For
	Span               diag.Span // without the for clause
}

// For is `for hidden l`, `for every l`, or `for l in 2..last`.
type For struct {
	Word     string // "hidden", "every", "in"
	Var      Name
	From, To *Expr
	Span     diag.Span
}

// An ExprKind says which form an Expr has.
type ExprKind uint8

const (
	NumberExpr ExprKind = iota // Number
	NameExpr                   // Name: l, last, label, noise, loss, aux
	IndexExpr                  // Name[Args[0]]: h[l], f[l+1]
	CallExpr                   // Fn(Args...): Fn is a NameExpr (tanh, transpose, normal), an IndexExpr (f[l+1]) or a CallExpr (transpose(f[l]))
	BinaryExpr                 // Args[0] Op Args[1]; Op is + - * / ^
	NegExpr                    // -Args[0]
	NormExpr                   // |Args[0]|, written |x|^2 with the binary ^
	ListExpr                   // [Args...]: the parts of a composite output
)

// An Expr is an expression of a rule.
type Expr struct {
	Kind   ExprKind
	Name   Name
	Number *Number
	Op     string
	Fn     *Expr
	Args   []*Expr
	Paren  bool // written in parentheses
	Span   diag.Span
}
