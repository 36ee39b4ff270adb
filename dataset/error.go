package dataset

import (
	"fmt"
	"strings"
)

// A Misfit is data of another shape or number of classes than the program's: a fault of either.
type Misfit struct {
	Spec    Spec
	H, W, C int // of a sample
	Classes int // 0 where labels are no classes, or are not wanted
}

// Error says what was expected and found of both.
func (m *Misfit) Error() string {
	expected, found := shape(m.Spec.H, m.Spec.W, m.Spec.C), shape(m.H, m.W, m.C)
	if m.Classes > 0 {
		expected, found = fmt.Sprintf("%s, %d classes", expected, m.Spec.Outputs), fmt.Sprintf("%s, %d classes", found, m.Classes)
	}
	return fmt.Sprintf("data set %s: expected samples of %s, as the network has them, found %s", m.Spec.Name, expected, found)
}

// An Error is a fault of the data, not of bnetc: a file that is missing, short, too long, mislabelled, or of another shape.
type Error struct {
	What     string // what was attempted, where there is no File: "opening mnist in ./data"
	File     string
	Where    string // "byte 16", "record 3, byte 9219"; "" of the file as a whole
	Expected string
	Found    string
	Remedy   string // "" where there is none but another file
	Err      error  // the operating system's or decoder's, or nil
	Step     bool   // it is a step of the program that does not go with the data
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
