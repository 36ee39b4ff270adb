package compiler_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/internal/programs"
	"bnetc/ir/tensor"
)

// withRule is a small network with dropout, under a rule and with measures.
func withRule(rule, measures string) programs.Program {
	return programs.Program{Name: "n", Text: `network n {
  input 6
  layer l1 = all -> 5, tanh
  layer d = dropout 0.5
  layer l2 = all -> 4, tanh
  output y = all -> 3, softmax
}

rule r {
` + rule + `}

learn r { forward sgd(lr = 0.1, weight_decay = 0.5) }

train on npy("x.npy", "y.npy") { batch 8 }

` + measures}
}

const backprop = `  delta[last] = gradient(loss, a[last])
  delta[l] = transpose(f[l+1])(delta[l+1]) * derivative(f[l])   for hidden l
  descend f[l] along outer(delta[l], h[l-1])   for every l
`

// measured runs a program's tensors and its kernels, and gives what its measures come to after the steps of a trial, which may be prepared.
func measured(t *testing.T, p programs.Program, prepare func(*trial)) (onTensors, onKernels map[string]float64) {
	t.Helper()
	c, err := p.Compile(targets[1])
	require.NoError(t, err)
	runs := newTrial(c.Tensor, programs.Settings(c.Source, 1), 1)
	prepare(runs)
	of := func(got map[string][]float64) map[string]float64 {
		out := map[string]float64{}
		for name, v := range got {
			if measure, ok := strings.CutPrefix(name, "measure."); ok {
				out[measure] = v[0]
			}
		}
		return out
	}
	return of(runs.onTensors(t, c.Tensor)), of(runs.onKernels(t, c))
}

// What fills a short batch up has no measure: zeros, of which this one is no number.
func TestMeasuresOfAShortBatch(t *testing.T) {
	a, b := measured(t, withRule(backprop, "measure one = dot(h[0], h[0]) / |h[0]|^2\n"), func(runs *trial) {
		clear(runs.inputs["x"][5*6:])
		runs.inputs["weight"] = []float64{1, 1, 1, 1, 1, 0, 0, 0}
	})
	require.InDelta(t, 5*steps, a["one"], 1e-9)
	require.InDelta(t, 5*steps, b["one"], 1e-9)
}

// Measures see evaluation, in which dropout lets everything through, by way of equations, too.
func TestMeasuresSeeEvaluation(t *testing.T) {
	a, b := measured(t, withRule("  twice[l] = 2 * h[l]   for every l\n  back[l] = transpose(f[l+1])(twice[l+1])   for hidden l\n"+backprop, `measure nothing[l] = |twice[l] - 2 * h[l]|^2   for every l
measure back = |back[l1] - transpose(f[d])(2 * h[d])|^2
measure whole = |transpose(f[d])(h[d]) - h[l1]|^2
`), func(*trial) {})
	require.Len(t, a, 6)
	for name := range a {
		require.Zero(t, a[name], name)
		require.Zero(t, b[name], name)
	}
}

// Whole powers are products, of negative numbers too.
func TestWholePowers(t *testing.T) {
	for _, n := range []int{0, 1, 2, 8, 9, 10, 17, 32, 100, -1, -8, -9, -10, -33} {
		want := 0.0
		got, kernels := measured(t, withRule(backprop, fmt.Sprintf("measure power = dot(h[0]^%d, h[0] / h[0])\n", n)), func(runs *trial) {
			for i := range runs.inputs["x"] {
				runs.inputs["x"][i] = 2*runs.inputs["x"][i] - 1
				want += steps * math.Pow(runs.inputs["x"][i], float64(n))
			}
			runs.inputs["weight"] = slices.Repeat([]float64{1}, 8)
		})
		require.InEpsilon(t, want, got["power"], 1e-9, "power %d", n)
		require.InEpsilon(t, want, kernels["power"], 1e-9, "power %d", n)
	}
	rule := func(power string) programs.Program {
		return withRule("  minimize |(f[l](h[l-1]) - 0.5)"+power+"|^2   over f[l]   for hidden l\n  minimize loss   over f[last]\n", "")
	}
	_, _, powers := firstMove(t, rule("^9"))
	_, _, products := firstMove(t, rule("^4 * (f[l](h[l-1]) - 0.5)^5"))
	for param, move := range products {
		require.NotZero(t, move, param)
		require.InDeltaSlice(t, move, powers[param], 1e-12, param)
	}
}

