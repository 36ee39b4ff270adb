package compiler_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// withMatrices is a machine of many workers that multiplies matrices of either type.
func withMatrices() compiler.Target {
	t := compiler.Software
	t.Plain = false
	for _, of := range []kernel.Type{kernel.F16, kernel.BF16} {
		t.Matrices = append(t.Matrices, kernel.MatrixProduct{Rows: 8, Columns: 8, Depth: 8, Of: of})
	}
	return t
}

// Kernels with matrices compute what the equations say, whatever the sizes: what fills no matrix is added up beside them. And float32 has none.
func TestMatrices(t *testing.T) {
	for _, p := range programs.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			c, err := p.Compile(withMatrices())
			require.NoError(t, err)
			if c.Plan.Precision == kernel.F32 {
				assert.Empty(t, productsOf(c))
				return
			}
			program, err := tensor.Parse(c.Stages[1].Text) // differentiated
			require.NoError(t, err)
			drawn := newTrial(program, programs.Settings(c.Source, 1), 1)
			want := drawn.onTensors(t, program)
			narrowed := c.Plan
			c.Plan = inFull(t, c)
			sameParams(t, drawn.onKernels(t, c), want, 1e-10, "as kernels")
			c.Plan = narrowed
			for _, m := range productsOf(c) {
				assert.Equal(t, kernel.MatrixProduct{Rows: 8, Columns: 8, Depth: 8, Of: c.Plan.Precision}, m)
			}
		})
	}
}

// productsOf are the products of matrices of a compilation, kernel by kernel.
func productsOf(c *compiler.Compilation) (all []kernel.MatrixProduct) {
	for _, k := range c.Plan.Kernels {
		all = append(all, c.Plan.Products(k)...)
	}
	return all
}

// An archive of testdata/matrices holds a program, and of its kernels those that multiply matrices, with what makes copies of weights for them.
func TestGoldenMatrices(t *testing.T) {
	for _, file := range golden.Files(t, "../testdata/matrices/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			c, err := programs.Program{Name: golden.Name(file), Text: golden.Source(t, file)}.Compile(withMatrices())
			require.NoError(t, err)
			text := ""
			for _, k := range strings.SplitAfter(c.Plan.String(), "\n\n") {
				if strings.Contains(k, "matrix ") || strings.HasPrefix(k, "kernel pack_") && strings.Contains(k, ".f16") {
					text += k
				}
			}
			golden.Check(t, file, "kernels", text)
			remarks := ""
			for _, r := range c.Remarks {
				if strings.Contains(r.Text, "matrices") {
					remarks += r.Subject + ": " + r.Text + "\n"
				}
			}
			golden.Check(t, file, "remarks", remarks)
		})
	}
}

// A layer's products are matrices in either role and behind either word of connection, where units and terms fill them, and not where they do not.
func TestWhereMatricesAre(t *testing.T) {
	for text, want := range map[string]map[string]bool{
		"input 24\n  layer l1 = all -> 33, tanh\n  layer l2 = all -> 17, tanh\n  output y = all -> 9, softmax":                                     {"h.l1": true, "h.l2": true, "a.y": true, "delta.l2": true, "delta.l1": true, "learn_l1.W": true, "learn_l2.W": true, "learn_y.W": true},
		"input 7\n  layer l1 = all -> 33, tanh\n  output y = all -> 3, softmax":                                                                    {"h.l1": false, "a.y": false, "delta.l1": false, "learn_l1.W": false, "learn_y.W": false},
		"input image 4x5x8\n  layer l1 = field 3x3 -> 16, shared, tanh\n  layer l2 = field 2x2 -> 8, untied, tanh\n  output y = all -> 8, softmax": {"h.l1": true, "h.l2": true, "a.y": true, "delta.l2": true, "delta.l1": true, "learn_l1.W_slabs": true, "learn_l2.W": true, "learn_y.W": true},
	} {
		p := programs.Program{Name: "p", Text: "network n {\n  " + text + "\n}\nlearn bp {\n  forward sgd(lr = 0.1)\n}\ntrain on npy(\"x.npy\", \"y.npy\") { batch 40  precision f16 }\n"}
		c, err := p.Compile(withMatrices())
		require.NoError(t, err)
		for name, matrices := range want {
			i := c.Plan.Kernel(name)
			require.GreaterOrEqual(t, i, 0, name)
			assert.Equal(t, matrices, len(c.Plan.Products(c.Plan.Kernels[i])) > 0, "%s of\n%s", name, text)
		}
		plain := withMatrices()
		plain.Plain = true
		c, err = p.Compile(plain)
		require.NoError(t, err)
		assert.Empty(t, productsOf(c))
	}
}
