package compiler_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/internal/programs"
	"bnetc/ir/kernel"
)

// How every param starts, by hand from LEARNING.md section 1: what a unit is connected to, forward and back, and a stream of its own for each tensor.
func TestFans(t *testing.T) {
	text := func(rule string) string {
		return `network n {
  input image 6x5x4
  layer l1 = field 3x2 groups 2 -> 6, untied, tanh
  layer l2 = field 5x3 stride 2 -> 7, shared, tanh
  layer l3 = all -> 11, tanh, init he
  output y = all -> 3, softmax` + rule
	}
	adam := " { forward adam  inverse adam }\ntrain on npy(\"x\", \"y\") { batch 2 }\n"
	type fan struct {
		kind    string
		in, out int
	}
	for _, c := range []struct {
		rule string
		want map[string]fan
	}{
		{"\n}\nlearn fa" + adam, map[string]fan{
			"l1.W": {"glorot", 3 * 2 * 4 / 2, 3 * 2 * 6 / 2}, "l2.W": {"glorot", 5 * 3 * 6, 5 * 3 * 7}, "l3.W": {"he", 3 * 3 * 7, 11}, "y.W": {"glorot", 11, 3},
			"l1.b": {"zero", 0, 0}, "l2.b": {"zero", 0, 0}, "l3.b": {"zero", 0, 0}, "y.b": {"zero", 0, 0},
			"l2.B": {"glorot", 5 * 3 * 6, 5 * 3 * 7}, "l3.B": {"glorot", 3 * 3 * 7, 11}, "y.B": {"glorot", 11, 3},
		}},
		{"\n}\nlearn dfa" + adam, map[string]fan{"l1.B": {"glorot", 3, 6 * 5 * 6}, "l2.B": {"glorot", 3, 3 * 3 * 7}, "l3.B": {"glorot", 3, 11}}},
		{", aux 5\n}\nlearn ao_sdtp" + adam, map[string]fan{
			"l2.V": {"glorot", 5 * 3 * 6, 5 * 3 * 7}, "l3.V": {"glorot", 11, 3 * 3 * 7}, "y.V.classes": {"glorot", 3 + 5, 11}, "y.V.aux": {"glorot", 3 + 5, 11}, "y.Wz": {"glorot", 11, 5},
			"l2.c": {"zero", 0, 0}, "l3.c": {"zero", 0, 0}, "y.c": {"zero", 0, 0}, "y.bz": {"zero", 0, 0},
		}},
	} {
		p, err := programs.Program{Name: "fans", Text: text(c.rule)}.Compile(targets[0])
		require.NoError(t, err)
		streams := map[uint32]string{}
		for name, want := range c.want {
			i := p.Plan.Buffer(name)
			require.GreaterOrEqual(t, i, 0, name)
			init := p.Plan.Buffers[i].Init
			require.Equal(t, want, fan{init.Kind, init.FanIn, init.FanOut}, name)
		}
		for _, b := range p.Plan.Buffers {
			if b.Kind == kernel.Weight && b.Init.Kind != "zero" {
				tensor := b.Name
				if b.Init.Of != "" {
					tensor = b.Init.Of // its parts are columns of one draw
				}
				require.True(t, slices.Contains([]string{"", tensor}, streams[b.Init.Stream]), "%s and %s share a stream", tensor, streams[b.Init.Stream])
				streams[b.Init.Stream] = tensor
			}
		}
		require.Greater(t, len(streams), 3)
	}
}