// Powers of powers do not write out what they contain as often as they read it.
func TestPowersOfPowers(t *testing.T) {
	c, err := withRule(backprop, "measure deep = |((((h[0]^8)^8)^8)^8)^8|^2\n").Compile(targets[1])
	require.NoError(t, err)
	for _, n := range c.Tensor.Nodes {
		if n.Op == tensor.Map {
			require.Less(t, n.Expr.Flops(), 40, n.Expr.String())
		}
	}
}

// A loss that reads a bias by way of a named value alone, which is a constant, does not move it: neither does the decay of weights.
func TestBiasesBehindConstants(t *testing.T) {
	_, runs, moves := firstMove(t, withRule("  up[l] = f[l](h[l-1])   for every l\n  minimize |transpose(f[l])(up[l]) - h[l-1]|^2   over f[l]   for hidden l\n  minimize loss   over f[last]\n", ""))
	require.NotZero(t, runs.params["l1.b"])
	for _, layer := range []string{"l1", "l2"} {
		require.NotZero(t, slices.Max(moves[layer+".W"]))
		require.Equal(t, make([]float64, len(moves[layer+".b"])), moves[layer+".b"])
	}
	require.NotZero(t, slices.Max(moves["y.b"]))
}

// Pooling reads zeros in its padding, dilated or not: the mean counts them, and no maximum at the edge is below zero.
func TestPoolingReadsPadding(t *testing.T) {
	for _, c := range []struct {
		window                              string
		outH, outW, kernel, stride, pad, by int
	}{
		{"2x2 stride 2 pad 2", 5, 4, 2, 2, 2, 1}, {"3x3 stride 1 same", 6, 5, 3, 1, 1, 1}, {"2x2 stride 1 dilation 2", 4, 3, 2, 1, 0, 2}, {"2x2 stride 3 dilation 2 pad 1", 2, 2, 2, 3, 1, 2},
	} {
		for _, kind := range []string{"max", "average"} {
			p := programs.Program{Name: "n", Text: fmt.Sprintf(`network n {
  input image 6x5x2
  layer p = pool %s %s
  output y = all -> 3, softmax
}

learn bp { forward sgd(lr = 0.1) }

train on npy("x.npy", "y.npy") { batch 7 }

measure sum = dot(h[p], 1 + 0 * h[p])
`, kind, c.window)}
			want := 0.0
			got, kernels := measured(t, p, func(runs *trial) {
				x := runs.inputs["x"]
				for i := range x {
					x[i] -= 1.5 // all below zero
				}
				runs.inputs["weight"] = slices.Repeat([]float64{1}, 7)
				for n := range 7 * c.outH * c.outW * 2 {
					channel, column, row, sample := n%2, n/2%c.outW, n/2/c.outW%c.outH, n/2/c.outW/c.outH
					largest, sum := math.Inf(-1), 0.0
					for k := range c.kernel * c.kernel {
						iy, ix, v := row*c.stride+k/c.kernel*c.by-c.pad, column*c.stride+k%c.kernel*c.by-c.pad, 0.0
						if iy >= 0 && iy < 6 && ix >= 0 && ix < 5 {
							v = x[((sample*6+iy)*5+ix)*2+channel]
						}
						largest, sum = max(largest, v), sum+v
					}
					if kind == "average" {
						largest = sum / float64(c.kernel*c.kernel)
					}
					want += steps * largest
				}
			})
			require.InEpsilon(t, want, got["sum"], 1e-9, "%s %s", kind, c.window)
			require.InEpsilon(t, want, kernels["sum"], 1e-9, "%s %s", kind, c.window)
		}
	}
}
