package compiler

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/ir/kernel"
	"bnetc/ir/ref"
)

// For every class of machine, and for rows that lanes do not divide: each pixel is where it comes from, or the pixel outside.
func TestMoves(t *testing.T) {
	const batch, h = 3, 4
	r := rand.New(rand.NewPCG(3, 4))
	for _, target := range []Target{Software, NVIDIA, Subgroup64, {Name: "cpu", Vector: 16, Registers: 32, Workers: 2, BatchLocal: true}} {
		for _, size := range [][2]int{{1, 1}, {7, 3}, {33, 1}, {44, 3}, {32, 4}, {5, 9}} {
			t.Run(fmt.Sprint(target.Name, size), func(t *testing.T) {
				w, c := size[0], size[1]
				p := Moves(target, batch, []string{"x", "label"}, h, w, c)
				require.NoError(t, p.Verify())
				again, err := kernel.Parse(p.String())
				require.NoError(t, err)
				require.Equal(t, p.String(), again.String())
				buffers := make([][]float64, len(p.Buffers))
				for i := range p.Buffers {
					buffers[i] = make([]float64, p.Buffers[i].Elements())
					for k := range buffers[i] {
						buffers[i][k] = r.Float64()
					}
				}
				moves := buffers[p.Buffer("moves")]
				for n := range batch {
					for axis, extent := range []int{h, w} {
						at := moves[n*(4+c)+2*axis:]
						at[0], at[1] = 1, float64(r.IntN(2*extent+1)-extent)
						if r.IntN(2) == 0 {
							at[0], at[1] = -1, float64(r.IntN(2*extent+1)-1)
						}
					}
				}
				require.NoError(t, ref.RunList(p, buffers, "move"))
				for _, name := range []string{"x", "label"} {
					still, moved := buffers[p.Buffer(name+".still")], buffers[p.Buffer(name)]
					for i, got := range moved {
						n, y, x, k := i/c/w/h, i/c/w%h, i/c%w, i%c
						m := moves[n*(4+c):][:4+c]
						y, x = int(m[0])*y+int(m[1]), int(m[2])*x+int(m[3])
						want := m[4+k]
						if y >= 0 && y < h && x >= 0 && x < w {
							want = still[((n*h+y)*w+x)*c+k]
						}
						require.Equal(t, want, got, "%s[%d], moves %v", name, i, m)
					}
				}
			})
		}
	}
}
