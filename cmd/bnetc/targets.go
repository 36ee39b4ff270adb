package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"bnetc/backend"
	"bnetc/backend/cpu"
	"bnetc/compiler"
	"bnetc/ir/kernel"
	"bnetc/ir/ref"
)

// A target is one way to run a plan: a row of targets, and the only place that knows which there are.
type target struct {
	name    string
	says    string
	machine func(threads int) compiler.Target // what the compiler aims at
	backend func(threads int) backend.Backend // what runs it
	device  func() string
}

var targets = []target{
	{"cpu", "C with vector extensions, compiled by the system's compiler", cpuTarget,
		func(threads int) backend.Backend { return &cpu.Backend{Threads: threads} },
		func() string { f := cpu.Detect(); return fmt.Sprintf("%s, %s", f.Model, f.ISA) }},
	{"reference", "float64 in plain Go, by definition; slow",
		func(int) compiler.Target {
			return compiler.Target{Name: "reference", Vector: 1, Registers: 16, Cache: 1 << 40, Workers: 1, BatchLocal: true}
		},
		func(int) backend.Backend { return reference{} },
		func() string { return "float64" }},
}

func cpuTarget(threads int) compiler.Target {
	f := cpu.Detect()
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	// Weights stay close to a worker while they fit the last cache that it shares with the others.
	cache := int64(max(f.L2*2, f.L3/max(1, f.Cores)/4, 1<<20))
	return compiler.Target{Name: "cpu", Vector: f.VectorWidth, Registers: f.Registers, Cache: cache, Workers: threads, BatchLocal: true}
}

func findTarget(name string) (*target, error) {
	var names []string
	for i := range targets {
		if targets[i].name == name {
			return &targets[i], nil
		}
		names = append(names, targets[i].name)
	}
	if name == "vulkan" {
		return nil, &backend.Missing{What: "this build of bnetc has no Vulkan backend", Remedy: "use --target cpu"}
	}
	return nil, usage{fmt.Sprintf("no target is named %q; there are %s", name, strings.Join(names, ", "))}
}

// reference runs plans on the float64 executor.
type reference struct{}

func (reference) Build(_ context.Context, p *kernel.Plan) (backend.Machine, error) {
	return ref.NewMachine(p)
}
