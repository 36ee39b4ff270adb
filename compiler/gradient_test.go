package compiler_test

import (
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/internal/programs"
	"bnetc/ir/ref"
	"bnetc/ir/tensor"
)

// slope is the derivative of f at a point in a direction, by a central difference: so small a one that no unit crosses a kink.
func slope(f func(x []float64) float64, at, direction []float64) float64 {
	const h = 1e-6
	value := func(k float64) float64 {
		return f(draw(len(at), func(i int) float64 { return at[i] + k*h*direction[i] }))
	}
	return (value(1) - value(-1)) / (2 * h)
}

// holdGradient compares a gradient with differences of f around a point: in a random direction, and along a few axes.
func holdGradient(t *testing.T, what string, f func(x []float64) float64, at, gradient []float64) {
	t.Helper()
	r := rand.New(rand.NewSource(5))
	directions := [][]float64{draw(len(at), func(int) float64 { return r.NormFloat64() / math.Sqrt(float64(len(at))) })}
	for range 3 {
		axis := make([]float64, len(at))
		axis[r.Intn(len(at))] = 1
		directions = append(directions, axis)
	}
	for k, d := range directions {
		want, got := slope(f, at, d), 0.0
		for i := range d {
			got += gradient[i] * d[i]
		}
		assert.InDelta(t, want, got, 1e-6*(1+math.Abs(want)), "%s, direction %d", what, k)
	}
}

// stage is the text of a compiled program behind a pass, read.
func stage(t *testing.T, p programs.Program, name string) *tensor.Program {
	t.Helper()
	c, err := p.Compile(targets[0])
	require.NoError(t, err)
	for _, s := range c.Stages {
		if s.Name == name {
			program, err := tensor.Parse(s.Text)
			require.NoError(t, err)
			return program
		}
	}
	t.Fatalf("no stage %s", name)
	return nil
}

// frozen is a program that sums one loss, with every named value that the loss reads as an input: what a rule holds constant under `minimize`.
func frozen(loss *tensor.Node, batch int) *tensor.Program {
	p := tensor.New("frozen", batch)
	p.Pass = "update"
	copies := map[*tensor.Node]*tensor.Node{}
	var visit func(n *tensor.Node) *tensor.Node
	visit = func(n *tensor.Node) *tensor.Node {
		if copies[n] != nil {
			return copies[n]
		}
		c := *n
		switch {
		case n.Op == tensor.Param || n.Op == tensor.Input:
		case n.Name != "":
			c = tensor.Node{Op: tensor.Input, Name: n.Name, Type: n.Type}
		}
		c.Args = nil
		for _, a := range n.Args {
			if c.Op != tensor.Input {
				c.Args = append(c.Args, visit(a))
			}
		}
		c.ID = len(p.Nodes)
		p.Nodes = append(p.Nodes, &c)
		copies[n] = &c
		return &c
	}
	sum := p.Reduce(tensor.SumBatch, visit(loss))
	p.Update("sum", "forward", p.Param("sum", []int{1}, tensor.ParamInfo{Kind: tensor.Metric, Init: "zero"}), sum)
	return p
}

// The gradient of every local loss of every program is the slope of that loss, everything that has a name held where it is.
func TestLocalGradients(t *testing.T) {
	held := 0
	for _, p := range programs.All() {
		lowered := stage(t, p, "lowered")
		if !slices.ContainsFunc(lowered.Nodes, func(n *tensor.Node) bool { return n.Minimize }) {
			continue
		}
		held++
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			checked, err := p.Check()
			require.NoError(t, err)
			differentiated := stage(t, p, "differentiate")
			runs := newTrial(differentiated, programs.Settings(checked, 1), 1)
			m, err := ref.NewTensorMachine(differentiated, programs.Seed)
			require.NoError(t, err)
			values, gradients := map[string][]float64{}, map[string][]float64{}
			for _, list := range listsOf(differentiated.Alternating) {
				for name, v := range runs.params {
					require.NoError(t, m.Set(name, v))
				}
				require.NoError(t, m.Run(list, runs.inputs, runs.settings, 0))
				for _, n := range differentiated.Nodes {
					if v := m.Value(n); v != nil && n.Name != "" && n.Type.Batch {
						values[n.Name] = v
					}
					if n.Op == tensor.Update && m.Value(n.Args[1]) != nil {
						gradients[n.Args[0].Name] = m.Value(n.Args[1])
					}
				}
			}
			for _, u := range lowered.Nodes {
				if !u.Minimize {
					continue
				}
				loss := frozen(u.Args[1], lowered.Batch)
				require.NoError(t, loss.Verify())
				m, err := ref.NewTensorMachine(loss, programs.Seed)
				require.NoError(t, err)
				for name, v := range runs.params {
					if loss.Find(name) != nil {
						require.NoError(t, m.Set(name, v))
					}
				}
				param := u.Args[0].Name
				gradient := gradients[param]
				if len(gradient) == 1 {
					gradient = slices.Repeat(gradient, len(runs.params[param]))
				}
				holdGradient(t, param, func(x []float64) float64 {
					if loss.Find(param) != nil {
						require.NoError(t, m.Set(param, x))
					}
					require.NoError(t, m.Set("sum", []float64{0}))
					require.NoError(t, m.Run("step forward", values, runs.settings, 0))
					return m.Get("sum")[0] / float64(loss.Batch)
				}, runs.params[param], gradient)
			}
		})
	}
	require.Greater(t, held, 100)
}

// Backpropagation through every connectivity, pooling and dropout moves each param down the slope of the whole task loss.
func TestBackpropagationIsTheSlope(t *testing.T) {
	for _, n := range programs.Networks() {
		for i, f := range []string{"tanh", "softplus", "relu"} {
			for _, r := range programs.Rules() {
				if r.Name != "bp" {
					continue
				}
				p := n.With(r, f, "sgd(lr = 1)", []int{7, 3, 1}[i])
				t.Run(p.Name, func(t *testing.T) {
					t.Parallel()
					checked, err := p.Check()
					require.NoError(t, err)
					program := stage(t, p, "differentiate")
					runs := newTrial(program, programs.Settings(checked, 1), 1)
					m, err := ref.NewTensorMachine(program, programs.Seed)
					require.NoError(t, err)
					run := func() float64 {
						require.NoError(t, m.Set("train.loss", []float64{0}))
						require.NoError(t, m.Run("step", runs.inputs, runs.settings, 0))
						return m.Get("train.loss")[0] / float64(program.Batch)
					}
					for param, at := range runs.params {
						for name, v := range runs.params {
							require.NoError(t, m.Set(name, v))
						}
						run()
						after := m.Get(param)
						gradient := draw(len(at), func(i int) float64 { return at[i] - after[i] })
						holdGradient(t, param, func(x []float64) float64 {
							for name, v := range runs.params {
								require.NoError(t, m.Set(name, v))
							}
							require.NoError(t, m.Set(param, x))
							return run()
						}, at, gradient)
					}
				})
			}
		}
	}
}
