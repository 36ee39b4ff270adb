package compiler

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/backend/backendtest"
	"bnetc/backend/cpu"
	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/ref"
	"bnetc/ir/tensor"
	"bnetc/lang/check"
)

// targets are the vector widths that kernels are built for in tests: one sample at a time, and each kind of machine.
var targets = []Target{
	{Name: "scalar", Vector: 1, Registers: 16, Cache: 4 << 20, Workers: 1, BatchLocal: true},
	{Name: "avx2", Vector: 8, Registers: 16, Cache: 4 << 20, Workers: 2, BatchLocal: true},
	{Name: "avx512", Vector: 16, Registers: 32, Cache: 4 << 20, Workers: 2, BatchLocal: true},
	{Name: "by units", Vector: 8, Registers: 16, Cache: 0, Workers: 2, BatchLocal: false},
	{Name: "wide", Vector: 4, Registers: 22, Columns: 4, Workers: 1, Positions: 64, Wide: true, Fours: true},
	{Name: "wide and strided", Vector: 8, Registers: 44, Columns: 8, Workers: 1, Longest: 24, Wide: true, Fours: true, Strided: true},
}

func relations() map[string]*ir.Relation {
	c := map[string]*ir.Relation{}
	for _, d := range [][2]int{{1, 1}, {3, 7}, {257, 10}, {7, 257}, {1, 3}} {
		c[fmt.Sprintf("dense %dto%d", d[0], d[1])] = relation(check.Connectivity{Dense: true, In: check.Shape{H: 1, W: 1, C: d[0]}, Out: check.Shape{H: 1, W: 1, C: d[1]}})
	}
	for _, s := range []ir.Sharing{{TileH: 1, TileW: 1}, {TileH: 4, TileW: 5}, {TileH: 2, TileW: 3}} {
		for _, w := range []ir.Window{
			{KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, DilH: 1, DilW: 1, Groups: 1},
			{KH: 5, KW: 2, StrideH: 2, StrideW: 3, PadTop: 2, DilH: 1, DilW: 1, Groups: 1},
			{KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilH: 1, DilW: 1, Groups: 1},
			{KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadTop: 2, PadLeft: 2, DilH: 2, DilW: 2, Groups: 1},
			{KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, DilH: 1, DilW: 1, Groups: 2},
			{KH: 3, KW: 1, StrideH: 2, StrideW: 1, PadTop: 5, DilH: 1, DilW: 1, Groups: 3},
		} {
			c[fmt.Sprintf("field %dx%d stride %dx%d dil %d groups %d tile %dx%d", w.KH, w.KW, w.StrideH, w.StrideW, w.DilH, w.Groups, s.TileH, s.TileW)] =
				compact(ir.Field(7, 9, 6, 4, 5, 6, w, s))
		}
	}
	return c
}

// threeRoles is a program that uses a relation in all its roles: W moves along (W x + b) ⊗ tanh(Wᵀ(W x + b)).
func threeRoles(r *ir.Relation, batch int) *tensor.Program {
	p := tensor.New("roles", batch)
	p.Pass = "forward"
	x := p.Input("x", tensor.Type{Batch: true, Shape: r.InShape})
	w := p.Param("w", r.WShape, tensor.ParamInfo{Kind: tensor.Weight, Init: "glorot", FanIn: 20})
	b := p.Param("b", r.OutShape[len(r.OutShape)-1:], tensor.ParamInfo{Kind: tensor.Weight, Init: "zero", FanIn: 20})
	a := p.Map(expr("$0 + $1"), p.Linear(r, ir.Apply, w, x), b)
	a.Name = "a"
	back := p.Map(expr("tanh($0)"), p.Linear(r, ir.Transpose, w, a))
	p.Pass = "update"
	p.Update("sgd", "forward", w, p.Linear(r, ir.Outer, a, back))
	p.Update("sgd", "forward", b, p.Reduce(tensor.SumBatch, sumTo(p, a, b.Type.Shape)))
	return p
}

func sumTo(p *tensor.Program, n *tensor.Node, shape []int) *tensor.Node {
	if len(n.Type.Shape) == len(shape) {
		return n
	}
	return p.SumTo(n, shape)
}

func constant(v float64, settings []string) func(int) []float64 {
	return func(int) []float64 {
		out := make([]float64, len(settings))
		for i := range out {
			out[i] = v
		}
		return out
	}
}

