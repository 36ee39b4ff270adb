package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend/backendtest"
	"bnetc/backend/cpu"
	"bnetc/compiler"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// A worker with a small cache goes through sums slab by slab, in every role, whether workers share the batch or the units, and computes the same.
func TestSlabs(t *testing.T) {
	for name, text := range map[string]string{
		"dense": "network n {\n  input 64\n  layer l1 = all -> 96, tanh\n  layer l2 = all -> 64, tanh\n  layer l3 = all -> 128, tanh\n  output y = all -> 10, softmax\n}\n",
		"field": "network n {\n  input image 4x5x32\n  layer l1 = field 3x3 stride 2 same -> 64, untied, tanh\n  layer l2 = field 3x3 same -> 33, untied, tanh\n  output y = all -> 10, softmax\n}\n",
	} {
		for _, rule := range []string{"bp", "sdtp"} {
			inverse := ""
			if rule != "bp" {
				inverse = " inverse adam(lr = 0.01) "
			}
			p := programs.Program{Name: name + "/" + rule, Text: text + "learn " + rule + " { forward adam(lr = 0.01)\n" + inverse + "}\ntrain on npy(\"x.npy\", \"y.npy\") { batch 64 }\n"}
			for _, target := range []compiler.Target{targets[1], targets[3]} {
				t.Run(p.Name+"/"+target.Name, func(t *testing.T) {
					t.Parallel()
					whole, err := p.Compile(target)
					require.NoError(t, err)
					target.L2 = 16 << 10
					cut, err := p.Compile(target)
					require.NoError(t, err)
					require.NotContains(t, whole.Plan.String(), ".slab")
					require.Contains(t, cut.Plan.String(), ".slab")
					if rule == "bp" { // the one that goes down columns
						require.Contains(t, cut.Plan.String(), "  prefetch ")
					}
					trial := newTrial(whole.Tensor, programs.Settings(whole.Source, 1), 1)
					sameParams(t, trial.onKernels(t, whole), trial.onKernels(t, cut), 1e-9, "in slabs")
					backendtest.Agree(t, &cpu.Backend{Threads: 2}, programs.Case(cut))
				})
			}
		}
	}
}

// A loss's squares are added up where they are computed, a register tile at a time, whether tiles are of one size or not, in slabs or whole, at locations or
// without: none of them is stored, and the losses are the equations'.
func TestTileSums(t *testing.T) {
	for name, text := range map[string]string{
		"dense": "  input 19\n  layer l1 = all -> 257, tanh\n  layer l2 = all -> 37, tanh\n",
		"field": "  input image 5x4x3\n  layer l1 = field 2x2 -> 17, untied, tanh\n  layer l2 = field 3x2 stride 2x1 pad 1 -> 9, tanh\n",
	} {
		p := programs.Program{Name: name, Text: "network n {\n" + text + "  output y = all -> 5, softmax\n}\n" +
			"learn sdtp { forward adam(lr = 0.01)\n  inverse adam(lr = 0.01)\n}\ntrain on npy(\"x.npy\", \"y.npy\") { batch 7 }\n"}
		for _, target := range targets {
			t.Run(name+"/"+target.Name, func(t *testing.T) {
				c, err := p.Compile(target)
				require.NoError(t, err)
				squares := 0
				for _, n := range c.Tensor.Nodes {
					if n.Op != tensor.Reduce || n.Kind != tensor.SumUnits || n.Args[0].Op != tensor.Map || n.Args[0].Type.Units() < 9 {
						continue
					}
					squares++
					require.Equal(t, -1, c.Plan.Buffer(fmt.Sprintf("v%d", n.Args[0].ID)), "the squares are stored")
				}
				require.Greater(t, squares, 2)
				trial := newTrial(c.Tensor, programs.Settings(c.Source, 1), 1)
				sameParams(t, trial.onTensors(t, c.Tensor), trial.onKernels(t, c), 1e-9, "sums of tiles")
			})
		}
	}
}

// Sums of tiles stay in 32 bits where what travels has 16: they grow beyond what those hold of a square.
func TestTileSumsStayWide(t *testing.T) {
	p := programs.Program{Name: "n", Text: "network n {\n  input 19\n  layer l1 = all -> 257, tanh\n  output y = all -> 5, softmax\n}\n" +
		"learn sdtp { forward adam(lr = 0.01)\n  inverse adam(lr = 0.01)\n}\ntrain on npy(\"x.npy\", \"y.npy\") { batch 7  precision f16 }\n"}
	c, err := p.Compile(targets[1])
	require.NoError(t, err)
	sums, narrow := 0, 0
	for _, b := range c.Plan.Buffers {
		if strings.Contains(b.Name, ".tiles") {
			require.Equal(t, kernel.F32, b.Type, b.Name)
			sums++
		}
		if b.Type == kernel.F16 {
			narrow++
		}
	}
	require.NotZero(t, sums)
	require.NotZero(t, narrow)
}

