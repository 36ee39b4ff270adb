package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/internal/golden"
	"bnetc/ir/kernel"
)

// An archive of testdata holds a plan, and the C of its kernels.
func TestGoldenC(t *testing.T) {
	for _, file := range golden.Files(t, "testdata/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			plan, err := kernel.Parse(golden.Source(t, file))
			require.NoError(t, err)
			require.NoError(t, plan.Verify())
			golden.Check(t, file, "kernels.c", PrintKernels(plan))
		})
	}
}