// Every relation in every role, at odd shapes, for every kind of target: the kernels, run by definition, compute what the relation says.
func TestRolesAreTheRelation(t *testing.T) {
	for name, r := range relations() {
		for _, target := range targets {
			for _, batch := range []int{1, 7, 33} {
				plan := compileRoles(t, r, batch, target)
				m, err := ref.NewMachine(plan)
				require.NoError(t, err)
				rng := rand.New(rand.NewSource(3))
				w, b, x := normal(rng, units(r.WShape)), normal(rng, r.OutShape[len(r.OutShape)-1]), normal(rng, batch*units(r.InShape))
				require.NoError(t, m.Write64(plan.Buffer("w"), w))
				require.NoError(t, m.Write64(plan.Buffer("b"), b))
				require.NoError(t, m.Write64(plan.Buffer("x"), x))
				set := make([]float64, len(plan.Settings))
				for i, s := range plan.Settings {
					if s == "forward.lr" {
						set[i] = 1
					}
				}
				require.NoError(t, m.Write64(plan.Buffer("settings"), set))
				require.NoError(t, m.Run(t.Context(), "step"))
				dw, db := byDefinition(r, batch, w, b, x)
				for param, pair := range map[string][2][]float64{"w": {w, dw}, "b": {b, db}} {
					got := make([]float64, len(pair[0]))
					require.NoError(t, m.Read64(plan.Buffer(param), got))
					for i := range got {
						require.InDelta(t, pair[0][i]-pair[1][i], got[i], 1e-9*(1+math.Abs(pair[1][i])), "%s, target %s, batch %d: %s[%d]", name, target.Name, batch, param, i)
					}
				}
			}
		}
	}
}

// byDefinition computes the gradients of threeRoles by evaluating the relation point by point.
func byDefinition(r *ir.Relation, batch int, w, b, x []float64) (dw, db []float64) {
	in, out := units(r.InShape), units(r.OutShape)
	dw, db = make([]float64, len(w)), make([]float64, len(b))
	for n := range batch {
		a, back := make([]float64, out), make([]float64, in)
		r.Eval(ir.Apply, a, w, x[n*in:(n+1)*in])
		for i := range a {
			a[i] += b[i%len(b)]
			db[i%len(b)] += a[i]
		}
		r.Eval(ir.Transpose, back, w, a)
		for i := range back {
			back[i] = math.Tanh(back[i])
		}
		r.Eval(ir.Outer, dw, a, back)
	}
	return dw, db
}

func normal(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = r.NormFloat64() * 0.3
	}
	return out
}

func compileRoles(t *testing.T, r *ir.Relation, batch int, target Target) *kernel.Plan {
	t.Helper()
	c := &Compilation{Tensor: threeRoles(r, batch)}
	if err := c.finish(&target, kernel.F32); err != nil {
		t.Fatal(err)
	}
	return c.Plan
}

// The C backend on the same plans.
func TestRolesAgree(t *testing.T) {
	for name, r := range relations() {
		for _, batch := range []int{1, 7, 33} {
			if testing.Short() || batch == 33 && !isDense(r) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", name, batch), func(t *testing.T) {
				plan := compileRoles(t, r, batch, targets[1+batch%2])
				for _, b := range backends() {
					backendtest.Agree(t, b, backendtest.Case{Plan: plan, Settings: constant(1e-3, plan.Settings), Tolerance: backendtest.Tolerance, Seed: 1})
				}
			})
		}
	}
}

func backends() []backend.Backend { return []backend.Backend{&cpu.Backend{Threads: 2}} }

// onCPU runs one step of a tensor program's plan with all settings 1 on the CPU backend, from the given buffers, and reads those asked for.
func onCPU(t *testing.T, p *tensor.Program, write map[string][]float32, read ...string) [][]float32 {
	t.Helper()
	c := &Compilation{Tensor: p}
	require.NoError(t, c.finish(&targets[1], kernel.F32))
	m, err := (&cpu.Backend{Threads: 2}).Build(t.Context(), c.Plan)
	require.NoError(t, err)
	defer m.Close()
	settings := make([]float32, len(c.Plan.Settings))
	settings[slices.Index(c.Plan.Settings, "forward.lr")] = 1
	require.NoError(t, m.Write(c.Plan.Buffer("settings"), settings))
	for name, v := range write {
		require.NoError(t, m.Write(c.Plan.Buffer(name), v))
	}
	require.NoError(t, m.Run(t.Context(), "step"))
	var out [][]float32
	for _, name := range read {
		v := make([]float32, c.Plan.Buffers[c.Plan.Buffer(name)].Elements())
		require.NoError(t, m.Read(c.Plan.Buffer(name), v))
		out = append(out, v)
	}
	return out
}

// ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ = ⟨W, y ⊗ x⟩, each computed by the C backend's kernels of one role.
func TestAdjoint(t *testing.T) {
	for name, r := range relations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const batch = 7
			p := tensor.New("adjoint", batch)
			p.Pass = "update"
			x := p.Input("x", tensor.Type{Batch: true, Shape: r.InShape})
			y := p.Input("y", tensor.Type{Batch: true, Shape: r.OutShape})
			w := p.Param("w", r.WShape, tensor.ParamInfo{Kind: tensor.Weight, Init: "zero"})
			dot := func(name string, a, b *tensor.Node) {
				sum := p.Reduce(tensor.SumBatch, p.Reduce(tensor.SumUnits, p.Map(expr("$0 * $1"), a, b)))
				p.Update("sum", "forward", p.Param(name, []int{1}, tensor.ParamInfo{Kind: tensor.Metric, Init: "zero"}), sum)
			}
			dot("apply", p.Linear(r, ir.Apply, w, x), y)
			dot("transpose", p.Linear(r, ir.Transpose, w, y), x)
			p.Update("sgd", "forward", w, p.Linear(r, ir.Outer, y, x))
			rng := rand.New(rand.NewSource(4))
			start := normal32(rng, units(r.WShape))
			got := onCPU(t, p, map[string][]float32{"w": start, "x": normal32(rng, batch*units(r.InShape)), "y": normal32(rng, batch*units(r.OutShape))}, "apply", "transpose", "w")
			outer, size := 0.0, 0.0
			for i, after := range got[2] {
				outer += float64(start[i]) * float64(start[i]-after)
				size += math.Abs(float64(start[i]) * float64(start[i]-after))
			}
			require.InDelta(t, got[0][0], got[1][0], 1e-5*size+1e-6)
			require.InDelta(t, got[0][0], outer, 1e-5*size+1e-6)
			require.NotZero(t, outer)
		})
	}
}

// An untied layer whose copies of the weights are equal gives the convolution's output.
func TestEqualCopiesConvolve(t *testing.T) {
	window := ir.Window{KH: 3, KW: 2, StrideH: 2, StrideW: 1, PadTop: 1, DilH: 1, DilW: 2, Groups: 2}
	outputs := func(s ir.Sharing, kernel, x []float32) []float32 {
		r := compact(ir.Field(7, 6, 4, 4, 4, 6, window, s))
		var copies []float32
		for len(copies) < units(r.WShape) {
			copies = append(copies, kernel...)
		}
		// A bias of its own for every output unit moves by that output.
		p := tensor.New("layer", 1)
		p.Pass = "update"
		w := p.Param("w", r.WShape, tensor.ParamInfo{Kind: tensor.Weight, Init: "zero"})
		out := p.Linear(r, ir.Apply, w, p.Input("x", tensor.Type{Batch: true, Shape: r.InShape}))
		b := p.Param("b", r.OutShape, tensor.ParamInfo{Kind: tensor.Weight, Init: "zero"})
		p.Update("sgd", "forward", b, p.Reduce(tensor.SumBatch, out))
		return onCPU(t, p, map[string][]float32{"w": copies, "x": x}, "b")[0]
	}
	rng := rand.New(rand.NewSource(4))
	kernel, x := normal32(rng, 6*3*2*2), normal32(rng, 7*6*4)
	convolved := outputs(ir.Sharing{TileH: 4, TileW: 4}, kernel, x)
	require.NotZero(t, convolved[0])
	for _, s := range []ir.Sharing{{TileH: 1, TileW: 1}, {TileH: 2, TileW: 2}, {TileH: 3, TileW: 1}} {
		require.InDeltaSlice(t, convolved, outputs(s, kernel, x), 1e-6)
	}
}

func normal32(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}
