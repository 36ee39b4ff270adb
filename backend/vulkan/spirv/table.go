package spirv

// An Op is an instruction: its number in the specification.
type Op uint16

// The instructions that modules are made of.
const (
	OpName              Op = 5
	OpExtension         Op = 10
	OpMemoryModel       Op = 14
	OpEntryPoint        Op = 15
	OpExecutionMode     Op = 16
	OpCapability        Op = 17
	OpTypeVoid          Op = 19
	OpTypeBool          Op = 20
	OpTypeInt           Op = 21
	OpTypeFloat         Op = 22
	OpTypeVector        Op = 23
	OpTypeImage         Op = 25
	OpTypeArray         Op = 28
	OpTypeRuntimeArray  Op = 29
	OpTypeStruct        Op = 30
	OpTypePointer       Op = 32
	OpTypeFunction      Op = 33
	OpExtInstImport     Op = 11
	OpExtInst           Op = 12
	OpConstant          Op = 43
	OpConstantComposite Op = 44
	OpFunction          Op = 54
	OpFunctionEnd       Op = 56
	OpVariable          Op = 59
	OpLoad              Op = 61
	OpStore             Op = 62
	OpAccessChain       Op = 65
	OpDecorate          Op = 71
	OpMemberDecorate    Op = 72
	OpCompositeCombine  Op = 80
	OpCompositeExtract  Op = 81
	OpImageRead         Op = 98
	OpConvertFToU       Op = 109
	OpConvertSToF       Op = 111
	OpConvertUToF       Op = 112
	OpUConvert          Op = 113
	OpBitcast           Op = 124
	OpFNegate           Op = 127
	OpIAdd              Op = 128
	OpFAdd              Op = 129
	OpISub              Op = 130
	OpFSub              Op = 131
	OpIMul              Op = 132
	OpFMul              Op = 133
	OpUDiv              Op = 134
	OpSDiv              Op = 135
	OpFDiv              Op = 136
	OpUMod              Op = 137
	OpUMulExtended      Op = 151
	OpLogicalOr         Op = 166
	OpLogicalAnd        Op = 167
	OpLogicalNot        Op = 168
	OpSelect            Op = 169
	OpIEqual            Op = 170
	OpINotEqual         Op = 171
	OpUGreaterThan      Op = 172
	OpUGreaterThanEqual Op = 174
	OpULessThan         Op = 176
	OpSLessThan         Op = 177
	OpFOrdEqual         Op = 180
	OpFUnordEqual       Op = 181
	OpFUnordNotEqual    Op = 183
	OpFOrdLessThan      Op = 184
	OpFOrdGreaterThan   Op = 186
	OpFOrdGreaterEqual  Op = 190
	OpShiftRightLogical Op = 194
	OpShiftRightArith   Op = 195
	OpShiftLeft         Op = 196
	OpBitwiseOr         Op = 197
	OpBitwiseXor        Op = 198
	OpBitwiseAnd        Op = 199
	OpControlBarrier    Op = 224
	OpPhi               Op = 245
	OpLoopMerge         Op = 246
	OpSelectionMerge    Op = 247
	OpLabel             Op = 248
	OpBranch            Op = 249
	OpBranchConditional Op = 250
	OpReturn            Op = 253
	OpGroupShuffle      Op = 345
	OpGroupFAdd         Op = 350
	OpGroupFMax         Op = 358

	OpTypeCooperativeMatrix   Op = 4456
	OpCooperativeMatrixLoad   Op = 4457
	OpCooperativeMatrixStore  Op = 4458
	OpCooperativeMatrixMulAdd Op = 4459
)

