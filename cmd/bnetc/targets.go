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
	name, says string
	aim        func(place) compiler.Target     // what the compiler aims at; a machine without the device aims too
	backend    func(place) backend.Backend     // what runs it, or refuses when it builds
	device     func(place) (device, error)     // the device that --device names; backend.Missing where there is none
	devices    func() (text string, facts any) // what `bnetc devices` says of it
}

// A place is where on a machine a plan is to run: what --device and --threads say, "" and 0 for the best there is.
type place struct {
	Device  string `help:"Device by number or name, where a target has several: bnetc devices lists them." placeholder:"N|NAME"`
	Threads count  `help:"Workers; all processors by default." placeholder:"N"`
}

// A device is what a target runs on.
type device struct {
	name   string
	memory int64 // bytes that a run may take; 0 where that is not known
	number int64 // bytes of a number in it
}

var targets = []target{
	{"cpu", "C with vector extensions, compiled by the system's compiler", cpuTarget,
		func(at place) backend.Backend { return &cpu.Backend{Threads: int(at.Threads)} }, cpuDevice, cpuDevices},
	vulkanRow,
	{"reference", "float64 in plain Go, by definition; slow",
		func(place) compiler.Target {
			return compiler.Target{Name: "reference", Vector: 1, Registers: 16, Cache: 1 << 40, Workers: 1, BatchLocal: true}
		},
		func(place) backend.Backend { return reference{} },
		func(at place) (device, error) {
			return device{"float64", int64(cpu.Memory()), 8}, onlyDevice(at, "reference", "float64")
		},
		func() (string, any) { return "float64 in plain Go", nil }},
}

func cpuTarget(at place) compiler.Target {
	f := cpu.Detect()
	threads := int(at.Threads)
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	// Weights stay close to a worker while they fit the last cache that it shares with the others.
	cache := int64(max(f.L2*2, f.L3/max(1, f.Cores)/4, 1<<20))
	return compiler.Target{Name: "cpu", Vector: f.VectorWidth, Registers: f.Registers, Cache: cache, L2: int64(max(f.L2, 0)), Workers: threads, BatchLocal: true}
}

func cpuDevice(at place) (device, error) {
	f := cpu.Detect()
	return device{fmt.Sprintf("%s, %s", f.Model, f.ISA), int64(cpu.Memory()), 4}, onlyDevice(at, "cpu", f.Model)
}

func cpuDevices() (string, any) {
	f := cpu.Detect()
	var caches []string // those that are known
	for _, bytes := range []int{f.L1, f.L2, f.L3} {
		if bytes > 0 {
			caches = append(caches, fmt.Sprintf("%d KiB", bytes>>10))
		}
	}
	return fmt.Sprintf("%s\n%s: vectors of %d floats, %d registers; %d processors; caches %s; memory %s",
		f.Model, f.ISA, f.VectorWidth, f.Registers, f.Cores, strings.Join(caches, ", "), compiler.BytesText(int64(cpu.Memory()))), f
}

// onlyDevice refuses a --device that is not the one a target has.
func onlyDevice(at place, target, name string) error {
	if at.Device == "" || at.Device == "0" || strings.EqualFold(at.Device, name) {
		return nil
	}
	return usage{fmt.Sprintf("--device %s: target %s has one device, 0 (%s)", at.Device, target, name)}
}

func targetNames() string {
	var names []string
	for _, t := range targets {
		names = append(names, t.name)
	}
	return strings.Join(names, ", ")
}

func findTarget(name string) (*target, error) {
	for i := range targets {
		if targets[i].name == name {
			return &targets[i], nil
		}
	}
	return nil, usage{fmt.Sprintf("no target is named %q; there are %s", name, targetNames())}
}

// reference runs plans on the float64 executor.
type reference struct{}

func (reference) Build(_ context.Context, p *kernel.Plan) (backend.Machine, error) {
	return ref.NewMachine(p)
}
