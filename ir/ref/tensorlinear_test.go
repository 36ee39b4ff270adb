package ref

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

func linearCases() map[string]*ir.Relation {
	whole := func(h, w, channels, units int) *ir.Relation { // all of an input, from one location
		return ir.Field(h, w, channels, 1, 1, units, ir.Window{KH: h, KW: w, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, Groups: 1}, ir.Sharing{TileH: 1, TileW: 1})
	}
	c := map[string]*ir.Relation{"dense": whole(1, 1, 7, 3), "dense image": whole(3, 2, 3, 1)}
	w := ir.Window{KH: 3, KW: 2, StrideH: 2, StrideW: 1, PadTop: 1, PadLeft: 1, DilH: 1, DilW: 2, Groups: 2}
	for name, s := range map[string]ir.Sharing{"untied": {TileH: 1, TileW: 1}, "tiled": {TileH: 2, TileW: 3}, "shared": {TileH: 3, TileW: 5}} {
		c[name] = ir.Field(5, 6, 4, 3, 5, 6, w, s)
	}
	return c
}

func random(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return v
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

const linearBatch = 3

// linearProgram has each role of a relation, of W, x and y; metrics ask for all of them.
func linearProgram(r *ir.Relation) (p *tensor.Program, apply, transpose, outer *tensor.Node) {
	p = tensor.New("linear", linearBatch)
	w := p.Param("W", r.WShape, tensor.ParamInfo{Init: "zero"})
	x := p.Input("x", tensor.Type{Batch: true, Shape: r.InShape})
	y := p.Input("y", tensor.Type{Batch: true, Shape: []int{elements(r.OutShape)}}) // flat: any shape with as many units will do
	apply, transpose, outer = p.Linear(r, ir.Apply, w, x), p.Linear(r, ir.Transpose, w, y), p.Linear(r, ir.Outer, y, x)
	sum := func(name string, n *tensor.Node) {
		m := p.Param(name, []int{1}, tensor.ParamInfo{Kind: tensor.Metric})
		p.Update("sum", "evaluate", m, n)
	}
	sum("apply", p.Reduce(tensor.SumBatch, p.Reduce(tensor.SumUnits, apply)))
	sum("transpose", p.Reduce(tensor.SumBatch, p.Reduce(tensor.SumUnits, transpose)))
	sum("outer", p.Reduce(tensor.SumUnits, outer))
	return p, apply, transpose, outer
}

type linearRun struct{ apply, transpose, outer []float64 }

func runLinear(t *testing.T, r *ir.Relation, w, x, y []float64) linearRun {
	t.Helper()
	p, apply, transpose, outer := linearProgram(r)
	m, err := NewTensorMachine(p, 1)
	require.NoError(t, err)
	require.NoError(t, m.Set("W", w))
	require.NoError(t, m.Run("evaluate", map[string][]float64{"x": x, "y": y}, nil, 0))
	return linearRun{m.Value(apply), m.Value(transpose), m.Value(outer)}
}

// ⟨W x, y⟩ = ⟨x, Wᵀ y⟩ = ⟨W, y ⊗ x⟩ over a batch; and each is the derivative of the first by one of its operands: by finite differences.
func TestLinearRolesAreEachOthersDerivatives(t *testing.T) {
	for name, r := range linearCases() {
		rng := rand.New(rand.NewSource(5))
		w := random(rng, elements(r.WShape))
		x, y := random(rng, linearBatch*elements(r.InShape)), random(rng, linearBatch*elements(r.OutShape))
		run := runLinear(t, r, w, x, y)
		value := dot(run.apply, y)
		require.NotZero(t, value, name)
		assert.InDelta(t, value, dot(x, run.transpose), 1e-9, name)
		assert.InDelta(t, value, dot(w, run.outer), 1e-9, name)
		const h = 1e-4 // the sum is linear in each operand, so any h is right up to rounding
		for what, c := range map[string]struct{ at, gradient []float64 }{"W": {w, run.outer}, "x": {x, run.transpose}, "y": {y, run.apply}} {
			for range 12 {
				i := rng.Intn(len(c.at))
				old := c.at[i]
				c.at[i] = old + h
				up := runLinear(t, r, w, x, y)
				above := dot(up.apply, y)
				c.at[i] = old - h
				down := runLinear(t, r, w, x, y)
				below := dot(down.apply, y)
				c.at[i] = old
				assert.InDelta(t, (above-below)/(2*h), c.gradient[i], 1e-7, fmt.Sprintf("%s: by %s[%d]", name, what, i))
			}
		}
	}
}

// A batch is its samples, one by one.
func TestLinearBatchIsItsSamples(t *testing.T) {
	for name, r := range linearCases() {
		rng := rand.New(rand.NewSource(6))
		in, out := elements(r.InShape), elements(r.OutShape)
		w, x, y := random(rng, elements(r.WShape)), random(rng, linearBatch*in), random(rng, linearBatch*out)
		run := runLinear(t, r, w, x, y)
		outer := make([]float64, len(w))
		for n := range linearBatch {
			a, b := make([]float64, out), make([]float64, in)
			r.Eval(ir.Apply, a, w, x[n*in:(n+1)*in])
			r.Eval(ir.Transpose, b, w, y[n*out:(n+1)*out])
			r.Eval(ir.Outer, outer, y[n*out:(n+1)*out], x[n*in:(n+1)*in])
			assert.InDeltaSlice(t, a, run.apply[n*out:(n+1)*out], 1e-12, name)
			assert.InDeltaSlice(t, b, run.transpose[n*in:(n+1)*in], 1e-12, name)
		}
		assert.InDeltaSlice(t, outer, run.outer, 1e-12, name)
	}
}
