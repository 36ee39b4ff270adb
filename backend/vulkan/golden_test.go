package vulkan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/internal/golden"
	"bnetc/ir/kernel"
)

// An archive of testdata holds a plan, and the modules of its kernels: for a device that offers what lavapipe does, and for one that offers no more than
// Vulkan asks for; where it multiplies matrices, for one that has them.
func TestGoldenModules(t *testing.T) {
	for _, file := range golden.Files(t, "testdata/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			plan, err := kernel.Parse(golden.Source(t, file))
			require.NoError(t, err)
			require.NoError(t, plan.Verify())
			sections := map[string]Limits{"software.spvasm": devices[0].limits, "least.spvasm": least}
			if needs(plan).matrices {
				sections = map[string]Limits{"matrices.spvasm": withMatrices}
			}
			for section, limits := range sections {
				var texts []string
				for _, k := range plan.Kernels {
					s, err := lowerKernel(plan, k, place(plan), limits)
					require.NoError(t, err)
					texts = append(texts, fmt.Sprintf("; %s: %s\n; %d x %d workgroups of %d\n", k.Name, k.From, s.Groups[0], s.Groups[1], s.Local)+s.Text)
				}
				golden.Check(t, file, section, strings.Join(texts, "\n"))
			}
		})
	}
}
