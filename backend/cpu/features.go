// Package cpu is the CPU backend: it prints a plan as C with vector extensions, has the system's compiler make a library of it,
// and runs that on workers that live as long as the machine. It knows kernels; not layers, not rules, not training.
package cpu

import (
	"runtime"

	"github.com/klauspost/cpuid/v2"
)

// Features says what a processor has: what a compiler needs to choose tiles, and what code may be loaded.
type Features struct {
	ISA         string `json:"isa"` // a name of the table isas
	Model       string `json:"model"`
	VectorWidth int    `json:"vector"`    // floats in a vector register
	Registers   int    `json:"registers"` // vector registers
	Cores       int    `json:"cores"`     // logical processors that this process may use
	// Bytes of cache, 0 where unknown; L1 of data.
	L1 int `json:"l1"`
	L2 int `json:"l2"`
	L3 int `json:"l3"`
}

// An isa is a level of instruction set that code is compiled for. A level names every extension that its code may use, so that a
// library compiled for it runs wherever the level is found: never -march=native, which names no level.
type isa struct {
	name      string
	arch      string // GOARCH
	flags     []string
	width     int
	registers int
	needs     []cpuid.FeatureID
}

// isas stands best first. Processors with AVX2 that do not have prfchw, the request for a line to write, take it for nothing.
var isas = []isa{
	{"avx512", "amd64", []string{"-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2", "-mprfchw", "-mprefer-vector-width=512"}, 16, 32,
		[]cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.BMI1, cpuid.BMI2}},
	{"avx2", "amd64", []string{"-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2", "-mprfchw"}, 8, 16, []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.BMI1, cpuid.BMI2}},
	{"sse2", "amd64", []string{"-msse2"}, 4, 16, nil},
	{"neon", "arm64", nil, 4, 32, nil},
	{"generic", "", nil, 4, 16, nil},
}

// Detect gives the features of the processor that this process runs on. An extension counts only where the system saves its
// registers.
func Detect() Features {
	c := cpuid.CPU
	f := Features{Model: c.BrandName, Cores: runtime.GOMAXPROCS(0), L1: max(c.Cache.L1D, 0), L2: max(c.Cache.L2, 0), L3: max(c.Cache.L3, 0)}
	for _, i := range isas {
		if (i.arch == "" || i.arch == runtime.GOARCH) && c.Supports(i.needs...) {
			f.ISA, f.VectorWidth, f.Registers = i.name, i.width, i.registers
			break
		}
	}
	return f
}

// runs says whether code for an instruction set may be executed here.
func runs(name string) bool {
	for _, i := range isas {
		if i.name == name {
			return (i.arch == "" || i.arch == runtime.GOARCH) && cpuid.CPU.Supports(i.needs...)
		}
	}
	return false
}

// flagsFor gives the compiler's flags for an instruction set.
func flagsFor(name string) []string {
	for _, i := range isas {
		if i.name == name {
			return i.flags
		}
	}
	return nil
}
