package ref

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

func machine(t *testing.T, text string, seed uint64) (*TensorMachine, *tensor.Program) {
	t.Helper()
	p, err := tensor.Parse(text)
	require.NoError(t, err)
	m, err := NewTensorMachine(p, seed)
	require.NoError(t, err)
	return m, p
}

// reductions has every Reduce, over values that can be followed by hand: two samples of a column of three with one channel.
const reductions = `program reductions batch 2
relation pool = { axes y 2, k 2; out [y]; in [2*y+k-1]; w [0]; shapes [2] [3] [1] }
forward:
  x = input : [N, 3, 1]
  row = param constant one : [1, 2]
  sum = reduce sum_units x : [N]
  max = reduce max_units x : [N]
  best = reduce argmax_units x : [N]
  batch = reduce sum_batch x : [3, 1]
  mean = map "0.5 * $0" batch : [3, 1]
  pooled = reduce max_window pool x : [N, 2]
  gradient = map "10 + $0" pooled : [N, 2]
  back = reduce to_max_window pool x, pooled, gradient : [N, 3]
  selected = reduce from_max_window pool x, pooled, back : [N, 2]
  wide = map "$0 + 10*$1" x, row : [N, 3, 2]
  rows = reduce sum_trailing wide : [N, 2]
  mixed = map "$0 - $1" batch, max : [N, 3, 1]
  all = map "$0 + $1 + $2 + $3 + $4 + $5 + $6" sum, max, best, rows, gradient, mixed, selected : [N, 3, 2]
  small = reduce sum_units back : [N]
  metric = param metric zero : [1]
  other = param metric zero : [1]
  third = param metric zero : [3, 1]
  a = reduce sum_units all : [N]
  b = reduce sum_batch a : []
  c = reduce sum_batch small : []
  update sum evaluate metric, b
  update sum evaluate other, c
  update sum evaluate third, mean
`

func TestReductions(t *testing.T) {
	m, p := machine(t, reductions, 1)
	x := []float64{1, 5, 5, -2, -3, -7}
	require.NoError(t, m.Run("evaluate", map[string][]float64{"x": x}, nil, 0))
	for name, want := range map[string][]float64{
		"sum": {11, -12}, "max": {5, -2}, "best": {1, 0}, "batch": {-1, 2, -2}, "mean": {-0.5, 1, -1},
		"pooled": {1, 5, 0, -3}, "gradient": {11, 15, 10, 7}, // padding reads zero
		"back":     {11, 15, 15, 0, 7, 0}, // both of the equal largest get it
		"selected": {11, 30, 0, 7},        // and both give
		"wide":     {11, 11, 15, 15, 15, 15, 8, 8, 7, 7, 3, 3}, "rows": {41, 41, 18, 18},
		"mixed": {-6, -3, -7, 1, 4, 0},
	} {
		assert.Equal(t, want, m.Value(p.Find(name)), name)
	}
	assert.Equal(t, []float64{48}, m.Get("other"))
	assert.Equal(t, []float64{-0.5, 1, -1}, m.Get("third"))
	// Sums run on until the host resets them.
	require.NoError(t, m.Run("evaluate", map[string][]float64{"x": x}, nil, 1))
	assert.Equal(t, []float64{96}, m.Get("other"))
	require.NoError(t, m.Set("other", []float64{0}))
	require.NoError(t, m.Run("evaluate", map[string][]float64{"x": x}, nil, 2))
	assert.Equal(t, []float64{48}, m.Get("other"))
}

// exchange has two params that move by each other, one in each group, and a metric in each list.
const exchange = `program exchange batch 1
update:
  x = input : [N]
  unused = input : [N]
  W = param weight one : [2]
  V = param weight zero : [2]
  V.m = param state zero : [2]
  loss = param metric zero : [1]
  rate = input : []
  toV = map "$0 * $1" W, rate : [2]
  sum = reduce sum_batch x : []
  other = reduce sum_batch unused : []
  update sgd forward W, V
  update momentum inverse V, toV, V.m
  update sum evaluate loss, sum
  late = param metric zero : [1]
  update sum forward late, sum
`

func TestUpdatesReadWhatWasBefore(t *testing.T) {
	m, p := machine(t, exchange, 1)
	in := map[string][]float64{"x": {4}}
	settings := map[string]float64{"forward.lr": 0.5, "inverse.lr": 0.25, "inverse.momentum": 0.5, "rate": -2}
	require.NoError(t, m.Run("step", in, settings, 0))
	assert.Equal(t, []float64{1, 1}, m.Get("W"), "V was 0")
	assert.Equal(t, []float64{0.5, 0.5}, m.Get("V"))
	assert.Equal(t, []float64{-2, -2}, m.Get("V.m"))
	assert.Equal(t, []float64{4}, m.Get("late"))
	require.NoError(t, m.Run("step", in, settings, 1))
	assert.Equal(t, []float64{0.75, 0.75}, m.Get("W"), "V was 0.5 and is more")
	assert.Equal(t, []float64{-3, -3}, m.Get("V.m"))
	assert.Equal(t, []float64{1.25, 1.25}, m.Get("V"))
	require.NoError(t, m.Run("step inverse", nil, settings, 2), "this list needs no input")
	assert.Equal(t, []float64{0.75, 0.75}, m.Get("W"))
	assert.Equal(t, []float64{-3, -3}, m.Get("V.m"))
	assert.Equal(t, []float64{2, 2}, m.Get("V"))
	assert.Nil(t, m.Value(p.Find("sum")), "not needed")
	require.NoError(t, m.Run("step forward", in, nil, 3), "with the default rate")
	assert.InDeltaSlice(t, []float64{0.73, 0.73}, m.Get("W"), 1e-15)
	assert.Equal(t, []float64{2, 2}, m.Get("V"))
	assert.Equal(t, []float64{0}, m.Get("loss"))
	require.NoError(t, m.Run("evaluate", in, nil, 3))
	assert.Equal(t, []float64{4}, m.Get("loss"))
	assert.Equal(t, []float64{12}, m.Get("late"))
	assert.Nil(t, m.Value(p.Find("toV")))
}