// A field that covers all of its input and shares its weights by tiles has the weights of a dense layer, and an inverse with a bias for each channel.
func TestBiasOfChannels(t *testing.T) {
	p := programs.Program{Name: "n", Text: "network n {\n  input image 2x4x1\n  layer l1 = field 2x2 stride 3x3 pad 1 -> 9, untied, tanh\n  layer l2 = field 1x2 stride 3x1 valid -> 2, share tile 3x1, sigmoid\n  output y = all -> 15, identity\n}\n" +
		"learn tp { forward sgd(lr = 0.01)\n  inverse sgd(lr = 0.01)\n}\ntrain on npy(\"x.npy\", \"y.npy\") { batch 19 }\n"}
	for _, target := range targets {
		c, err := p.Compile(target)
		require.NoError(t, err)
		program, err := tensor.Parse(c.Stages[1].Text) // differentiated
		require.NoError(t, err)
		drawn := newTrial(program, programs.Settings(c.Source, 1), 1)
		sameParams(t, drawn.onKernels(t, c), drawn.onTensors(t, program), 1e-10, target.Name)
	}
}

// A sum stays whole, however small the cache, where a bound depends on its units, as that of one channel's places along the border does; and where every loop
// of it meets the border, as those over a window of one channel do: a slab of it has no bounds of its own.
func TestSlabsAtTheBorder(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		target compiler.Target
	}{
		"units": {"  input image 1x1x39\n  layer l1 = field 3x2 stride 2x1 pad 1 -> 1, untied, relu\n  output y = all -> 12, identity\n",
			compiler.Target{Name: "small", Vector: 16, Registers: 32, Cache: 1000, L2: 16 << 10, Workers: 3, BatchLocal: true}},
		"terms": {"  input image 3x20x1\n  layer l1 = field 3x32 -> 9, shared, tanh\n  output y = all -> 10, softmax\n",
			compiler.Target{Name: "small", Vector: 4, Registers: 16, Cache: 1 << 20, L2: 1 << 10, Workers: 1, BatchLocal: true}},
	} {
		t.Run(name, func(t *testing.T) {
			p := programs.Program{Name: "n", Text: "network n {\n" + c.text + "}\nlearn bp { forward sgd(lr = 0.01) }\ntrain on npy(\"x.npy\", \"y.npy\") { batch 40 }\n"}
			small, err := p.Compile(c.target)
			require.NoError(t, err)
			c.target.L2 = 0
			whole, err := p.Compile(c.target)
			require.NoError(t, err)
			trial := newTrial(small.Tensor, programs.Settings(small.Source, 1), 1)
			sameParams(t, trial.onKernels(t, whole), trial.onKernels(t, small), 1e-9, "at the border")
		})
	}
}

// Workers that share the batch begin at different register tiles, and ask, while one is computed, for the weights of the next, a line at a time where a line
// divides the sum, in the order in which they lie; and an update asks for the weights of its next tile as their owner. A worker alone, whose weights nobody else reads or writes, does not.
func TestFetchNextTile(t *testing.T) {
	p := programs.Program{Name: "n", Text: "network n {\n  input 80\n  layer l1 = all -> 40, tanh\n  layer l2 = all -> 22, tanh\n  output y = all -> 10, softmax\n}\n" +
		"learn bp { forward adam(lr = 0.01) }\ntrain on npy(\"x.npy\", \"y.npy\") { batch 64 }\n"}
	target := compiler.Target{Name: "shared", Vector: 16, Registers: 32, Cache: 4 << 20, L2: 1 << 20, Workers: 2, BatchLocal: true}
	shared, err := p.Compile(target)
	require.NoError(t, err)
	text := shared.Plan.String()
	require.Contains(t, text, "prefetch l1.W[800*c.tile+16*c.in+160*step+800]")
	require.Contains(t, text, "prefetch l2.W[440*c.tile+10*c.in+110*step+440]")
	require.Contains(t, text, "staggered c.tile in 4")
	require.Contains(t, text, "own l1.W[960*o.tile+240*nb+32*i.tile+32]")
	require.Contains(t, text, "prefetch l1.W.m[960*o.tile+240*nb+32*i.tile+32]")
	target.Workers = 1
	alone, err := p.Compile(target)
	require.NoError(t, err)
	require.NotContains(t, alone.Plan.String(), "prefetch")
	require.NotContains(t, alone.Plan.String(), "own")
	require.NotContains(t, alone.Plan.String(), "staggered")
	trial := newTrial(shared.Tensor, programs.Settings(shared.Source, 1), 1)
	sameParams(t, trial.onKernels(t, shared), trial.onKernels(t, alone), 1e-9, "asking for the next tile")
	for _, threads := range []int{1, 2, 3} {
		backendtest.Agree(t, &cpu.Backend{Threads: threads}, programs.Case(shared))
	}
}
