package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Rounding keeps the numbers that a type holds, and between two of them takes the nearer one, or the even one of two as near: held against all there are,
// counted up from the least.
func TestRound(t *testing.T) {
	for _, c := range []struct {
		typ   Type
		value func(bits int) float64
		last  int // bits of the largest number
	}{
		{F16, func(bits int) float64 {
			if bits < 1<<10 {
				return math.Ldexp(float64(bits), -24)
			}
			return math.Ldexp(float64(bits&0x3ff|0x400), bits>>10-25)
		}, 0x7bff},
		{BF16, func(bits int) float64 { return float64(math.Float32frombits(uint32(bits) << 16)) }, 0x7f7f},
	} {
		for bits := 0; bits < c.last; bits++ {
			x, next := c.value(bits), c.value(bits+1)
			middle, even := (x+next)/2, x
			if bits%2 == 1 {
				even = next
			}
			for _, sign := range []float64{1, -1} {
				assert.Equal(t, sign*x, c.typ.Round(sign*x))
				assert.Equal(t, sign*even, c.typ.Round(sign*middle), "%v: between %g and %g", c.typ, x, next)
				assert.Equal(t, sign*x, c.typ.Round(sign*math.Nextafter(middle, 0)))
				assert.Equal(t, sign*next, c.typ.Round(sign*math.Nextafter(middle, 1e300)))
			}
		}
		largest := c.value(c.last)
		beyond := largest + (largest-c.value(c.last-1))/2
		assert.Equal(t, largest, c.typ.Round(math.Nextafter(beyond, 0)))
		assert.Equal(t, math.Inf(-1), c.typ.Round(-beyond))
		assert.Equal(t, math.Inf(1), c.typ.Round(math.Inf(1)))
		assert.True(t, math.IsNaN(c.typ.Round(math.NaN())))
		assert.Equal(t, (c.value(c.last)-c.value(c.last-1))/2/c.typ.Epsilon(), math.Exp2(float64(formats[c.typ].largest-1)))
	}
}

func TestTypesAreParsed(t *testing.T) {
	for _, typ := range Types {
		p := &Plan{Name: "p", Batch: 1, Buffers: []Buffer{{Name: "x", Kind: Temp, Type: typ, Shape: []int{3}}, {Name: "y", Kind: Temp, Type: typ}}}
		assert.Equal(t, p, parse(t, p.String()))
		assert.Equal(t, map[Type]int{F32: 3, F16: 2, BF16: 2}[typ], p.Buffers[0].Floats())
	}
}

// A type is its word wherever it is written.
func TestTypesAsText(t *testing.T) {
	for _, want := range Types {
		text, err := want.MarshalText()
		assert.NoError(t, err)
		var got Type
		assert.NoError(t, got.UnmarshalText(text))
		assert.Equal(t, want, got)
	}
	var got Type
	assert.ErrorContains(t, got.UnmarshalText([]byte("f8")), `no type is named "f8"`)
}
