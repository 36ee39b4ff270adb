package vulkan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"bnetc/backend"
	"bnetc/backend/vulkan/spirv"
	"bnetc/ir/kernel"
)

// An emulator is a backend that interprets a plan's modules as the strictest device that Vulkan allows, of any limits. The invocations of a workgroup run one
// after the other from one meeting to the next, and the workgroups too, in one order in one run of a list and the other way round in the next. It complains of what
// another device may do in another order: two invocations that store to an element, or one that uses what another stores, without a meeting in between, or at all
// if they are of two workgroups; of a meeting, or an operation of the subgroup, that not all invocations come to; of workgroup memory that is loaded and was
// never stored; and of what lies outside of a binding. Numbers are as far off as Vulkan allows: denormals are zero, quotients and roots are off by their last
// bits, and some products are rounded before they are added to.
type emulator struct{ limits Limits }

func (e *emulator) Build(_ context.Context, plan *kernel.Plan) (backend.Machine, error) {
	m := &emulated{plan: plan, layout: place(plan)}
	shaders, err := encode(plan, m.layout, e.limits)
	if err != nil {
		return nil, err
	}
	for _, s := range shaders {
		m.programs = append(m.programs, decode(s))
	}
	for _, floats := range m.layout.sizes(plan) {
		m.pieces = append(m.pieces, &memory{words: make([]uint32, floats), marks: make([]mark, 2*floats)})
	}
	return m, nil
}

// An emulated machine is a plan's modules and memory.
type emulated struct {
	plan     *kernel.Plan
	layout   layout
	programs []*program
	pieces   []*memory
	lists    int
	runs     uint32
}

func (m *emulated) words(buffer int) []uint32 {
	first := m.layout.first[buffer]
	return m.pieces[m.layout.piece[buffer]].words[first : first+m.plan.Buffers[buffer].Elements()]
}

func (m *emulated) Write(buffer int, data []float32) error {
	for i, x := range data {
		m.words(buffer)[i] = math.Float32bits(x)
	}
	return nil
}

func (m *emulated) Read(buffer int, data []float32) error {
	for i, x := range m.words(buffer) {
		data[i] = math.Float32frombits(x)
	}
	return nil
}

func (m *emulated) Close() error { return nil }

func (m *emulated) Run(_ context.Context, list string) error {
	n, err := m.plan.List(list)
	if err != nil {
		return err
	}
	m.lists++
	for _, s := range m.plan.Lists[n].Steps {
		m.runs++
		if err := m.dispatch(m.programs[s.Kernel]); err != nil {
			return fmt.Errorf("kernel %s: %w", m.plan.Kernels[s.Kernel].Name, err)
		}
	}
	return nil
}

// dispatch runs the workgroups of a module. What ends it is a panic with a complaint.
func (m *emulated) dispatch(p *program) (err error) {
	defer func() {
		if c, ok := recover().(complaint); ok {
			err = errors.New(string(c))
		}
	}()
	d := &dispatch{program: p, run: m.runs, backwards: m.lists%2 == 1}
	for _, b := range p.shader.Bindings {
		d.bound = append(d.bound, bound{m.pieces[m.layout.piece[b.Buffer]], m.layout.first[b.Buffer] + b.First, b.Count})
	}
	for range p.shader.Local {
		d.invocations = append(d.invocations, &invocation{values: make([]value, len(p.values))})
	}
	groups := p.shader.Groups[0] * p.shader.Groups[1]
	for n := range groups {
		d.group = n
		if d.backwards {
			d.group = groups - 1 - n
		}
		d.workgroup()
	}
	return nil
}

type complaint string

func complain(format string, args ...any) { panic(complaint(fmt.Sprintf(format, args...))) }

// Memory is words, and what has been done to each half of one in the run under way.
type memory struct {
	words []uint32
	marks []mark
}

type mark struct {
	run      uint32
	stored   by
	coherent bool // stored so that others may see it
}

// by is who did something, and when: the group and the invocation, from 1 on; between which of the group's meetings. Invocation crowd is several of them.
type by struct{ group, invocation, meeting int }

const crowd = 1 << 30

