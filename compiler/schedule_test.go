package compiler_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend/backendtest"
	"bnetc/backend/cpu"
	"bnetc/compiler"
	"bnetc/internal/programs"
)

// A worker with a small cache goes through sums slab by slab, in every role, whether workers share the batch or the units, and computes the same.
func TestSlabs(t *testing.T) {
	for name, text := range map[string]string{
		"dense": "network n {\n  input 64\n  layer l1 = all -> 96, tanh\n  layer l2 = all -> 64, tanh\n  layer l3 = all -> 128, tanh\n  output y = all -> 10, softmax\n}\n",
		"field": "network n {\n  input image 4x5x32\n  layer l1 = field 3x3 stride 2 same -> 64, untied, tanh\n  layer l2 = field 3x3 same -> 33, untied, tanh\n  output y = all -> 10, softmax\n}\n",
	} {
		for _, rule := range []string{"bp", "sdtp"} {
			inverse := ""
			if rule != "bp" {
				inverse = " inverse adam(lr = 0.01) "
			}
			p := programs.Program{Name: name + "/" + rule, Text: text + "learn " + rule + " { forward adam(lr = 0.01)\n" + inverse + "}\ntrain on npy(\"x.npy\", \"y.npy\") { batch 64 }\n"}
			for _, target := range []compiler.Target{targets[1], targets[3]} {
				t.Run(p.Name+"/"+target.Name, func(t *testing.T) {
					t.Parallel()
					whole, err := p.Compile(target)
					require.NoError(t, err)
					target.L2 = 16 << 10
					cut, err := p.Compile(target)
					require.NoError(t, err)
					require.NotContains(t, whole.Plan.String(), ".slab")
					require.Contains(t, cut.Plan.String(), ".slab")
					if rule == "bp" { // the one that goes down columns
						require.Contains(t, cut.Plan.String(), "  prefetch ")
					}
					trial := newTrial(whole.Tensor, programs.Settings(whole.Source, 1), 1)
					sameParams(t, trial.onKernels(t, whole), trial.onKernels(t, cut), 1e-9, "in slabs")
					backendtest.Agree(t, &cpu.Backend{Threads: 2}, programs.Case(cut))
				})
			}
		}
	}
}
