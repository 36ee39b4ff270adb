// Package spirv writes SPIR-V modules: one compute shader each, as words for a driver and, from the same records, as the assembly text that
// spirv-as reads. It knows instructions, types and the order of sections; no kernel, no buffer, no network.
package spirv

import (
	"fmt"
	"math"
	"slices"
)

// Version is the version of SPIR-V that modules declare: 1.3, that of Vulkan 1.1.
const Version = 0x00010300

// An ID names the result of an instruction within its module; 0 is none.
type ID int

// A Module is one shader under construction. Capabilities, types and constants come into being when they are first asked for.
type Module struct {
	capabilities []Capability
	extensions   []string
	vulkan       bool // the memory model is Vulkan's
	sections     [sections][]*record
	entry        ID
	main         string
	local        int
	inputs       []ID // variables of the entry point's interface
	blocks       []*Block
	texts        []string // the name of each ID in the text, "" where it has none
	taken        map[string]bool
	memo         map[string]ID
	types        []ID         // of each ID that is a value
	classes      map[ID]Class // of each type of pointers
}

// The sections that fill up while the function is written, in their order in the module.
const (
	debug = iota
	annotations
	declarations
	sections
)

// A record is one instruction.
type record struct {
	op       Op
	typ      ID // of the result, 0 where there is none
	result   ID
	operands []operand
}

// An operand is the ID of a value, or words that stand as a text in the assembly.
type operand struct {
	id    ID
	words []uint32
	text  string
}

// New begins a module whose entry point has a name and runs workgroups of so many invocations.
func New(name string, local int) *Module {
	m := &Module{main: name, local: local, texts: []string{""}, types: []ID{0}, taken: map[string]bool{}, memo: map[string]ID{}, classes: map[ID]Class{}}
	m.Need(Shader)
	m.entry = m.id("main")
	return m
}

// Need declares a capability.
func (m *Module) Need(c Capability) {
	if !m.Needs(c) {
		m.capabilities = append(m.capabilities, c)
	}
}

// Needs tells whether the driver must be able to do something.
func (m *Module) Needs(c Capability) bool { return slices.Contains(m.capabilities, c) }

// id is a new ID; text is its name in the assembly, or near it where another has that name.
func (m *Module) id(text string) ID {
	text = word(text)
	if text != "" {
		t := text
		for i := 2; m.taken[t]; i++ {
			t = fmt.Sprintf("%s_%d", text, i)
		}
		text = t
		m.taken[t] = true
	}
	m.texts, m.types = append(m.texts, text), append(m.types, 0)
	return ID(len(m.texts) - 1)
}

// word makes a text a name of the assembly: letters, digits and underscores, and not a number.
func word(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			b[i] = '_'
		}
	}
	if len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		b = append([]byte("_"), b...)
	}
	return string(b)
}

// TypeOf is the type of a value.
func (m *Module) TypeOf(v ID) ID { return m.types[v] }

// once gives what is known by a key, or makes it.
func (m *Module) once(key string, build func() ID) ID {
	if id, ok := m.memo[key]; ok {
		return id
	}
	id := build()
	m.memo[key] = id
	return id
}

// declare adds an instruction with a result to the types, constants and global variables.
func (m *Module) declare(text string, op Op, typ ID, operands ...operand) ID {
	id := m.id(text)
	m.types[id] = typ
	m.sections[declarations] = append(m.sections[declarations], &record{op, typ, id, operands})
	return id
}

// Void is the type of nothing.
func (m *Module) Void() ID {
	return m.once("void", func() ID { return m.declare("void", OpTypeVoid, 0) })
}

// Bool is the type of conditions.
func (m *Module) Bool() ID {
	return m.once("bool", func() ID { return m.declare("bool", OpTypeBool, 0) })
}

// Float is the type of 32-bit floating-point numbers.
func (m *Module) Float() ID {
	return m.once("float", func() ID { return m.declare("float", OpTypeFloat, 0, number(32)) })
}

// Int is the type of signed 32-bit integers.
func (m *Module) Int() ID {
	return m.once("int", func() ID { return m.declare("int", OpTypeInt, 0, number(32), number(1)) })
}

// Uint is the type of unsigned 32-bit integers.
func (m *Module) Uint() ID {
	return m.once("uint", func() ID { return m.declare("uint", OpTypeInt, 0, number(32), number(0)) })
}

// Ushort is the type of unsigned 16-bit integers, which lie in storage buffers and are converted, and no more.
func (m *Module) Ushort() ID {
	m.Need(StorageBuffer16BitAccess)
	return m.once("ushort", func() ID { return m.declare("ushort", OpTypeInt, 0, number(16), number(0)) })
}

// Ulong is the type of unsigned 64-bit integers, which are stored and no more.
func (m *Module) Ulong() ID {
	m.Need(Int64)
	return m.once("ulong", func() ID { return m.declare("ulong", OpTypeInt, 0, number(64), number(0)) })
}

// Vector is the type of n components.
func (m *Module) Vector(of ID, n int) ID {
	name := fmt.Sprintf("v%d%s", n, m.texts[of])
	return m.once(name, func() ID { return m.declare(name, OpTypeVector, 0, ref(of), number(uint32(n))) })
}

// Array is the type of n elements, without a layout: for workgroup memory.
func (m *Module) Array(of ID, n int) ID {
	name := fmt.Sprintf("arr_%s_%d", m.texts[of], n)
	return m.once(name, func() ID { return m.declare(name, OpTypeArray, 0, ref(of), ref(m.UintConst(uint32(n)))) })
}