// meets tells whether what two did may happen in either order.
func (a by) meets(b by) bool {
	return a.group > 0 && (a.group != b.group || a.meeting == b.meeting && (a.invocation != b.invocation || a.invocation == crowd))
}

// A bound range of memory is what a shader sees as a binding, in words.
type bound struct {
	*memory
	first, count int
}

// An instruction is as it stands in a module.
type instruction struct {
	op          spirv.Op
	typ, result uint32
	args        []uint32
}

// A program is a module made ready: by ID, values, of constants what they are, and what is declared.
type program struct {
	shader *Shader
	code   []instruction
	labels []int
	values []value
	things []thing
}

// A thing is a type, a constant or a variable.
type thing struct {
	instruction
	bound, builtin     int // a variable's binding and number, from 1 on
	coherent, readOnly bool
	size               int    // of a type: bytes of a number or a vector
	halved             uint32 // of a type: 1 for a vector of 16-bit numbers
}

// A value is up to four words: numbers, the components of a vector, or a pointer: variable and byte. The fifth is 1 where it is one of several that it may be.
type value [5]uint32

func decode(s *Shader) *program {
	ids := s.Words[3]
	p := &program{shader: s, labels: make([]int, ids), values: make([]value, ids), things: make([]thing, ids)}
	for at := 5; at < len(s.Words); {
		n := int(s.Words[at] >> 16)
		p.add(spirv.Op(s.Words[at]&0xffff), s.Words[at+1:at+n])
		at += n
	}
	return p
}

func (p *program) add(op spirv.Op, args []uint32) {
	i := instruction{op: op, args: args}
	switch op {
	case spirv.OpDecorate:
		p.decorate(args)
		return
	case spirv.OpLabel:
		p.labels[args[0]] = len(p.code)
		return
	case spirv.OpTypeVoid, spirv.OpTypeBool, spirv.OpTypeInt, spirv.OpTypeFloat, spirv.OpTypeVector, spirv.OpTypeImage, spirv.OpTypeArray, spirv.OpTypeRuntimeArray, spirv.OpTypeStruct, spirv.OpTypePointer, spirv.OpTypeFunction, spirv.OpTypeCooperativeMatrix:
		i.result, i.args = args[0], args[1:]
		p.declare(i)
		return
	case spirv.OpStore, spirv.OpControlBarrier, spirv.OpBranch, spirv.OpBranchConditional, spirv.OpReturn, spirv.OpCooperativeMatrixStore:
		p.code = append(p.code, i)
		return
	case spirv.OpName, spirv.OpExtension, spirv.OpMemoryModel, spirv.OpEntryPoint, spirv.OpExecutionMode, spirv.OpCapability, spirv.OpExtInstImport, spirv.OpMemberDecorate,
		spirv.OpFunction, spirv.OpFunctionEnd, spirv.OpLoopMerge, spirv.OpSelectionMerge:
		return
	}
	i.typ, i.result, i.args = args[0], args[1], args[2:]
	switch op {
	case spirv.OpConstant:
		p.values[i.result][0] = i.args[0]
	case spirv.OpConstantComposite:
		p.things[i.result].instruction = i
	case spirv.OpVariable:
		p.things[i.result].instruction = i
		p.values[i.result][0] = i.result
	default:
		p.code = append(p.code, i)
	}
}

// declare adds a type.
func (p *program) declare(i instruction) {
	t := &p.things[i.result]
	t.instruction, t.size = i, 4
	switch i.op {
	case spirv.OpTypeInt, spirv.OpTypeFloat:
		t.size = int(i.args[0]) / 8
	case spirv.OpTypeVector:
		of := p.things[i.args[0]].size
		t.size = of * int(i.args[1])
		if of == 2 {
			t.halved = 1
		}
	}
}

func (p *program) decorate(args []uint32) {
	t := &p.things[args[0]]
	switch args[1] {
	case 11:
		t.builtin = int(args[2])
	case 23:
		t.coherent = true
	case 24:
		t.readOnly = true
	case 33:
		t.bound = int(args[2]) + 1
	}
}

// to is what a type of pointers points to.
func (p *program) to(pointer uint32) uint32 { return p.things[pointer].args[1] }

