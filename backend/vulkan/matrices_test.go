package vulkan

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
	"bnetc/ir/ref"
)

// needMatrices skips a test where no device multiplies such matrices.
func needMatrices(t testing.TB, m kernel.MatrixProduct) {
	t.Helper()
	needDevice(t)
	d, err := Find("")
	require.NoError(t, err)
	if !slices.Contains(d.Limits.Matrices, m) {
		t.Skipf("%s has no cooperative matrices of %s", d, m)
	}
}

func matrixPlan(t testing.TB) *kernel.Plan {
	return planFrom(t, golden.Source(t, "testdata/matrices.txtar"))
}

// Modules with cooperative matrices are valid, of either type.
func TestMatrixModulesAreValid(t *testing.T) {
	for _, typ := range []kernel.Type{kernel.F16, kernel.BF16} {
		t.Run(typ.String(), func(t *testing.T) {
			plan, limits := matrixPlan(t), withMatrices
			for i := range plan.Buffers {
				if plan.Buffers[i].Type != kernel.F32 {
					plan.Buffers[i].Type = typ
				}
			}
			limits.Matrices = []kernel.MatrixProduct{{Rows: 8, Columns: 8, Depth: 8, Of: typ}}
			shaders, err := encode(plan, place(plan), limits)
			require.NoError(t, err)
			for _, s := range shaders {
				needTools(t, s)
				valid(t, s)
			}
		})
	}
}

// Of a program in 16 bits, the modules of the kernels that multiply matrices: for lavapipe's subgroups, encoded without a device.
func TestGoldenMatrixModules(t *testing.T) {
	for _, file := range golden.Files(t, "../../testdata/matrices/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			limits, target := withMatrices, compiler.Software
			limits.Unroll, target.Matrices, target.Plain = 1, withMatrices.Matrices, false
			target.Registers, target.Columns = 22, 2 // small tiles: short texts
			c, err := programs.Program{Name: golden.Name(file), Text: golden.Source(t, file)}.Compile(target)
			require.NoError(t, err)
			golden.Check(t, file, "spvasm", texts(t, c.Plan, limits, func(name string) bool { return len(c.Plan.Products(c.Plan.Kernels[c.Plan.Kernel(name)])) > 0 }))
		})
	}
}

// Kernels of the examples with matrices are valid modules, for subgroups and matrices as lavapipe has them and as GPUs do.
func TestExamplesInMatrices(t *testing.T) {
	gpu := Limits{Unroll: 4, Subgroup: 32, Local: 1024, Shared: 49152, Matrices: []kernel.MatrixProduct{{Rows: 16, Columns: 16, Depth: 16, Of: kernel.F16}, {Rows: 16, Columns: 8, Depth: 8, Of: kernel.BF16}}}
	for _, d := range []struct {
		limits Limits
		target compiler.Target
	}{{withMatrices, compiler.Software}, {gpu, compiler.NVIDIA}} {
		for _, program := range []string{"mnist_fc_sdtp_parallel.bnet f16", "cifar_lc_bp.bnet bf16", "cifar_conv_bp.bnet f16"} {
			words := strings.Fields(program)
			limits, target := d.limits, d.target
			if target.Vector == 8 {
				words[1] = "f16"
			}
			t.Run(target.Name+"/"+words[0], func(t *testing.T) {
				target.Matrices, target.Plain = limits.Matrices, false
				plan := planOf(t, words[0], 72, target, "train.precision="+words[1])
				shaders, err := encode(plan, place(plan), limits)
				require.NoError(t, err)
				shaders = slices.DeleteFunc(shaders, func(s *Shader) bool { return len(plan.Products(plan.Kernels[plan.Kernel(s.Name)])) == 0 })
				require.NotEmpty(t, shaders)
				for i, s := range shaders {
					if !testing.Short() || i%5 == 0 {
						needTools(t, s)
						valid(t, s)
					}
				}
			})
		}
	}
}

