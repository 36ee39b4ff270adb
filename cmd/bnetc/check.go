package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"

	"bnetc/lang/diag"
)

type checkCmd struct {
	Files        []string `arg:"" help:"Programs." placeholder:"FILE.bnet"`
	Plausibility bool     `help:"Add the biological-plausibility report."`
	Set          []string `help:"Change a setting of the program; repeatable." placeholder:"PATH=VALUE" sep:"none"`
	JSON         bool     `name:"json" help:"Diagnostics as JSON on standard output."`
}

func (checkCmd) Help() string {
	return "Example: bnetc check --plausibility examples/mnist_fc_sdtp_parallel.bnet"
}

func (c *checkCmd) Run() error {
	var failed error
	all := []any{}
	for _, file := range c.Files {
		path, err := textOf(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bnetc: %v\n", err)
			failed = cmp.Or(failed, error(diagnosed{statusFault}))
			continue
		}
		var l diag.List
		p := checkInto(path, c.Set, &l)
		if p == nil {
			failed = cmp.Or(failed, faultOf(&l))
		}
		if c.JSON {
			for _, d := range l.Items() {
				all = append(all, d.JSON())
			}
		} else {
			l.Render(os.Stderr)
		}
		if p != nil && c.Plausibility {
			if len(c.Files) > 1 {
				fmt.Printf("%s\n\n", file)
			}
			fmt.Print(p.Report.String())
		}
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			return err
		}
	}
	return failed
}
