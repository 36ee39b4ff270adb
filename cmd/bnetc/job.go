package main

import (
	"context"
	"fmt"
	"path/filepath"

	"bnetc/backend"
	"bnetc/compiler"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
	"bnetc/runtime"
)

// An aim is the target that a command line names, and where on the machine it is to run.
type aim struct {
	Target string `help:"${targets}; a bundle's own by default, else cpu." placeholder:"NAME"`
	place
}

// A job is a checked program, compiled for a target, on its way to a machine.
type job struct {
	program *check.Program
	target  *target
	at      place
	made    *compiler.Compilation
	bundle  *bundle // whose kept code is this program's, or nil
}

// compile compiles a program for a target; a bundle's own is the default.
func compile(ctx context.Context, p *check.Program, path string, to aim) (*job, error) {
	b, err := openBundle(path)
	if err != nil {
		return nil, err
	}
	name := to.Target
	switch {
	case name != "":
	case b != nil:
		name = b.Target
	default:
		name = targets[0].name
	}
	t, err := findTarget(name)
	if err != nil {
		return nil, err
	}
	made, err := compiled(ctx, p, p.Train.Batch, t.aim(to.place))
	if err != nil {
		return nil, err
	}
	if b != nil && (b.Target != t.name || b.Lowered != loweredHash(made)) {
		b = nil // it is for another target, or --set changed more than values
	}
	return &job{p, t, to.place, made, b}, nil
}

// compiled is what the compiler makes of a program, for a process that ends when ctx does: it then returns at once, and leaves the compiler behind.
func compiled(ctx context.Context, p *check.Program, batch int, to compiler.Target) (*compiler.Compilation, error) {
	type result struct {
		made *compiler.Compilation
		err  error
	}
	done := make(chan result, 1)
	go func() {
		made, err := compiler.Compile(p, batch, to)
		done <- result{made, err}
	}()
	select {
	case r := <-done:
		return r.made, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fit finds the device, and refuses a run that its memory cannot hold.
func (j *job) fit() (device, error) {
	d, err := j.target.device(j.at)
	if err != nil {
		return d, err
	}
	return d, j.fits(d)
}

// fits refuses a run that a device's memory cannot hold.
func (j *job) fits(d device) error {
	m := compiler.MemoryOf(j.made.Plan)
	need := m.Peak() / 4 * d.number
	if d.memory == 0 || need <= d.memory {
		return nil
	}
	batch := int64(j.made.Plan.Batch)
	fixed, sample := (m.Parameters+m.States)/4*d.number, (m.Activities+m.Inputs)/4*d.number/batch
	remedy := "use a smaller network, or a machine with more memory"
	if room := (d.memory - fixed) / max(1, sample); fixed < d.memory && room >= 1 {
		remedy = fmt.Sprintf("a smaller batch needs less: --batch %d would fit", min(room, batch-1))
	}
	return &backend.Missing{
		What: fmt.Sprintf("%s at batch %d needs %s, and this machine has %s for it (%s)", j.program.Name, batch,
			compiler.BytesText(need), compiler.BytesText(d.memory), m),
		Remedy: remedy,
	}
}

// fitsBoth refuses a run that a device's memory cannot hold with the machine for its incomplete last batch beside the other.
func (j *job) fitsBoth(d device, short *kernel.Plan) error {
	need := (compiler.MemoryOf(j.made.Plan).Peak() + compiler.MemoryOf(short).Peak()) / 4 * d.number
	if d.memory == 0 || need <= d.memory {
		return nil
	}
	return &backend.Missing{
		What: fmt.Sprintf("%s at batch %d and at %d, its last batch, needs %s, and this machine has %s for it", j.program.Name, j.made.Plan.Batch, short.Batch,
			compiler.BytesText(need), compiler.BytesText(d.memory)),
		Remedy: "drop the last batch with --set train.keep_last=false, or take a --batch that divides the samples",
	}
}

// build makes the engine for the plan to run: the bundle's where there is one, else what was compiled.
func (j *job) build(ctx context.Context) (*runtime.Engine, error) {
	b, plan := j.target.backend(j.at), j.made.Plan
	var m backend.Machine
	var err error
	if keeper, ok := b.(backend.Keeper); ok && j.bundle != nil {
		m, plan, err = keeper.Open(ctx, filepath.Join(j.bundle.dir, j.target.name))
	} else {
		m, err = b.Build(ctx, plan)
	}
	if err != nil {
		return nil, err
	}
	return runtime.NewEngine(ctx, runnable(j.program), plan, m)
}