// What a device multiplies in matrices is what the reference executor adds up.
func TestMatrices(t *testing.T) {
	needMatrices(t, withMatrices.Matrices[0])
	plan := matrixPlan(t)
	m, err := ref.NewMachine(plan)
	require.NoError(t, err)
	vk := build(t, plan)
	read := func(m backend.Machine, name string) []float32 {
		i := plan.Buffer(name)
		data := make([]float32, plan.Buffers[i].Elements())
		require.NoError(t, m.Read(i, data))
		return data
	}
	for i, b := range plan.Buffers {
		if b.Kind == kernel.Weight {
			data := make([]float32, b.Elements())
			for k := range data {
				data[k] = float32(math.Sin(float64(k*k+i))) / 4
			}
			require.NoError(t, m.Write(i, data))
			require.NoError(t, vk.Write(i, data))
		}
	}
	require.NoError(t, m.Run(context.Background(), "step"))
	require.NoError(t, vk.Run(context.Background(), "step"))
	require.InDeltaSlice(t, read(m, "back"), read(vk, "back"), 2e-3)

	// The same from a bundle.
	dir := t.TempDir()
	require.NoError(t, (&Backend{}).Save(context.Background(), plan, dir))
	again, _, err := (&Backend{Validate: true}).Open(context.Background(), dir)
	require.NoError(t, err)
	for i, b := range plan.Buffers {
		if b.Kind == kernel.Weight {
			require.NoError(t, again.Write(i, read(vk, b.Name)))
		}
	}
	require.NoError(t, again.Run(context.Background(), "step"))
	require.Equal(t, read(vk, "back"), read(again, "back"))
	require.NoError(t, again.Close())
}

// Programs in 16 bits agree with the reference executor where their sums are matrices, too.
func TestAgreeInMatrices(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	needMatrices(t, withMatrices.Matrices[0])
	d, err := Find("")
	require.NoError(t, err)
	target := class(t)
	target.Registers, target.Columns = 22, 4 // small tiles: the driver compiles them in a fraction of the time
	target.Matrices, target.Plain = d.Limits.Matrices, false
	table := slices.DeleteFunc(programs.All(), func(p programs.Program) bool {
		return !slices.ContainsFunc(target.Matrices, func(m kernel.MatrixProduct) bool { return strings.Contains(p.Name, " in "+m.Of.String()) })
	})
	for i, n := range programs.Networks() { // gradients need more samples than most of the table's batches have
		if n.Name == "16 and more" || n.Name == "8 channels and more" {
			table = append(table, n.In("f16").With(programs.Rules()[i%len(programs.Rules())], "tanh", "sgd(lr = 0.01)", 43))
		}
	}
	programs.Agree(t, &strict{t: t}, target, table)
}

// A device without the matrices, with smaller subgroups, or with little shared memory is refused such a plan.
func TestWithoutMatrices(t *testing.T) {
	for want, change := range map[string]func(l *Limits){
		"kernel h1 multiplies matrices of 8x8x8 f16, and the device does not":                      func(l *Limits) { l.Matrices = nil },
		"kernel h1 multiplies matrices in vectors of 8 lanes, and the device's subgroups have 4":   func(l *Limits) { l.Subgroup = 4 },
		"kernel h1 has 1024 bytes that a workgroup shares, and the device 1000":                    func(l *Limits) { l.Shared = 1000 },
		"kernel h1 multiplies matrices, and x.lanes is longer than a storage buffer of the device": func(l *Limits) { l.Range = 1024 },
	} {
		plan, limits := matrixPlan(t), withMatrices
		change(&limits)
		_, err := encode(plan, place(plan), limits)
		var missing *backend.Missing
		require.ErrorAs(t, err, &missing)
		require.Equal(t, want, missing.What)
		require.Contains(t, missing.Remedy, "compile the program for this device (--device)")
	}
}

// Factors and sums lie in memory by rows or by columns.
func TestMatrixLayouts(t *testing.T) {
	needMatrices(t, withMatrices.Matrices[0])
	for _, at := range [][3]string{{"m, k", "k, n", "m, n"}, {"k, m", "k, n", "m, n"}, {"m, k", "n, k", "m, n"}, {"m, k", "k, n", "n, m"}} {
		plan := planFrom(t, fmt.Sprintf(`plan layouts batch 1

buffer w temp f16 [8, 8]
buffer z temp f16 [8, 8] at 64
buffer tile local [8, 8]
buffer out weight [8, 8]

kernel fill
  serial i in 8
    vector lane in 8
      store w[i, lane] = equal(#(i), #(lane)) + equal(#(i+3), #(lane))
      store z[i, lane] = #(8*i+lane)

kernel multiply
  matrix m in 8
    matrix n in 8
      let s = 0
      matrix k in 8
        s += w[%s] * z[%s]
      store tile[%s] = s
  serial i in 8
    vector lane in 8
      store out[i, lane] = tile[i, lane]

list step
  0: fill
  1: multiply
`, at[0], at[1], at[2]))
		reference, err := ref.NewMachine(plan)
		require.NoError(t, err)
		got, want := make([]float32, 64), make([]float32, 64)
		m := build(t, plan)
		require.NoError(t, m.Run(context.Background(), "step"))
		require.NoError(t, m.Read(3, got))
		require.NoError(t, reference.Run(context.Background(), "step"))
		require.NoError(t, reference.Read(3, want))
		require.Equal(t, want, got, at)
	}
}
