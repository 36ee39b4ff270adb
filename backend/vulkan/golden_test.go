package vulkan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/ir/kernel"
)

// An archive of testdata holds a plan, and the modules of its kernels: for a device that offers what lavapipe does, and for one that offers no more than
// Vulkan asks for.
func TestGoldenModules(t *testing.T) {
	for _, file := range golden.Files(t, "testdata/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			if golden.Name(file) == "moves" {
				golden.Check(t, file, "plan.kernel", compiler.Moves(compiler.Software, 2, []string{"x"}, 2, 36, 3).String())
			}
			plan, err := kernel.Parse(golden.Source(t, file))
			require.NoError(t, err)
			require.NoError(t, plan.Verify())
			for section, limits := range map[string]Limits{"software.spvasm": devices[0].limits, "least.spvasm": least} {
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
