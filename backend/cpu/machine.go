package cpu

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A Backend compiles plans for the processor that it runs on.
type Backend struct {
	Threads int    // workers, the caller included; 0 for one a processor
	ISA     string // instruction set to compile for; "" for the best this processor has
}

// A Machine is a plan in memory with its workers.
type Machine struct {
	plan    *kernel.Plan
	threads int
	memory  *memory
	code    *library
	form    form
}

var (
	_ backend.Backend  = (*Backend)(nil)
	_ backend.Keeper   = (*Backend)(nil)
	_ backend.Profiler = (*Machine)(nil)
)

// A form is a plan as compiled.
type form struct {
	source   string // C
	path     string // of the library
	manifest manifest
}

// Build prints, compiles (or finds compiled) and loads a plan.
func (b *Backend) Build(ctx context.Context, plan *kernel.Plan) (backend.Machine, error) {
	made, err := b.compile(ctx, plan)
	if err != nil {
		return nil, err
	}
	return b.start(ctx, plan, made)
}

// compile gives a plan compiled for the instruction set asked for.
func (b *Backend) compile(ctx context.Context, plan *kernel.Plan) (form, error) {
	if err := check(plan); err != nil {
		return form{}, err
	}
	f := Detect()
	if b.ISA != "" {
		if !runs(b.ISA) {
			return form{}, &backend.Missing{What: fmt.Sprintf("this processor does not have %s", b.ISA), Remedy: "it has " + f.ISA}
		}
		f.ISA = b.ISA
	}
	c, err := findCompiler()
	if err != nil {
		return form{}, err
	}
	index, err := c.index(plan, f)
	if err != nil {
		return form{}, err
	}
	if made, ok := index.find(c, f.ISA); ok {
		return made, nil
	}
	made, err := compileFor(ctx, Print(plan, f), f.ISA)
	if err == nil {
		index.keep(made.manifest.Hash)
	}
	return made, err
}

// compileFor gives a C file compiled for an instruction set.
func compileFor(ctx context.Context, source, isa string) (form, error) {
	c, err := findCompiler()
	if err != nil {
		return form{}, err
	}
	path, hash, err := c.compile(ctx, source, isa)
	if err != nil {
		return form{}, err
	}
	return form{source, path, manifest{ISA: isa, Arch: runtime.GOARCH, OS: runtime.GOOS, Compiler: c.version, Hash: hash}}, nil
}

// start gives a compiled plan memory and workers. A library of the cache that does not load (a disk was full, a file was cut) is
// compiled once more; one of a bundle was checked when it was read.
func (b *Backend) start(ctx context.Context, plan *kernel.Plan, made form) (*Machine, error) {
	m := &Machine{plan: plan, threads: b.Threads, form: made}
	if m.threads <= 0 {
		m.threads = runtime.GOMAXPROCS(0)
	}
	var err error
	if m.memory, err = allocate(plan); err != nil {
		return nil, err
	}
	if m.code, err = load(made.path, m.threads, m.memory.pointers()); err == nil {
		return m, nil
	}
	if fromCache(made.path) && os.Remove(made.path) == nil {
		if m.form, err = compileFor(ctx, made.source, made.manifest.ISA); err == nil {
			if m.code, err = load(m.form.path, m.threads, m.memory.pointers()); err == nil {
				return m, nil
			}
		}
	}
	_ = m.memory.free()
	return nil, err
}

// buffer gives the memory of a buffer whose length the data must have.
func (m *Machine) buffer(buffer int, data []float32) ([]float32, error) {
	if m.code == nil {
		return nil, fmt.Errorf("the machine of plan %s is closed", m.plan.Name)
	}
	if buffer < 0 || buffer >= len(m.memory.buffers) {
		return nil, fmt.Errorf("plan %s has %d buffers, no number %d", m.plan.Name, len(m.memory.buffers), buffer)
	}
	if t := m.plan.Buffers[buffer].Type; t != kernel.F32 {
		return nil, fmt.Errorf("buffer %s is %s: kernels alone read and write it", m.plan.Buffers[buffer].Name, t)
	}
	b := m.memory.buffers[buffer]
	if len(b) != len(data) {
		return nil, fmt.Errorf("buffer %s holds %d numbers, not %d", m.plan.Buffers[buffer].Name, len(b), len(data))
	}
	return b, nil
}

// Write fills a buffer.
func (m *Machine) Write(buffer int, data []float32) error {
	b, err := m.buffer(buffer, data)
	copy(b, data)
	return err
}

// Read copies a buffer's contents into data.
func (m *Machine) Read(buffer int, data []float32) error {
	b, err := m.buffer(buffer, data)
	copy(data, b)
	return err
}

// list gives the number of a list.
func (m *Machine) list(name string) (int, error) {
	if m.code == nil {
		return 0, fmt.Errorf("the machine of plan %s is closed", m.plan.Name)
	}
	return m.plan.List(name)
}

// Run executes a list; it does not stop in the middle of one.
func (m *Machine) Run(ctx context.Context, list string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := m.list(list)
	if err != nil {
		return err
	}
	m.code.call(n, nil)
	return nil
}

// Profile executes a list once and gives how long each of its steps took the slowest of its workers.
func (m *Machine) Profile(list string) ([]backend.KernelTime, error) {
	n, err := m.list(list)
	if err != nil {
		return nil, err
	}
	steps := m.plan.Lists[n].Steps
	times := make([]float64, len(steps)*m.threads+1)
	m.code.call(n, times)
	result := make([]backend.KernelTime, len(steps))
	for s, step := range steps {
		result[s] = backend.KernelTime{Kernel: m.plan.Kernels[step.Kernel].Name, Level: step.Level}
		for _, t := range times[s*m.threads : (s+1)*m.threads] {
			result[s].Seconds = max(result[s].Seconds, t)
		}
	}
	return result, nil
}

// Threads gives the number of workers.
func (m *Machine) Threads() int { return m.threads }

// Source gives the C that the machine runs.
func (m *Machine) Source() string { return m.form.source }

// Close ends the workers and gives the memory back. A second call does nothing.
func (m *Machine) Close() error {
	if m.code == nil {
		return nil
	}
	m.code.close()
	m.code = nil
	return m.memory.free()
}
