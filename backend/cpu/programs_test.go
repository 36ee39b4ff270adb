package cpu_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend/backendtest"
	"bnetc/backend/cpu"
	"bnetc/compiler"
	"bnetc/internal/programs"
)

var full = flag.Bool("full", false, "run the whole product of programs, of hours, not a selection")

// Every program of the table, for each kind of target.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	targets := []compiler.Target{
		{Name: "avx2", Vector: 8, Registers: 16, Cache: 4 << 20, L2: 8 << 10, Workers: 2, BatchLocal: true}, // so small that sums go slab by slab
		{Name: "avx512", Vector: 16, Registers: 32, Cache: 2 << 20, L2: 1 << 20, Workers: 2, BatchLocal: true},
		{Name: "by units", Vector: 8, Registers: 16, Cache: 0, Workers: 2, BatchLocal: false},
	}
	table := programs.All()
	if *full {
		table = programs.Full()
	}
	for i, p := range table {
		programs.Agree(t, &cpu.Backend{Threads: 2}, targets[i%len(targets)], []programs.Program{p})
	}
}

// Whatever network, rule and target the bytes make: if the language takes it, it compiles, and the C backend agrees with the reference.
func FuzzAgree(f *testing.F) {
	f.Setenv("BNETC_CACHE", f.TempDir())
	for i := range byte(6) { // small ones: go test takes for hung what is not done in ten seconds
		f.Add([]byte{i, 1, 0, i, 1, 3 * i, 1, 5 * i, 7 * i, 1, i, i, 2})
		f.Add(programs.Bytes(int64(i))) // and what writes rules, too
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, target := programs.Random(data)
		if _, err := p.Check(); err != nil {
			t.Skip("the language refuses it")
		}
		c, err := p.Compile(target)
		require.NoError(t, err)
		defer func() {
			if t.Failed() {
				t.Logf("target %+v\n%s", target, p.Text)
			}
		}()
		backendtest.Agree(t, &cpu.Backend{Threads: target.Workers}, programs.Case(c))
		require.NoError(t, os.RemoveAll(os.Getenv("BNETC_CACHE")))
	})
}
