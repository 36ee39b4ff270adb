package compiler_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend/cpu"
	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// goldenTarget is a machine that does not change with the one that runs the tests.
var goldenTarget = compiler.Target{Name: "golden", Vector: 8, Registers: 16, Cache: 1 << 20, Workers: 2, BatchLocal: true}

// Archives of whole programs: each rule of the library on a small network, each connectivity under some rule. Of each, the tensor program as lowered and
// as fused, the kernels, the plan around them, what it costs, and its C.
func TestGoldenStages(t *testing.T) {
	for _, file := range append(golden.Files(t, "../testdata/rules/*.txtar"), golden.Files(t, "../testdata/fields/*.txtar")...) {
		t.Run(golden.Name(file), func(t *testing.T) {
			c, err := programs.Program{Name: golden.Name(file), Text: golden.Source(t, file)}.Compile(goldenTarget)
			require.NoError(t, err)
			stages := map[string]string{}
			for _, s := range c.Stages {
				stages[s.Name] = s.Text
			}
			golden.Check(t, file, "tensor", stages["lowered"])
			golden.Check(t, file, "fused", stages["fuse"])
			plan := c.Plan.String()
			kernels, lists := strings.Index(plan, "\nkernel "), strings.Index(plan, "\nlist ")
			golden.Check(t, file, "kernels", plan[kernels+1:lists+1])
			golden.Check(t, file, "plan", plan[:kernels+1]+plan[lists+1:])
			golden.Check(t, file, "cost", c.Summary())
			golden.Check(t, file, "c", cpu.PrintKernels(c.Plan))

			for _, text := range []string{stages["lowered"], stages["fuse"]} {
				p, err := tensor.Parse(text)
				require.NoError(t, err)
				require.Equal(t, text, p.String())
			}
			back, err := kernel.Parse(plan)
			require.NoError(t, err)
			require.Equal(t, plan, back.String())
		})
	}
}