var opNames = map[Op]string{
	OpName: "OpName", OpMemoryModel: "OpMemoryModel", OpEntryPoint: "OpEntryPoint", OpExecutionMode: "OpExecutionMode",
	OpCapability: "OpCapability", OpTypeVoid: "OpTypeVoid", OpTypeBool: "OpTypeBool", OpTypeInt: "OpTypeInt", OpTypeFloat: "OpTypeFloat",
	OpTypeVector: "OpTypeVector", OpTypeImage: "OpTypeImage", OpImageRead: "OpImageRead", OpCompositeCombine: "OpCompositeConstruct", OpTypeArray: "OpTypeArray", OpTypeRuntimeArray: "OpTypeRuntimeArray", OpTypeStruct: "OpTypeStruct",
	OpTypePointer: "OpTypePointer", OpTypeFunction: "OpTypeFunction", OpExtInstImport: "OpExtInstImport", OpExtInst: "OpExtInst",
	OpConstant: "OpConstant", OpFunction: "OpFunction", OpFunctionEnd: "OpFunctionEnd", OpVariable: "OpVariable", OpLoad: "OpLoad",
	OpStore: "OpStore", OpAccessChain: "OpAccessChain", OpDecorate: "OpDecorate", OpMemberDecorate: "OpMemberDecorate",
	OpCompositeExtract: "OpCompositeExtract", OpConvertFToU: "OpConvertFToU", OpConvertSToF: "OpConvertSToF", OpConvertUToF: "OpConvertUToF",
	OpUConvert: "OpUConvert", OpBitcast: "OpBitcast", OpFNegate: "OpFNegate", OpIAdd: "OpIAdd", OpFAdd: "OpFAdd", OpISub: "OpISub", OpFSub: "OpFSub", OpIMul: "OpIMul",
	OpFMul: "OpFMul", OpUDiv: "OpUDiv", OpSDiv: "OpSDiv", OpFDiv: "OpFDiv", OpUMod: "OpUMod", OpUMulExtended: "OpUMulExtended",
	OpLogicalOr: "OpLogicalOr", OpLogicalAnd: "OpLogicalAnd", OpLogicalNot: "OpLogicalNot", OpSelect: "OpSelect", OpIEqual: "OpIEqual",
	OpINotEqual: "OpINotEqual", OpUGreaterThan: "OpUGreaterThan", OpUGreaterThanEqual: "OpUGreaterThanEqual", OpULessThan: "OpULessThan",
	OpSLessThan: "OpSLessThan", OpFOrdEqual: "OpFOrdEqual", OpFUnordEqual: "OpFUnordEqual", OpFUnordNotEqual: "OpFUnordNotEqual", OpFOrdLessThan: "OpFOrdLessThan",
	OpFOrdGreaterThan: "OpFOrdGreaterThan", OpFOrdGreaterEqual: "OpFOrdGreaterThanEqual", OpShiftRightLogical: "OpShiftRightLogical",
	OpShiftRightArith: "OpShiftRightArithmetic", OpShiftLeft: "OpShiftLeftLogical", OpBitwiseOr: "OpBitwiseOr", OpBitwiseXor: "OpBitwiseXor",
	OpBitwiseAnd: "OpBitwiseAnd", OpControlBarrier: "OpControlBarrier", OpPhi: "OpPhi", OpLoopMerge: "OpLoopMerge",
	OpSelectionMerge: "OpSelectionMerge", OpLabel: "OpLabel", OpBranch: "OpBranch", OpBranchConditional: "OpBranchConditional",
	OpReturn: "OpReturn", OpGroupShuffle: "OpGroupNonUniformShuffle", OpGroupFAdd: "OpGroupNonUniformFAdd", OpGroupFMax: "OpGroupNonUniformFMax",
	OpExtension: "OpExtension", OpConstantComposite: "OpConstantComposite", OpTypeCooperativeMatrix: "OpTypeCooperativeMatrixKHR", OpCooperativeMatrixLoad: "OpCooperativeMatrixLoadKHR",
	OpCooperativeMatrixStore: "OpCooperativeMatrixStoreKHR", OpCooperativeMatrixMulAdd: "OpCooperativeMatrixMulAddKHR",
}

// String is the instruction's name.
func (op Op) String() string {
	if s := opNames[op]; s != "" {
		return s
	}
	panic("bug: an instruction without a name")
}

// An enumerant is a number of the specification with its name.
type enumerant struct {
	word uint32
	name string
}

func (e enumerant) operand() operand { return operand{words: []uint32{e.word}, text: e.name} }
func (e enumerant) String() string   { return e.name }

// What an instruction may be about, by kind.
type (
	Capability struct{ enumerant } // what a driver must be able to do
	Class      struct{ enumerant } // where a variable lives
	Decoration struct{ enumerant }
	BuiltIn    struct{ enumerant }
	GLSL       struct{ enumerant } // an instruction of GLSL.std.450
)

// The numbers in use.
var (
	Shader                    = Capability{enumerant{1, "Shader"}}
	Int64                     = Capability{enumerant{11, "Int64"}}
	Float16                   = Capability{enumerant{9, "Float16"}}
	ImageBuffer               = Capability{enumerant{47, "ImageBuffer"}}
	GroupNonUniform           = Capability{enumerant{61, "GroupNonUniform"}}
	GroupNonUniformArithmetic = Capability{enumerant{63, "GroupNonUniformArithmetic"}}
	GroupNonUniformShuffle    = Capability{enumerant{65, "GroupNonUniformShuffle"}}
	StorageBuffer16BitAccess  = Capability{enumerant{4433, "StorageBuffer16BitAccess"}}
	BFloat16Type              = Capability{enumerant{5116, "BFloat16TypeKHR"}}
	BFloat16CooperativeMatrix = Capability{enumerant{5118, "BFloat16CooperativeMatrixKHR"}}
	VulkanMemoryModel         = Capability{enumerant{5345, "VulkanMemoryModel"}}
	CooperativeMatrix         = Capability{enumerant{6022, "CooperativeMatrixKHR"}}

	UniformConstant = Class{enumerant{0, "UniformConstant"}}
	Input           = Class{enumerant{1, "Input"}}
	Workgroup       = Class{enumerant{4, "Workgroup"}}
	StorageBuffer   = Class{enumerant{12, "StorageBuffer"}}

	Block_            = Decoration{enumerant{2, "Block"}}
	ArrayStride       = Decoration{enumerant{6, "ArrayStride"}}
	BuiltInDecoration = Decoration{enumerant{11, "BuiltIn"}}
	Aliased           = Decoration{enumerant{20, "Aliased"}}
	Coherent          = Decoration{enumerant{23, "Coherent"}}
	NonWritable       = Decoration{enumerant{24, "NonWritable"}}
	Binding           = Decoration{enumerant{33, "Binding"}}
	DescriptorSet     = Decoration{enumerant{34, "DescriptorSet"}}
	Offset            = Decoration{enumerant{35, "Offset"}}
	NoContraction     = Decoration{enumerant{42, "NoContraction"}}

	WorkgroupID       = BuiltIn{enumerant{26, "WorkgroupId"}}
	LocalInvocationID = BuiltIn{enumerant{27, "LocalInvocationId"}}

	FAbs   = GLSL{enumerant{4, "FAbs"}}
	Sqrt   = GLSL{enumerant{31, "Sqrt"}}
	Fma    = GLSL{enumerant{50, "Fma"}}
	NClamp = GLSL{enumerant{81, "NClamp"}}
)
