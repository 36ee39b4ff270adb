package vulkan

import (
	vk "github.com/vulkan-go/vulkan"

	"bnetc/ir/kernel"
)

// A reach is a range of the device's memory that a kernel touches, in floats.
type reach struct {
	piece, from, to int
}

func (r reach) meets(o reach) bool { return r.piece == o.piece && r.from < o.to && o.from < r.to }

// touched are the ranges that kernels read and write between two barriers.
type touched struct{ reads, writes []reach }

// touches gives what a shader may read and write: the memory it is given, which may lie between the buffers it uses, too.
func (l layout) touches(bindings []Binding) (t touched) {
	for _, b := range bindings {
		from := l.first[b.Buffer] + b.First
		r := reach{l.piece[b.Buffer], from, from + b.Count}
		if b.Written {
			t.writes = append(t.writes, r)
		} else {
			t.reads = append(t.reads, r)
		}
	}
	return t
}

func meet(a, b []reach) bool {
	for _, x := range a {
		for _, y := range b {
			if x.meets(y) {
				return true
			}
		}
	}
	return false
}

// A need is what a kernel must wait for.
type need uint8

const (
	nothing need = iota
	turn         // it overwrites what is read: wait
	sight        // it touches what is written: wait and see it
)

// needs tells what k must wait for of what ran since the last barrier.
func (t touched) needs(k touched) need {
	switch {
	case meet(t.writes, k.reads), meet(t.writes, k.writes):
		return sight
	case meet(t.reads, k.writes):
		return turn
	}
	return nothing
}

func (t *touched) add(k touched) {
	t.reads = append(t.reads, k.reads...)
	t.writes = append(t.writes, k.writes...)
}

var (
	computeWrites = scope{vk.PipelineStageComputeShaderBit, vk.AccessShaderWriteBit}
	computes      = scope{vk.PipelineStageComputeShaderBit, vk.AccessShaderReadBit | vk.AccessShaderWriteBit}
	computeTurn   = scope{vk.PipelineStageComputeShaderBit, 0}
)

// waits tells, for each step of a list, what it must wait for: exactly where it is given memory that a kernel since the last barrier writes, or may write what one
// reads. The memory of kernels' bindings is looked at, not levels.
func (l layout) waits(list *kernel.List, bindings func(kernel int) []Binding) []need {
	var since touched
	out := make([]need, len(list.Steps))
	for i, s := range list.Steps {
		k := l.touches(bindings(s.Kernel))
		switch out[i] = since.needs(k); out[i] {
		case sight:
			since = touched{}
		case turn:
			since.reads = nil // what is written is still unseen
		}
		since.add(k)
	}
	return out
}

// record writes a list's commands.
func (p *loaded) record(d *logical, commands vk.CommandBuffer, list *kernel.List) {
	waits := p.layout.waits(list, func(kernel int) []Binding { return p.kernels.list[kernel].bindings })
	for i, s := range list.Steps {
		switch waits[i] {
		case sight:
			d.wait(commands, computeWrites, computes)
		case turn:
			d.wait(commands, computeTurn, computeTurn)
		}
		p.kernels.list[s.Kernel].dispatch(commands)
	}
}
