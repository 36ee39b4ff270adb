package compiler_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
	"bnetc/ir/ref"
	"bnetc/ir/tensor"
)

// A trial is what a program runs on: values for its params and inputs, by name.
type trial struct {
	params, inputs map[string][]float64
	settings       map[string]float64
}

// newTrial draws weights, biases included, and data for a program; labels are one-hot.
func newTrial(p *tensor.Program, settings map[string]float64, seed int64) *trial {
	r := rand.New(rand.NewSource(seed))
	t := &trial{params: map[string][]float64{}, inputs: map[string][]float64{}, settings: settings}
	for _, n := range p.Nodes {
		switch {
		case n.Op == tensor.Param && n.Param.Kind == tensor.Weight:
			scale := 1 / math.Sqrt(float64(max(1, n.Param.FanIn)))
			t.params[n.Name] = draw(n.Type.Units(), func(int) float64 { return scale * r.NormFloat64() })
		case n.Op == tensor.Input && n.Name == "label":
			units := n.Type.Units()
			label := make([]float64, p.Batch*units)
			for k := range p.Batch {
				label[k*units+r.Intn(units)] = 1
			}
			t.inputs[n.Name] = label
		case n.Op == tensor.Input && n.Type.Batch:
			t.inputs[n.Name] = draw(p.Batch*n.Type.Units(), func(int) float64 { return r.Float64() })
		}
	}
	return t
}

func draw(n int, f func(int) float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// steps are how many steps a trial runs, enough for what a state remembers to matter.
const steps = 3

// onTensors runs a tensor program for three steps and gives its params.
func (t *trial) onTensors(tb testing.TB, p *tensor.Program) map[string][]float64 {
	tb.Helper()
	m, err := ref.NewTensorMachine(p, programs.Seed)
	require.NoError(tb, err)
	for name, v := range t.params {
		require.NoError(tb, m.Set(name, v))
	}
	for step := range uint64(steps) {
		for _, list := range listsOf(p.Alternating) {
			require.NoError(tb, m.Run(list, t.inputs, t.settings, step))
		}
	}
	out := map[string][]float64{}
	for _, n := range p.Nodes {
		if n.Op == tensor.Param {
			out[n.Name] = m.Get(n.Name)
		}
	}
	return out
}

func listsOf(alternating bool) []string {
	if alternating {
		return []string{"step inverse", "step forward", "evaluate"}
	}
	return []string{"step", "evaluate"}
}

// onKernels runs a plan for three steps on the reference executor and gives its params.
func (t *trial) onKernels(tb testing.TB, c *compiler.Compilation) map[string][]float64 {
	tb.Helper()
	m, err := ref.NewMachine(c.Plan)
	require.NoError(tb, err)
	for _, values := range []map[string][]float64{t.params, t.inputs} {
		for name, v := range values {
			if i := c.Plan.Buffer(name); i >= 0 {
				require.NoError(tb, m.Write64(i, v), name)
			}
		}
	}
	for i, b := range c.Plan.Buffers {
		if b.Kind == kernel.Constant {
			require.NoError(tb, m.Write64(i, draw(b.Elements(), func(int) float64 { return 1 })))
		}
	}
	for step := range steps {
		settings := programs.Settings(c.Source, step+1)
		values := draw(len(c.Plan.Settings), func(i int) float64 { return settings[c.Plan.Settings[i]] })
		require.NoError(tb, m.Write64(c.Plan.Buffer("settings"), values))
		for _, l := range c.Plan.Lists {
			require.NoError(tb, m.Run(tb.Context(), l.Name))
		}
	}
	out := map[string][]float64{}
	for i, b := range c.Plan.Buffers {
		if slices.Contains([]kernel.BufferKind{kernel.Weight, kernel.State, kernel.Metric}, b.Kind) {
			out[b.Name] = make([]float64, b.Elements())
			require.NoError(tb, m.Read64(i, out[b.Name]))
		}
	}
	return out
}

// sameParams holds got against want, each tensor by its norm.
func sameParams(tb testing.TB, want, got map[string][]float64, tolerance float64, what string) {
	tb.Helper()
	for name, w := range want {
		g := got[name]
		if !close(w, g, tolerance) {
			tb.Errorf("%s: %s is %s", what, name, apart(w, g))
		}
	}
}

// close tells whether ‖want - got‖ ≤ tolerance·(1 + ‖want‖).
func close(want, got []float64, tolerance float64) bool {
	if len(want) != len(got) {
		return false
	}
	diff, norm := 0.0, 0.0
	for i, w := range want {
		diff += (w - got[i]) * (w - got[i])
		norm += w * w
	}
	return math.Sqrt(diff) <= tolerance*(1+math.Sqrt(norm))
}

// apart says where two tensors differ most.
func apart(want, got []float64) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%d numbers, not %d", len(got), len(want))
	}
	at, worst := 0, 0.0
	for i, w := range want {
		if d := math.Abs(w - got[i]); d > worst || math.IsNaN(d) && !math.IsNaN(worst) {
			at, worst = i, d
		}
	}
	return fmt.Sprintf("%.12g at [%d], not %.12g", got[at], at, want[at])
}

