package lang

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"bnetc/lang/diag"
)

// symbol is the token type of each lexer rule.
var symbol = tokens.Symbols()

// lexed splits a source into tokens. Comments stay; what the lexer does not know becomes a diagnostic and is left out.
func lexed(src *diag.File, l *diag.List) []lexer.Token {
	lex, err := tokens.LexString(src.Name, src.Text)
	if err != nil {
		panic("bug: " + err.Error())
	}
	var out []lexer.Token
	for {
		t, err := lex.Next()
		if err != nil {
			panic("bug: the last rule takes any character: " + err.Error())
		}
		if t.EOF() {
			return append(out, t)
		}
		switch t.Type {
		case symbol["Space"]:
		case symbol["Unknown"]:
			unknownCharacter(src, t, l)
		default:
			out = append(out, t)
		}
	}
}

func unknownCharacter(src *diag.File, t lexer.Token, l *diag.List) {
	at := tokenSpan(src, t)
	d := diag.Diagnostic{Code: "unexpected-character", Message: "no such character in the language: " + quoted(t.Value), At: diag.Label{Span: at}}
	if t.Value == `"` {
		d.Code, d.Message = "unclosed-string", "this string is not closed on its line"
		d.Hint = "end it with \""
		at.End = at.Start + len(strings.SplitN(src.Text[at.Start:], "\n", 2)[0])
		d.At.Span = at
	}
	l.Add(d)
}

func tokenSpan(src *diag.File, t lexer.Token) diag.Span {
	return diag.Span{File: src, Start: t.Pos.Offset, End: t.Pos.Offset + len(t.Value)}
}

func quoted(s string) string { return "`" + s + "`" }

// topWords begin a block of a file.
var topWords = map[string]bool{"use": true, "network": true, "learn": true, "train": true, "rule": true, "measure": true}

// A piece is a run of tokens that is parsed by itself.
type piece []lexer.Token

// A block is a top-level piece: its head, and where it has braces, its items.
type block struct {
	word   string
	head   piece
	items  []piece
	braces bool
	all    piece
}

// cutBlocks divides a file at its top-level words. A word at brace depth 0 begins a block, and so does one that begins a line inside an unclosed block.
func cutBlocks(src *diag.File, list []lexer.Token, l *diag.List) []block {
	var blocks []block
	i := 0
	code := list[:0:0]
	for _, t := range list {
		if t.Type != symbol["Comment"] && !t.EOF() {
			code = append(code, t)
		}
	}
	for i < len(code) {
		t := code[i]
		if !topWords[t.Value] {
			j := i
			for j < len(code) && !topWords[code[j].Value] {
				j++
			}
			unknownBlock(src, code[i:j], l)
			i = j
			continue
		}
		b, next := cutBlock(src, code, i, l)
		blocks = append(blocks, b)
		i = next
	}
	return blocks
}

func unknownBlock(src *diag.File, p piece, l *diag.List) {
	d := diag.Diagnostic{Code: "unknown-block", Message: "a file holds blocks, and " + quoted(p[0].Value) + " begins none",
		At: diag.Label{Span: tokenSpan(src, p[0])}, Expected: "`use`, `network`, `learn`, `train`, `rule` or `measure`", Found: quoted(p[0].Value)}
	if near := diag.Nearest(p[0].Value, []string{"use", "network", "learn", "train", "rule", "measure"}); near != "" {
		d.Hint = "did you mean " + quoted(near) + "?"
	}
	l.Add(d)
}

