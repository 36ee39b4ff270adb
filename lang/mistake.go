package lang

import (
	"errors"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"bnetc/lang/diag"
)

// A form is what a piece of text was read as: what people call it, an item that parses, and what may follow where it could have ended.
type form struct{ name, example, follows string }

var (
	useForm       = form{"`use`", `use "common.bnet"`, "the next block"}
	networkForm   = form{"the head of `network`", "network NAME { … }", "`{`"}
	learnForm     = form{"the head of `learn`", "learn RULE(noise = 0.1) { … }", "`(` or `{`"}
	trainForm     = form{"the head of `train`", "train on mnist { … }", "`(` or `{`"}
	ruleForm      = form{"the head of `rule`", "rule NAME(noise = 0.1) { … }", "`(` or `{`"}
	measureForm   = form{"a measure", "measure recon[l] = |h[l-1] - g[l](h[l])|^2   for l in 2..last", "an operator or `for`"}
	inputForm     = form{"an input", "input image 28x28x1", "the first layer"}
	layerForm     = form{"a layer", "layer l1 = field 5x5 stride 2 -> 64, untied, tanh", "`,` and an option, or the next layer"}
	optimizerForm = form{"an optimizer", "forward adam(lr = 1e-3)", "`(` or the next line"}
	requireForm   = form{"a requirement", "require local", "the next line"}
	settingForm   = form{"a setting", "batch 128  augment flip, crop(4)", "the next setting"}
	inverseForm   = form{"an inverse", "inverse g[l] of f[l]   for l in 2..last", "`for` or the next statement"}
	feedbackForm  = form{"a feedback declaration", "feedback B[l] like f[l]   for l in 2..last", "`for` or the next statement"}
	minimizeForm  = form{"`minimize`", "minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l", "`for` or the next statement"}
	descendForm   = form{"`descend`", "descend f[l] along outer(delta[l], h[l-1])   for every l", "an operator or `for`"}
	equationForm  = form{"an equation", "target[l] = g[l+1](target[l+1])   for hidden l", "an operator or `for`"}
)

// syntax words participle's complaint for people: the found token, what was expected, and what to type instead. A piece in which the lexer
// has found a mistake already has said enough.
func (p *parser) syntax(err error, tokens piece, f form) {
	var at participle.Error
	if !errors.As(err, &at) {
		panic("bug: " + err.Error())
	}
	whole := p.pieceSpan(tokens)
	if p.spoiled(whole) {
		return
	}
	i := 0
	for i < len(tokens) && tokens[i].Pos.Offset < at.Position().Offset {
		i++
	}
	if p.strayComma(tokens, i) {
		return
	}
	found, where, message := "the end of "+f.name, after(p.src, tokens), f.name+" ends too early"
	if i < len(tokens) {
		found, where = quoted(tokens[i].Value), tokenSpan(p.src, tokens[i])
		message = f.name + " does not go on with " + found
	}
	expected := expectation(err, tokens[:i], f)
	d := p.list.Error(diag.Syntax, where, message).Label("before this").Expected(expected).Found(found).Hint(f.example)
	if f == layerForm && i < len(tokens) && tokens[i].Type == symbol["Ident"] && expected == f.follows {
		d.Hint(p.src.Text[whole.Start:after(p.src, tokens[:i]).End] + ", " + p.src.Text[where.Start:whole.End])
	}
	if i == 1 && i < len(tokens) && tokens[i].Value == "=" && slices.Contains([]form{settingForm, optimizerForm, inputForm, requireForm}, f) {
		d.Hint(p.without(tokens, i))
	}
	for k := max(1, i-1); k < min(i+1, len(tokens)-1); k++ {
		if n := Decimal(tokenSpan(p.src, tokens[k-1]), tokenSpan(p.src, tokens[k+1])); tokens[k].Value == "," && n != "" {
			d.Hint("did you mean " + quoted(n) + "?")
		}
	}
	for k, t := range tokens[max(0, i-1):min(i+1, len(tokens))] {
		words := keywords
		if fits := named(expected); max(0, i-1)+k == i && len(fits) > 0 {
			words = fits
		}
		if near := diag.Nearest(t.Value, words); t.Type == symbol["Ident"] && near != "" && near != t.Value {
			d.Hint("did you mean " + quoted(near) + "?")
		}
	}
}

// named are the keywords that a text names: those that may stand where it says what is expected.
func named(expected string) (words []string) {
	for _, w := range keywords {
		if strings.Contains(expected, quoted(w)) {
			words = append(words, w)
		}
	}
	return words
}

// strayComma reports a comma of an item that breaks off at its i-th token, if a closing bracket or another comma follows it.
func (p *parser) strayComma(tokens piece, i int) bool {
	for k := max(0, i-1); k < min(i+1, len(tokens)-1); k++ {
		if next := tokens[k+1].Value; tokens[k].Value == "," && (next == "," || next == ")" || next == "]") {
			p.commaTooMany(tokens, k, quoted(next))
			return true
		}
	}
	return false
}