// targets are the kinds of machines that kernels are built for: one sample at a time, vectors of both widths, and workers that share units.
var targets = []compiler.Target{
	{Name: "scalar", Vector: 1, Registers: 16, Cache: 4 << 20, Workers: 1, BatchLocal: true},
	{Name: "avx2", Vector: 8, Registers: 16, Cache: 4 << 20, Workers: 2, BatchLocal: true},
	{Name: "avx512", Vector: 16, Registers: 32, Cache: 4 << 20, Workers: 2, BatchLocal: true},
	{Name: "by units", Vector: 8, Registers: 16, Cache: 0, Workers: 2, BatchLocal: false},
	{Name: "small", Vector: 4, Registers: 16, Cache: 1 << 10, L2: 1 << 10, Workers: 3, BatchLocal: true},
}

// What a program computes is the same before and after every pass, and as kernels: differentiation leaves the first text that runs, and every later
// one must move every param as that one does. All texts parse back, and a pass that runs again changes nothing.
func TestPassesPreserve(t *testing.T) {
	for i, p := range programs.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			c, err := p.Compile(targets[i%len(targets)])
			require.NoError(t, err)
			var drawn *trial
			var want map[string][]float64
			for _, stage := range c.Stages {
				if slices.Contains(compiler.PassNames(), stage.Name) {
					again, _, err := compiler.RunPass(stage.Name, stage.Text, targets[i%len(targets)])
					require.NoError(t, err)
					require.Equal(t, stage.Text, again, "a second run of %s", stage.Name)
				}
				if strings.HasPrefix(stage.Text, "plan ") {
					plan, err := kernel.Parse(stage.Text)
					require.NoError(t, err, stage.Name)
					require.NoError(t, plan.Verify())
					require.Equal(t, stage.Text, plan.String(), "after %s", stage.Name)
					continue
				}
				program, err := tensor.Parse(stage.Text)
				require.NoError(t, err, stage.Name)
				require.NoError(t, program.Verify())
				require.Equal(t, stage.Text, program.String(), "after %s", stage.Name)
				switch {
				case stage.Name == "lowered":
				case want == nil:
					drawn = newTrial(program, programs.Settings(c.Source, 1), 1)
					want = drawn.onTensors(t, program)
				default:
					sameParams(t, want, drawn.onTensors(t, program), 1e-10, "after "+stage.Name)
				}
			}
			c.Plan = inFull(t, c)
			sameParams(t, drawn.onKernels(t, c), want, 1e-10, "as kernels")
		})
	}
}

// inFull is a compilation's plan before anything in it is stored in fewer bits than the reference executor computes with.
func inFull(t *testing.T, c *compiler.Compilation) *kernel.Plan {
	t.Helper()
	i := slices.IndexFunc(c.Stages, func(s compiler.Stage) bool { return s.Name == "narrow" })
	p, err := kernel.Parse(c.Stages[i-1].Text)
	require.NoError(t, err)
	return p
}

// holdLevels compiles the program that bytes make, if the language takes it, and holds its kernels against its equations.
func holdLevels(t *testing.T, data []byte) {
	t.Helper()
	p, target := programs.Random(data)
	checked, err := p.Check()
	if err != nil {
		return // the language refuses it
	}
	c, err := p.Compile(target)
	require.NoError(t, err)
	program, err := tensor.Parse(c.Stages[1].Text) // differentiated
	require.NoError(t, err)
	runs := newTrial(program, programs.Settings(checked, 1), 1)
	want := runs.onKernels(t, c)
	for _, v := range want {
		if slices.ContainsFunc(v, func(x float64) bool { return math.IsNaN(x) || math.Abs(x) > 1e30 }) {
			return // it diverges
		}
	}
	sameParams(t, want, runs.onTensors(t, program), 1e-9, fmt.Sprintf("%+v\n%s", target, p.Text))
}

// Whatever network, rule and target the bytes make: if the language takes it, it compiles, and its kernels compute what its equations say.
func FuzzLevels(f *testing.F) {
	for _, p := range programs.All() {
		f.Add([]byte(p.Text))
	}
	f.Fuzz(holdLevels)
}

// The same for programs drawn at random.
func TestRandomPrograms(t *testing.T) {
	for seed := range int64(*random) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); holdLevels(t, programs.Bytes(seed)) })
	}
}

var random = flag.Int("random", 200, "how many programs TestRandomPrograms draws")
