package vulkan

import (
	"unsafe"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
)

var _ backend.Watcher = (*Machine)(nil)

// A watch is the buffers whose contents are kept of every run.
type watch struct {
	buffers []watched
	size    int         // bytes of all of them
	seen    *piece      // what the runs of each flight left in them
	results [][]float32 // of the runs that are done
}

type watched struct {
	piece int
	span  // from its place in the piece to its place among the watched
}

// Watch says which buffers are kept of every run from now on: small ones, for each run copies them.
func (m *Machine) Watch(buffers []int) error {
	if err := m.Wait(); err != nil {
		return err
	}
	w := watch{}
	for _, b := range buffers {
		size := 4 * m.plan.Buffers[b].Elements()
		w.buffers = append(w.buffers, watched{m.layout.piece[b], span{4 * int64(m.layout.first[b]), int64(w.size), int64(size)}})
		w.size += size
	}
	if w.size > 0 {
		var err error
		if w.seen, err = m.device.allocate(int64(flights*mostRuns*w.size), ofHost, cached, "watching buffers"); err != nil {
			return m.done(err)
		}
	}
	m.device.release(m.line.watch.seen)
	m.line.watch = w
	return nil
}

// Watched gives what each run left in the watched buffers, of the runs that are done, or of all.
func (m *Machine) Watched(wait bool) ([][]float32, error) {
	if err := m.ready(); err != nil {
		return nil, err
	}
	var err error
	if wait {
		err = m.line.wait()
	} else {
		err = m.line.landDone()
	}
	results := m.line.watch.results
	m.line.watch.results = nil
	return results, m.done(err)
}

// look copies what the last run left.
func (l *line) look(c vk.CommandBuffer, f *flight) {
	base := int64((f.number*mostRuns + f.runs - 1) * l.watch.size)
	for _, b := range l.watch.buffers {
		l.device.copyTo(c, l.pieces[b.piece].buffer, l.watch.seen.buffer, span{b.from, base + b.to, b.size})
	}
	l.device.wait(c, landed, scope{onHost.stages | touching.stages, onHost.access}) // what follows may overwrite them
	f.unseen = false
}

// collect takes in what the runs of a flight that has landed left.
func (l *line) collect(f *flight) {
	if l.watch.size == 0 {
		return
	}
	for run := range f.runs {
		at := (f.number*mostRuns + run) * l.watch.size
		values := make([]float32, l.watch.size/4)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), l.watch.size), l.watch.seen.bytes[at:])
		l.watch.results = append(l.watch.results, values)
	}
}

// landDone empties the flights that are done, the oldest first.
func (l *line) landDone() error {
	for n := 1; n < flights; n++ {
		f := &l.flights[(l.now+n)%flights]
		if f.flying && vk.GetFenceStatus(l.device.device, f.fence) == vk.NotReady {
			return nil
		}
		if err := l.land(f); err != nil {
			return err
		}
	}
	return nil
}