// A dispatch is a module on its way through its workgroups.
type dispatch struct {
	*program
	run         uint32
	backwards   bool
	bound       []bound
	group       int
	meetings    int
	own         map[uint32]*memory // workgroup memory
	matrices    [][]float32
	invocations []*invocation
}

type invocation struct {
	number int // in its workgroup
	at     int // in the code
	from   uint32
	block  uint32
	done   bool
	values []value
}

// workgroup runs one workgroup.
func (d *dispatch) workgroup() {
	d.own, d.matrices = map[uint32]*memory{}, nil
	for n, v := range d.invocations {
		copy(v.values, d.values)
		v.number, v.at, v.from, v.block, v.done = n, 0, 0, 0, false
	}
	for _, t := range d.things {
		if t.op == spirv.OpConstantComposite {
			d.give(t.result, value{uint32(len(d.matrices))})
			rows, columns, _ := d.extents(t.typ)
			d.matrices = append(d.matrices, slices.Repeat([]float32{d.values[t.args[0]].float(0)}, rows*columns))
		}
	}
	for {
		for n := range d.invocations {
			if d.backwards {
				n = len(d.invocations) - 1 - n
			}
			d.advance(d.invocations[n])
		}
		first := d.invocations[0]
		d.together(first)
		if first.done {
			return
		}
		d.meet(d.code[first.at])
	}
}

// together sees to it that all invocations are where one of them is.
func (d *dispatch) together(first *invocation) {
	for _, v := range d.invocations {
		if v.at != first.at || v.done != first.done {
			complain("group %d: invocation %d comes to %s, and invocation %d does not", d.group, first.number, d.where(first), v.number)
		}
	}
}

func (d *dispatch) where(v *invocation) string {
	if v.done {
		return "the end"
	}
	return d.code[v.at].op.String()
}

// meet does what the invocations do together.
func (d *dispatch) meet(i instruction) {
	for _, v := range d.invocations {
		switch i.op {
		case spirv.OpGroupShuffle:
			d.certain(v, i.op, i.args[1])
		case spirv.OpGroupFAdd, spirv.OpGroupFMax:
			d.certain(v, i.op, i.args[2])
		}
	}
	switch i.op {
	case spirv.OpControlBarrier:
		d.meetings++
	case spirv.OpGroupShuffle:
		var all []value
		for _, v := range d.invocations {
			lane := v.values[i.args[2]][0]
			if int(lane) >= len(d.invocations) {
				complain("a shuffle from lane %d", lane)
			}
			all = append(all, d.invocations[lane].values[i.args[1]])
		}
		for n, v := range d.invocations {
			v.values[i.result] = all[n]
		}
	case spirv.OpGroupFAdd, spirv.OpGroupFMax:
		sum := d.invocations[0].values[i.args[2]].float(0)
		for _, v := range d.invocations[1:] {
			x := v.values[i.args[2]].float(0)
			if i.op == spirv.OpGroupFAdd {
				sum += x
			} else {
				sum = max(sum, x)
			}
		}
		d.give(i.result, value{math.Float32bits(sum)})
	case spirv.OpCooperativeMatrixLoad, spirv.OpCooperativeMatrixStore, spirv.OpCooperativeMatrixMulAdd:
		d.matrix(i)
	}
	for _, v := range d.invocations {
		v.at++
	}
}

// give makes a result the same in all invocations.
func (d *dispatch) give(result uint32, x value) {
	for _, v := range d.invocations {
		v.values[result] = x
	}
}

func (v value) float(i int) float32 { return math.Float32frombits(v[i]) }

// constant is the number of a constant.
func (d *dispatch) constant(id uint32) int { return int(d.values[id][0]) }

// extents are the rows and columns of a matrix type, and the type of its elements.
func (d *dispatch) extents(typ uint32) (rows, columns int, of uint32) {
	t := d.things[typ].args
	return d.constant(t[2]), d.constant(t[3]), t[0]
}

