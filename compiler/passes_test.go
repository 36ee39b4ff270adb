package compiler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/ir/tensor"
)

// An archive shows one pass on one program: the text before it, the text behind it, and what it says it did or declined. The archive's name begins with
// the pass's. A second run changes nothing, and the reference executor finds the same numbers on both sides.
func TestGoldenPasses(t *testing.T) {
	shown := map[string]bool{}
	for _, file := range golden.Files(t, "../testdata/passes/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			pass, _, _ := strings.Cut(golden.Name(file), "-")
			shown[pass] = true
			before := golden.Source(t, file)
			after, remarks, err := compiler.RunPass(pass, before, goldenTarget)
			require.NoError(t, err)
			said := ""
			for _, r := range remarks {
				said += fmt.Sprintf("%s: %s\n", r.Subject, r.Text)
			}
			golden.Check(t, file, "after", after)
			golden.Check(t, file, "remarks", said)

			again, _, err := compiler.RunPass(pass, after, goldenTarget)
			require.NoError(t, err)
			require.Equal(t, after, again, "a second run")

			p, err := tensor.Parse(before)
			if err != nil || slices.ContainsFunc(p.Nodes, func(n *tensor.Node) bool { return n.Minimize }) {
				return // a plan, whose order is not its text; or a loss, whose slope other tests measure
			}
			q, err := tensor.Parse(after)
			require.NoError(t, err)
			runs := newTrial(p, map[string]float64{"forward.lr": 0.1, "inverse.lr": 0.1}, 1)
			sameParams(t, runs.onTensors(t, p), runs.onTensors(t, q), 1e-12, "after "+pass)
		})
	}
	for _, name := range compiler.PassNames() {
		require.True(t, shown[name], "no archive shows pass %s", name)
	}
}