// Pair is the type of a structure of two members: what the extended products give.
func (m *Module) Pair(of ID) ID {
	name := "pair_" + m.texts[of]
	return m.once(name, func() ID { return m.declare(name, OpTypeStruct, 0, ref(of), ref(of)) })
}

// Pointer is the type of pointers into a storage class.
func (m *Module) Pointer(class Class, to ID) ID {
	name := fmt.Sprintf("ptr_%s_%s", class, m.texts[to])
	return m.once(name, func() ID {
		id := m.declare(name, OpTypePointer, 0, class.operand(), ref(to))
		m.classes[id] = class
		return id
	})
}

// FloatConst is a number, rounded to float32.
func (m *Module) FloatConst(x float64) ID { return m.FloatBits(math.Float32bits(float32(x))) }

// FloatBits is the float32 number of these bits.
func (m *Module) FloatBits(bits uint32) ID {
	return m.once(fmt.Sprintf("float %#x", bits), func() ID {
		typ, text := m.Float(), floatText(bits)
		return m.declare("float_"+text, OpConstant, typ, operand{words: []uint32{bits}, text: text})
	})
}

// UintConst is an unsigned number.
func (m *Module) UintConst(x uint32) ID {
	return m.once(fmt.Sprintf("uint %d", x), func() ID {
		typ := m.Uint()
		return m.declare(fmt.Sprintf("uint_%d", x), OpConstant, typ, number(x))
	})
}

// Name gives a value the name that tools show for it.
func (m *Module) Name(id ID, name string) {
	m.sections[debug] = append(m.sections[debug], &record{op: OpName, operands: []operand{ref(id), quoted(name)}})
}

// decorate adds an annotation.
func (m *Module) decorate(id ID, d Decoration, operands ...operand) {
	m.sections[annotations] = append(m.sections[annotations],
		&record{op: OpDecorate, operands: append([]operand{ref(id), d.operand()}, operands...)})
}

// Exact forbids that the product, sum or difference is fused with another into one operation of a single rounding.
func (m *Module) Exact(id ID) ID {
	m.decorate(id, NoContraction)
	return id
}

// Storage is the storage buffer at a binding of descriptor set 0: a structure whose one member is an array without an end, of elements of a type
// that are so many bytes apart. A shader that does not write one says so, which lets the driver cache what it reads.
func (m *Module) Storage(name string, binding int, of ID, stride int, written bool) ID {
	typ := m.once("storage "+m.texts[of], func() ID {
		elements := m.declare(m.texts[of]+"s", OpTypeRuntimeArray, 0, ref(of))
		m.decorate(elements, ArrayStride, number(uint32(stride)))
		typ := m.declare("buffer_"+m.texts[of], OpTypeStruct, 0, ref(elements))
		m.decorate(typ, Block_)
		m.sections[annotations] = append(m.sections[annotations],
			&record{op: OpMemberDecorate, operands: []operand{ref(typ), number(0), Offset.operand(), number(0)}})
		return typ
	})
	v := m.resource(name, binding, StorageBuffer, typ)
	if !written {
		m.decorate(v, NonWritable)
	}
	return v
}

// Texels is the storage texel buffer at a binding of descriptor set 0, of four floats or unsigned numbers of 16 bits a texel, which the shader reads alone.
func (m *Module) Texels(name string, binding int, of ID) ID {
	m.Need(ImageBuffer)
	v := m.resource(name, binding, UniformConstant, m.texels(of))
	m.decorate(v, NonWritable)
	return v
}

// texels is the type of texel buffers: a buffer, not of depth, not arrayed, not multisampled, read without a sampler.
func (m *Module) texels(of ID) ID {
	format := operand{words: []uint32{1}, text: "Rgba32f"}
	if of != m.Float() {
		format = operand{words: []uint32{31}, text: "Rgba16ui"}
	}
	return m.once("texels "+m.texts[of], func() ID {
		return m.declare("texels", OpTypeImage, 0, ref(of), operand{words: []uint32{5}, text: "Buffer"}, number(0), number(0), number(0), number(2), format)
	})
}

func (m *Module) resource(name string, binding int, class Class, typ ID) ID {
	v := m.declare(name, OpVariable, m.Pointer(class, typ), class.operand())
	m.Name(v, name)
	m.decorate(v, DescriptorSet, number(0))
	m.decorate(v, Binding, number(uint32(binding)))
	return v
}

// Aliased says that a resource lies in the same memory as another.
func (m *Module) Aliased(v ID) {
	m.once(fmt.Sprint("aliased ", v), func() ID {
		m.decorate(v, Aliased)
		return v
	})
}

// Coherent makes the stores to a storage buffer visible to other invocations, behind a barrier. In Vulkan's memory model loads and stores say so themselves.
func (m *Module) Coherent(v ID) {
	if !m.vulkan {
		m.decorate(v, Coherent)
	}
}

// Workgroup is an array of n floats that the invocations of a workgroup share.
func (m *Module) Workgroup(name string, n int) ID {
	pointer := m.Pointer(Workgroup, m.Array(m.Float(), n))
	v := m.declare(name, OpVariable, pointer, Workgroup.operand())
	m.Name(v, name)
	return v
}

// Builtin is an input variable of three unsigned numbers.
func (m *Module) Builtin(b BuiltIn) ID {
	return m.once(b.String(), func() ID {
		pointer := m.Pointer(Input, m.Vector(m.Uint(), 3))
		v := m.declare(b.String(), OpVariable, pointer, Input.operand())
		m.decorate(v, BuiltInDecoration, b.operand())
		m.inputs = append(m.inputs, v)
		return v
	})
}
