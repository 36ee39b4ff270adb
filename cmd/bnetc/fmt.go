package main

import (
	"fmt"
	"io"
	"os"

	"bnetc/lang"
	"bnetc/lang/diag"
	"bnetc/runtime/replace"
)

type fmtCmd struct {
	Files []string `arg:"" help:"Programs." placeholder:"FILE.bnet"`
	Check bool     `help:"Change nothing; list the files that differ and exit with 1 if there are any."`
}

func (fmtCmd) Help() string { return "Example: bnetc fmt --check examples/*.bnet" }

// read is the text of a file; the error says which other name may have been meant.
func read(file string) ([]byte, error) {
	if err := readable(file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

func (c *fmtCmd) Run() error {
	failed := false
	for _, file := range c.Files {
		text, err := read(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bnetc: %v\n", err)
			failed = true
			continue
		}
		var l diag.List
		out, ok := lang.Format(&diag.File{Name: file, Text: string(text)}, &l)
		l.Render(os.Stderr)
		switch {
		case !ok:
			failed = true
		case out == string(text):
		case c.Check:
			fmt.Println(file)
			failed = true
		default:
			if err := replace.File(file, func(w io.Writer) error { _, err := io.WriteString(w, out); return err }); err != nil {
				return err
			}
		}
	}
	if failed {
		return diagnosed{statusFault}
	}
	return nil
}
