package dataset

import "strings"

// An Error is a fault of the data, not of bnetc: a file that is missing, short, too long, mislabelled, or of another shape.
type Error struct {
	What     string // what was attempted, where there is no File: "opening mnist in ./data"
	File     string
	Where    string // "byte 16", "record 3, byte 9219"; "" of the file as a whole
	Expected string
	Found    string
	Remedy   string // "" where there is none but another file
	Err      error  // the operating system's or decoder's, or nil
}

// Error is the file, the place, what was expected and found, and the remedy.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.What)
	if e.File != "" {
		if e.What != "" {
			b.WriteString(" ")
		}
		b.WriteString(e.File)
	}
	if e.Where != "" {
		b.WriteString(": " + e.Where)
	}
	if e.Expected != "" {
		b.WriteString(": expected " + e.Expected)
	}
	if e.Found != "" {
		if e.Expected != "" {
			b.WriteString(", found " + e.Found)
		} else {
			b.WriteString(": " + e.Found)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Unwrap is the error below.
func (e *Error) Unwrap() error { return e.Err }
