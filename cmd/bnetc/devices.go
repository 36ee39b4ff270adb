package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
)

type devicesCmd struct {
	JSON bool `name:"json" help:"As JSON on standard output."`
}

func (devicesCmd) Help() string { return "Example: bnetc devices --json" }

func (c *devicesCmd) Run() error {
	facts := map[string]any{}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	for _, t := range targets {
		text, known := t.devices()
		facts[t.name] = known
		fmt.Fprintf(w, "%s\t%s\n", t.name, strings.ReplaceAll(text, "\n", "\n\t"))
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(facts)
	}
	return w.Flush()
}