// matrix does an operation of cooperative matrices: who holds which element is not known, so all of it is done by the crowd.
func (d *dispatch) matrix(i instruction) {
	all := &invocation{number: crowd - 1}
	first := d.invocations[0].values
	for _, v := range d.invocations {
		for _, id := range i.args[:1] {
			if v.values[id] != first[id] {
				complain("%s of other operands in invocation %d", i.op, v.number)
			}
		}
	}
	place := func(pointer, layout, stride uint32, r, c int) value {
		if d.constant(layout) == 1 {
			r, c = c, r
		}
		at := first[pointer]
		at[1] += uint32(int(at[2]) * (r*d.constant(stride) + c))
		return at
	}
	switch i.op {
	case spirv.OpCooperativeMatrixLoad:
		rows, columns, of := d.extents(i.typ)
		m := make([]float32, rows*columns)
		for n := range m {
			x := d.load(all, place(i.args[0], i.args[1], i.args[2], n/columns, n%columns), int(first[i.args[0]][2]))
			m[n] = d.widened(of, x[0])
		}
		d.give(i.result, value{uint32(len(d.matrices))})
		d.matrices = append(d.matrices, m)
	case spirv.OpCooperativeMatrixMulAdd:
		rows, columns, _ := d.extents(i.typ)
		a, b, c := d.matrices[first[i.args[0]][0]], d.matrices[first[i.args[1]][0]], d.matrices[first[i.args[2]][0]]
		depth := len(a) / rows
		m := slices.Clone(c[:rows*columns])
		for n := range m {
			for k := range depth {
				m[n] += a[n/columns*depth+k] * b[k*columns+n%columns]
			}
		}
		d.give(i.result, value{uint32(len(d.matrices))})
		d.matrices = append(d.matrices, m)
	case spirv.OpCooperativeMatrixStore:
		m := d.matrices[first[i.args[1]][0]]
		rows, columns := d.rowsOf(i.args[1])
		for n := range rows * columns {
			d.store(all, place(i.args[0], i.args[2], i.args[3], n/columns, n%columns), value{math.Float32bits(m[n])}, 4)
		}
	}
}

// rowsOf finds the extents of a matrix that is stored.
func (d *dispatch) rowsOf(id uint32) (rows, columns int) {
	for _, i := range d.code {
		if i.result == id {
			rows, columns, _ = d.extents(i.typ)
		}
	}
	return rows, columns
}

// widened is the number that 16 or 32 bits are.
func (d *dispatch) widened(typ, x uint32) float32 {
	switch t := d.things[typ].args; {
	case t[0] == 32:
		return math.Float32frombits(x)
	case len(t) > 1: // bfloat16
		return math.Float32frombits(x << 16)
	}
	e, m := int(x>>10&31), float64(x&0x3ff)
	sign := 1 - 2*float64(x>>15)
	switch e {
	case 0:
		return float32(sign * math.Ldexp(m, -24))
	case 31:
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(m+1024, e-25))
}

// memoryAt is the memory that a pointer points into, and the word; the binding's, or the workgroup's.
func (d *dispatch) memoryAt(pointer value, size int) (m *memory, word int) {
	id, at := pointer[0], int(pointer[1])
	if at%min(size, 4) != 0 {
		complain("byte %d of %d is not aligned", at, size)
	}
	if n := d.things[id].bound; n > 0 {
		b := &d.bound[n-1]
		if at+size > 4*b.count {
			complain("group %d: byte %d of a binding of %d", d.group, at, 4*b.count)
		}
		return b.memory, b.first + at/4
	}
	m = d.own[id]
	if m == nil {
		words := d.constant(d.things[d.to(d.things[id].typ)].args[1])
		m = &memory{make([]uint32, words), make([]mark, 2*words)}
		d.own[id] = m
	}
	if at+size > 4*len(m.words) {
		complain("byte %d of workgroup memory of %d", at, 4*len(m.words))
	}
	return m, at / 4
}

func (d *dispatch) me(v *invocation) by { return by{d.group + 1, v.number + 1, d.meetings} }

// marked gives what was done to an element in this run.
func (d *dispatch) marked(m *memory, half int) *mark {
	k := &m.marks[half]
	if k.run != d.run {
		*k = mark{run: d.run}
	}
	return k
}

