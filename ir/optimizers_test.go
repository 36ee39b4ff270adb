package ir

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Adam by LEARNING.md section 5, as it stands there, against the row.
func TestAdamIsAdam(t *testing.T) {
	o, ok := FindOptimizer("adam")
	require.True(t, ok)
	assert.Equal(t, []string{"theta", "g", "m", "v", "lr", "beta1", "beta2", "eps", "weight_decay", "a1", "a2", "c1", "c2", "decay"}, o.Inputs())
	assert.Equal(t, []string{"m", "v"}, o.State)
	const lr, b1, b2, eps = 0.01, 0.8, 0.99, 1e-4
	state := []float64{0.5, 0, 0, 0} // theta, g, m, v
	theta, m, v := 0.5, 0.0, 0.0
	for step := 1; step <= 5; step++ {
		g := math.Sin(float64(step))
		m, v = b1*m+(1-b1)*g, b2*v+(1-b2)*g*g
		theta -= lr * (m / (1 - math.Pow(b1, float64(step)))) / (math.Sqrt(v/(1-math.Pow(b2, float64(step)))) + eps)
		state[1] = g
		in := append(append([]float64{}, state...), o.Scalars([]float64{lr, b1, b2, eps, 0}, step)...)
		state[0], state[2], state[3] = o.Next[0].Eval(in), o.Next[1].Eval(in), o.Next[2].Eval(in)
		assert.InDelta(t, theta, state[0], 1e-14)
		assert.InDelta(t, m, state[2], 1e-15)
		assert.InDelta(t, v, state[3], 1e-15)
	}
}

func TestOptimizers(t *testing.T) {
	const theta, g, s = 2.0, 0.5, 0.25
	for _, c := range []struct {
		name  string
		hyper []float64
		want  []float64
	}{
		{"sgd", []float64{0.1, 0}, []float64{theta - 0.1*g}},
		{"sgd", []float64{0.1, 0.5}, []float64{theta - 0.1*g - 0.1*0.5*theta}},
		{"momentum", []float64{0.1, 0.9, 0}, []float64{theta - 0.1*(0.9*s+g), 0.9*s + g}},
		{"nesterov", []float64{0.1, 0.9, 0}, []float64{theta - 0.1*(g+0.9*(0.9*s+g)), 0.9*s + g}},
		{"rmsprop", []float64{0.1, 0.9, 1e-3, 0}, []float64{theta - 0.1*g/(math.Sqrt(0.9*s+0.1*g*g)+1e-3), 0.9*s + 0.1*g*g}},
		{"sum", nil, []float64{theta + g}},
	} {
		o, ok := FindOptimizer(c.name)
		require.True(t, ok)
		in := []float64{theta, g}
		for range o.State {
			in = append(in, s)
		}
		in = append(in, o.Scalars(c.hyper, 3)...)
		require.Len(t, in, len(o.Inputs()))
		for i, e := range o.Next {
			assert.InDelta(t, c.want[i], e.Eval(in), 1e-15, "%s %d", c.name, i)
		}
	}
	for _, o := range Optimizers { // every row: as many updates as state, no power left for the kernels
		require.Len(t, o.Next, 1+len(o.State), o.Name)
		for _, e := range o.Next {
			assert.NotContains(t, e.String(), "pow")
			assert.LessOrEqual(t, e.Inputs(), len(o.Inputs()))
		}
		assert.Len(t, o.Scalars(make([]float64, len(o.Hyper)), 1), len(o.Hyper)+len(o.PerStep))
	}
	_, ok := FindOptimizer("adamw")
	assert.False(t, ok)
}

func TestDecays(t *testing.T) {
	for _, c := range []struct {
		name               string
		start, middle, end float64
	}{{"constant", 1, 1, 1}, {"", 1, 1, 1}, {"step", 1, 0.1, 0.01}, {"exponential", 1, 0.1, 0.01}, {"cosine", 1, 0.5, 0}} {
		d, ok := FindDecay(c.name)
		require.True(t, ok)
		assert.InDelta(t, c.start, d.Factor(0), 1e-15, c.name)
		assert.InDelta(t, c.middle, d.Factor(0.5), 1e-15, c.name)
		assert.InDelta(t, c.end, d.Factor(1), 1e-15, c.name)
	}
	_, ok := FindDecay("linear")
	assert.False(t, ok)
}
