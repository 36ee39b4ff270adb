package ir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What the text forms of both levels have in common: names, notes and words, and how a line of them is read.

// WordOf is the word of a value in the text form, by the table of words.
func WordOf[T ~uint8](words []string, v T) string {
	if int(v) < len(words) {
		return words[v]
	}
	return fmt.Sprintf("?%d", v)
}

// NameText is a name as it is where it reads as one and is no reserved word, and quoted elsewhere.
func NameText(name string, reserved []string) string {
	if p := (ExprParser{Text: name}); name != "" && p.Word() == name && !slices.Contains(reserved, name) {
		return name
	}
	return strconv.Quote(name)
}

// NoteText is a note as it stands behind a #, to the end of its line; quoted where it would not come back as it is.
func NoteText(note string) string {
	if strings.TrimSpace(note) != note || strings.ContainsAny(note, "\n\r") || note[0] == '"' {
		return strconv.Quote(note)
	}
	return note
}

// A LineParser reads one line of a text form, word by word; after the first mistake, which Err says, it reads nothing more.
type LineParser struct {
	ExprParser
	Number int // of the line
	Err    error
}

// Wrong notes a mistake of the line, unless there was one before.
func (l *LineParser) Wrong(err error) {
	if l.Err == nil {
		l.Err = fmt.Errorf("line %d: %w", l.Number, err)
	}
}

// Missing notes that something else is expected than what stands here.
func (l *LineParser) Missing(expected string) {
	if l.Err == nil {
		l.Wrong(l.Fail(expected))
	}
}

// More tells whether the line goes on, and no mistake has been met.
func (l *LineParser) More() bool { return l.Err == nil && l.Next() != 0 }

// End expects the end of the line.
func (l *LineParser) End() error {
	if l.More() {
		l.Missing("the end of the line")
	}
	return l.Err
}

// OneOf reads one of the words and gives its place among them, 0 after a mistake.
func (l *LineParser) OneOf(words []string, expected string) int {
	from := l.At
	i := slices.Index(words, l.Word())
	if i < 0 {
		l.At = from
		l.Missing(expected)
	}
	return max(i, 0)
}

// Name reads a name, plain or quoted.
func (l *LineParser) Name() string {
	if l.Err != nil {
		return ""
	}
	if l.Next() == '"' {
		return l.Quoted()
	}
	name := l.Word()
	if name == "" {
		l.Missing("a name")
	}
	return name
}

// Quoted reads a text in quotes.
func (l *LineParser) Quoted() string {
	l.Next()
	prefix, err := strconv.QuotedPrefix(l.Text[l.At:])
	if err != nil || l.Err != nil {
		l.Missing("a text in quotes")
		return ""
	}
	l.At += len(prefix)
	text, _ := strconv.Unquote(prefix)
	return text
}

// Note reads what NoteText wrote.
func (l *LineParser) Note() string {
	if l.Next() == '"' {
		return l.Quoted()
	}
	note := l.Text[l.At:]
	l.At = len(l.Text)
	return note
}

// Integer reads a whole number.
func (l *LineParser) Integer() int { return int(l.Integer64()) }

// Integer64 reads a whole number of 64 bits.
func (l *LineParser) Integer64() int64 {
	return number(l, "a whole number", func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
}

// Real reads a number.
func (l *LineParser) Real() float64 {
	return number(l, "a number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
}

// Stream reads the number of a Philox stream.
func (l *LineParser) Stream() uint32 {
	return uint32(number(l, "a stream, of 32 bits", func(s string) (uint64, error) { return strconv.ParseUint(s, 0, 32) }))
}

// number reads what a number in Go's notation can have.
func number[T any](l *LineParser, expected string, read func(string) (T, error)) T {
	l.Next()
	from := l.At
	for l.At < len(l.Text) && strings.IndexByte("0123456789abcdefABCDEFx.+-", l.Text[l.At]) >= 0 {
		l.At++
	}
	v, err := read(l.Text[from:l.At])
	if err != nil {
		l.At = from
		l.Missing(expected)
	}
	return v
}