// Adam's t counts the updates of a param, not the steps of the run.
func TestUpdatesAreCounted(t *testing.T) {
	m, _ := machine(t, `program adam batch 1
update:
  g = input : []
  W = param weight zero : [1]
  m = param state zero : [1]
  v = param state zero : [1]
  update adam inverse W, g, m, v
`, 1)
	mean, square, theta := 0.0, 0.0, 0.0
	for i, g := range []float64{3, -1, 0.5, 0.5} {
		k := float64(i + 1)
		mean, square = 0.9*mean+0.1*g, 0.99*square+0.01*g*g
		theta -= 0.1 * (mean / (1 - math.Pow(0.9, k))) / (math.Sqrt(square/(1-math.Pow(0.99, k))) + 1e-8)
		settings := map[string]float64{"g": g, "inverse.lr": 0.1, "inverse.beta2": 0.99, "forward.lr": 7}
		require.Error(t, m.Run("step", nil, map[string]float64{"inverse.lr": 1}, 0), "an update that fails does not count")
		require.NoError(t, m.Run("step", nil, settings, uint64(100*i)))
		require.NoError(t, m.Run("step forward", nil, settings, 0))
		assert.InDelta(t, theta, m.Get("W")[0], 1e-14)
	}
}

// Params start by their streams, a part as the columns of the whole; noise is numbered by sample, unit and step.
func TestDraws(t *testing.T) {
	const seed = 9<<40 + 5
	m, p := machine(t, `program draws batch 3
forward:
  whole = param weight glorot fan 3 4 stream 0x77 : [3, 7]
  left = param weight glorot fan 3 4 stream 0x77 of whole columns 0 7 : [3, 2]
  right = param weight glorot fan 3 4 stream 0x77 of whole columns 2 7 : [3, 5]
  e = random stream 0x99 : [N, 2, 3]
  s = reduce sum_units e : [N]
  t = reduce sum_batch s : []
  metric = param metric zero : [1]
  update sum forward metric, t
`, seed)
	whole, left, right := m.Get("whole"), m.Get("left"), m.Get("right")
	for row := range 3 {
		assert.Equal(t, whole[row*7:row*7+2], left[row*2:row*2+2])
		assert.Equal(t, whole[row*7+2:row*7+7], right[row*5:row*5+5])
	}
	start := make([]float32, 21)
	require.NoError(t, ir.FillInit(start, seed, ir.Initial{Kind: "glorot", FanIn: 3, FanOut: 4, Stream: 0x77}))
	for i, v := range start {
		assert.Equal(t, float64(v), whole[i])
	}
	for _, step := range []uint64{0, 1 << 33} {
		require.NoError(t, m.Run("step", nil, nil, step))
		e := m.Value(p.Find("e"))
		for n := range 3 {
			for u := range 6 {
				assert.Equal(t, float64(ir.Normals(seed, 0x99, step, uint32(n), uint32(u/4))[u%4]), e[n*6+u])
			}
		}
	}
}

func TestTensorMachineErrors(t *testing.T) {
	m, _ := machine(t, exchange, 1)
	assert.ErrorContains(t, m.Run("steps", nil, nil, 0), `no list "steps"`)
	assert.ErrorContains(t, m.Run("step inverse", nil, nil, 0), "no value for setting rate")
	assert.ErrorContains(t, m.Run("evaluate", map[string][]float64{"x": {1, 2}}, nil, 0), "input x of type [N] has 2 numbers, not 1")
	assert.ErrorContains(t, m.Set("Q", nil), "program exchange has no param Q")
	assert.ErrorContains(t, m.Set("W", []float64{1}), "param W holds 2 numbers, not 1")
	assert.Nil(t, m.Get("Q"))
	m, p := machine(t, `program p batch 2
update:
  x = input : [N]
  W = param weight zero : [1]
  y = map "$0 * $0" x : [N]
  update minimize sgd forward W, y
`, 1)
	assert.ErrorContains(t, m.Run("step", map[string][]float64{"x": {1, 2}}, nil, 0), "the update of W minimizes a loss; it has no gradient before it is differentiated")
	assert.NoError(t, m.Run("evaluate", nil, nil, 0))
	p.Nodes[0].ID = 7
	_, err := NewTensorMachine(p, 1)
	assert.ErrorContains(t, err, "x (input) is numbered 7 at position 0")
}
