package vulkan

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
)

var random = flag.Int("random", 6, "how many random programs run on each device")

// gpus are devices that are not here.
var gpus = []struct {
	name     string
	limits   Limits
	target   compiler.Target
	matrices []kernel.MatrixProduct
}{
	{"nvidia", Limits{Unroll: 4, Subgroup: 32, Local: 1024, Shared: 49152}, compiler.NVIDIA, nil},
	{"nvidia with matrices", Limits{Unroll: 4, Subgroup: 32, Local: 1024, Shared: 49152}, compiler.NVIDIA, []kernel.MatrixProduct{{Rows: 16, Columns: 16, Depth: 16, Of: kernel.F16}, {Rows: 16, Columns: 8, Depth: 8, Of: kernel.BF16}}},
	{"least", least, compiler.Subgroup32, nil},
	{"subgroup 64", Limits{Unroll: 4, Subgroup: 64, Local: 1024, Shared: 65536}, compiler.Subgroup64, nil},
	{"least of 64", least, compiler.Subgroup64, nil},
}

// Programs agree with the reference executor on devices that are not here, none of whose invocations waits for another unless it is told to. Of the table, it is
// those whose layers leave something over beside vectors and matrices, and some more.
func TestAgreeOnGPUs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	for n, g := range gpus {
		t.Run(g.name, func(t *testing.T) {
			g.limits.Matrices, g.target.Matrices = g.matrices, g.matrices
			table := programs.Drawn(*random, int64(1000*n))
			for i, p := range programs.All() {
				if *full || i%31 == 6*n || strings.HasPrefix(p.Name, "16 and more") || strings.HasPrefix(p.Name, "17 channels in") {
					table = append(table, p)
				}
			}
			programs.Agree(t, &emulator{g.limits}, g.target, table)
		})
	}
}

// What lays activities out for the updates of weights is shared out among many workgroups, however few panels there are.
func TestPackingIsSharedOut(t *testing.T) {
	plan := planOf(t, "mnist_fc_sdtp_parallel.bnet", 128, compiler.NVIDIA)
	shaders, err := encode(plan, place(plan), gpus[0].limits)
	require.NoError(t, err)
	packs := 0
	for _, s := range shaders {
		if strings.Contains(s.Name, ".panels") {
			require.Equal(t, 2*128, s.Groups[0], s.Name)
			packs++
		}
	}
	require.NotZero(t, packs)
}
