package vulkan

import (
	"slices"

	"bnetc/ir/kernel"
)

// A Shader is one kernel as a SPIR-V compute module, and what the host must know to run it: one dispatch of Groups workgroups, with
// binding i of descriptor set 0 the memory that Bindings[i] names.
type Shader struct {
	Name     string
	Words    []uint32
	Text     string // the same module in assembly form, which spirv-as reads
	Bindings []Binding
	Groups   [3]int // workgroups to dispatch
	Local    int    // invocations of a workgroup, along x
	Whole    bool   // a workgroup is a whole subgroup, whose lanes work together
}

// A Binding is the memory that a shader sees as one storage buffer, or one storage texel buffer of four elements a texel: Count floats, a multiple of
// four, from the First one of a plan's buffer on. Where the device offers a kernel too few storage buffers, it reaches over buffers that lie behind that
// one in the same memory.
type Binding struct {
	Buffer       int // index into Plan.Buffers
	First, Count int // floats
	Written      bool
	Texels       bool // not a storage buffer: a storage texel buffer
	Halves       bool // of a texel buffer: its elements have 16 bits
}

// Limits are what a device lets one shader have. The zero value of a field stands for no limit, but for Shared and Subgroup.
type Limits struct {
	Buffers  int   `json:"buffers"`  // storage buffers of a stage: maxPerStageDescriptorStorageBuffers, at least 4
	Range    int64 `json:"range"`    // bytes of one of them: maxStorageBufferRange, at least 128 MiB
	Align    int   `json:"align"`    // bytes that a binding's place in memory is a multiple of: minStorageBufferOffsetAlignment
	Groups   int   `json:"groups"`   // workgroups along one dimension: the least of maxComputeWorkGroupCount, at least 65535
	Local    int   `json:"local"`    // invocations of a workgroup
	Shared   int   `json:"shared"`   // bytes of workgroup memory: at least 16384
	Texels   int   `json:"texels"`   // of a texel buffer, where reading through one is faster than through a storage buffer; else 0
	Fans     bool  `json:"fans"`     // where reading a texel costs the same for one address as for one a lane: a subgroup's lanes fetch what all want by turns, and hand it round
	Longs    bool  `json:"longs"`    // where storing 64 bits costs what storing 32 does
	Turns    int   `json:"turns"`    // of loops that one invocation executes, where the driver counts them; else 0
	Unroll   int   `json:"unroll"`   // turns of an innermost loop to take at once; 0 is 1
	Only32   bool  `json:"only32"`   // no storage buffers of 16-bit elements: no storageBuffer16BitAccess
	Subgroup int   `json:"subgroup"` // invocations of a subgroup that can add over its lanes in one instruction, and be a workgroup; 0 where they cannot
	// Matrices are the products that a subgroup computes together, best first: cooperative matrices, and none without a subgroup that adds up.
	Matrices []kernel.MatrixProduct `json:"matrices,omitempty"`
}

// A layout says where in the device's memory the buffers of a plan begin: in floats, behind the start of one of the pieces of memory that the host allocates.
// A binding reaches over buffers of one piece alone.
type layout struct {
	piece []int // of each buffer
	first []int // of each buffer
}

// needs are the features that a plan's kernels use, where the device has them.
func needs(p *kernel.Plan) features {
	f := features{whole: true, storage16: slices.ContainsFunc(p.Buffers, func(b kernel.Buffer) bool { return b.Type != kernel.F32 })}
	for _, k := range p.Kernels {
		for _, m := range p.Products(k) {
			f.matrices, f.bfloat = true, f.bfloat || m.Of == kernel.BF16
		}
	}
	return f
}
