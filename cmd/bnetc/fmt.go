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

func (c *fmtCmd) Run() error {
	failed := false
	for _, file := range c.Files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
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
