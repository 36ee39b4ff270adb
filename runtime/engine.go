package runtime

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// An Engine is a machine with what a program needs to run on it: its settings, and the sums that it adds up.
type Engine struct {
	prog    *Program
	plan    *kernel.Plan
	machine backend.Machine
	set     *settings
	sums    []sum
	ended   results
}

// NewEngine takes over the machine of one of a program's plans, draws its parameters and clears what else outlives a step. It wants no data, so that it may be
// made while that is read.
func NewEngine(ctx context.Context, prog *Program, plan *kernel.Plan, m backend.Machine) (*Engine, error) {
	e := &Engine{prog: prog, plan: plan, machine: m, sums: sumsOf(plan)}
	var err error
	if e.set, err = newSettings(prog, plan); err == nil {
		err = initialize(ctx, plan, m, prog.Seed)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return e, nil
}

// Plan is what the engine's machine runs.
func (e *Engine) Plan() *kernel.Plan { return e.plan }

// Machine is the engine's machine.
func (e *Engine) Machine() backend.Machine { return e.machine }

// Close ends the machine.
func (e *Engine) Close() error { return e.machine.Close() }

// feed writes a batch into the inputs; of a batch with more rows than the plan has, the first. A batch that lies on the device is fetched there.
func (e *Engine) feed(b *Batch) error {
	if b.rows != nil {
		return e.machine.(backend.Resident).Fetch(b.set, b.rows, b.moves)
	}
	for i, buf := range e.plan.Buffers {
		if buf.Kind != kernel.Input {
			continue
		}
		var data []float32
		switch buf.Name {
		case "x":
			data = b.X
		case "label":
			data = b.Label
			if e.prog.LabelIsX {
				data = b.X
			}
		case "weight":
			data = b.Weight
		}
		if err := e.machine.Write(i, data[:e.plan.Batch*(len(data)/len(b.Weight))]); err != nil {
			return err
		}
	}
	return nil
}

// kept are the buffers that outlive a step.
var kept = []kernel.BufferKind{kernel.Weight, kernel.State, kernel.Metric, kernel.Constant}

// copyTo copies parameters, states and sums by name into an engine for another batch size.
func (e *Engine) copyTo(to *Engine) error {
	for i, b := range e.plan.Buffers {
		if !slices.Contains(kept, b.Kind) {
			continue
		}
		d := make([]float32, b.Elements())
		if err := errors.Join(e.machine.Read(i, d), to.machine.Write(to.plan.Buffer(b.Name), d)); err != nil {
			return err
		}
	}
	return nil
}

// A sum is a buffer that a list adds to: "train.loss", "forward_loss.l1", "errors".
type sum struct {
	name   string
	buffer int
}

func sumsOf(p *kernel.Plan) []sum {
	var out []sum
	for i, b := range p.Buffers {
		if b.Kind == kernel.Metric {
			out = append(out, sum{b.Name, i})
		}
	}
	return out
}

// inTraining tells the sums of training lists from those of evaluation.
func (s sum) inTraining() bool {
	return s.name == "train.loss" || strings.HasPrefix(s.name, "forward_loss.") || strings.HasPrefix(s.name, "inverse_loss.")
}

// clear sets the sums of training or of evaluation to zero.
func (e *Engine) clear(training bool) error {
	for _, s := range e.sums {
		if s.inTraining() == training {
			if err := e.machine.Write(s.buffer, []float32{0}); err != nil {
				return err
			}
		}
	}
	return nil
}

// read gives the sums of training or of evaluation, in the plan's order.
func (e *Engine) read(training bool) ([]namedSum, error) {
	var out []namedSum
	v := []float32{0}
	for _, s := range e.sums {
		if s.inTraining() != training {
			continue
		}
		if err := e.machine.Read(s.buffer, v); err != nil {
			return nil, err
		}
		out = append(out, namedSum{s.name, float64(v[0])})
	}
	return out, nil
}

type namedSum struct {
	name  string
	value float64
}
