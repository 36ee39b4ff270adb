package vulkan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/stdlib"
)

// planOf compiles a program of the examples, with settings PATH=VALUE, for a target.
func planOf(t testing.TB, file string, batch int, target compiler.Target, set ...string) *kernel.Plan {
	t.Helper()
	var l diag.List
	opts := compiler.Tables()
	opts.Set = set
	p := check.Check(check.Load(filepath.Join("../../examples", file), os.ReadFile, stdlib.FS, &l), opts, &l)
	require.NotNil(t, p, file)
	c, err := compiler.Compile(p, batch, target)
	require.NoError(t, err)
	return c.Plan
}

// devices are the limits and schedules that modules are held against: each class, and the least that Vulkan allows.
var devices = []struct {
	limits Limits
	target compiler.Target
}{
	{Limits{Unroll: 4, Subgroup: 8, Texels: 1 << 27, Fans: true, Longs: true, Turns: 65000, Local: 1024}, compiler.Software},
	{Limits{Unroll: 4, Subgroup: 32, Local: 1024}, compiler.NVIDIA},
	{least, compiler.Subgroup32},
	{least, compiler.Subgroup64},
}

// Every rule's kernels are valid modules for every class of device.
func TestModulesAreValid(t *testing.T) {
	for _, d := range devices {
		moves := compiler.Moves(d.target, 72, []string{"x"}, 32, 33, 3)
		s, err := lowerKernel(moves, moves.Kernels[0], place(moves), d.limits)
		require.NoError(t, err)
		valid(t, s)
		for _, program := range []string{"mnist_fc_sdtp_parallel.bnet", "mnist_fc_ao_sdtp_alternating.bnet", "mnist_lc_dtp_parallel.bnet", "mnist_fc_tp.bnet", "mnist_lc_dfa.bnet", "cifar_conv_bp.bnet", "imagenet_conv_bp.bnet", "mnist_tiled_bp.bnet",
			"mnist_fc_sdtp_parallel.bnet train.precision=f16", "mnist_lc_dtp_parallel.bnet train.precision=bf16"} {
			t.Run(d.target.Name+"/"+program, func(t *testing.T) {
				words := strings.Fields(program)
				plan := planOf(t, words[0], 72, d.target, words[1:]...)
				for i, k := range plan.Kernels {
					if testing.Short() && i%5 != 0 {
						continue
					}
					s, err := lowerKernel(plan, k, place(plan), d.limits)
					require.NoError(t, err)
					valid(t, s)
				}
			})
		}
	}
}
