// Package diag holds files, spans and diagnostics, and prints them. It knows what a mistake looks like on a screen;
// not what a network is.
package diag

import (
	"cmp"
	"slices"
)

// A File is a source text with the name that diagnostics show.
type File struct {
	Name string
	Text string

	lines      []int // where they begin, once somebody asked
	head, tail int   // bytes of Text that nobody wrote
}

// Framed is a file of which somebody wrote the middle: the value of a setting, say, between words that make a file of it. Only the middle is shown.
func Framed(name, head, text, tail string) *File {
	return &File{Name: name, Text: head + text + tail, head: len(head), tail: len(tail)}
}

// A Span is a range of bytes of a file.
type Span struct {
	File       *File
	Start, End int
}

// A Severity of a Diagnostic.
type Severity uint8

const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string { return [...]string{"error", "warning"}[s] }

// A Label points at a span and says something about it ("needs an input of at least 5x5"); Text may be empty.
type Label struct {
	Span Span
	Text string
}

// A Diagnostic is one mistake, with everything a user needs to mend it. List makes it; its methods add to it, and return it.
type Diagnostic struct {
	code            Code
	severity        Severity
	message         string  // one line
	at              Label   // the caret
	also            []Label // the other half of the contradiction, in any file
	expected, found string
	hint            string // what to type instead; may have several lines
}

// Label says something behind the caret.
func (d *Diagnostic) Label(text string) *Diagnostic { d.at.Text = text; return d }

// Also points at another place that the mistake has to do with, in any file.
func (d *Diagnostic) Also(at Span, text string) *Diagnostic {
	d.also = append(d.also, Label{at, text})
	return d
}

// Expected and Found are the two sides of a contradiction.
func (d *Diagnostic) Expected(text string) *Diagnostic { d.expected = text; return d }
func (d *Diagnostic) Found(text string) *Diagnostic    { d.found = text; return d }

// Hint says what to type instead, as text that parses; it may have several lines.
func (d *Diagnostic) Hint(text string) *Diagnostic { d.hint = text; return d }

// Nearest hints at the candidate that a word may have meant, if one is near, and then lists what there is: "kinds: all, field". The word itself
// may be among the candidates, where it stands in a place that it cannot have; it is no hint.
func (d *Diagnostic) Nearest(word string, candidates []string, list string) *Diagnostic {
	near := Nearest(word, slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return c == word }))
	switch {
	case near != "" && list != "":
		return d.Hint("did you mean `" + near + "`? (" + list + ")")
	case near != "":
		return d.Hint("did you mean `" + near + "`?")
	}
	return d.Hint(list)
}

// Code, Severity and Where tell what kind of mistake it is, how bad, and where the caret stands.
func (d *Diagnostic) Code() Code         { return d.code }
func (d *Diagnostic) Severity() Severity { return d.severity }
func (d *Diagnostic) Where() Span        { return d.at.Span }

// A List collects diagnostics; it never stops at the first.
type List struct{ items []*Diagnostic }

// Error adds a mistake.
func (l *List) Error(code Code, at Span, message string) *Diagnostic {
	d := &Diagnostic{code: code, message: message, at: Label{Span: at}}
	l.items = append(l.items, d)
	return d
}

// Warn adds what is not wrong, but hardly meant.
func (l *List) Warn(code Code, at Span, message string) *Diagnostic {
	d := l.Error(code, at, message)
	d.severity = Warning
	return d
}

// Items are the diagnostics by file, in the order in which files were first named, then by position; of equal ones at one place the first.
func (l *List) Items() []*Diagnostic {
	type kind struct {
		code    Code
		at      Span
		message string // where there is no place
	}
	var out []*Diagnostic
	files, seen := map[*File]int{}, map[kind]bool{}
	for _, d := range l.items {
		if _, ok := files[d.at.Span.File]; !ok {
			files[d.at.Span.File] = len(files)
		}
		k := kind{code: d.code, at: d.at.Span}
		if k.at.File == nil {
			k.message = d.message
		}
		if !seen[k] {
			out = append(out, d)
		}
		seen[k] = true
	}
	slices.SortStableFunc(out, func(a, b *Diagnostic) int {
		x, y := a.at.Span, b.at.Span
		return cmp.Or(cmp.Compare(files[x.File], files[y.File]), cmp.Compare(x.Start, y.Start))
	})
	return out
}

// Len counts what was added.
func (l *List) Len() int { return len(l.items) }

// HasErrors tells whether anything worse than a warning was added.
func (l *List) HasErrors() bool {
	return slices.ContainsFunc(l.items, func(d *Diagnostic) bool { return d.severity == Error })
}
