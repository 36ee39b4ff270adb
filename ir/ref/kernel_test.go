package ref

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

func parsePlan(t testing.TB, text string) *kernel.Plan {
	t.Helper()
	p, err := kernel.Parse(text)
	require.NoError(t, err)
	return p
}

// run executes the list "step" of a plan whose buffers begin as given, zero where nothing is.
func run(t testing.TB, text string, begin map[string][]float64) func(name string) []float64 {
	t.Helper()
	p := parsePlan(t, text)
	var buffers [][]float64
	for i := range p.Buffers {
		b := make([]float64, p.Buffers[i].Elements())
		copy(b, begin[p.Buffers[i].Name])
		buffers = append(buffers, b)
	}
	require.NoError(t, RunList(p, buffers, "step"))
	return func(name string) []float64 { return buffers[p.Buffer(name)] }
}

// Each operation of the table, through a kernel, against ir.Expr.Eval.
func TestEveryOperationRuns(t *testing.T) {
	in := []float64{0.75, -1.5, 2}
	for op := ir.OpAdd; int(op) < ir.ScalarOps; op++ {
		if op == ir.OpPow {
			continue // refused inside kernels
		}
		for turn := range 3 {
			args := make([]*ir.Expr, op.Arity())
			for i := range args {
				args[i] = ir.In((i + turn) % 3)
			}
			e := ir.Call(op, args...)
			text := e.Format(func(i int) string { return fmt.Sprintf("in[%d]", i) })
			got := run(t, "plan p batch 1\nbuffer in input [3]\nbuffer out temp [1]\nkernel k\n  store out[0] = "+text+"\nlist step\n  0: k\n", map[string][]float64{"in": in})
			want := e.Eval(in)
			if math.IsNaN(want) {
				assert.True(t, math.IsNaN(got("out")[0]), text)
			} else {
				assert.Equal(t, want, got("out")[0], text)
			}
		}
	}
}

// A layer with a ragged register tile, padding lanes and a bias; every mark.
func TestLinearLayer(t *testing.T) {
	W, x, b := make([]float64, 5*3), make([]float64, 6*3), []float64{1, 2, 3, 4, 5}
	for i := range W {
		W[i] = math.Sin(float64(i))
	}
	for i := range x {
		x[i] = math.Cos(float64(i))
	}
	got := run(t, `plan p batch 6
buffer x input [6, 3]
buffer W weight [5, 3]
buffer b weight [5]
buffer x.lanes temp [2, 3, 4]
buffer h temp [2, 5, 4] at 64
buffer twice temp [2, 5, 4] at 128
kernel pack by batch
  parallel nb in 2
    serial lane in 4
      where n = 4*nb+lane in 6
        serial i in 3
          store x.lanes[nb, i, lane] = x[n, i]
kernel f by batch
  parallel nb in 2
    serial o.tile in 2
      unrolled o.in in 3
        where o = 3*o.tile+o.in in 5
          vector lane in 4
            let s = b[o]
            let r = 0
            serial i in 3
              s += W[o, i] * x.lanes[nb, i, lane]
              r += x.lanes[nb, i, lane] * W[o, i]
            store h[nb, o, lane] = s
            store twice[nb, o, lane] = s
            store twice[nb, o, lane] += r + b[o]
list step
  0: pack
  1: f
`, map[string][]float64{"W": W, "x": x, "b": b})
	for n := range 6 {
		for o := range 5 {
			want := b[o]
			for i := range 3 {
				want += W[o*3+i] * x[n*3+i]
			}
			assert.InDelta(t, want, got("h")[(n/4*5+o)*4+n%4], 1e-12)
			assert.InDelta(t, 2*want, got("twice")[(n/4*5+o)*4+n%4], 1e-12)
		}
	}
}

