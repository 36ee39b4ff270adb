package compiler

import (
	"fmt"

	"bnetc/ir/kernel"
)

// Memory is what a run of a plan holds, in bytes.
type Memory struct{ Parameters, States, Activities, Inputs int64 }

// Peak is all of it.
func (m Memory) Peak() int64 { return m.Parameters + m.States + m.Activities + m.Inputs }

// String is the parts and the peak.
func (m Memory) String() string {
	return fmt.Sprintf("parameters %s, optimizer state %s, activities %s, inputs %s; peak %s",
		BytesText(m.Parameters), BytesText(m.States), BytesText(m.Activities), BytesText(m.Inputs), BytesText(m.Peak()))
}

// MemoryOf adds up a plan's buffers; temporaries count once for the arena they share.
func MemoryOf(p *kernel.Plan) Memory {
	var m Memory
	for i := range p.Buffers {
		buf := &p.Buffers[i]
		n := 4 * int64(buf.Floats())
		switch buf.Kind {
		case kernel.Weight, kernel.Constant:
			m.Parameters += n
		case kernel.State:
			m.States += n
		case kernel.Local:
		case kernel.Temp:
			m.Activities = max(m.Activities, 4*int64(buf.Offset)+n)
		default:
			m.Inputs += n
		}
	}
	return m
}

// A Cost is what one run of a list takes: kernels, the levels that a barrier stands between, arithmetic, and bytes that must move at least once.
type Cost struct {
	Kernels, Levels int
	Flops, Bytes    int64
}

// CostOf adds up a list's kernels.
func CostOf(p *kernel.Plan, l *kernel.List) Cost {
	c := Cost{Kernels: len(l.Steps)}
	for _, s := range l.Steps {
		k := p.Kernels[s.Kernel]
		c.Flops, c.Bytes, c.Levels = c.Flops+k.Flops, c.Bytes+k.Bytes, max(c.Levels, s.Level+1)
	}
	return c
}

// String is the cost in words.
func (c Cost) String() string {
	return fmt.Sprintf("%s and %s in %d kernels on %d levels", flopsText(c.Flops), BytesText(c.Bytes), c.Kernels, c.Levels)
}

func flopsText(n int64) string {
	if n >= 1e10 {
		return fmt.Sprintf("%.1f GFLOP", float64(n)/1e9)
	}
	return fmt.Sprintf("%.1f MFLOP", float64(n)/1e6)
}
