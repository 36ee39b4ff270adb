package vulkan

import (
	"errors"
	"fmt"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

var _ backend.Resident = (*Machine)(nil)

// A set is rows of the plan's inputs that lie on the device: of each input a piece.
type set []*piece

// An input is where rows of a kind go, in bytes.
type input struct {
	name    string
	piece   int
	at, row int64
}

func (m *Machine) inputs() (list []input) {
	for i := range m.plan.Buffers {
		if b := &m.plan.Buffers[i]; b.Kind == kernel.Input {
			list = append(list, input{b.Name, m.layout.piece[i], 4 * int64(m.layout.first[i]), 4 * int64(b.Elements()/b.Shape[0])})
		}
	}
	return list
}

// Reserve makes room for rows of every input, and readies what moves them. A quarter of the device's memory stays free: for other programs, and for what the
// driver needs itself.
func (m *Machine) Reserve(rows int, moves *kernel.Plan) (int, bool, error) {
	if err := m.ready(); err != nil {
		return 0, false, err
	}
	inputs := m.inputs()
	var need int64
	for _, in := range inputs {
		if m.device.allocation > 0 && in.row*int64(rows) > m.device.allocation {
			return 0, false, nil
		}
		need += in.row * int64(rows)
	}
	if m.plan.Bytes()+m.resident+need > m.device.Memory/4*3 {
		return 0, false, nil
	}
	if moves != nil && m.mover == nil {
		if ok, err := m.addMover(moves); !ok || err != nil {
			return 0, false, m.done(err)
		}
	}
	var s set
	for _, in := range inputs {
		p, err := m.device.allocate(in.row*int64(rows), 0, ofDevice, "the data set")
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

// addMover puts a plan beside the machine's own, whose inputs it takes by name; its other buffers lie in a piece of their own.
func (m *Machine) addMover(p *kernel.Plan) (ok bool, err error) {
	where, floats := layout{piece: make([]int, len(p.Buffers)), first: make([]int, len(p.Buffers))}, 0
	for i := range p.Buffers {
		b := &p.Buffers[i]
		if own := m.plan.Buffer(b.Name); own >= 0 && m.plan.Buffers[own].Kind == kernel.Input {
			where.piece[i], where.first[i] = m.layout.piece[own], m.layout.first[own]
			continue
		}
		where.piece[i], where.first[i] = len(m.pieces), floats
		floats += (b.Floats() + alignment - 1) / alignment * alignment
	}
	shaders, err := encode(p, where, m.device.Limits)
	if missing := (*backend.Missing)(nil); errors.As(err, &missing) {
		return false, nil // the host moves them
	}
	if err != nil {
		return false, err
	}
	own, err := m.device.allocate(4*int64(floats), 0, ofDevice, "rows of the data set on the move")
	if err != nil {
		return false, nil
	}
	m.pieces = append(m.pieces, own)
	m.line.pieces = m.pieces
	m.mover = &loaded{plan: p, layout: where}
	return true, m.mover.load(m, shaders)
}

// Stow keeps the first n rows that the inputs hold as rows first, first+1, … of a set.
func (m *Machine) Stow(set, first, n int) error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.done(m.line.between(func(c vk.CommandBuffer) {
		for k, in := range m.inputs() {
			m.device.copyTo(c, m.pieces[in.piece].buffer, m.sets[set][k].buffer, span{in.at, int64(first) * in.row, int64(n) * in.row})
		}
	}))
}

// Fetch fills the inputs with rows of a set, moved where there are moves, behind everything before it.
func (m *Machine) Fetch(set int, rows []int, moves []float32) error {
	if err := m.ready(); err != nil {
		return err
	}
	inputs := m.inputs()
	if moves == nil {
		return m.done(m.gather(inputs, set, rows))
	}
	p := m.mover.plan
	for i := range inputs {
		if still := p.Buffer(inputs[i].name + ".still"); still >= 0 {
			inputs[i].piece, inputs[i].at = m.mover.layout.piece[still], 4*int64(m.mover.layout.first[still])
		}
	}
	to := p.Buffer("moves")
	if n := p.Buffers[to].Elements(); n != len(moves) {
		return fmt.Errorf("moves of a batch are %d numbers, not %d", n, len(moves))
	}
	err := m.line.write(m.mover.layout.piece[to], 4*int64(m.mover.layout.first[to]), moves)
	if err == nil {
		err = m.gather(inputs, set, rows)
	}
	if err == nil {
		err = m.line.follow(m.mover.lists[0])
	}
	return m.done(err)
}

// gather copies rows of a set to where they go, and zeros behind them.
func (m *Machine) gather(inputs []input, set int, rows []int) error {
	return m.line.between(func(c vk.CommandBuffer) {
		for k, in := range inputs {
			spans, to := make([]span, len(rows)), m.pieces[in.piece].buffer
			for i, r := range rows {
				spans[i] = span{int64(r) * in.row, in.at + int64(i)*in.row, in.row}
			}
			m.device.copyTo(c, m.sets[set][k].buffer, to, spans...)
			if rest := int64(m.plan.Batch - len(rows)); rest > 0 {
				vk.CmdFillBuffer(c, to, vk.DeviceSize(in.at+int64(len(rows))*in.row), vk.DeviceSize(rest*in.row), 0)
			}
		}
	})
}
