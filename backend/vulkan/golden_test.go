package vulkan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
)

// An archive of testdata holds a plan, and the modules of its kernels: for a device that offers what lavapipe does, and for one that offers no more than
// Vulkan asks for; where it multiplies matrices, for one that has them.
func TestGoldenModules(t *testing.T) {
	for _, file := range golden.Files(t, "testdata/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			if golden.Name(file) == "moves" {
				golden.Check(t, file, "plan.kernel", compiler.Moves(compiler.Software, 2, []string{"x"}, 2, 36, 3).String())
			}
			plan, err := kernel.Parse(golden.Source(t, file))
			require.NoError(t, err)
			require.NoError(t, plan.Verify())
			sections := map[string]Limits{"software.spvasm": devices[0].limits, "least.spvasm": least}
			if needs(plan).matrices {
				sections = map[string]Limits{"matrices.spvasm": withMatrices}
			}
			for section, limits := range sections {
				golden.Check(t, file, section, texts(t, plan, limits, func(string) bool { return true }))
			}
		})
	}
}

// Of whole programs the archives hold the modules beside the C: of each connectivity all of them, of a rule those of one layer in the middle, since those of the
// others are alike. The device is lavapipe's kind with the smallest of tiles, so that the texts are short.
func TestGoldenPrograms(t *testing.T) {
	target, limits := compiler.Software, devices[0].limits
	target.Registers, target.Columns, limits.Unroll = 4, 4, 1
	for folder, which := range map[string]string{"rules": "l2", "fields": ""} {
		for _, file := range golden.Files(t, "../../testdata/"+folder+"/*.txtar") {
			t.Run(golden.Name(file), func(t *testing.T) {
				c, err := programs.Program{Name: golden.Name(file), Text: golden.Source(t, file)}.Compile(target)
				require.NoError(t, err)
				golden.Check(t, file, "spvasm", texts(t, c.Plan, limits, func(kernel string) bool { return strings.Contains(kernel, which) }))
			})
		}
	}
}

// texts are the modules of a plan's kernels, of those that are wanted.
func texts(t *testing.T, plan *kernel.Plan, limits Limits, wanted func(kernel string) bool) string {
	t.Helper()
	var texts []string
	for _, k := range plan.Kernels {
		if wanted(k.Name) {
			s, err := lowerKernel(plan, k, place(plan), limits)
			require.NoError(t, err)
			texts = append(texts, fmt.Sprintf("; %s: %s\n; %d x %d workgroups of %d\n", k.Name, k.From, s.Groups[0], s.Groups[1], s.Local)+s.Text)
		}
	}
	return strings.Join(texts, "\n")
}