// cutBlock takes the block that begins at code[i].
func cutBlock(src *diag.File, code []lexer.Token, i int, l *diag.List) (block, int) {
	b := block{word: code[i].Value}
	j := i + 1
	depth := 0
	for j < len(code) && !(depth == 0 && (code[j].Value == "{" || topWords[code[j].Value] && startsLine(src, code[j]))) {
		j++
	}
	if b.word == "use" || b.word == "measure" {
		b.head, b.all = code[i:j], code[i:j]
		return b, j
	}
	b.head = code[i:j]
	if j == len(code) || code[j].Value != "{" {
		b.all = code[i:j]
		l.Add(diag.Diagnostic{Code: "missing-block", Message: "`" + b.word + "` needs a block in braces",
			At: diag.Label{Span: after(src, b.head), Text: "here"}, Expected: "`{`", Hint: quoted(b.word + " " + exampleName[b.word] + " { … }")})
		return b, j
	}
	b.braces = true
	open := j
	j++
	depth = 1
	first := j
	for j < len(code) {
		switch code[j].Value {
		case "{":
			depth++
		case "}":
			depth--
		}
		if depth == 0 {
			break
		}
		if topWords[code[j].Value] && startsLine(src, code[j]) && column(src, code[j]) == 1 {
			break
		}
		j++
	}
	closed := j < len(code) && code[j].Value == "}"
	if !closed {
		l.Add(diag.Diagnostic{Code: "unclosed-block", Message: "the block of `" + b.word + "` is not closed",
			At: diag.Label{Span: tokenSpan(src, code[open]), Text: "opened here"}, Expected: "`}`", Hint: "add `}` behind the last line of the block"})
	}
	b.items = cutItems(b.word, code[first:j])
	end := j
	if closed {
		end++
	}
	b.all = code[i:end]
	return b, end
}

var exampleName = map[string]string{"network": "NAME", "learn": "RULE", "train": "on DATA", "rule": "NAME"}

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
	"network": {"input": true, "layer": true, "output": true},
	"learn":   {"forward": true, "inverse": true, "require": true},
	"rule":    {"require": true, "fixed": true, "inverse": true, "feedback": true, "minimize": true, "descend": true},
	"train": {"batch": true, "epochs": true, "seed": true, "keep_last": true, "target": true, "augment": true, "normalize": true, "log_every": true, "strict": true,
		"loss": true},
}

// cutItems divides a block's body where an item begins: at a word of its own, or, in a rule, at NAME[…] = and NAME =.
func cutItems(block string, body piece) []piece {
	var items []piece
	depth := 0
	start := 0
	flush := func(i int) {
		if i > start {
			items = append(items, body[start:i])
		}
		start = i
	}
	for i, t := range body {
		if depth == 0 && i > start && begins(block, body, i) {
			flush(i)
		}
		switch t.Value {
		case "(", "[":
			depth++
		case ")", "]":
			depth = max(0, depth-1)
		}
	}
	flush(len(body))
	return items
}

func begins(block string, body piece, i int) bool {
	t, before := body[i], body[i-1]
	if t.Type != symbol["Ident"] {
		return false
	}
	if itemWords[block][t.Value] {
		switch {
		case block == "rule" && before.Value == "fixed", block == "network" && before.Value == ",", block == "network" && before.Value == "=":
			return false
		case block == "train" && (before.Value == "," || before.Value == "augment"):
			return false
		}
		return !(block == "train" && t.Value == "normalize" && before.Value == ",")
	}
	if block != "rule" {
		// A word that no item begins with, at the start of a line, is a mistake of its own.
		return block != "train" && i > 0 && body[i-1].Pos.Line < t.Pos.Line && before.Value != "," && before.Value != "="
	}
	if i+1 < len(body) && body[i+1].Value == "=" && before.Value != "for" {
		return true
	}
	if i+1 < len(body) && body[i+1].Value == "[" {
		for j := i + 2; j < len(body); j++ {
			if body[j].Value == "]" {
				return j+1 < len(body) && body[j+1].Value == "=" && !continues(before)
			}
		}
	}
	return false
}

// continues tells whether a token leaves an expression unfinished.
func continues(t lexer.Token) bool {
	switch t.Value {
	case "+", "-", "*", "/", "^", "=", "(", ",", "[", "|", "over", "along", "of", "like", "from", "to", "minimize", "descend", "inverse", "feedback", "in", "..":
		return true
	}
	return false
}
