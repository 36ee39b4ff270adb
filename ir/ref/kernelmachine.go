package ref

import (
	"context"
	"fmt"
	"math"

	"bnetc/ir/kernel"
)

// A Machine runs a plan as a backend's machine does, in float64 inside; where a buffer's elements have 16 bits, what is stored is rounded to them. What Write is given and Read gives is float32; Write64 and Read64
// keep all bits. Each temporary has memory of its own, and is full of NaN when a list begins: what reads it before it is written,
// or relies on an earlier list, shows.
type Machine struct {
	compiled *compiledPlan
	buffers  [][]float64
}

// NewMachine makes a machine for a plan that verifies. Its buffers are zero.
func NewMachine(p *kernel.Plan) (*Machine, error) {
	c, err := compilePlan(p)
	if err != nil {
		return nil, err
	}
	m := &Machine{compiled: c}
	for i := range p.Buffers {
		m.buffers = append(m.buffers, make([]float64, p.Buffers[i].Elements()))
	}
	return m, nil
}

func (m *Machine) buffer(i, length int) ([]float64, error) {
	if i < 0 || i >= len(m.buffers) {
		return nil, fmt.Errorf("no buffer %d in plan %s", i, m.compiled.plan.Name)
	}
	if len(m.buffers[i]) != length {
		return nil, fmt.Errorf("buffer %s holds %d numbers, not %d", m.compiled.plan.Buffers[i].Name, len(m.buffers[i]), length)
	}
	return m.buffers[i], nil
}

// Write fills a buffer.
func (m *Machine) Write(buffer int, data []float32) error {
	b, err := m.buffer(buffer, len(data))
	for i := range b {
		b[i] = float64(data[i])
	}
	return err
}

// Read copies a buffer, rounded.
func (m *Machine) Read(buffer int, data []float32) error {
	b, err := m.buffer(buffer, len(data))
	for i := range b {
		data[i] = float32(b[i])
	}
	return err
}

// Write64 fills a buffer.
func (m *Machine) Write64(buffer int, data []float64) error {
	b, err := m.buffer(buffer, len(data))
	copy(b, data)
	return err
}

// Read64 copies a buffer.
func (m *Machine) Read64(buffer int, data []float64) error {
	b, err := m.buffer(buffer, len(data))
	copy(data, b)
	return err
}

// Run executes a list. It stops between kernels when the context ends.
func (m *Machine) Run(ctx context.Context, list string) error {
	for i, b := range m.compiled.plan.Buffers {
		if b.Kind == kernel.Temp || b.Kind == kernel.Local {
			for j := range m.buffers[i] {
				m.buffers[i][j] = math.NaN()
			}
		}
	}
	return m.compiled.run(ctx, m.buffers, list)
}

// Close gives up nothing: memory is Go's.
func (m *Machine) Close() error { return nil }
