package compiler_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// named is a program with everything in it that a user names: LAYER, VALUE, MAP, PARAMETER and MEASURE, each with a number.
const named = `network n {
  input 6
  layer LAYER1 = all -> 5, tanh
  layer LAYER2 = dropout 0.25
  layer LAYER3 = all -> 4, tanh
  layer LAYER4 = all -> 4, tanh
  output LAYER5 = all -> 3, softmax
}

rule r(PARAMETER1 = 0.5, PARAMETER2 = 0.1) {
  feedback MAP1[l] like f[l]   for l in 2..last
  feedback MAP2[l] like f[l]   for l in 2..last
  inverse MAP3[l] of f[l]   for l in 4..last
  inverse MAP4[l] of f[l]   for l in 4..last
  VALUE1 = PARAMETER1 * tanh(h[LAYER3])
  VALUE1[l] = tanh(2 * h[l])   for every l
  VALUE2[l] = h[l] + normal(PARAMETER2)   for l in 3..last-1
  VALUE3[last] = gradient(loss, a[last])
  VALUE3[l] = (transpose(MAP2[l+1])(VALUE3[l+1]) + PARAMETER1 * transpose(MAP1[l+1])(VALUE3[l+1])) * derivative(f[l])   for hidden l
  VALUE4[l] = abs(VALUE3[l])   for every l
  minimize |h[l-1] - MAP3[l](f[l](VALUE2[l-1]))|^2   over MAP3[l]   for l in 4..last
  minimize |VALUE1[l-1] - MAP4[l](VALUE1[l])|^2   over MAP4[l]   for l in 4..last
  descend f[LAYER1] along outer(VALUE3[LAYER1], h[0])
  descend f[l] along outer(VALUE4[l], VALUE1[l-1])   for l in 2..last-2
  descend f[LAYER4] along outer(VALUE3[LAYER4], VALUE1)
  descend f[last] along outer(VALUE3[last], h[last-1])
}

learn r { forward momentum(lr = 0.1)  inverse adam(lr = 0.1) }

train on npy("x.npy", "y.npy") { batch 7  epochs 1 }

measure MEASURE1[l] = |VALUE1[l] - VALUE2[l]|^2   for l in 3..last-1
measure MEASURE2 = dot(VALUE1, MAP3[LAYER4](h[LAYER4]))
`

// renamed gives what the program names names of a list, each its own.
func renamed(layers, others []string) string {
	var pairs []string
	put := func(kind string, count int, names []string) []string {
		for i := range count {
			pairs = append(pairs, fmt.Sprintf("%s%d", kind, i+1), names[i])
		}
		return names[count:]
	}
	put("LAYER", 5, layers)
	others = put("VALUE", 4, others)
	others = put("MAP", 4, others)
	others = put("PARAMETER", 2, others)
	put("MEASURE", 2, others)
	return strings.NewReplacer(pairs...).Replace(named)
}

// What a name says is for people: whatever layers, values, maps, parameters and measures are called, every number is the same, if noise is. The names
// are those of tensors, of states, of sums, of settings, of what the compiler makes, and of each other.
func TestNamesChangeNothing(t *testing.T) {
	layers := []string{"all", "W", "V", "B", "b", "c", "m", "v", "Wz", "mask", "aux", "classes", "h", "a", "l1", "l1_W", "W_m", "y", "loss", "errors", "lanes", "panels8", "tile", "s12", "evaluate", "inverse", "l1_0", "max"}
	others := []string{"W", "V", "B", "b", "c", "m", "v", "bz", "mask", "ones", "whole", "evaluate", "step0", "step1", "seed0", "seed3", "settings", "weight", "x", "learn", "learn_l1", "train",
		"forward_loss", "inverse_loss", "measure", "pack_h", "next", "next_m", "at", "out", "l1", "y", "all", "W_b", "b_c", "s12", "s", "e5", "noise", "metrics", "lane", "nb"}
	// In one kernel: h of b_all, and h_b, which has no index.
	texts := []string{renamed([]string{"l1", "l2", "b_all", "l4", "y"}, []string{"h_b", "q", "d", "o", "A", "C", "G", "K", "r1", "r2", "m1", "m2"})}
	r := rand.New(rand.NewSource(1))
	for range 40 {
		r.Shuffle(len(layers), func(i, j int) { layers[i], layers[j] = layers[j], layers[i] })
		r.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		texts = append(texts, renamed(layers, others))
	}
	for _, target := range []compiler.Target{targets[1], targets[len(targets)-1]} {
		plain := compiled(t, target, renamed([]string{"l1", "l2", "l3", "l4", "y"}, []string{"p", "q", "d", "o", "A", "C", "G", "K", "r1", "r2", "m1", "m2"}))
		for _, text := range texts {
			got := compiled(t, target, text)
			for k := range plain {
				require.Equal(t, plain[k], got[k], text)
			}
		}
	}
}

// compiled is what a program's params are after some steps, of its tensor program and of its plan, both in order.
func compiled(t *testing.T, target compiler.Target, text string) (values [2][][]float64) {
	t.Helper()
	c, err := programs.Program{Name: "n", Text: text}.Compile(target)
	require.NoError(t, err, text)
	sameNoise(c)
	runs := newTrial(c.Tensor, programs.Settings(c.Source, 1), 1)
	got := runs.onTensors(t, c.Tensor)
	for _, n := range c.Tensor.Nodes {
		if n.Op == tensor.Param {
			values[0] = append(values[0], got[n.Name])
		}
	}
	got = runs.onKernels(t, c)
	for _, b := range c.Plan.Buffers {
		if v, ok := got[b.Name]; ok {
			values[1] = append(values[1], v)
		}
	}
	return values
}

// sameNoise numbers the streams of a program, which follow from its layers' names, in the order of their first use.
func sameNoise(c *compiler.Compilation) {
	streams := map[uint32]uint32{}
	number := func(s *uint32) {
		if _, ok := streams[*s]; !ok {
			streams[*s] = uint32(len(streams) + 1)
		}
		*s = streams[*s]
	}
	for _, n := range c.Tensor.Nodes {
		if n.Op == tensor.Random {
			number(&n.Stream)
		}
	}
	for _, k := range c.Plan.Kernels {
		kernel.Walk(k.Body, func(s kernel.Stmt) {
			if d, ok := s.(*kernel.Draw); ok {
				number(&d.Stream)
			}
		})
	}
}