func TestWhere(t *testing.T) {
	got := run(t, `plan p batch 1
buffer exact temp [10]
buffer floor temp [10] at 64
buffer bound temp [10] at 128
kernel k
  serial i in 10
    where y = (i-3) / 2 in 3
      store exact[i] = 1 + #(y)
    where y = floor (i-3) / 2 in 3
      store floor[i] = 1 + #(y)
    where y = -i+7 in 4
      store bound[i] = 1 + #(10*y+i)
list step
  0: k
`, nil)
	assert.Equal(t, []float64{0, 0, 0, 1, 0, 2, 0, 3, 0, 0}, got("exact"))
	assert.Equal(t, []float64{0, 0, 0, 1, 1, 2, 2, 3, 3, 0}, got("floor"))
	assert.Equal(t, []float64{0, 0, 0, 0, 35, 26, 17, 8, 0, 0}, got("bound"))
}

func TestHowsAndArgmax(t *testing.T) {
	got := run(t, `plan p batch 1
buffer v input [5]
buffer out temp [3]
kernel k
  let best = -3.4028234663852886e+38
  let at = 0
  let sum = 0
  serial i in 5
    at = select(less(best, v[i]), #(i), at)
    best max= v[i]
    sum += v[i]
    store out[0] max= v[i]
    store out[1] += v[i]
  store out[0] += at
  store out[2] = best + sum
list step
  0: k
`, map[string][]float64{"v": {-1, 4, 2, 4, 0.5}})
	assert.Equal(t, []float64{5, 9.5, 13.5}, got("out"))
}

func TestDraw(t *testing.T) {
	const text = `plan p batch 2
settings noise seed3 seed2 seed1 seed0 step0 step1
buffer settings setting [7]
buffer e temp [2, 8]
kernel k
  parallel n in 2
    serial q in 2
      draw a b c d = stream 0xdeadbeef row n block q
      store e[n, 4*q] = a
      store e[n, 4*q+1] = b
      store e[n, 4*q+2] = c
      store e[n, 4*q+3] = settings[0]*d
list step
  0: k
`
	got := run(t, text, map[string][]float64{"settings": {0.5, 0x1234, 0x5678, 0x9abc, 0xdef0, 7, 0xffff}})
	for n := range uint32(2) {
		for q := range uint32(2) {
			want := ir.Normals(0x123456789abcdef0, 0xdeadbeef, 0xffff0007, n, q)
			for i := range 4 {
				x := float64(want[i])
				if i == 3 {
					x *= 0.5
				}
				assert.Equal(t, x, got("e")[n*8+q*4+uint32(i)])
			}
		}
	}
}

const counting = `plan p batch 1
buffer x input [2]
buffer w weight [2]
buffer s metric [1]
buffer t temp [2]
kernel a(x -> t)
  serial i in 2
    store t[i] = x[i] + 1
kernel b(t, w -> s, w)
  serial i in 2
    store s[0] += t[i]
    store w[i] = w[i] * 0.1
list step
  0: a
  1: b
list "only b"
  0: b
`

func TestMachine(t *testing.T) {
	p := parsePlan(t, counting)
	m, err := NewMachine(p)
	require.NoError(t, err)
	ctx := context.Background()
	require.NoError(t, m.Write(0, []float32{1, 2}))
	require.NoError(t, m.Write64(1, []float64{1, 1e-30}))
	require.NoError(t, m.Run(ctx, "step"))
	require.NoError(t, m.Run(ctx, "step"))
	one, two, wide := make([]float32, 1), make([]float32, 2), make([]float64, 2)
	require.NoError(t, m.Read(2, one))
	assert.Equal(t, []float32{10}, one)
	require.NoError(t, m.Read(1, two))
	assert.Equal(t, float32(0.01), two[0])
	require.NoError(t, m.Read64(1, wide))
	assert.InDelta(t, 0.01, wide[0], 1e-17, "float64 inside")
	// What relies on a temporary of an earlier list shows.
	require.NoError(t, m.Run(ctx, "only b"))
	require.NoError(t, m.Read(2, one))
	assert.True(t, math.IsNaN(float64(one[0])))

	assert.EqualError(t, m.Run(ctx, "stop"), `plan p has no list "stop"`)
	assert.EqualError(t, m.Write(0, one), "buffer x holds 2 numbers, not 1")
	assert.EqualError(t, m.Read(0, one), "buffer x holds 2 numbers, not 1")
	assert.EqualError(t, m.Read(7, one), "no buffer 7 in plan p")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	assert.ErrorIs(t, m.Run(ended, "step"), context.Canceled)
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())

	p.Kernels[0].Body[0].(*kernel.Loop).Extent = 3
	_, err = NewMachine(p)
	assert.ErrorContains(t, err, "dimension 0 has 2 places")
	assert.Error(t, RunList(p, nil, "step"))
	p.Kernels[0].Body[0].(*kernel.Loop).Extent = 2
	assert.EqualError(t, RunList(p, nil, "step"), "0 buffers for the 4 of plan p")
	assert.EqualError(t, RunList(p, make([][]float64, 4), "step"), "buffer x holds 2 numbers, not 0")
}

