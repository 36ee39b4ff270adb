package runtime

import (
	"context"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// Prepared is a machine with drawn parameters and a random batch: what a benchmark runs.
type Prepared struct {
	Machine backend.Machine
	engine  *engine
	step    uint64
}

// Prepare builds a program's machine, draws its parameters and fills its inputs from a source of numbers in 0..1.
func Prepare(ctx context.Context, prog *Program, b backend.Backend, random func() float32) (*Prepared, error) {
	e, err := newEngine(ctx, prog, prog.Plan, b)
	if err != nil {
		return nil, err
	}
	m := e.machine
	fail := func(err error) (*Prepared, error) { m.Close(); return nil, err }
	if err := initialize(prog.Plan, m, prog.Seed); err != nil {
		return fail(err)
	}
	for i, buf := range prog.Plan.Buffers {
		if buf.Kind != kernel.Input {
			continue
		}
		d := make([]float32, buf.Elements())
		for k := range d {
			d[k] = random()
		}
		if buf.Name == "label" && !prog.LabelIsX {
			width := buf.Shape[len(buf.Shape)-1]
			for n := range buf.Shape[0] {
				clear(d[n*width : (n+1)*width])
				d[n*width+n%width] = 1
			}
		}
		if err := m.Write(i, d); err != nil {
			return fail(err)
		}
	}
	return &Prepared{Machine: m, engine: e}, nil
}

// Step runs a list once, with the settings of the next update.
func (p *Prepared) Step(ctx context.Context, list string) error {
	p.step++
	if err := p.engine.set.write(p.Machine, p.step, map[string]int{"forward": int(p.step), "inverse": int(p.step)}, 0); err != nil {
		return err
	}
	return p.Machine.Run(ctx, list)
}

// Close ends the machine.
func (p *Prepared) Close() error { return p.Machine.Close() }
