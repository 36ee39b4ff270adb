package main

import (
	"fmt"
	"os"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

type explainCmd struct {
	source
	Target string `help:"cpu or reference." default:"cpu" placeholder:"NAME"`
	Batch  *int   `help:"Samples of a batch." placeholder:"N"`
	Stage  string `help:"Print the program behind a pass instead: lowered, differentiate, share, simplify, split, fuse, order, place." placeholder:"NAME"`
}

func (explainCmd) Help() string { return "Example: bnetc explain examples/mnist_fc_sdtp_parallel.bnet" }

func (c *explainCmd) Run() error {
	t, err := findTarget(c.Target)
	if err != nil {
		return err
	}
	if err := mustExist(c.Program); err != nil {
		return err
	}
	set := c.Set
	if c.Batch != nil {
		set = append(set, fmt.Sprintf("train.batch=%d", *c.Batch))
	}
	p, err := checkProgram(c.Program, set)
	if err != nil {
		return err
	}
	made, err := compiled(p, t, 0)
	if err != nil {
		return err
	}
	if c.Stage == "" {
		fmt.Print(made.Explain())
		return nil
	}
	var names []string
	for _, s := range made.Stages {
		if s.Name == c.Stage {
			fmt.Print(s.Text)
			return nil
		}
		names = append(names, s.Name)
	}
	return usage{fmt.Sprintf("there is no stage %q; there are %s", c.Stage, strings.Join(names, ", "))}
}

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
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			if err := replaceFile(file, []byte(out), info.Mode()); err != nil {
				return err
			}
		}
	}
	if failed {
		return diagnosed
	}
	return nil
}

// replaceFile writes a file beside its place and moves it there whole.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}
