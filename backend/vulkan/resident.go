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
	rows   []*piece // of each input
	count  int
	gather [2]*loaded // the plan that gathers rows of it: to where the plan reads them, and to where they are moved from; nil before its first use
	copies [2]bool    // there is none, as for what is longer than a storage buffer may be
}

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
	s := &set{count: rows}
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
	return len(m.sets) - 1, true, nil
}

// whole is a length in bytes up to whole vectors of four floats, in which kernels reach over memory.
func whole(bytes int64) int64 { return (bytes + 15) / 16 * 16 }

func release(l *logical, pieces []*piece) {
	for _, p := range pieces {
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
	return true, m.mover.load(m, m.pieces, shaders)
}

// Stow keeps the first n rows that the inputs hold as rows first, first+1, … of a set.
func (m *Machine) Stow(set, first, n int) error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.done(m.line.between(func(c vk.CommandBuffer) {
		for k, in := range m.inputs() {
			m.device.copyTo(c, m.pieces[in.piece].buffer, m.sets[set].rows[k].buffer, span{in.at, int64(first) * in.row, int64(n) * in.row})
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
		return m.done(m.fetch(inputs, set, 0, rows))
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
		err = m.fetch(inputs, set, 1, rows)
	}
	if err == nil {
		err = m.line.follow(m.mover.lists[0])
	}
	return m.done(err)
}

// fetch brings rows of a set to where they go, one of the two places there are, and zeros behind them.
func (m *Machine) fetch(inputs []input, number, place int, rows []int) error {
	s := m.sets[number]
	if m.gathers && s.gather[place] == nil && !s.copies[place] {
		ok, err := m.addGather(inputs, s, place)
		if err != nil {
			return err
		}
		s.copies[place] = !ok
	}
	if g := s.gather[place]; g != nil {
		wanted := make([]float32, m.plan.Batch)
		for i := range wanted {
			if wanted[i] = -1; i < len(rows) {
				wanted[i] = float32(rows[i])
			}
		}
		if err := m.line.write(g.layout.piece[0], 4*int64(g.layout.first[0]), wanted); err != nil {
			return err
		}
		return m.line.follow(g.lists[0])
	}
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

// mostRows is up to which number a float32 tells rows apart.
const mostRows = 1 << 24

// addGather readies the plan that gathers rows of a set; not ok where the device cannot, or rows are too many.
func (m *Machine) addGather(inputs []input, s *set, place int) (ok bool, err error) {
	if s.count > mostRows {
		return false, nil
	}
	p := gatherPlan(inputs, s.count, m.plan.Batch, max(m.device.Limits.Subgroup, 1))
	where := layout{piece: make([]int, len(p.Buffers)), first: make([]int, len(p.Buffers))}
	wanted, err := m.device.allocate(whole(4*int64(m.plan.Batch)), 0, ofDevice, "the numbers of a batch's rows")
	if err != nil {
		return false, nil
	}
	where.piece[0] = len(m.pieces)
	m.pieces = append(m.pieces, wanted)
	all := slices.Clone(m.pieces) // those of the set belong to the set
	for k, in := range inputs {
		from, to := 1+2*k, 2+2*k
		where.piece[from], all = len(all), append(all, s.rows[k])
		where.piece[to], where.first[to] = in.piece, int(in.at/4)
	}
	m.line.pieces = m.pieces
	shaders, err := encode(p, where, m.device.Limits)
	if missing := (*backend.Missing)(nil); errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	g := &loaded{plan: p, layout: where}
	s.gather[place] = g
	return true, g.load(m, all, shaders)
}
