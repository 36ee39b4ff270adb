package vulkan

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/stdlib"
)

// planOf compiles a program of the examples for a target.
func planOf(t testing.TB, file string, batch int, target compiler.Target) *kernel.Plan {
	t.Helper()
	var l diag.List
	p := check.Check(check.Load(filepath.Join("../../examples", file), os.ReadFile, stdlib.FS, &l), compiler.Tables(), &l)
	require.NotNil(t, p, file)
	c, err := compiler.Compile(p, batch, target)
	require.NoError(t, err)
	return c.Plan
}

func TestExamplesAreValid(t *testing.T) {
	target := compiler.Target{Name: "vulkan", Vector: 8, Registers: 16, Cache: 1 << 30, Workers: 1}
	for _, file := range []string{"mnist_fc_sdtp_parallel.bnet"} {
		plan := planOf(t, file, 128, target)
		for _, k := range plan.Kernels {
			s, err := lowerKernel(plan, k, layout{}, Limits{})
			require.NoError(t, err)
			if dir := os.Getenv("DUMP"); dir != "" {
				os.WriteFile(filepath.Join(dir, k.Name+".spvasm"), []byte(s.text(k)), 0o666)
			}
			valid(t, s)
		}
	}
}
