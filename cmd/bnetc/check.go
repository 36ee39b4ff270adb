package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"

	"bnetc/lang/check"
	"bnetc/lang/diag"
)

type checkCmd struct {
	Files        []string `arg:"" help:"Programs." placeholder:"FILE.bnet"`
	Plausibility bool     `help:"Add the biological-plausibility report."`
	Set          []string `help:"Change a setting of the program; repeatable." placeholder:"PATH=VALUE" sep:"none"`
	JSON         bool     `name:"json" help:"Diagnostics as JSON on standard output; with --plausibility, an object of them and of the reports."`
}

func (checkCmd) Help() string {
	return "Example: bnetc check --plausibility examples/mnist_fc_sdtp_parallel.bnet"
}

// plausibility is a program's report as --json prints it: of each layer, the expressions that make its learning implausible.
type plausibility struct {
	File           string              `json:"file"`
	SeparatePhases bool                `json:"separate_phases"`
	Layers         []layerPlausibility `json:"layers"`
}

type layerPlausibility struct {
	Layer            string   `json:"layer"`
	WeightTransport  []string `json:"weight_transport"`
	TransportedError []string `json:"transported_error"`
	NonLocal         []string `json:"non_local"`
	WeightSharing    []string `json:"weight_sharing"`
	TaskGradient     []string `json:"task_gradient"`
}

func plausibilityOf(file string, r *check.Plausibility) plausibility {
	texts := func(list []check.Evidence) []string {
		out := []string{}
		for _, e := range list {
			out = append(out, e.Text)
		}
		return out
	}
	p := plausibility{file, r.SeparatePhases, []layerPlausibility{}}
	for _, l := range r.Rows {
		p.Layers = append(p.Layers, layerPlausibility{l.Layer, texts(l.WeightTransport), texts(l.TransportedError), texts(l.NonLocal), texts(l.WeightSharing), texts(l.TaskGradient)})
	}
	return p
}

func (c *checkCmd) Run() error {
	var failed error
	all, reports := []any{}, []plausibility{}
	for _, file := range c.Files {
		path, err := textOf(file)
		if err != nil {
			if c.JSON {
				all = append(all, diag.Record{Code: "unreadable", Severity: diag.Error.String(), Message: err.Error(), At: diag.Place{File: file}})
			} else {
				fmt.Fprintf(os.Stderr, "bnetc: %v\n", err)
			}
			failed = cmp.Or(failed, error(diagnosed{statusFault}))
			continue
		}
		var l diag.List
		p := checkInto(path, c.Set, &l)
		if p == nil {
			failed = cmp.Or(failed, faultOf(&l, path, c.Set))
		}
		if c.JSON {
			for _, d := range l.Items() {
				all = append(all, d.JSON())
			}
		} else {
			l.Render(os.Stderr)
		}
		switch {
		case p == nil || !c.Plausibility:
		case c.JSON:
			reports = append(reports, plausibilityOf(file, p.Report))
		default:
			if len(c.Files) > 1 {
				fmt.Printf("%s\n\n", file)
			}
			fmt.Print(p.Report.String())
		}
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		var document any = all
		if c.Plausibility {
			document = map[string]any{"diagnostics": all, "plausibility": reports}
		}
		if err := e.Encode(document); err != nil {
			return err
		}
	}
	return failed
}