// What Verify would refuse is a bug where it is executed all the same.
func TestAccessBeyondABufferPanics(t *testing.T) {
	p := parsePlan(t, counting)
	c := &kernelCompiler{plan: p, slots: map[string]int{}}
	at := c.element(0, []kernel.Index{{Const: 2}})
	assert.PanicsWithValue(t, "bug: element 2 of buffer x, which holds 2: [2]", func() { at(&frame{}) })
}

// BenchmarkProduct is the inside of every linear operator.
func BenchmarkProduct(b *testing.B) {
	p := parsePlan(b, `plan p batch 16
buffer W weight [64, 256]
buffer x temp [1, 256, 16]
buffer h temp [1, 64, 16] at 4096
kernel f
  parallel nb in 1
    serial o in 64
      vector lane in 16
        let s = 0
        serial i in 256
          s += W[o, i] * x[nb, i, lane]
        store h[nb, o, lane] = tanh(s)
list step
  0: f
`)
	m, err := NewMachine(p)
	require.NoError(b, err)
	for b.Loop() {
		_ = m.compiled.run(context.Background(), m.buffers, "step")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(64*256*16), "ns/term")
}

// Loops over rows, columns and depth are a product of matrices, and what is local lasts for one turn of the parallel loops.
func TestMatrices(t *testing.T) {
	const text = `plan p batch 1

buffer w input [24]
buffer z input [6, 8]
buffer tile local [4, 4]
buffer out temp [2, 4, 4]
buffer rest temp [2] at 64

kernel k
  parallel nb in 2
    matrix m in 4
      matrix n in 4
        let c = 0
        serial i in 3
          matrix k in 2
            c += w[4*k+8*i+m] * z[2*i+k, 4*nb+n]
        store tile[m, n] = c
    vector lane in 4
      serial u in 4
        store out[nb, u, lane] = tile[u, lane]

kernel later
  parallel nb in 2
    store rest[nb] = %s

list step
  0: k
  1: later
`
	w, z := make([]float64, 24), make([]float64, 48)
	for i := range w {
		w[i] = float64(i%7) - 2
	}
	for i := range z {
		z[i] = float64(i%5) + 0.5
	}
	got := run(t, fmt.Sprintf(text, "0"), map[string][]float64{"w": w, "z": z})("out")
	for nb := range 2 {
		for u := range 4 {
			for lane := range 4 {
				want := 0.0
				for k := range 6 {
					want += w[4*k+u] * z[8*k+4*nb+lane]
				}
				assert.Equal(t, want, got[16*nb+4*u+lane])
			}
		}
	}
	p := parsePlan(t, fmt.Sprintf(text, "tile[0, 0]"))
	assert.ErrorContains(t, p.Verify(), "kernels k and later both use tile, which is local")
	// A turn that stores nothing finds nothing of the turn before.
	once := strings.Replace(fmt.Sprintf(text, "0"), "    matrix m", "    where first = nb in 1\n     matrix m", 1)
	got = run(t, once, map[string][]float64{"w": w, "z": z})("out")
	assert.False(t, math.IsNaN(got[0]))
	assert.True(t, math.IsNaN(got[16]))
}
