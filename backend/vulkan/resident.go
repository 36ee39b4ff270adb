package vulkan

import (
	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

var _ backend.Resident = (*Machine)(nil)

// A set is rows of the plan's inputs that lie on the device: of each input a piece.
type set []*piece

// inputs lists the plan's inputs with the bytes of a row of each.
func (m *Machine) inputs() (buffers []int, row []int64) {
	for i := range m.plan.Buffers {
		if b := &m.plan.Buffers[i]; b.Kind == kernel.Input {
			buffers = append(buffers, i)
			row = append(row, 4*int64(b.Elements()/b.Shape[0]))
		}
	}
	return buffers, row
}

// Reserve makes room for rows of every input. A quarter of the device's memory stays free: for other programs, and for what the driver needs itself.
func (m *Machine) Reserve(rows int) (int, bool, error) {
	if err := m.ready(); err != nil {
		return 0, false, err
	}
	_, row := m.inputs()
	var need int64
	for _, size := range row {
		if m.device.allocation > 0 && size*int64(rows) > m.device.allocation {
			return 0, false, nil
		}
		need += size * int64(rows)
	}
	if m.plan.Bytes()+m.resident+need > m.device.Memory/4*3 {
		return 0, false, nil
	}
	var s set
	for _, size := range row {
		p, err := m.device.allocate(size*int64(rows), 0, ofDevice, "the data set")
		if err != nil {
			s.release(m.device)
			return 0, false, nil // what others hold is not known before
		}
		s = append(s, p)
	}
	m.resident += need
	m.sets = append(m.sets, s)
	return len(m.sets) - 1, true, nil
}

func (s set) release(l *logical) {
	for _, p := range s {
		l.release(p)
	}
}

// Stow keeps the first n rows that the inputs hold as rows first, first+1, … of a set.
func (m *Machine) Stow(set, first, n int) error {
	return m.move(func(at, row int64) []span { return []span{{at, int64(first) * row, int64(n) * row}} }, set, false)
}

// Fetch fills the inputs with rows of a set.
func (m *Machine) Fetch(set int, rows []int) error {
	return m.move(func(at, row int64) []span {
		spans := make([]span, len(rows))
		for i, r := range rows {
			spans[i] = span{int64(r) * row, at + int64(i)*row, row}
		}
		return spans
	}, set, true)
}

// move copies between each input, which begins at byte `at` of its piece, and a set, behind everything before it.
func (m *Machine) move(spans func(at, row int64) []span, set int, fetch bool) error {
	if err := m.ready(); err != nil {
		return err
	}
	buffers, row := m.inputs()
	return m.done(m.line.between(func(c vk.CommandBuffer) {
		for k, b := range buffers {
			input, kept := m.pieces[m.layout.piece[b]].buffer, m.sets[set][k].buffer
			list := spans(4*int64(m.layout.first[b]), row[k])
			if fetch {
				m.device.copyTo(c, kept, input, list...)
			} else {
				m.device.copyTo(c, input, kept, list...)
			}
		}
	}))
}
