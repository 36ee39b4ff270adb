package vulkan

import (
	"fmt"
	"unsafe"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

const (
	alignment  = 64      // floats: no device wants a binding to begin at a multiple of more than 256 bytes
	wholePiece = 1 << 30 // bytes of a piece that every device can allocate
)

// place puts the buffers of a plan one behind the other into pieces of memory that any device can allocate as a whole; a buffer that is larger
// has a piece of its own. The temporaries' arena is one buffer to it.
func place(p *kernel.Plan) layout {
	l := layout{piece: make([]int, len(p.Buffers)), first: make([]int, len(p.Buffers))}
	piece, end := 0, 0
	put := func(floats int) (int, int) {
		floats = (floats + alignment - 1) / alignment * alignment
		if end > 0 && 4*int64(end+floats) > wholePiece {
			piece, end = piece+1, 0
		}
		at := end
		end += floats
		return piece, at
	}
	if arena := arenaOf(p); arena > 0 {
		home, at := put(arena)
		for i, b := range p.Buffers {
			if b.Kind == kernel.Temp {
				l.piece[i], l.first[i] = home, at+b.Offset
			}
		}
	}
	for i := range p.Buffers {
		if kind := p.Buffers[i].Kind; kind != kernel.Temp && kind != kernel.Local {
			l.piece[i], l.first[i] = put(p.Buffers[i].Floats())
		}
	}
	return l
}

// arenaOf gives the floats of the arena that the temporaries share.
func arenaOf(p *kernel.Plan) int {
	arena := 0
	for i := range p.Buffers {
		if b := &p.Buffers[i]; b.Kind == kernel.Temp {
			arena = max(arena, b.Offset+b.Floats())
		}
	}
	return arena
}

// sizes gives the floats of each piece.
func (l layout) sizes(p *kernel.Plan) []int {
	var sizes []int
	for i := range p.Buffers {
		for len(sizes) <= l.piece[i] {
			sizes = append(sizes, alignment)
		}
		if p.Buffers[i].Kind == kernel.Local {
			continue // in no memory of the device's
		}
		end := l.first[i] + p.Buffers[i].Floats()
		sizes[l.piece[i]] = max(sizes[l.piece[i]], (end+alignment-1)/alignment*alignment)
	}
	return sizes
}

// A piece is a buffer with memory of its own.
type piece struct {
	buffer vk.Buffer
	memory vk.DeviceMemory
	bytes  []byte // the memory, where the host sees it
}

const (
	ofDevice = vk.MemoryPropertyFlags(vk.MemoryPropertyDeviceLocalBit)
	ofHost   = vk.MemoryPropertyFlags(vk.MemoryPropertyHostVisibleBit | vk.MemoryPropertyHostCoherentBit)
	cached   = vk.MemoryPropertyFlags(vk.MemoryPropertyHostCachedBit)
)

// allocate gives a piece of memory of a kind that it must have, and one that it had better have. The host's is mapped.
func (l *logical) allocate(size int64, must, better vk.MemoryPropertyFlags, what string) (*piece, error) {
	var buffer vk.Buffer
	info := vk.BufferCreateInfo{SType: vk.StructureTypeBufferCreateInfo, Size: vk.DeviceSize(size), SharingMode: vk.SharingModeExclusive,
		Usage: vk.BufferUsageFlags(vk.BufferUsageStorageBufferBit | vk.BufferUsageStorageTexelBufferBit | vk.BufferUsageTransferSrcBit | vk.BufferUsageTransferDstBit)}
	defer info.Free()
	err := failed(vk.CreateBuffer(l.device, &info, nil, &buffer), "reserving "+what)
	p := &piece{buffer: buffer}
	if err == nil {
		err = l.back(p, must, better, what)
	}
	if err == nil && must&ofHost == ofHost {
		var mapped unsafe.Pointer
		err = failed(vk.MapMemory(l.device, p.memory, 0, vk.DeviceSize(size), 0, &mapped), "mapping "+what)
		p.bytes = unsafe.Slice((*byte)(mapped), size)
	}
	if err != nil {
		l.release(p)
		return nil, err
	}
	return p, nil
}

// back gives a buffer memory.
func (l *logical) back(p *piece, must, better vk.MemoryPropertyFlags, what string) error {
	var r vk.MemoryRequirements
	vk.GetBufferMemoryRequirements(l.device, p.buffer, &r)
	r.Deref()
	defer r.Free()
	kind := -1
	for n, has := range l.memory {
		if r.MemoryTypeBits>>n&1 == 0 || has&must != must {
			continue
		}
		if kind < 0 || has&better == better && l.memory[kind]&better != better {
			kind = n
		}
	}
	if kind < 0 {
		return fmt.Errorf("%s has no memory for %s", l.Device, what)
	}
	info := vk.MemoryAllocateInfo{SType: vk.StructureTypeMemoryAllocateInfo, AllocationSize: r.Size, MemoryTypeIndex: uint32(kind)}
	defer info.Free()
	var memory vk.DeviceMemory
	if err := failed(vk.AllocateMemory(l.device, &info, nil, &memory), fmt.Sprintf("allocating %s for %s", sizeText(int64(r.Size)), what)); err != nil {
		return err
	}
	p.memory = memory
	return failed(vk.BindBufferMemory(l.device, p.buffer, p.memory, 0), "reserving "+what)
}

// release gives a piece back; mapped memory is unmapped with it.
func (l *logical) release(p *piece) {
	if p == nil {
		return
	}
	vk.DestroyBuffer(l.device, p.buffer, nil)
	vk.FreeMemory(l.device, p.memory, nil)
	*p = piece{}
}

// enough refuses a plan that the device cannot hold, and says what needs how much.
func enough(p *kernel.Plan, d *Device) error {
	var have int64
	for _, size := range d.heaps {
		have = max(have, size)
	}
	if d.Memory > 0 {
		have = d.Memory
	}
	if need := p.Bytes(); need > have {
		kinds := map[kernel.BufferKind]int64{}
		for i := range p.Buffers {
			kinds[p.Buffers[i].Kind] += 4 * int64(p.Buffers[i].Floats())
		}
		return &backend.Missing{
			What: fmt.Sprintf("the plan %s needs %s of the device's memory (parameters %s, optimizer state %s, activities %s), and %s has %s", p.Name, sizeText(need),
				sizeText(kinds[kernel.Weight]+kinds[kernel.Constant]), sizeText(kinds[kernel.State]), sizeText(4*int64(arenaOf(p))), d, sizeText(have)),
			Remedy: "use a smaller batch (--batch) or network, another device (--device), or " + otherwise,
		}
	}
	if size := 4 * int64(arenaOf(p)); d.allocation > 0 && size > d.allocation {
		return &backend.Missing{What: fmt.Sprintf("the activities of plan %s hold %s, and %s allocates at most %s at once", p.Name, sizeText(size), d, sizeText(d.allocation)),
			Remedy: "use a smaller batch (--batch), or " + otherwise}
	}
	for i := range p.Buffers {
		if size := 4 * int64(p.Buffers[i].Floats()); d.allocation > 0 && size > d.allocation {
			return &backend.Missing{What: fmt.Sprintf("%s holds %s, and %s allocates at most %s at once", p.Buffers[i].Name, sizeText(size), d, sizeText(d.allocation)), Remedy: otherwise}
		}
	}
	return nil
}

func sizeText(n int64) string {
	if n < 1<<29 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}
