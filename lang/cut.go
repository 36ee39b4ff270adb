package lang

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"bnetc/lang/diag"
)

// symbol is the token type of each lexer rule.
var symbol = tokens.Symbols()

// lexed splits a source into tokens and comments. What the lexer does not know becomes a diagnostic and is left out.
func lexed(src *diag.File, l *diag.List) (code piece, comments []Comment, bad []diag.Span) {
	lex, err := tokens.LexString(src.Name, src.Text)
	if err != nil {
		panic("bug: " + err.Error())
	}
	skip := 0 // what an unclosed string hides
	for {
		t, err := lex.Next()
		if err != nil {
			panic("bug: the last rule takes any character: " + err.Error())
		}
		at := tokenSpan(src, t)
		switch {
		case t.EOF():
			return code, comments, bad
		case t.Type == symbol["Space"] || at.Start < skip:
		case t.Type == symbol["Comment"]:
			comments = append(comments, Comment{strings.TrimRight(t.Value, " \t\r"), at})
		case t.Value == `"`:
			line, _, _ := strings.Cut(src.Text[at.Start:], "\n")
			skip = at.Start + len(line)
			at.End = skip
			l.Error(diag.UnclosedString, at, "this text is not closed on its line").Hint("end it with \"")
			bad = append(bad, at)
		case t.Type == symbol["Unknown"]:
			d := l.Error(diag.UnexpectedCharacter, at, "the language has no character "+quoted(t.Value))
			switch r, _ := utf8.DecodeRuneInString(t.Value); {
			case typeset[r] != "":
				d.Hint(quoted(typeset[r]))
			case unicode.IsLetter(r):
				d.Hint("names are made of the letters a to z, capital or not, digits and _")
			}
			bad = append(bad, at)
		default:
			code = append(code, t)
		}
	}
}

// typeset are characters of printed text, with what the language writes for them.
var typeset = map[rune]string{'→': "->", '−': "-", '–': "-", '×': "x", '·': "*", '…': "..", '“': `"`, '”': `"`, '„': `"`, '‖': "|"}

func tokenSpan(src *diag.File, t lexer.Token) diag.Span {
	return diag.Span{File: src, Start: t.Pos.Offset, End: t.Pos.Offset + len(t.Value)}
}

func quoted(s string) string { return "`" + s + "`" }

// topWordList are the words that begin a block of a file.
var topWordList = []string{"use", "network", "learn", "train", "rule", "measure"}

var topWords = set(topWordList...)

