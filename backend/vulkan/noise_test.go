package vulkan

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/ir"
)

// Noise is the same bits as on every other target: those that ir draws by whole numbers and separately rounded sums and products.
func TestNoiseIsTheSameBits(t *testing.T) {
	const rows, blocks, steps = 64, 48, 4
	const seed = uint64(0x0123_4567_89ab_cdef)
	m := build(t, planFrom(t, `plan noise batch 64
settings seed0 seed1 seed2 seed3 step0 step1

buffer settings setting [6]
buffer e weight [64, 192]

kernel draw(-> e)
  parallel n in 64
    serial block in 6
      vector lane in 8
        draw e0 e1 e2 e3 = stream 0x9e3779b9 row n block 8*block+lane
        store e[n, 32*block+4*lane] = e0
        store e[n, 32*block+4*lane+1] = e1
        store e[n, 32*block+4*lane+2] = e2
        store e[n, 32*block+4*lane+3] = e3

list step
  0: draw
`))
	got := make([]float32, rows*blocks*4)
	for k := range steps {
		step := uint64(k) * 0x10001 // both halves of its number
		require.NoError(t, m.Write(0, []float32{float32(seed & 0xffff), float32(seed >> 16 & 0xffff), float32(seed >> 32 & 0xffff), float32(seed >> 48), float32(step & 0xffff), float32(step >> 16)}))
		require.NoError(t, m.Run(context.Background(), "step"))
		require.NoError(t, m.Read(1, got))
		for n := range rows {
			for b := range blocks {
				for i, want := range ir.Normals(seed, 0x9e3779b9, step, uint32(n), uint32(b)) {
					have := got[(n*blocks+b)*4+i]
					require.Equal(t, math.Float32bits(want), math.Float32bits(have), "step %d, row %d, block %d, number %d: %v, not %v", step, n, b, i, have, want)
				}
			}
		}
	}
}
