package spirv

import "fmt"

// A Use is what a matrix is in a product.
type Use struct{ enumerant }

// The factors of a product, and what it is added to.
var (
	Left  = Use{enumerant{0, "MatrixAKHR"}}
	Right = Use{enumerant{1, "MatrixBKHR"}}
	Sum   = Use{enumerant{2, "MatrixAccumulatorKHR"}}
)

// ShareMatrices begins a module whose subgroups compute with matrices. That takes the memory model of Vulkan, in which what invocations see of each other is said
// with each load and store, and with each barrier: here all of it, as in the other model.
func (m *Module) ShareMatrices() {
	m.vulkan = true
	m.Need(VulkanMemoryModel)
	m.extend("SPV_KHR_vulkan_memory_model")
	m.Need(CooperativeMatrix)
	m.extend("SPV_KHR_cooperative_matrix")
}

// extend declares an extension.
func (m *Module) extend(name string) { m.extensions = append(m.extensions, name) }

// Half is the type of numbers of IEEE 754 binary16, and BFloat of the upper halves of float32: the elements of matrices.
func (m *Module) Half() ID {
	m.Need(Float16)
	return m.once("half", func() ID { return m.declare("half", OpTypeFloat, 0, number(16)) })
}

func (m *Module) BFloat() ID {
	return m.once("bfloat", func() ID {
		m.Need(BFloat16Type)
		m.Need(BFloat16CooperativeMatrix)
		m.extend("SPV_KHR_bfloat16")
		return m.declare("bfloat", OpTypeFloat, 0, number(16), operand{words: []uint32{0}, text: "BFloat16KHR"})
	})
}

// Matrix is the type of a matrix that a subgroup shares.
func (m *Module) Matrix(of ID, rows, columns int, use Use) ID {
	name := fmt.Sprintf("matrix_%s_%dx%d_%s", m.texts[of], rows, columns, map[Use]string{Left: "left", Right: "right", Sum: "sum"}[use])
	return m.once(name, func() ID {
		operands := []operand{ref(of)}
		for _, n := range []uint32{scopeSubgroup, uint32(rows), uint32(columns), use.word} {
			operands = append(operands, ref(m.UintConst(n)))
		}
		return m.declare(name, OpTypeCooperativeMatrix, 0, operands...)
	})
}

// Filled is a matrix all of whose elements are one constant.
func (m *Module) Filled(typ, element ID) ID {
	return m.once(fmt.Sprint("filled ", typ, element), func() ID { return m.declare("", OpConstantComposite, typ, ref(element)) })
}

// LoadMatrix adds the loading of a matrix from the element at a pointer on. Neighbours in a row, or in a column where byColumns, lie side by side, and rows, or columns, lie a stride of elements apart.
func (b *Block) LoadMatrix(typ, pointer ID, byColumns bool, stride int) ID {
	return b.named("", OpCooperativeMatrixLoad, typ, append([]operand{ref(pointer), b.layout(byColumns), ref(b.m.UintConst(uint32(stride)))}, b.access(pointer)...)...)
}

// StoreMatrix adds the storing of a matrix.
func (b *Block) StoreMatrix(pointer, matrix ID, byColumns bool, stride int) {
	b.body = append(b.body, &record{op: OpCooperativeMatrixStore, operands: append([]operand{ref(pointer), ref(matrix), b.layout(byColumns), ref(b.m.UintConst(uint32(stride)))}, b.access(pointer)...)})
}

func (b *Block) layout(byColumns bool) operand {
	if byColumns {
		return ref(b.m.UintConst(1))
	}
	return ref(b.m.UintConst(0))
}

// access says of a load or a store, where the module's memory model asks for it, that other invocations may see it or have to be seen.
func (b *Block) access(pointer ID) []operand {
	if class := b.m.classes[b.m.types[pointer]]; !b.m.vulkan || class != Workgroup && class != StorageBuffer {
		return nil
	}
	return []operand{{words: []uint32{0x20}, text: "NonPrivatePointer"}}
}