func (d *dispatch) load(v *invocation, pointer value, size int) (out value) {
	m, word := d.memoryAt(pointer, size)
	me, bound := d.me(v), d.things[pointer[0]].bound > 0
	for n := range (size + 3) / 4 {
		half := 2*(word+n) + int(pointer[1]%4)/2
		k := d.marked(m, half)
		if k.stored.meets(me) {
			if v.number == crowd-1 {
				complain("group %d: invocation %d loads what %+v stores, element %d of %s", d.group, v.number, k.stored, half/2, d.name(pointer[0]))
			}
			out[4] |= 1 << n
		}
		if !bound && k.stored.group == 0 {
			complain("group %d: invocation %d loads what nobody has stored, element %d of %s", d.group, v.number, half/2, d.name(pointer[0]))
		}
		if bound && k.stored.group == me.group && k.stored.invocation != me.invocation && !(k.coherent && d.sees(pointer[0])) {
			out[4] |= 1 << n
		}

		out[n] = m.words[word+n]
	}
	if size == 2 {
		out[0] = out[0] >> (8 * (pointer[1] % 4)) & 0xffff
	}
	if size == 8 && d.halved(pointer) { // four numbers of 16 bits
		out = value{out[0] & 0xffff, out[0] >> 16, out[1] & 0xffff, out[1] >> 16, out[4]&1*3 | out[4]>>1*12}
	}
	return out
}

// halved tells whether a pointer, or a texel buffer, is of vectors of 16-bit numbers.
func (d *dispatch) halved(pointer value) bool { return pointer[3] == 1 }

// sees tells whether what is loaded and stored through a variable is what others store and load: in Vulkan's memory model each access says so.
func (d *dispatch) sees(variable uint32) bool {
	return d.things[variable].coherent || len(d.matrices) > 0
}

func (d *dispatch) name(id uint32) string { return fmt.Sprintf("variable %d", id) }

func (d *dispatch) store(v *invocation, pointer value, x value, size int) {
	m, word := d.memoryAt(pointer, size)
	if d.things[pointer[0]].readOnly {
		complain("a store to %s, which is not written", d.name(pointer[0]))
	}
	if size == 8 && d.halved(pointer) {
		x = value{x[0]&0xffff | x[1]<<16, x[2]&0xffff | x[3]<<16}
	}
	me := d.me(v)
	for n := range (size + 3) / 4 {
		half := 2*(word+n) + int(pointer[1]%4)/2
		k := d.marked(m, half)
		if k.stored.meets(me) {
			complain("group %d: invocation %d stores what %+v stores, element %d of %s", d.group, v.number, k.stored, half/2, d.name(pointer[0]))
		}
		k.stored, k.coherent = me, d.sees(pointer[0])
		if size == 2 {
			shift := 8 * (pointer[1] % 4)
			m.words[word] = m.words[word]&^(0xffff<<shift) | x[0]&0xffff<<shift
		} else {
			m.words[word+n] = x[n]
		}
	}
}

// advance runs an invocation to the next meeting, or the end.
func (d *dispatch) advance(v *invocation) {
	for !v.done {
		i := &d.code[v.at]
		switch i.op {
		case spirv.OpControlBarrier, spirv.OpGroupShuffle, spirv.OpGroupFAdd, spirv.OpGroupFMax, spirv.OpCooperativeMatrixLoad, spirv.OpCooperativeMatrixStore, spirv.OpCooperativeMatrixMulAdd:
			return
		case spirv.OpReturn:
			v.done = true
		case spirv.OpBranch:
			d.branch(v, i.args[0])
		case spirv.OpBranchConditional:
			d.certain(v, i.op, i.args[0])
			if v.values[i.args[0]][0] != 0 {
				d.branch(v, i.args[1])
			} else {
				d.branch(v, i.args[2])
			}
		default:
			d.execute(v, i)
			if i.op != spirv.OpLoad && i.op != spirv.OpUConvert {
				v.values[i.result][4] = d.doubt(v, i)
			}
			v.at++
		}
	}
}