// endsInComma tells whether nothing stands behind the comma at the end of an item, and reports it.
func (p *parser) endsInComma(tokens piece, f form) bool {
	k := len(tokens) - 1
	if k < 1 || tokens[k].Value != "," || open(tokens) > 0 {
		return false
	}
	p.commaTooMany(tokens, k, "the end of "+f.name)
	return true
}

func (p *parser) commaTooMany(tokens piece, k int, follows string) {
	p.list.Error(diag.Syntax, tokenSpan(p.src, tokens[k]), "a comma too many").Found("`,` and " + follows).Hint(p.without(tokens, k))
}

// without is the text of an item without one of its tokens.
func (p *parser) without(tokens piece, i int) string {
	whole, at := p.pieceSpan(tokens), tokenSpan(p.src, tokens[i])
	before, after := strings.TrimRight(p.src.Text[whole.Start:at.Start], " \t\r\n"), strings.TrimLeft(p.src.Text[at.End:whole.End], " \t\r\n")
	if after != "" && !strings.ContainsAny(after[:1], ",)]") {
		before += " "
	}
	return before + after
}

// Decimal is the number that was meant by two with nothing but a comma between them: 0.1 for 0,1. It is "" for anything else.
func Decimal(whole, fraction diag.Span) string {
	digits := func(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
	if !digits(strings.TrimPrefix(whole.Text(), "-")) || !digits(fraction.Text()) || whole.File != fraction.File || whole.File.Text[whole.End:fraction.Start] != "," {
		return ""
	}
	return whole.Text() + "." + fraction.Text()
}

// spoiled tells whether the lexer has found a mistake in a span, or behind it on its last line before anything else.
func (p *parser) spoiled(at diag.Span) bool {
	end := len(p.src.Text)
	if i := strings.IndexByte(p.src.Text[at.End:], '\n'); i >= 0 {
		end = at.End + i
	}
	if i := sort.Search(len(p.code), func(i int) bool { return p.code[i].Pos.Offset >= at.End }); i < len(p.code) {
		end = min(end, p.code[i].Pos.Offset)
	}
	return slices.ContainsFunc(p.bad, func(bad diag.Span) bool { return at.Start <= bad.Start && bad.Start <= end })
}

// keywords are the words inside items that a user may have misspelt.
var keywords = []string{"image", "on", "of", "like", "from", "to", "over", "along", "for", "hidden", "every", "in"}

// expectations words what participle expects, by the first symbol of its grammar.
var expectations = []struct{ symbol, words string }{
	{`(("like"`, "`like` or `from`"},
	{"<number>", "a number"},
	{"GDims", "dimensions, such as 28x28x1, or a number"},
	{"GName", "a name"},
	{"GConnect", alternatives(kindList)},
	{"GOption", "an option, such as `tanh` or `untied`"},
	{"GString", "a file's name in quotes"},
	{"GArg", "an argument, such as `lr = 1e-3`"},
	{"GLiteral", "a value"},
}

var firstSymbol = regexp.MustCompile(`\(expected (.*)\)$`)

func expectation(err error, before piece, f form) string {
	var u *unexpected
	if errors.As(err, &u) {
		return u.expected
	}
	m := firstSymbol.FindStringSubmatch(err.Error())
	if m == nil && len(before) > 0 && before[len(before)-1].Value == ")" {
		return strings.TrimPrefix(f.follows, "`(` or ")
	}
	if m == nil {
		return f.follows
	}
	if word, _, ok := strings.Cut(strings.TrimPrefix(m[1], `"`), `"`); ok && strings.HasPrefix(m[1], `"`) {
		return quoted(word)
	}
	if m[1] == "<number>" && len(before) > 0 && before[len(before)-1].Value != "->" {
		return "a value" // a number, as the first of what a value may be
	}
	for _, e := range expectations {
		if strings.HasPrefix(m[1], e.symbol) {
			return e.words
		}
	}
	return ""
}

// unexpected is a mistake in an expression, with what was expected in words.
type unexpected struct {
	token    lexer.Token
	expected string
}

func wrong(t *lexer.Token, expected string) error { return &unexpected{token: *t, expected: expected} }

func (u *unexpected) Error() string            { return "expected " + u.expected }
func (u *unexpected) Message() string          { return u.Error() }
func (u *unexpected) Position() lexer.Position { return u.token.Pos }

var _ participle.Error = (*unexpected)(nil)

// unknownItem reports a word that begins no item of a block.
func (p *parser) unknownItem(it piece, where string, words ...string) {
	word := it[0].Value
	p.list.Error(diag.UnknownStatement, tokenSpan(p.src, it[0]), "nothing in "+where+" begins with "+quoted(word)).
		Expected(alternatives(words)).Found(quoted(word)).Nearest(word, words, "")
}

func alternatives(words []string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(quoted(w))
	}
	return b.String()
}
