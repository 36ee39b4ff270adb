// Package diag holds files, spans and diagnostics, and prints them. It knows what a mistake looks like on a screen;
// not what a network is.
package diag

// A File is a source text with the name that diagnostics show.
type File struct {
	Name string
	Text string
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

// A Label points at a span and says something about it ("needs an input of at least 5x5"); Text may be empty.
type Label struct {
	Span Span
	Text string
}

// A Code names a kind of mistake: "field-too-large". It is also its anchor in docs/diagnostics.md and its golden file's name.
type Code string

// A Diagnostic is one mistake, with everything a user needs to mend it.
type Diagnostic struct {
	Code            Code
	Severity        Severity
	Message         string  // one line
	At              Label   // the caret
	Also            []Label // the other half of the contradiction, in any file
	Expected, Found string
	Hint            string // what to type instead; may have several lines
}
