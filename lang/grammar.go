package lang

import (
	"cmp"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// tokens of the language; comments and white space are elided before parsing, and kept by the formatter.
var tokens = lexer.MustSimple([]lexer.SimpleRule{
	{Name: "Comment", Pattern: `#[^\n]*`},
	{Name: "String", Pattern: `"[^"\n]*"`},
	{Name: "Dims", Pattern: `\d+(x\d+)+`},
	{Name: "Number", Pattern: `(\d+(\.\d+)?|\.\d+)([eE][-+]?\d+)?`},
	{Name: "Ident", Pattern: `[a-zA-Z_][a-zA-Z0-9_]*`},
	{Name: "Punct", Pattern: `->|\.\.|[-+*/^|()\[\]{},=]`},
	{Name: "Space", Pattern: `[ \t\r\n\x{feff}]+`},
	{Name: "Unknown", Pattern: `.`},
})

// The grammar of one item of a block: a declaration, a statement, a setting. A file is cut into items before it is parsed (cut.go), so
// that a mistake in one leaves the others alone. Meaning is none of these structs' business.

type span struct {
	Pos    lexer.Position
	EndPos lexer.Position
}

type gName struct {
	span
	Text string `parser:"@Ident"`
}

type gNumber struct {
	span
	Sign string `parser:"@'-'?"`
	Text string `parser:"@Number"`
}

type gDims struct {
	span
	Text string `parser:"@(Dims | Number)"`
}

type gString struct {
	span
	Text string `parser:"@String"`
}

type gUse struct {
	Path *gString `parser:"'use' @@"`
}

type gInput struct {
	Image bool   `parser:"'input' @'image'?"`
	Dims  *gDims `parser:"@@"`
}

type gLayer struct {
	Word    string     `parser:"@('layer' | 'output')"`
	Name    *gName     `parser:"@@"`
	Kind    *gConnect  `parser:"'=' @@"`
	Out     *gNumber   `parser:"('->' @@)?"`
	Options []*gOption `parser:"(',' @@)*"`
}

type gConnect struct {
	span
	Word   *gName     `parser:"@@"`
	Pool   *gName     `parser:"@@?"`
	Size   *gDims     `parser:"@@?"`
	Window []*gWindow `parser:"@@*"`
}

type gWindow struct {
	span
	Word *gName `parser:"@@"`
	Dims *gDims `parser:"@@?"`
}

type gOption struct {
	span
	Word *gName   `parser:"@@"`
	Args []*gArg  `parser:"('(' (@@ (',' @@)*)? ')')?"`
	Rest []*gWord `parser:"@@*"`
}

// gWord is one of the words behind an option's first: a number, dimensions, or a name with arguments.
type gWord struct {
	span
	Dims *gDims  `parser:"( @@"`
	Name *gName  `parser:"| @@"`
	Args []*gArg `parser:"  ('(' (@@ (',' @@)*)? ')')? )"`
}

type gArg struct {
	span
	Name  *gName    `parser:"(@@ '=')?"`
	Value *gLiteral `parser:"@@"`
}

type gLiteral struct {
	span
	Number *gNumber `parser:"( @@"`
	Word   *gName   `parser:"| @@"`
	String *gString `parser:"| @@ )"`
}

type gHead struct {
	Name *gName  `parser:"( 'network' @@"`
	Rule *gName  `parser:"| ( ('learn' | 'rule') @@"`
	Data *gName  `parser:"  | 'train' 'on' @@ )"`
	Args []*gArg `parser:"  ('(' (@@ (',' @@)*)? ')')? )"`
}

type gOptimizer struct {
	Group *gName  `parser:"@@"`
	Name  *gName  `parser:"@@"`
	Args  []*gArg `parser:"('(' (@@ (',' @@)*)? ')')?"`
}

type gRequire struct {
	Word *gName `parser:"'require' @@"`
}

type gSetting struct {
	Word   *gName    `parser:"@@"`
	Values []*gValue `parser:"(@@ (',' @@)*)?"`
}

type gValue struct {
	span
	Value *gLiteral `parser:"@@"`
	Args  []*gArg   `parser:"('(' (@@ (',' @@)*)? ')')?"`
}

type gInverse struct {
	Fixed bool  `parser:"@'fixed'?"`
	Left  *Expr `parser:"'inverse' @@"`
	Of    *Expr `parser:"'of' @@"`
	For   *gFor `parser:"@@?"`
}

type gFeedback struct {
	Left *Expr `parser:"'feedback' @@"`
	Like *Expr `parser:"( 'like' @@"`
	From *Expr `parser:"| 'from' @@"`
	To   *Expr `parser:"  'to' @@ )"`
	For  *gFor `parser:"@@?"`
}

type gMinimize struct {
	Expr *Expr `parser:"'minimize' @@"`
	Over *Expr `parser:"'over' @@"`
	For  *gFor `parser:"@@?"`
}

type gDescend struct {
	Over *Expr `parser:"'descend' @@"`
	Expr *Expr `parser:"'along' @@"`
	For  *gFor `parser:"@@?"`
}

type gDefine struct {
	Left *Expr `parser:"@@"`
	Expr *Expr `parser:"'=' @@"`
	For  *gFor `parser:"@@?"`
}

type gMeasure struct {
	Define *gDefine `parser:"'measure' @@"`
}

type gFor struct {
	span
	Word string `parser:"'for' ( @('hidden' | 'every')"`
	Var  *gName `parser:"  @@"`
	In   *gName `parser:"| @@ 'in'"`
	From *Expr  `parser:"  @@"`
	To   *Expr  `parser:"  '..' @@ )"`
}

func grammar[T any]() *participle.Parser[T] {
	return participle.MustBuild[T](participle.Lexer(tokens), participle.Elide("Comment", "Space"), participle.UseLookahead(2))
}

var (
	useItem       = grammar[gUse]()
	inputItem     = grammar[gInput]()
	layerItem     = grammar[gLayer]()
	headItem      = grammar[gHead]()
	optimizerItem = grammar[gOptimizer]()
	requireItem   = grammar[gRequire]()
	settingItem   = grammar[gSetting]()
	inverseItem   = grammar[gInverse]()
	feedbackItem  = grammar[gFeedback]()
	minimizeItem  = grammar[gMinimize]()
	descendItem   = grammar[gDescend]()
	defineItem    = grammar[gDefine]()
	measureItem   = grammar[gMeasure]()
)

func (h *gHead) name() *gName {
	return cmp.Or(h.Name, h.Rule, h.Data)
}
