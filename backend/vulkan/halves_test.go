package vulkan

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A number stored in 16 bits is the one that the reference executor keeps: for every exponent, at the ends of either range, halfway between two and beside
// that. It is stored in fours and read through texels, and alone.
func TestRounding(t *testing.T) {
	var xs []float32
	for high := range uint32(512) {
		if high&0xff == 0 {
			continue // what is smaller than float32's least normal number, a device may take for 0
		}
		for _, low := range []uint32{0, 1, 0x7fffff, 0x8000, 0x7fff, 0x8001, 0x18000, 0x17fff, 0x18001, 0x1000, 0xfff, 0x1001, 0x3000, 0x7fefff, 0x7ff000, 0x7f7fff, 0x7f8000, 0x400000, 0x555555, 0x2aaaaa, 0x600000, 0x200000, 0x200001, 0x123456} {
			xs = append(xs, math.Float32frombits(high<<23|low))
		}
	}
	for len(xs)%32 != 0 {
		xs = append(xs, 1)
	}
	for _, typ := range []kernel.Type{kernel.F16, kernel.BF16} {
		for _, body := range []string{"unrolled v in 4\n      vector lane in 8\n        store %s[32*u+v+4*lane] = %s[32*u+v+4*lane]", "serial v in 4\n      vector lane in 8\n        store %s[32*u+8*v+lane] = %s[32*u+8*v+lane]"} {
			n := len(xs)
			m := build(t, planFrom(t, fmt.Sprintf(`plan rounding batch 1

buffer x weight [%d]
buffer h temp %s [%d]
buffer y weight [%d]

kernel there
  parallel u in %d
    `+body+`

kernel back
  parallel u in %d
    `+body+`

list step
  0: there
  1: back
`, n, typ, n, n, n/32, "h", "x", n/32, "y", "h")))
			got := make([]float32, n)
			require.NoError(t, m.Write(0, xs))
			require.NoError(t, m.Run(context.Background(), "step"))
			require.NoError(t, m.Read(2, got))
			for i, x := range xs {
				want := float32(typ.Round(float64(x)))
				if y := got[i]; math.Float32bits(y) != math.Float32bits(want) && !(y != y && want != want) {
					t.Fatalf("%v: %g (%#x) is stored as %g (%#x), not %g", typ, x, math.Float32bits(x), y, math.Float32bits(y), want)
				}
			}
		}
	}
}

// A device without storage buffers of 16-bit elements is refused such a plan, with what to do, and computes any other.
func TestOnly32(t *testing.T) {
	for text, refused := range map[string]bool{"temp bf16": true, "temp": false} {
		p := planFrom(t, "plan p batch 1\n\nbuffer x input [4]\nbuffer h "+text+" [4]\n\nkernel k\n  vector lane in 4\n    store h[lane] = x[lane]\n\nlist step\n  0: k\n")
		_, err := encode(p, place(p), Limits{Local: 64, Only32: true})
		var missing *backend.Missing
		if !refused {
			require.NoError(t, err)
			continue
		}
		require.ErrorAs(t, err, &missing)
		require.Contains(t, missing.Error(), "kernel k stores h as bf16, and the device has no storage buffers of 16-bit elements")
		require.Contains(t, missing.Remedy, "--set train.precision=f32")
	}
	require.False(t, Limits{Local: 64}.within(Limits{Local: 64, Only32: true}))
	require.True(t, Limits{Local: 64, Only32: true}.within(Limits{Local: 64}))
}
