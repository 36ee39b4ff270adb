package vulkan

import (
	"errors"
	"fmt"
	"slices"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

var _ backend.Resident = (*Machine)(nil)

// A set is rows of the plan's inputs that lie on the device.
type set struct {
	rows   []*piece   // of each input
	gather [2]*loaded // the plans that gather rows of it, to stay and to be moved; nil where copies do
}

// An input is where rows of a kind go, in bytes.
type input struct {
	name    string
	piece   int
	at, row int64
}

// Rows go to where the plan reads them, or to where they are moved from.
const (
	staying = iota
	moving
)

// inputs are the plan's inputs, and where their rows go.
func (m *Machine) inputs(way int) (list []input) {
	for i := range m.plan.Buffers {
		b := &m.plan.Buffers[i]
		if b.Kind != kernel.Input {
			continue
		}
		where, at := &m.layout, i
		if way == moving {
			if still := m.mover.plan.Buffer(b.Name + ".still"); still >= 0 {
				where, at = &m.mover.layout, still
			}
		}
		list = append(list, input{b.Name, where.piece[at], 4 * int64(where.first[at]), 4 * int64(b.Elements()/b.Shape[0])})
	}
	return list
}

// Reserve makes room for rows of every input, and readies what moves them. A quarter of the device's memory stays free: for other programs, and for what the
// driver needs itself.
func (m *Machine) Reserve(rows int, moves *kernel.Plan) (int, bool, error) {
	if err := m.ready(); err != nil {
		return 0, false, err
	}
	inputs := m.inputs(staying)
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
	s := &set{}
	for _, in := range inputs {
		p, err := m.device.allocate(whole(in.row*int64(rows)), 0, ofDevice, "the data set")
		if err != nil {
			release(m.device, s.rows)
			return 0, false, nil // what others hold is not known before
		}
		s.rows = append(s.rows, p)
	}
	m.resident += need
	m.sets = append(m.sets, s)
	var err error
	for way := range s.gather {
		if err == nil && m.gathers && (way == staying || moves != nil) {
			s.gather[way], err = m.gatherer(s, rows, m.inputs(way))
		}
	}
	return len(m.sets) - 1, true, m.done(err)
}

// whole is a length in bytes up to whole vectors of four floats, in which kernels reach over memory.
func whole(bytes int64) int64 { return (bytes + 15) / 16 * 16 }

func release(l *logical, pieces []*piece) {
	for _, p := range pieces {
		l.release(p)
	}
}

// addMover readies the plan that moves rows, whose inputs are the machine's own by name; its other buffers lie in a piece of their own.
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
	m.mover, err = m.beside(p, where, floats, nil)
	return m.mover != nil, err // without, the host moves them
}

// mostRows is up to which number a float32 tells rows apart.
const mostRows = 1 << 24

// gatherer readies the plan that gathers rows of a set; nil where the device cannot, or they are too many.
func (m *Machine) gatherer(s *set, rows int, inputs []input) (*loaded, error) {
	if rows > mostRows {
		return nil, nil
	}
	p := gatherPlan(inputs, rows, m.plan.Batch, max(m.device.Limits.Subgroup, 1))
	where := layout{piece: []int{len(m.pieces)}, first: make([]int, len(p.Buffers))}
	for k, in := range inputs {
		where.piece = append(where.piece, len(m.pieces)+1+k, in.piece)
		where.first[2+2*k] = int(in.at / 4)
	}
	return m.beside(p, where, m.plan.Batch, s.rows)
}

// beside readies a plan beside the machine's own, which has a piece of so many floats of its own, the next one, and others behind it; nil where the device cannot.
func (m *Machine) beside(p *kernel.Plan, where layout, floats int, others []*piece) (*loaded, error) {
	shaders, err := encode(p, where, m.device.Limits)
	if missing := (*backend.Missing)(nil); errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	own, err := m.device.allocate(whole(4*int64(floats)), 0, ofDevice, "rows of the data set on their way")
	if err != nil {
		return nil, nil
	}
	m.pieces = append(m.pieces, own)
	m.line.pieces = m.pieces
	l := &loaded{plan: p, layout: where}
	return l, l.load(m, slices.Concat(m.pieces, others), shaders)
}

// Stow keeps the first n rows that the inputs hold as rows first, first+1, … of a set.
func (m *Machine) Stow(set, first, n int) error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.done(m.line.between(func(c vk.CommandBuffer) {
		for k, in := range m.inputs(staying) {
			m.device.copyTo(c, m.pieces[in.piece].buffer, m.sets[set].rows[k].buffer, span{in.at, int64(first) * in.row, int64(n) * in.row})
		}
	}))
}

// Fetch fills the inputs with rows of a set, moved where there are moves, behind everything before it.
func (m *Machine) Fetch(set int, rows []int, moves []float32) error {
	if err := m.ready(); err != nil {
		return err
	}
	if moves == nil {
		return m.done(m.fetch(set, staying, rows))
	}
	to := m.mover.plan.Buffer("moves")
	if n := m.mover.plan.Buffers[to].Elements(); n != len(moves) {
		return fmt.Errorf("moves of a batch are %d numbers, not %d", n, len(moves))
	}
	err := m.line.write(m.mover.layout.piece[to], 4*int64(m.mover.layout.first[to]), moves)
	if err == nil {
		err = m.fetch(set, moving, rows)
	}
	if err == nil {
		err = m.line.follow(m.mover.lists[0])
	}
	return m.done(err)
}

// fetch brings rows of a set to where they go, and zeros behind them.
func (m *Machine) fetch(number, way int, rows []int) error {
	s := m.sets[number]
	if g := s.gather[way]; g != nil {
		wanted := slices.Repeat([]float32{-1}, m.plan.Batch)
		for i, r := range rows {
			wanted[i] = float32(r)
		}
		if err := m.line.write(g.layout.piece[0], 4*int64(g.layout.first[0]), wanted); err != nil {
			return err
		}
		return m.line.follow(g.lists[0])
	}
	inputs := m.inputs(way)
	return m.line.between(func(c vk.CommandBuffer) {
		for k, in := range inputs {
			spans, to := make([]span, len(rows)), m.pieces[in.piece].buffer
			for i, r := range rows {
				spans[i] = span{int64(r) * in.row, in.at + int64(i)*in.row, in.row}
			}
			m.device.copyTo(c, s.rows[k].buffer, to, spans...)
			if rest := int64(m.plan.Batch - len(rows)); rest > 0 {
				vk.CmdFillBuffer(c, to, vk.DeviceSize(in.at+int64(len(rows))*in.row), vk.DeviceSize(rest*in.row), 0)
			}
		}
	})
}
