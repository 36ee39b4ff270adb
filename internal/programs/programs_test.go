package programs

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend/cpu"
	"bnetc/compiler"
)

var full = flag.Bool("full", false, "run the whole product of programs, not a selection")

// table is what a test runs: the selection, every program under -full.
func table() []Program {
	if *full {
		return Full()
	}
	return All()
}

// Every program is one that the language takes, under a name of its own.
func TestProgramsCheck(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Full() {
		require.False(t, names[p.Name], p.Name)
		names[p.Name] = true
	}
	for _, p := range table() {
		require.True(t, names[p.Name], "%s is not in the product", p.Name)
		_, err := p.Check()
		require.NoError(t, err)
	}
}

func TestCPUAgrees(t *testing.T) {
	targets := []compiler.Target{
		{Name: "avx2", Vector: 8, Registers: 16, Cache: 4 << 20, Workers: 2, BatchLocal: true},
		{Name: "avx512", Vector: 16, Registers: 32, Cache: 4 << 20, Workers: 2, BatchLocal: true},
		{Name: "by units", Vector: 8, Registers: 16, Cache: 0, Workers: 2, BatchLocal: false},
	}
	b := &cpu.Backend{Threads: 2}
	for i, p := range table() {
		Agree(t, b, targets[i%len(targets)], []Program{p})
	}
}
