package compiler

import (
	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
)

// Tables tells the checker which nonlinearities, optimizers and schedules there are: it may not look at ir itself.
func Tables() check.Options {
	o := check.Options{Largest: ir.MaxUnits}
	for _, f := range ir.Functions {
		info := check.FunctionInfo{Name: f.Name, Output: f.OverAll}
		for _, p := range f.Params {
			info.Params = append(info.Params, p.Name)
		}
		o.Functions = append(o.Functions, info)
	}
	for _, row := range ir.Optimizers {
		if row.Name == "sum" {
			continue // of metrics
		}
		info := check.OptimizerInfo{Name: row.Name}
		for _, h := range row.Hyper {
			info.Hyper = append(info.Hyper, check.Setting{Name: h.Name, Value: h.Default})
		}
		o.Optimizers = append(o.Optimizers, info)
	}
	for _, d := range ir.Decays {
		o.Decays = append(o.Decays, d.Name)
	}
	for _, t := range kernel.Types {
		o.Precisions = append(o.Precisions, t.String())
	}
	return o
}
