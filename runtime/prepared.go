package runtime

import (
	"context"

	"bnetc/ir/kernel"
)

// Prepared is an engine with a random batch: what a benchmark runs.
type Prepared struct {
	*Engine
	step uint64
}

// Prepare fills an engine's inputs from a source of numbers in 0..1.
func Prepare(e *Engine, random func() float32) (*Prepared, error) {
	for i, buf := range e.plan.Buffers {
		if buf.Kind != kernel.Input {
			continue
		}
		d := make([]float32, buf.Elements())
		for k := range d {
			d[k] = random()
		}
		if buf.Name == "label" && !e.prog.LabelIsX {
			width := buf.Shape[len(buf.Shape)-1]
			for n := range buf.Shape[0] {
				clear(d[n*width : (n+1)*width])
				d[n*width+n%width] = 1
			}
		}
		if err := e.machine.Write(i, d); err != nil {
			return nil, err
		}
	}
	return &Prepared{Engine: e}, nil
}

// Step runs a list once, with the settings of the next update.
func (p *Prepared) Step(ctx context.Context, list string) error {
	p.step++
	if err := p.set.write(p.machine, p.step, map[string]int{"forward": int(p.step), "inverse": int(p.step)}, 0); err != nil {
		return err
	}
	return p.machine.Run(ctx, list)
}
