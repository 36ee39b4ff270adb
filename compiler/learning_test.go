package compiler

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"

	"bnetc/backend"
	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
)

// bench is a compiled program on a machine, with parameters and data at hand by name.
type bench struct {
	t        *testing.T
	plan     *kernel.Plan
	machine  backend.Machine
	settings []float64
}

func newBench(t *testing.T, plan *kernel.Plan, m backend.Machine, seed int64) *bench {
	t.Helper()
	b := &bench{t: t, plan: plan, machine: m, settings: make([]float64, len(plan.Settings))}
	r := rand.New(rand.NewSource(seed))
	for i, buf := range plan.Buffers {
		d := make([]float32, units(buf.Shape))
		switch buf.Kind {
		case kernel.Weight:
			for k := range d {
				d[k] = float32(r.NormFloat64()) * 0.5 / float32(math.Sqrt(float64(max(1, buf.Init.FanIn))))
			}
		case kernel.Constant:
			for k := range d {
				d[k] = 1
			}
		case kernel.Input:
			for k := range d {
				d[k] = float32(r.Float64())
			}
			if buf.Name == "label" {
				classes := buf.Shape[1]
				clear(d)
				for n := range buf.Shape[0] {
					d[n*classes+r.Intn(classes)] = 1
				}
			}
			if buf.Name == "weight" {
				for k := range d {
					d[k] = 1
				}
			}
		case kernel.Temp:
			continue
		}
		if err := m.Write(i, d); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bench) set(name string, v float64) {
	for i, s := range b.plan.Settings {
		if s == name {
			b.settings[i] = v
		}
	}
}

// optimizers sets every setting of the optimizers for update number t from 1.
func (b *bench) optimizers(p *check.Program, t int) {
	for group, o := range map[string]check.Optimizer{"forward": p.Forward, "inverse": p.Inverse} {
		row, ok := ir.FindOptimizer(o.Name)
		if !ok {
			continue
		}
		var hyper []float64
		for _, h := range row.Hyper {
			v := h.Default
			for _, s := range o.Hyper {
				if s.Name == h.Name {
					v = s.Value
				}
			}
			hyper = append(hyper, v)
		}
		for i, v := range row.Scalars(hyper, t) {
			b.set(group+"."+row.Inputs()[2+len(row.State)+i], v)
		}
	}
}

func (b *bench) run(list string) {
	b.t.Helper()
	d := make([]float32, len(b.settings))
	for i, v := range b.settings {
		d[i] = float32(v)
	}
	if err := b.machine.Write(b.plan.Buffer("settings"), d); err != nil {
		b.t.Fatal(err)
	}
	if err := b.machine.Run(b.t.Context(), list); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(name string) []float64 {
	b.t.Helper()
	i := b.plan.Buffer(name)
	if i < 0 {
		return nil
	}
	d := make([]float32, units(b.plan.Buffers[i].Shape))
	if err := b.machine.Read(i, d); err != nil {
		b.t.Fatal(err)
	}
	out := make([]float64, len(d))
	for k, v := range d {
		out[k] = float64(v)
	}
	return out
}

func (b *bench) weights() map[string][]float64 {
	out := map[string][]float64{}
	for _, buf := range b.plan.Buffers {
		if buf.Kind == kernel.Weight {
			out[buf.Name] = b.read(buf.Name)
		}
	}
	return out
}

// lists are the training lists of a plan.
func lists(p *kernel.Plan) []string {
	var out []string
	for _, l := range p.Lists {
		if l.Name != "evaluate" {
			out = append(out, l.Name)
		}
	}
	return out
}

// holdAgainstOracle runs one step of plain SGD with rate 1 and compares the movement of every tensor with LEARNING.md's gradients.
func holdAgainstOracle(t *testing.T, rule string, p *check.Program, o *oracle, plan *kernel.Plan, m backend.Machine, tolerance float64) {
	t.Helper()
	b := newBench(t, plan, m, 7)
	for _, s := range p.Params {
		b.set(s.Name, s.Value)
	}
	b.set("step0", 3)
	b.set("seed0", 11)
	b.optimizers(p, 1)
	before := b.weights()
	byNumber := func(name string) string {
		for i, l := range p.Layers {
			if rest, ok := strings.CutPrefix(name, l.Name+"."); ok {
				return key2(i+1, rest)
			}
		}
		return name
	}
	o.p, o.grad, o.n = map[string][]float64{}, map[string][]float64{}, float64(plan.Batch)
	for name, v := range before {
		o.p[byNumber(name)] = v
	}
	joinParts(o, p)
	x, y := b.read("x"), b.read("label")
	in, out := o.sizes[0], o.sizes[len(o.sizes)-1]
	noise := p.Params[0].Value
	for n := range plan.Batch {
		o.eps = make([][]float64, len(o.sizes))
		for l := 1; l < len(o.sizes)-1; l++ {
			o.eps[l] = make([]float64, o.sizes[l])
			for u := range o.eps[l] {
				z := ir.Normals(11, noiseStream(p, l), 3, uint32(n), uint32(u/4))
				o.eps[l][u] = noise * float64(z[u%4])
			}
		}
		o.sample(rule, x[n*in:(n+1)*in], y[n*out:(n+1)*out])
	}
	for _, l := range lists(plan) {
		b.run(l)
	}
	after := b.weights()
	for name, w := range after {
		want := o.grad[byNumber(name)]
		if part := partOf(o, p, plan, name); part != nil {
			want = part
		}
		diff, norm := 0.0, 0.0
		for i := range w {
			moved, should := before[name][i]-w[i], 0.0
			if want != nil {
				should = want[i]
			}
			diff += (moved - should) * (moved - should)
			norm += should * should
		}
		if math.Sqrt(diff) > tolerance*math.Sqrt(norm)+1e-12 {
			t.Errorf("%s: %s moves by %.6g from what it should (%.6g)", rule, name, math.Sqrt(diff), math.Sqrt(norm))
		}
	}
	if len(lists(plan)) == 1 {
		if loss := b.read("train.loss")[0] / float64(plan.Batch); math.Abs(loss-o.loss) > tolerance*o.loss {
			t.Errorf("%s: loss %v, should be %v", rule, loss, o.loss)
		}
	}
}

// noiseStream is the stream of the noise that a program adds to layer l.
func noiseStream(p *check.Program, l int) uint32 {
	for _, v := range p.Values {
		var found *check.Expr
		var walk func(e *check.Expr)
		walk = func(e *check.Expr) {
			if e.Op == check.Normal && e.Space.Layer == l {
				found = e
			}
			for _, a := range e.Args {
				walk(a)
			}
		}
		walk(v.Expr)
		if found != nil {
			return ir.Stream(fmt.Sprintf("noise %d %s %d", found.Draw, p.Layers[l-1].Name, 0))
		}
	}
	return 0
}

// joinParts gives the oracle the whole V of a composite output.
func joinParts(o *oracle, p *check.Program) {
	L := len(p.Layers)
	classes, aux := o.p[key2(L, "V.classes")], o.p[key2(L, "V.aux")]
	if classes == nil {
		return
	}
	rows := o.sizes[L-1]
	nc, na := len(classes)/rows, len(aux)/rows
	var v []float64
	for i := range rows {
		v = append(append(v, classes[i*nc:(i+1)*nc]...), aux[i*na:(i+1)*na]...)
	}
	o.p[key2(L, "V")] = v
}

// partOf cuts the columns of a buffer out of the gradient of the whole tensor.
func partOf(o *oracle, p *check.Program, plan *kernel.Plan, name string) []float64 {
	init := plan.Buffers[plan.Buffer(name)].Init
	if init.Of == "" {
		return nil
	}
	whole := o.grad[key2(len(p.Layers), "V")]
	width := init.Shape[len(init.Shape)-1]
	var out []float64
	for i := 0; i+init.Columns <= len(whole); i += init.Columns {
		out = append(out, whole[i+init.Offset:i+init.Offset+width]...)
	}
	return out
}
