package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

type compileCmd struct {
	source
	aim
	Out string `short:"o" help:"The bundle; default FILE.bnetx." placeholder:"DIR"`
}

func (compileCmd) Help() string {
	return "Example: bnetc compile examples/digits_sdtp.bnet -o digits.bnetx && bnetc run digits.bnetx"
}

func (c *compileCmd) Run(ctx context.Context) error {
	p, err := c.load()
	if err != nil {
		return err
	}
	j, err := compile(ctx, p, c.Program, c.aim)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = filepath.Join(filepath.Dir(filepath.Clean(c.Program)), baseName(c.Program)+".bnetx")
	}
	if err := writeBundle(ctx, out, j); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d kernels for %s\n", out, len(j.made.Plan.Kernels), j.target.name)
	return nil
}