// doubt is 1 where an operand of an instruction is one of several that it may be.
func (d *dispatch) doubt(v *invocation, i *instruction) (any uint32) {
	args := i.args
	switch i.op {
	case spirv.OpStore:
		return 0
	case spirv.OpExtInst:
		args = args[2:]
	case spirv.OpCompositeExtract:
		return v.values[args[0]][4] >> args[1] & 1
	case spirv.OpSelect:
		args = []uint32{args[0], args[2-min(v.values[args[0]][0], 1)]}
	}
	for _, a := range args {
		any |= v.values[a][4]
	}
	return any
}

// certain complains of a value that matters, and is one of several that it may be.
func (d *dispatch) certain(v *invocation, op spirv.Op, id uint32) {
	if v.values[id][4] != 0 {
		complain("group %d: %s of invocation %d takes what another invocation stores at the time when it is loaded", d.group, op, v.number)
	}
}

// branch goes to a block, and sets its phis all at once.
func (d *dispatch) branch(v *invocation, to uint32) {
	v.from, v.block = v.block, to
	v.at = d.labels[to]
	var phis []value
	for n := v.at; d.code[n].op == spirv.OpPhi; n++ {
		args := d.code[n].args
		for k := 0; k < len(args); k += 2 {
			if args[k+1] == v.from || v.from == 0 && k == 0 {
				phis = append(phis, v.values[args[k]])
				break
			}
		}
	}
	for _, x := range phis {
		v.values[d.code[v.at].result] = x
		v.at++
	}
}

func (d *dispatch) execute(v *invocation, i *instruction) {
	arg := func(n int) uint32 { return v.values[i.args[n]][0] }
	f := func(n int) float32 { return flushed(math.Float32frombits(arg(n))) }
	truth := func(x bool) value {
		if x {
			return value{1}
		}
		return value{0}
	}
	number := func(x float32) value { return value{math.Float32bits(flushed(x))} }
	out := &v.values[i.result]
	switch i.op {
	case spirv.OpAccessChain:
		*out = d.address(v, i)
	case spirv.OpLoad:
		*out = d.loadInstruction(v, i)
	case spirv.OpStore:
		d.storeInstruction(v, i)
	case spirv.OpImageRead:
		image := v.values[i.args[0]]
		size := 16
		if image[3] == 1 {
			size = 8
		}
		*out = d.load(v, value{image[0], uint32(size) * arg(1), uint32(size), image[3]}, size)
	case spirv.OpCompositeCombine:
		var x value
		at, each := 0, max(d.things[d.things[i.typ].args[0]].size/4, 1)
		for _, a := range i.args {
			at += copy(x[at:at+each], v.values[a][:each])
		}
		*out = x
	case spirv.OpCompositeExtract:
		*out = value{v.values[i.args[0]][i.args[1]]}
	case spirv.OpUConvert, spirv.OpBitcast:
		*out = v.values[i.args[0]]
	case spirv.OpConvertFToU:
		*out = value{uint32(f(0))}
	case spirv.OpConvertSToF:
		*out = number(float32(int32(arg(0))))
	case spirv.OpConvertUToF:
		*out = number(float32(arg(0)))
	case spirv.OpFNegate:
		*out = value{arg(0) ^ 1<<31}
	case spirv.OpFAdd:
		*out = number(f(0) + f(1))
	case spirv.OpFSub:
		*out = number(f(0) - f(1))
	case spirv.OpFMul:
		*out = number(f(0) * f(1))
	case spirv.OpFDiv:
		*out = number(off(f(0)/f(1), arg(0)^arg(1), 2))
	case spirv.OpExtInst:
		*out = d.extended(i, f, number)
	case spirv.OpIAdd:
		*out = value{arg(0) + arg(1)}
	case spirv.OpISub:
		*out = value{arg(0) - arg(1)}
	case spirv.OpIMul:
		*out = value{arg(0) * arg(1)}
	case spirv.OpUDiv:
		*out = value{arg(0) / arg(1)}
	case spirv.OpUMod:
		*out = value{arg(0) % arg(1)}
	case spirv.OpUMulExtended:
		high, low := bits.Mul32(arg(0), arg(1))
		*out = value{low, high}
	case spirv.OpLogicalOr, spirv.OpBitwiseOr:
		*out = value{arg(0) | arg(1)}
	case spirv.OpLogicalAnd, spirv.OpBitwiseAnd:
		*out = value{arg(0) & arg(1)}
	case spirv.OpBitwiseXor:
		*out = value{arg(0) ^ arg(1)}
	case spirv.OpSelect:
		*out = v.values[i.args[2-min(arg(0), 1)]]
	case spirv.OpIEqual:
		*out = truth(arg(0) == arg(1))
	case spirv.OpINotEqual:
		*out = truth(arg(0) != arg(1))
	case spirv.OpUGreaterThan:
		*out = truth(arg(0) > arg(1))
	case spirv.OpUGreaterThanEqual:
		*out = truth(arg(0) >= arg(1))
	case spirv.OpULessThan:
		*out = truth(arg(0) < arg(1))
	case spirv.OpFOrdEqual:
		*out = truth(f(0) == f(1))
	case spirv.OpFUnordNotEqual:
		*out = truth(f(0) != f(1))
	case spirv.OpFOrdLessThan:
		*out = truth(f(0) < f(1))
	case spirv.OpFOrdGreaterThan:
		*out = truth(f(0) > f(1))
	case spirv.OpShiftRightLogical:
		*out = value{arg(0) >> arg(1)}
	case spirv.OpShiftRightArith:
		*out = value{uint32(int32(arg(0)) >> arg(1))}
	case spirv.OpShiftLeft:
		*out = value{arg(0) << arg(1)}
	default:
		complain("the emulator knows no %s", i.op)
	}
}

