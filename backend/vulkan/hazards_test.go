package vulkan

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/ir/kernel"
	"bnetc/ir/ref"
)

// What one lane stores, another sees, whichever way the loops and conditions in between lead; in kernels of two sizes of vectors, where matrices are all that is
// computed together, and in what stands beside parallel loops. None of them lets an invocation come where others do not when they meet.
func TestLanesMeet(t *testing.T) {
	for name, text := range map[string]string{
		"behind a condition that does not hold": `
buffer a weight [2, 32]
buffer b weight [2, 32]
buffer c weight [2, 32]

kernel k
  parallel g in 2
    vector lane in 32
      store a[g, lane] = #(lane) + 1
    where w = g-1 in 1
      vector lane in 32
        store b[g, lane] = a[g, 31-lane]
    vector lane in 32
      store c[g, lane] = a[g, 31-lane]
`,
		"within a condition and behind it": `
buffer a weight [2, 32]
buffer b weight [2, 32]

kernel k
  parallel g in 2
    where w = g-1 in 1
      vector lane in 32
        store a[g, lane] = #(lane) + 1
    vector lane in 32
      store b[g, lane] = a[g, 31-lane]
`,
		"narrow lanes that add up": `
buffer a weight [32]
buffer sum metric [2]
buffer most metric [1]

kernel k
  vector lane in 32
    store a[lane] = #(3*lane) + 1
  serial i in 2
    vector lane in 5
      store sum[i] += a[lane] + #(i)
      store most[0] max= a[lane]
`,
		"matrices alone": `
buffer w temp f16 [8, 8]
buffer tile local [8, 8]
buffer sums weight [8, 8]

kernel fill
  serial i in 8
    vector lane in 8
      store w[i, lane] = #(i+lane)

kernel k
  matrix m in 8
    matrix n in 8
      let s = 0
      matrix k in 8
        s += w[m, k] * w[k, n]
      store tile[m, n] = s
  serial i in 8
    serial j in 8
      store sums[i, j] = tile[i, j] + 1
`,
		"a tile beside parallel loops": `
buffer w temp f16 [8, 8]
buffer tile local [8, 8]
buffer sums weight [8, 8]
buffer more weight [2, 8]

kernel fill
  serial i in 8
    vector lane in 8
      store w[i, lane] = #(i+lane)

kernel k
  matrix m in 8
    matrix n in 8
      let s = 0
      matrix k in 8
        s += w[m, k] * w[k, n]
      store tile[m, n] = s
  serial i in 8
    vector lane in 8
      store sums[i, lane] = tile[i, lane] + 1
  parallel g in 2
    vector lane in 8
      store more[g, lane] += #(g+lane)
`,
		"the last element beside parallel loops": `
buffer a weight [65]
buffer m weight [65]

kernel k
  parallel i in 2
    vector lane in 32
      let x = m[32*i+lane] + 1
      store a[32*i+lane] = a[32*i+lane] + x * m[32*i+lane]
      store m[32*i+lane] = x
  let y = m[64] + 1
  let z = a[64] + y * m[64]
  store a[64] = z
  store m[64] = y
`,
		"what parallel loops read, and others": `
buffer a weight [64]
buffer b weight [1]
buffer c weight [2]

kernel k
  let x = b[0] + 1
  serial n in 3
    x += #(n)
  parallel i in 2
    vector lane in 32
      store a[32*i+lane] += x
  let y = x + 1
  store c[0] += y
  store c[1] = x
`,
		"turns": `
buffer a weight [32]

kernel k
  serial i in 3
    vector lane in 32
      store a[lane] = #(i+lane)
    serial j in 2
      vector lane in 16
        store a[2*lane] += a[31-2*lane]
`,
	} {
		t.Run(name, func(t *testing.T) {
			plan := planFrom(t, "plan p batch 1\n"+text)
			plan.Lists = []kernel.List{{Name: "step"}}
			for k := range plan.Kernels {
				plan.Lists[0].Steps = append(plan.Lists[0].Steps, kernel.Step{Kernel: k, Level: k})
			}
			require.NoError(t, plan.Verify())
			want, err := ref.NewMachine(plan)
			require.NoError(t, err)
			for _, subgroup := range []int{0, widest(plan.Kernels[0].Body)} {
				got, err := (&emulator{Limits{Unroll: 4, Subgroup: subgroup, Shared: 16384, Matrices: withMatrices.Matrices}}).Build(context.Background(), plan)
				if subgroup == 0 && len(plan.Products(plan.Kernels[len(plan.Kernels)-1])) > 0 {
					continue
				}
				require.NoError(t, err)
				for range 2 {
					require.NoError(t, want.Run(context.Background(), "step"))
					require.NoError(t, got.Run(context.Background(), "step"))
				}
				for b := range plan.Buffers {
					if kind := plan.Buffers[b].Kind; kind == kernel.Temp || kind == kernel.Local {
						continue
					}
					x, y := make([]float32, plan.Buffers[b].Elements()), make([]float32, plan.Buffers[b].Elements())
					require.NoError(t, want.Read(b, x))
					require.NoError(t, got.Read(b, y))
					require.Equal(t, x, y, plan.Buffers[b].Name)
				}
				want, err = ref.NewMachine(plan)
				require.NoError(t, err)
			}
		})
	}
}