func set(words ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

// A piece is a run of tokens that is parsed by itself.
type piece []lexer.Token

// A block is a top-level piece: its head, and where it has braces, its items.
type block struct {
	word   string
	head   piece
	items  []piece
	braces bool
	closed bool
	all    piece
}

// cutBlocks divides a file at its top-level words. A word outside braces begins a block where the one before may end, or at the beginning of a line; so
// does one in the first column inside an unclosed block.
func (p *parser) cutBlocks() []block {
	var blocks []block
	code := p.code
	for i := 0; i < len(code); {
		t := code[i]
		if !topWords[t.Value] {
			j := unknownEnd(code, i)
			p.unknownBlock(code[i:j])
			i = j
			continue
		}
		b, next := p.cutBlock(code, i)
		blocks = append(blocks, b)
		i = next
	}
	return blocks
}

// unknownEnd is where what begins at code[i] with a word that begins no block ends: behind the brace that closes the one it opens, or before the next block.
func unknownEnd(code piece, i int) int {
	depth := 0
	for ; i < len(code) && !topWords[code[i].Value]; i++ {
		switch code[i].Value {
		case "{":
			depth++
		case "}":
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

func (p *parser) unknownBlock(it piece) {
	word := it[0].Value
	p.list.Error(diag.UnknownBlock, tokenSpan(p.src, it[0]), "a file holds blocks, and "+quoted(word)+" begins none").
		Expected(alternatives(topWordList)).Found(quoted(word)).Nearest(word, topWordList, "")
}

// cutBlock takes the block that begins at code[i], and tells where the next may begin.
func (p *parser) cutBlock(code piece, i int) (block, int) {
	b := block{word: code[i].Value}
	j, depth := i+1, 0
	for j < len(code) && code[j].Value != "{" && !p.beginsBlock(code, i, j, depth) {
		depth = max(0, depth+open(code[j:j+1]))
		j++
	}
	b.head, b.all = code[i:j], code[i:j]
	if bare[b.word] {
		return b, j
	}
	if j == len(code) || code[j].Value != "{" {
		if !p.spoiled(p.pieceSpan(b.all)) {
			p.list.Error(diag.MissingBlock, after(p.src, b.head), quoted(b.word)+" needs a block in braces").Label("here").Expected("`{`").Hint(headForms[b.word].example)
		}
		return b, j
	}
	b.braces = true
	open, first := code[j], j+1
	for j = first; j < len(code) && code[j].Value != "}" && !(topWords[code[j].Value] && column(p.src, code[j]) == 1); {
		j++
	}
	b.items = cutItems(b.word, code[first:j])
	b.closed = j < len(code) && code[j].Value == "}"
	if b.closed {
		j++
	}
	b.all = code[i:j]
	if !b.closed && !p.spoiled(p.pieceSpan(b.all)) {
		p.list.Error(diag.UnclosedBlock, tokenSpan(p.src, open), "the block of "+quoted(b.word)+" is not closed").Label("opened here").Expected("`}`").Hint("add `}` behind the last line of the block")
	}
	return b, j
}

// beginsBlock tells whether the word code[j] begins a block behind the head at code[i], of which depth brackets are open. One that nobody knows does so
// in the first column with another word behind it, as no expression has two, behind a head that is a block by itself.
func (p *parser) beginsBlock(code piece, i, j, depth int) bool {
	t, ends := code[j], depth == 0 && mayEnd(code[i:j])
	if topWords[t.Value] {
		return startsLine(p.src, t) || ends
	}
	word := func(j int) bool { return j < len(code) && code[j].Type == symbol["Ident"] && !reserved[code[j].Value] }
	return bare[code[i].Value] && ends && word(j) && word(j+1) && column(p.src, t) == 1
}

// bare are the blocks without braces.
var bare = set("use", "measure")

// mayEnd tells whether a head, outside brackets, may end behind its last token: not where something is to follow. A comma too many does not hide
// the next block.
func mayEnd(head piece) bool {
	return len(head) > 1 && (head[len(head)-1].Value == "," || !goesOn(head))
}

// open is by how many brackets a run of tokens opens more than it closes.
func open(it piece) int {
	n := 0
	for _, t := range it {
		switch t.Value {
		case "(", "[":
			n++
		case ")", "]":
			n--
		}
	}
	return n
}

// goesOn tells whether the last token of a head or an item is one that something must follow: a bar that opens a norm among them.
func goesOn(it piece) bool {
	last := it[len(it)-1].Value
	if last != "|" {
		return unfinished[last]
	}
	bars := 0
	for _, t := range it {
		if t.Value == "|" {
			bars++
		}
	}
	return bars%2 == 1
}

func startsLine(src *diag.File, t lexer.Token) bool {
	start := strings.LastIndexByte(src.Text[:t.Pos.Offset], '\n') + 1
	return strings.TrimSpace(src.Text[start:t.Pos.Offset]) == ""
}

func column(src *diag.File, t lexer.Token) int { _, c := src.Position(t.Pos.Offset); return c }

// after is the place behind the last token of a piece.
func after(src *diag.File, p piece) diag.Span {
	t := p[len(p)-1]
	end := t.Pos.Offset + len(t.Value)
	return diag.Span{File: src, Start: end, End: end}
}

// itemWords begin an item of a block.
var itemWords = map[string]map[string]bool{
	"network": set("input", "layer", "output"),
	"learn":   set("forward", "inverse", "require"),
	"rule":    set("require", "fixed", "inverse", "feedback", "minimize", "descend"),
	"train":   set("batch", "epochs", "seed", "keep_last", "target", "augment", "log_every", "strict", "precision"),
}

// cutItems divides a block's body where an item begins.
func cutItems(block string, body piece) []piece {
	var items []piece
	depth, start := 0, 0
	flush := func(i int) {
		if i > start {
			items = append(items, body[start:i])
		}
		start = i
	}
	for i, t := range body {
		if depth == 0 && i > start && t.Type == symbol["Ident"] && begins(block, body, start, i) {
			flush(i)
		}
		depth = max(0, depth+open(body[i:i+1]))
	}
	flush(len(body))
	return items
}

// begins tells whether the word body[i] begins an item, the one before it having begun at start: a word of the block's own, NAME[…] = or
// NAME = in a rule, or a word where the item before it cannot go on, so that one that nobody knows is a mistake of its own.
func begins(block string, body piece, start, i int) bool {
	t, before := body[i], body[i-1]
	known := itemWords[block][t.Value]
	newLine := before.Pos.Line < t.Pos.Line
	if (newLine || before.Value == ",") && before.Value != "fixed" && (known || block == "rule" && defines(body, i)) {
		return true // whatever the item before it still needs
	}
	if goesOn(body[start:i]) {
		return false
	}
	switch block {
	case "network":
		if i == start+1 && !newLine {
			return false // the name of a layer, whatever it is
		}
		return known || newLine && !windowWords[t.Value] && !leads[before.Value] && body[max(start, i-2)].Value != "aux"
	case "learn":
		return known || i > start+1
	case "train":
		more := lists[body[start].Value] && !(i+1 < len(body) && body[i+1].Type == symbol["Number"])
		return known || i > start+1 && !more
	}
	if known {
		return !(before.Value == "fixed" && t.Value == "inverse")
	}
	return newLine && !reserved[t.Value] && !leads[before.Value] || defines(body, i)
}

// leads are words behind which their item goes on, on the same line or the next.
var leads = set("input", "layer", "output", "pool", "share", "init", "inverse", "fixed", "require")

// lists are the settings of any number of values.
var lists = set("augment")

// windowWords may begin a line inside a layer.
var windowWordList = []string{"stride", "dilation", "groups", "same", "valid", "pad"}

var windowWords = set(windowWordList...)

// defines tells whether NAME = or NAME[…] = stands at body[i].
func defines(body piece, i int) bool {
	i++
	if i < len(body) && body[i].Value == "[" {
		for i < len(body) && body[i].Value != "]" {
			i++
		}
		i++
	}
	return i < len(body) && body[i].Value == "="
}

// unfinished are the tokens behind which an item must go on.
var unfinished = set("+", "-", "*", "/", "^", "=", "(", ",", "[", "->", "over", "along", "of", "like", "from", "to", "for", "hidden", "every", "minimize", "descend",
	"feedback", "in", "..", "on")