// extended does an instruction of GLSL.std.450.
func (d *dispatch) extended(i *instruction, f func(int) float32, number func(float32) value) value {
	switch i.args[1] {
	case 4:
		return number(float32(math.Abs(float64(f(2)))))
	case 31:
		x := f(2)
		return number(off(float32(math.Sqrt(float64(x))), math.Float32bits(x), 3))
	case 50:
		if math.Float32bits(f(2))&4 != 0 {
			return number(float32(f(2)*f(3)) + f(4))
		}
		return number(float32(math.FMA(float64(f(2)), float64(f(3)), float64(f(4)))))
	case 81:
		if f(2) != f(2) {
			return number(f(3))
		}
		return number(min(max(f(2), f(3)), f(4)))
	}
	complain("the emulator knows no instruction %d of GLSL", i.args[1])
	return value{}
}

// address is a pointer: variable, byte, bytes of an element, and whether it is a vector of 16-bit numbers.
func (d *dispatch) address(v *invocation, i *instruction) value {
	of := &d.things[d.to(i.typ)]
	return value{i.args[0], uint32(of.size) * v.values[i.args[len(i.args)-1]][0], uint32(of.size), of.halved}
}

func (d *dispatch) loadInstruction(v *invocation, i *instruction) value {
	switch d.things[i.args[0]].builtin {
	case 27:
		return value{uint32(v.number)}
	case 26:
		width := d.shader.Groups[0]
		return value{uint32(d.group % width), uint32(d.group / width)}
	}
	if t := &d.things[i.typ]; t.op == spirv.OpTypeImage {
		if t.args[6] == 31 { // Rgba16ui
			return value{i.args[0], 0, 8, 1}
		}
		return value{i.args[0], 0, 16}
	}
	pointer := v.values[i.args[0]]
	return d.load(v, pointer, int(pointer[2]))
}

func (d *dispatch) storeInstruction(v *invocation, i *instruction) {
	d.certain(v, i.op, i.args[0])
	d.certain(v, i.op, i.args[1])
	pointer := v.values[i.args[0]]
	d.store(v, pointer, v.values[i.args[1]], int(pointer[2]))
}

// flushed is a number without denormals.
func flushed(x float32) float32 {
	if bits := math.Float32bits(x); bits&0x7f800000 == 0 {
		return math.Float32frombits(bits & 0x80000000)
	}
	return x
}

// off is a number that is wrong by so many of its last places, or fewer, as some bits say.
func off(x float32, bits uint32, places int) float32 {
	b := math.Float32bits(x)
	if e := b >> 23 & 0xff; e == 0 || e == 0xff {
		return x
	}
	return math.Float32frombits(b + bits*2654435761>>16%uint32(2*places+1) - uint32(places))
}
