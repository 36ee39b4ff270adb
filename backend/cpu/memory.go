package cpu

import (
	"fmt"
	"syscall"
	"unsafe"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A memory is the one piece of anonymous memory that all buffers of a plan lie in: first those that keep their contents, then
// the arena that the temporaries share.
type memory struct {
	bytes   []byte
	buffers [][]float32
}

const (
	alignment = 64            // floats: four cache lines, so that no two buffers share one
	stagger   = 7 * alignment // floats between buffers: a weight and its states, of one size, would else meet in the same sets of a cache
	hugePage  = 2 << 20       // bytes
)

// place gives where every buffer begins, in floats, and how many floats there are in all.
func place(plan *kernel.Plan) (offsets []int, total int) {
	offsets = make([]int, len(plan.Buffers))
	arena := 0
	for i, b := range plan.Buffers {
		switch b.Kind {
		case kernel.Temp:
			arena = max(arena, b.Offset+b.Floats())
		case kernel.Local: // on the stack of the worker
		default:
			offsets[i] = total
			total += (b.Floats()+alignment-1)/alignment*alignment + stagger
		}
	}
	for i, b := range plan.Buffers {
		if b.Kind == kernel.Temp {
			offsets[i] = total + b.Offset
		}
	}
	return offsets, total + arena
}

// allocate gives zeroed memory for a plan, or says what is missing.
func allocate(plan *kernel.Plan) (*memory, error) {
	offsets, total := place(plan)
	need := 4*(total+alignment) + hugePage
	if have := Memory(); have > 0 && need > have {
		return nil, &backend.Missing{
			What:   fmt.Sprintf("the plan %s needs %s of memory, this machine has %s", plan.Name, gib(need), gib(have)),
			Remedy: "use a smaller batch (--batch) or network",
		}
	}
	bytes, err := syscall.Mmap(-1, 0, need, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, &backend.Missing{What: fmt.Sprintf("the system refused %s of memory: %v", gib(need), err), Remedy: "use a smaller batch (--batch) or network"}
	}
	adviseHuge(bytes)
	skip := int(-uintptr(unsafe.Pointer(&bytes[0])) % hugePage)
	floats := unsafe.Slice((*float32)(unsafe.Pointer(&bytes[skip])), total+alignment)
	m := &memory{bytes: bytes}
	for i := range plan.Buffers {
		end := offsets[i]
		if plan.Buffers[i].Kind != kernel.Local {
			end += plan.Buffers[i].Floats()
		}
		m.buffers = append(m.buffers, floats[offsets[i]:end:end])
	}
	return m, nil
}

func (m *memory) pointers() []unsafe.Pointer {
	p := make([]unsafe.Pointer, len(m.buffers))
	for i, b := range m.buffers {
		p[i] = unsafe.Pointer(unsafe.SliceData(b))
	}
	return p
}

func (m *memory) free() error { return syscall.Munmap(m.bytes) }

func gib(n int) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }
