package compiler_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/internal/programs"
	"bnetc/ir/ref"
	"bnetc/lang/check"
)

var inverse = regexp.MustCompile(`, inverse (all|exact|field [^,]*)`)

// exactly is a network whose layers with weights all have exact inverses.
func exactly(n programs.Network) programs.Network {
	exact := func(layer string) string {
		layer = inverse.ReplaceAllString(layer, "")
		if regexp.MustCompile("^(all|field)").MatchString(layer) {
			layer += ", inverse exact"
		}
		return layer
	}
	n.Output, n.Layers = exact(n.Output), slices.Clone(n.Layers)
	for i := range n.Layers {
		n.Layers[i] = exact(n.Layers[i])
	}
	return n
}

// firstMove is how each param moves in one step of plain descent at rate 1: its gradient, negated.
func firstMove(t *testing.T, p programs.Program) (source *check.Program, runs *trial, moves map[string][]float64) {
	t.Helper()
	source, err := p.Check()
	require.NoError(t, err)
	program := stage(t, p, "differentiate")
	runs = newTrial(program, programs.Settings(source, 1), 1)
	m, err := ref.NewTensorMachine(program, programs.Seed)
	require.NoError(t, err)
	for name, v := range runs.params {
		require.NoError(t, m.Set(name, v))
	}
	require.NoError(t, m.Run("step", runs.inputs, runs.settings, 0))
	moves = map[string][]float64{}
	for name, v := range runs.params {
		moves[name] = minus(m.Get(name), v)
	}
	return source, runs, moves
}

// With exact inverses, difference target propagation is backpropagation: of the task loss, times 2α, where the penultimate target follows its
// gradient; of ½‖o - y‖², times 2, where the output's own inverse begins (LEARNING.md section 4).
func TestExactInverses(t *testing.T) {
	rule := func(name string) programs.Rule {
		rules := programs.Rules()
		return rules[slices.IndexFunc(rules, func(r programs.Rule) bool { return r.Name == name && r.Schedule == "parallel" })]
	}
	byHand := 0
	for _, n := range programs.Networks() {
		if n.NoInverse {
			continue
		}
		n = exactly(n)
		for _, f := range []string{"tanh", "relu", "softplus", "leaky_relu(0.3)", "sigmoid", "identity"} {
			t.Run(n.Name+"/"+f, func(t *testing.T) {
				source, runs, bp := firstMove(t, n.With(rule("bp"), f, "sgd(lr = 1)", 7))
				_, _, dtp := firstMove(t, n.With(rule("dtp"), f, "sgd(lr = 1)", 7))
				last := source.Layers[len(source.Layers)-1].Name
				for name, want := range bp {
					if name != last+".W" && name != last+".b" {
						want = scale(want, 2*0.1)
					}
					require.True(t, close(want, dtp[name], 1e-9), "dtp: %s moves by %s", name, apart(want, dtp[name]))
				}
				o, ok := newOracle(source, 7)
				if !ok {
					return
				}
				byHand++
				o.join(runs.params)
				o.grad = map[string][]float64{}
				for k := range o.batch {
					o.halfSquares(columns(runs.inputs["x"], o.batch, k), columns(runs.inputs["label"], o.batch, k))
				}
				_, _, sdtp := firstMove(t, n.With(rule("sdtp"), f, "sgd(lr = 1)", 7))
				for name, g := range o.grad {
					want := scale(g, -2)
					require.True(t, close(want, sdtp[name], 1e-9), "sdtp: %s moves by %s", name, apart(want, sdtp[name]))
				}
			})
		}
	}
	require.Greater(t, byHand, 100)
}

// halfSquares adds one sample's gradients of ½‖o - y‖² by the hidden layers' parameters.
func (o *oracle) halfSquares(x, y []float64) {
	h, a := [][]float64{x}, [][]float64{nil}
	for l := 1; l <= o.last(); l++ {
		a = append(a, o.pre(l, h[l-1]))
		h = append(h, o.squash(l, a[l]))
	}
	down := minus(h[o.last()], y)
	for l := o.last(); l >= 1; l-- {
		layer := &o.layers[l]
		delta := times(down, each(a[l], layer.f.d))
		if layer.soft {
			// Row by row of the soft-max's Jacobian, diag(o) - o oᵀ.
			delta = draw(layer.units, func(i int) (sum float64) {
				for j, d := range down {
					jacobian := -h[l][i] * h[l][j]
					if i == j {
						jacobian += h[l][i]
					}
					sum += jacobian * d
				}
				return sum
			})
		}
		if l < o.last() {
			o.learn(l, scale(delta, 1/float64(o.batch)), h[l-1])
		}
		down = layer.conn.back(o.param(l, "W"), delta, o.layers[l-1].units)
	}
}
