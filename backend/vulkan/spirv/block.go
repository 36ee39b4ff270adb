package spirv

import "slices"

// A Block is a run of instructions that begins with a label and ends with a branch or a return. Instructions may be added until the module is
// encoded, whatever other blocks have been begun since: they stand before its end.
type Block struct {
	m     *Module
	label ID
	phis  []*record
	body  []*record
	end   []*record
}

// Block begins a block behind the others of the function; the first is its entry. Within a construct, the header stands first, then what it leads to, then the
// block where it continues, then the one where it ends, as structured control flow asks.
func (m *Module) Block(name string) *Block {
	b := &Block{m: m, label: m.id(name)}
	m.blocks = append(m.blocks, b)
	return b
}

// Label is a block that will be placed later.
func (m *Module) Label(name string) *Block { return &Block{m: m, label: m.id(name)} }

// Place puts a block behind the others.
func (b *Block) Place() *Block {
	b.m.blocks = append(b.m.blocks, b)
	return b
}

// Do adds an instruction with a result of a type.
func (b *Block) Do(op Op, typ ID, args ...ID) ID { return b.named("", op, typ, refs(args)...) }

// Extended adds an instruction of the set GLSL.std.450.
func (b *Block) Extended(i GLSL, typ ID, args ...ID) ID {
	set := b.m.once("GLSL", func() ID { return b.m.id("GLSL") })
	return b.named("", OpExtInst, typ, append([]operand{ref(set), i.operand()}, refs(args)...)...)
}

// Extract adds the extraction of a component.
func (b *Block) Extract(typ, from ID, component int) ID {
	return b.named("", OpCompositeExtract, typ, ref(from), number(uint32(component)))
}

// Group adds an operation over the lanes of a subgroup: reduction of a value.
func (b *Block) Group(op Op, typ, value ID) ID {
	b.m.Need(GroupNonUniform)
	b.m.Need(GroupNonUniformArithmetic)
	scope := b.m.UintConst(scopeSubgroup)
	return b.named("", op, typ, ref(scope), operand{words: []uint32{0}, text: "Reduce"}, ref(value))
}

// Shuffle adds what a value is in a lane of the subgroup, which takes part.
func (b *Block) Shuffle(typ, value, lane ID) ID {
	b.m.Need(GroupNonUniform)
	b.m.Need(GroupNonUniformShuffle)
	scope := b.m.UintConst(scopeSubgroup)
	return b.named("", OpGroupShuffle, typ, ref(scope), ref(value), ref(lane))
}

// At adds the address of an element of a type: of a storage buffer's array, or of a workgroup's.
func (b *Block) At(class Class, of, variable ID, indices ...ID) ID {
	return b.named("", OpAccessChain, b.m.Pointer(class, of), append([]operand{ref(variable)}, refs(indices)...)...)
}

// Fetch adds the reading of a texel of four numbers of a type.
func (b *Block) Fetch(texels, at, of ID) ID {
	image := b.named("", OpLoad, b.m.texels(of), ref(texels))
	return b.named("", OpImageRead, b.m.Vector(of, 4), ref(image), ref(at))
}

// Load adds a load of a type.
func (b *Block) Load(typ, pointer ID) ID {
	return b.named("", OpLoad, typ, append([]operand{ref(pointer)}, b.access(pointer)...)...)
}

// Store adds a store.
func (b *Block) Store(pointer, value ID) {
	b.body = append(b.body, &record{op: OpStore, operands: append([]operand{ref(pointer), ref(value)}, b.access(pointer)...)})
}

// Barrier adds a meeting of the workgroup's invocations, after which each sees what the others wrote: to workgroup memory and to storage buffers.
func (b *Block) Barrier() {
	workgroup := b.m.UintConst(scopeWorkgroup)
	what := uint32(acquireRelease | uniformMemory | workgroupMemory)
	if b.m.vulkan {
		what |= makeAvailable | makeVisible
	}
	semantics := b.m.UintConst(what)
	b.body = append(b.body, &record{op: OpControlBarrier, operands: []operand{ref(workgroup), ref(workgroup), ref(semantics)}})
}

// The numbers of scopes and memory semantics.
const (
	scopeWorkgroup  = 2
	scopeSubgroup   = 3
	acquireRelease  = 0x8
	uniformMemory   = 0x40
	workgroupMemory = 0x100
	makeAvailable   = 0x2000
	makeVisible     = 0x4000
)

// Phi adds a value that depends on the block before: an even number of values and blocks, more of which Extend adds.
func (b *Block) Phi(name string, typ ID) *Phi {
	r := &record{op: OpPhi, typ: typ, result: b.m.id(name)}
	b.m.types[r.result] = typ
	b.phis = append(b.phis, r)
	return &Phi{r.result, r}
}

// A Phi is a value that depends on where control comes from.
type Phi struct {
	ID     ID
	record *record
}

// From adds what the value is when control comes from a block.
func (p *Phi) From(value ID, b *Block) {
	p.record.operands = append(p.record.operands, ref(value), ref(b.label))
}

// Branch ends a block.
func (b *Block) Branch(to *Block) {
	b.end = append(b.end, &record{op: OpBranch, operands: refs([]ID{to.label})})
}

// Return ends a block and the shader.
func (b *Block) Return() { b.end = append(b.end, &record{op: OpReturn}) }

// If ends a block with a choice; both ways meet at merge.
func (b *Block) If(condition ID, yes, no, merge *Block) {
	b.end = append(b.end,
		&record{op: OpSelectionMerge, operands: []operand{ref(merge.label), {words: []uint32{0}, text: "None"}}},
		&record{op: OpBranchConditional, operands: refs([]ID{condition, yes.label, no.label})})
}

// Loop ends a header: the loop's body follows, continues at next and ends at merge. It says that the driver had better not unroll it: what is to be unrolled is so
// already, and lavapipe, which unrolls whatever is short, spends 25 s on kernels that take it 1 s as they stand.
func (b *Block) Loop(body, next, merge *Block) {
	b.end = append(b.end,
		&record{op: OpLoopMerge, operands: []operand{ref(merge.label), ref(next.label), {words: []uint32{1 << 1}, text: "DontUnroll"}}},
		&record{op: OpBranch, operands: refs([]ID{body.label})})
}

// Again ends a loop's last block: back to the header while the condition holds, else to merge.
func (b *Block) Again(condition ID, header, merge *Block) {
	b.end = append(b.end, &record{op: OpBranchConditional, operands: refs([]ID{condition, header.label, merge.label})})
}

func (b *Block) named(name string, op Op, typ ID, operands ...operand) ID {
	id := b.m.id(name)
	b.m.types[id] = typ
	b.body = append(b.body, &record{op, typ, id, operands})
	return id
}

func (b *Block) records() []*record { return slices.Concat(b.phis, b.body, b.end) }

func ref(id ID) operand { return operand{id: id} }

func refs(ids []ID) []operand {
	out := make([]operand, len(ids))
	for i, id := range ids {
		out[i] = ref(id)
	}
	return out
}
