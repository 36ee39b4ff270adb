package vulkan

import (
	"context"
	"fmt"
	"strings"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A Backend runs plans on a Vulkan device.
type Backend struct {
	Device   string // by number or name; "" for the best there is
	Validate bool   // check every call by the validation layers; what they say is an error
}

// A Machine is a plan on a device.
type Machine struct {
	loaded
	device   *logical
	pieces   []*piece
	pool     vk.CommandPool
	line     *line
	sets     []*set
	resident int64   // bytes of the sets
	gathers  bool    // rows of the sets are gathered by a kernel: a GPU takes a microsecond or two for each copy, and there is one for each row of each input
	mover    *loaded // the plan that moves rows of the sets, nil if there is none
	failed   error   // what ended the machine's work
}

// A loaded plan is ready to run: where its buffers lie in the machine's pieces, its kernels, and its lists as commands.
type loaded struct {
	plan    *kernel.Plan
	layout  layout
	kernels *kernels
	lists   []vk.CommandBuffer
}

var (
	_ backend.Backend  = (*Backend)(nil)
	_ backend.Deferred = (*Machine)(nil)
)

// Build encodes a plan's kernels for the device and puts the plan there.
func (b *Backend) Build(ctx context.Context, plan *kernel.Plan) (backend.Machine, error) {
	d, err := b.open(plan)
	if err != nil {
		return nil, err
	}
	where := place(plan)
	shaders, err := encode(plan, where, d.Limits)
	if err != nil {
		d.close()
		return nil, err
	}
	return start(plan, d, where, shaders)
}

// open connects to the device asked for, with what it has of the features that a plan needs.
func (b *Backend) open(plan *kernel.Plan) (*logical, error) {
	i, err := open(library, b.Validate)
	if err != nil {
		return nil, err
	}
	list, err := i.devices()
	if err == nil {
		var d *Device
		if d, err = choose(list, b.Device); err == nil {
			var l *logical
			if l, err = i.start(d, d.has.and(needs(plan))); err == nil {
				return l, nil
			}
		}
	}
	i.close()
	return nil, err
}

// start puts a plan and its shaders on a device, which the machine owns from then on.
func start(plan *kernel.Plan, d *logical, where layout, shaders []*Shader) (*Machine, error) {
	m := &Machine{loaded: loaded{plan: plan, layout: where}, device: d, gathers: !d.software()}
	err := m.fill(shaders)
	if err == nil {
		err = m.complaint()
	}
	if err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

func (m *Machine) fill(shaders []*Shader) error {
	d := m.device
	if err := enough(m.plan, d.Device); err != nil {
		return err
	}
	for _, floats := range m.layout.sizes(m.plan) {
		p, err := d.allocate(4*int64(floats), 0, ofDevice, "the buffers of plan "+m.plan.Name)
		if err != nil {
			return err
		}
		m.pieces = append(m.pieces, p)
	}
	var err error
	if m.pool, err = d.newPool(0); err != nil {
		return err
	}
	if err := m.load(m, m.pieces, shaders); err != nil {
		return err
	}
	var perStep int64
	for i := range m.plan.Buffers {
		if b := &m.plan.Buffers[i]; b.Kind == kernel.Input || b.Kind == kernel.Setting {
			perStep += 4 * int64(b.Elements())
		}
	}
	if m.line, err = newLine(d, m.pieces, perStep); err != nil {
		return err
	}
	return m.line.between(func(c vk.CommandBuffer) {
		for _, p := range m.pieces {
			vk.CmdFillBuffer(c, p.buffer, 0, vk.DeviceSize(vk.WholeSize), 0)
		}
	})
}

// load makes a plan's kernels, whose buffers lie in pieces, ready on a machine, and records its lists.
func (p *loaded) load(m *Machine, pieces []*piece, shaders []*Shader) error {
	var err error
	if p.kernels, err = m.device.prepare(shaders, p.layout, pieces); err != nil {
		return err
	}
	for i := range p.plan.Lists {
		if err := p.addList(m, &p.plan.Lists[i]); err != nil {
			return err
		}
	}
	return nil
}

// addList records a list once; every run of it is that record.
func (p *loaded) addList(m *Machine, list *kernel.List) error {
	c, err := m.device.newCommands(m.pool)
	if err != nil {
		return err
	}
	info := vk.CommandBufferBeginInfo{SType: vk.StructureTypeCommandBufferBeginInfo, Flags: vk.CommandBufferUsageFlags(vk.CommandBufferUsageSimultaneousUseBit)}
	defer info.Free()
	if err := failed(vk.BeginCommandBuffer(c, &info), "recording list "+list.Name); err != nil {
		return err
	}
	p.record(m.device, c, list)
	p.lists = append(p.lists, c)
	return failed(vk.EndCommandBuffer(c), "recording list "+list.Name)
}

// ready tells what keeps the machine from working.
func (m *Machine) ready() error {
	if m.device == nil {
		return fmt.Errorf("the machine of plan %s is closed", m.plan.Name)
	}
	return m.failed
}

// done ends a call: an error that is not the caller's ends the machine's work, for what the device holds is not known from then on.
func (m *Machine) done(err error) error {
	if err == nil {
		err = m.complaint()
	}
	m.failed = err
	return err
}

// complaint gives what the validation layers have said as an error.
func (m *Machine) complaint() error {
	if said := m.device.messages(); len(said) > 0 {
		return fmt.Errorf("the validation layers say:\n%s", strings.Join(said, "\n"))
	}
	return nil
}

// buffer gives the place of a buffer whose length the data must have: its piece, and the first byte.
func (m *Machine) buffer(buffer int, data []float32) (piece int, at int64, err error) {
	if err := m.ready(); err != nil {
		return 0, 0, err
	}
	if buffer < 0 || buffer >= len(m.plan.Buffers) {
		return 0, 0, fmt.Errorf("plan %s has %d buffers, no number %d", m.plan.Name, len(m.plan.Buffers), buffer)
	}
	b := &m.plan.Buffers[buffer]
	switch {
	case b.Type != kernel.F32:
		return 0, 0, fmt.Errorf("buffer %s is %s: kernels alone read and write it", b.Name, b.Type)
	case b.Elements() != len(data):
		return 0, 0, fmt.Errorf("buffer %s holds %d numbers, not %d", b.Name, b.Elements(), len(data))
	}
	return m.layout.piece[buffer], 4 * int64(m.layout.first[buffer]), nil
}

// Write fills a buffer, behind the runs before it. It waits for none of them; data is free for other use when it returns.
func (m *Machine) Write(buffer int, data []float32) error {
	piece, at, err := m.buffer(buffer, data)
	if err != nil {
		return err
	}
	return m.done(m.line.write(piece, at, data))
}

// Read waits for the runs before it and copies a buffer's contents into data.
func (m *Machine) Read(buffer int, data []float32) error {
	piece, at, err := m.buffer(buffer, data)
	if err != nil {
		return err
	}
	return m.done(m.line.read(piece, at, data))
}

// list gives the number of a list.
func (m *Machine) list(name string) (int, error) {
	if err := m.ready(); err != nil {
		return 0, err
	}
	return m.plan.List(name)
}

// Run has a list executed, behind everything before it, and waits for it no longer than there is room for what comes next: what goes wrong on the
// device may be told by a later call.
func (m *Machine) Run(ctx context.Context, list string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := m.list(list)
	if err != nil {
		return err
	}
	return m.done(m.line.run(m.lists[n]))
}

// Wait waits until everything before is done.
func (m *Machine) Wait() error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.done(m.line.wait())
}

// Close waits for what is under way and gives everything back. A second call does nothing.
func (m *Machine) Close() error {
	if m.device == nil {
		return nil
	}
	d := m.device
	if m.line != nil {
		m.line.release()
	}
	if m.pool != nil {
		vk.DestroyCommandPool(d.device, m.pool, nil)
	}
	plans := []*loaded{&m.loaded, m.mover}
	for _, s := range m.sets {
		plans = append(plans, s.gather[:]...)
		release(d, s.rows)
	}
	for _, p := range plans {
		if p != nil && p.kernels != nil {
			p.kernels.release(d)
		}
	}
	release(d, m.pieces)
	vk.DestroyDevice(d.device, nil)
	err := m.complaint()
	d.connection.close()
	m.device = nil
	return err
}
