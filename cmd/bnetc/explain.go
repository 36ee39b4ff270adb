package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bnetc/backend"
	"bnetc/compiler"
)

type explainCmd struct {
	source
	aim
	Stage string `help:"Print the program behind a pass instead: lowered, differentiate, share, simplify, split, fuse, order, narrow, place." placeholder:"NAME"`
}

func (explainCmd) Help() string { return "Example: bnetc explain examples/mnist_fc_sdtp_parallel.bnet" }

func (c *explainCmd) Run() error {
	p, err := c.load()
	if err != nil {
		return err
	}
	j, err := compile(context.Background(), p, c.Program, c.aim) // which a signal ends with the process
	if err != nil {
		return err
	}
	if c.Stage != "" {
		return printStage(j.made, c.Stage)
	}
	fmt.Print(j.made.Explain())
	// Whether a run would start here is worth knowing, and no reason to fail.
	d, err := j.fit()
	var missing *backend.Missing
	switch {
	case errors.As(err, &missing):
		fmt.Printf("this machine cannot run it: %v\n", missing)
	case err != nil:
		return err
	case d.memory > 0:
		fmt.Printf("this machine has %s for it\n", compiler.BytesText(d.memory))
	}
	return nil
}

func printStage(c *compiler.Compilation, name string) error {
	var names []string
	for _, s := range c.Stages {
		if s.Name == name {
			fmt.Print(s.Text)
			return nil
		}
		names = append(names, s.Name)
	}
	return usage{fmt.Sprintf("there is no stage %q; there are %s", name, strings.Join(names, ", "))}
}
