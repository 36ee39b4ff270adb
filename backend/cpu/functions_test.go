package cpu

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// How far the functions of rt/ may be from the exact value, in units of the last place, over all floats.
var accuracy = []struct {
	op    ir.ScalarOp
	exact func(float64) float64
	ulp   float64
}{
	{ir.OpExp, math.Exp, 2},
	{ir.OpLog, math.Log, 2},
	{ir.OpTanh, math.Tanh, 2.5},
	{ir.OpSqrt, math.Sqrt, 1},
}

// ulps gives the distance of got from want in units of float32's last place at want.
func ulps(got float32, want float64) float64 {
	near := float32(want)
	switch {
	case math.IsNaN(want) || math.IsNaN(float64(got)):
		if math.IsNaN(want) == math.IsNaN(float64(got)) {
			return 0
		}
		return math.Inf(1)
	case math.IsInf(float64(near), 0) || math.IsInf(float64(got), 0):
		if near == got {
			return 0
		}
		if math.Abs(want) > math.MaxFloat32*(1-0x1p-23) { // at the edge of the range either is near enough
			return 1
		}
		return math.Inf(1)
	}
	a := math.Abs(float64(near))
	_, exponent := math.Frexp(a)
	unit := math.Ldexp(1, max(exponent-24, -149))
	return math.Abs(float64(got)-want) / unit
}

// Every exponent of either sign, 2048 numbers of each with the ends, the denormal ones, zeros, infinities and NaN.
func TestAccuracy(t *testing.T) {
	var xs []float32
	for high := range uint32(512) {
		for k := range uint32(2048) {
			low := (k*4099 + high*31) & 0x7fffff
			switch k {
			case 0:
				low = 0
			case 1:
				low = 0x7fffff
			case 2:
				low = 1
			}
			xs = append(xs, math.Float32frombits(high<<23|low))
		}
	}
	for k := range uint32(1 << 18) { // around 1 and where tanh and exp bend
		xs = append(xs, (float32(k)-1<<17)*0x1p-13+0.001)
	}
	plan := func(op ir.ScalarOp, lanes int) *kernel.Plan {
		return oneKernel([]kernel.Buffer{buf("x", kernel.Weight, len(xs)/lanes, lanes), buf("y", kernel.Weight, len(xs)/lanes, lanes)},
			loop("i", len(xs)/lanes, parallel, loop("l", lanes, vector, store(1, "i, l", set, val(ir.Call(op, ir.In(0)), elem(0, "i, l"))))))
	}
	for _, f := range accuracy {
		for _, lanes := range []int{1, 4, 8, 16} {
			t.Run(fmt.Sprint(f.op, "/", lanes), func(t *testing.T) {
				t.Parallel()
				got := [][]float32{slices.Clone(xs), make([]float32, len(xs))}
				run(t, plan(f.op, lanes), 2, "step", got)
				worst, at := 0.0, float32(0)
				for i, x := range xs {
					if u := ulps(got[1][i], f.exact(float64(x))); u > worst {
						worst, at = u, x
					}
				}
				t.Logf("%.2f ulp at %g", worst, at)
				require.LessOrEqual(t, worst, f.ulp, "%v of %g (%#x) with %d lanes", f.op, at, math.Float32bits(at), lanes)
			})
		}
	}
}

// A number stored in 16 bits is the one that the reference executor keeps: for every exponent, at the ends of either range, halfway between two and beside that.
func TestRounding(t *testing.T) {
	var xs []float32
	for high := range uint32(512) {
		for _, low := range []uint32{0, 1, 0x7fffff, 0x8000, 0x7fff, 0x8001, 0x18000, 0x17fff, 0x18001, 0x1000, 0xfff, 0x1001, 0x3000, 0x7fefff, 0x7ff000, 0x7f7fff, 0x7f8000, 0x400000, 0x555555, 0x2aaaaa, 0x600000, 0x200000, 0x200001, 0x123456} {
			xs = append(xs, math.Float32frombits(high<<23|low))
		}
	}
	for _, isa := range []string{"", "generic"} { // with the processor's own conversions, and without
		for _, c := range []struct {
			typ   kernel.Type
			lanes int
		}{{kernel.F16, 1}, {kernel.F16, 2}, {kernel.F16, 4}, {kernel.F16, 8}, {kernel.F16, 16}, {kernel.BF16, 1}, {kernel.BF16, 2}, {kernel.BF16, 4}, {kernel.BF16, 8}, {kernel.BF16, 16}} {
			typ, lanes := c.typ, c.lanes
			plan := oneKernel([]kernel.Buffer{buf("x", kernel.Weight, len(xs)/lanes, lanes), temp16("h", typ, 0, len(xs)/lanes, lanes), buf("y", kernel.Weight, len(xs)/lanes, lanes)},
				loop("i", len(xs)/lanes, parallel, loop("l", lanes, vector, store(1, "i, l", set, ex("$0", elem(0, "i, l"))), store(2, "i, l", set, ex("$0", elem(1, "i, l"))))))
			got := [][]float32{slices.Clone(xs), nil, make([]float32, len(xs))}
			m, err := (&Backend{Threads: 1, ISA: isa}).Build(context.Background(), plan)
			require.NoError(t, err)
			execute(t, m, "step", got)
			require.NoError(t, m.Close())
			for i, x := range xs {
				want := float32(typ.Round(float64(x)))
				if y := got[2][i]; math.Float32bits(y) != math.Float32bits(want) && !(y != y && want != want) {
					t.Fatalf("%s: %v with %d lanes: %g (%#x) is stored as %g (%#x), not %g", isa, typ, lanes, x, math.Float32bits(x), y, math.Float32bits(y), want)
				}
			}
		}
	}
}

func TestFunctionsAreOddAndSaturate(t *testing.T) {
	xs := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), 20, -20, 1e-45, -1e-45}
	plan := oneKernel([]kernel.Buffer{buf("x", kernel.Weight, 8), buf("y", kernel.Weight, 8)},
		loop("l", 8, vector, store(1, "l", set, ex("tanh($0)", elem(0, "l")))))
	got := [][]float32{slices.Clone(xs), make([]float32, 8)}
	built, err := (&Backend{Threads: 1}).Build(context.Background(), plan)
	require.NoError(t, err)
	defer built.Close()
	require.NoError(t, built.Write(0, got[0]))
	require.NoError(t, built.Run(context.Background(), "step"))
	require.NoError(t, built.Read(1, got[1]))
	want := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 1, -1, 1e-45, -1e-45}
	for i := range want {
		require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[1][i]), "tanh %g is %g", xs[i], got[1][i])
	}
}
