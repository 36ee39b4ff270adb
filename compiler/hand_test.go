package compiler

import (
	"fmt"
	"testing"

	"bnetc/lang/check"
)

func handNet(sizes []int) *check.Program {
	p := &check.Program{Name: "hand", Rule: "hand", Input: check.Shape{H: 1, W: 1, C: sizes[0]}}
	for l := 1; l < len(sizes); l++ {
		in, out := check.Shape{H: 1, W: 1, C: sizes[l-1]}, check.Shape{H: 1, W: 1, C: sizes[l]}
		name := fmt.Sprintf("l%d", l)
		fn := check.Function{Name: "tanh"}
		if l == len(sizes)-1 {
			name, fn = "y", check.Function{Name: "softmax"}
		}
		layer := &check.Layer{Name: name, Index: l, Shape: out, Function: fn}
		layer.F = &check.Map{Kind: check.ForwardMap, Name: "f[" + name + "]", Layer: layer, Conn: check.Connectivity{Dense: true, In: in, Out: out}, Weight: name + ".W", Bias: name + ".b",
			WeightShape: []int{sizes[l], sizes[l-1]}, BiasShape: []int{sizes[l]}, Init: check.Init{Scheme: "glorot"}}
		if l > 1 {
			layer.G = &check.Map{Kind: check.InverseMap, Name: "g[" + name + "]", Layer: layer, Conn: check.Connectivity{Dense: true, In: out, Out: in}, Weight: name + ".V", Bias: name + ".c",
				WeightShape: []int{sizes[l-1], sizes[l]}, BiasShape: []int{sizes[l-1]}, Init: check.Init{Scheme: "glorot"}}
		}
		p.Layers = append(p.Layers, layer)
	}
	p.Forward = check.Optimizer{Name: "adam"}
	p.Inverse = check.Optimizer{Name: "adam"}
	return p
}

func sp(l int) check.Space { return check.Space{Kind: check.Activity, Layer: l} }

func handSDTP(sizes []int) *check.Program {
	p := handNet(sizes)
	L := len(sizes) - 1
	h := func(l int) *check.Expr { return &check.Expr{Op: check.Activities, Layer: l, Space: sp(l)} }
	f := func(l int, x *check.Expr) *check.Expr {
		return &check.Expr{Op: check.Apply, Layer: l, Map: p.Layers[l-1].F, Args: []*check.Expr{x}, Space: sp(l)}
	}
	g := func(l int, x *check.Expr) *check.Expr {
		return &check.Expr{Op: check.Apply, Layer: l, Map: p.Layers[l-1].G, Args: []*check.Expr{x}, Space: sp(l - 1)}
	}
	op := func(o check.Op, a, b *check.Expr) *check.Expr {
		return &check.Expr{Op: o, Args: []*check.Expr{a, b}, Space: a.Space}
	}
	norm := func(a *check.Expr) *check.Expr {
		return &check.Expr{Op: check.NormSquared, Args: []*check.Expr{a}, Space: check.Space{Kind: check.PerSample}}
	}
	ref := func(v *check.Value) *check.Expr { return &check.Expr{Op: check.Ref, Value: v, Space: sp(v.Layer)} }
	noisy := map[int]*check.Value{}
	for l := 1; l < L; l++ {
		n := &check.Expr{Op: check.Normal, Args: []*check.Expr{{Op: check.Param, Name: "noise"}}, Space: sp(l), Draw: l}
		noisy[l] = &check.Value{Name: "noisy", Layer: l, Expr: op(check.Add, h(l), n), From: "sdtp:3"}
		p.Values = append(p.Values, noisy[l])
	}
	target := &check.Value{Name: "target", Layer: L, Expr: &check.Expr{Op: check.Label, Space: sp(L)}, From: "sdtp:4"}
	p.Values = append(p.Values, target)
	for l := L - 1; l >= 1; l-- {
		t := &check.Value{Name: "target", Layer: l, Expr: op(check.Add, op(check.Sub, h(l), g(l+1, h(l+1))), g(l+1, ref(target))), From: "sdtp:5"}
		p.Values = append(p.Values, t)
		target = t
		p.Goals = append(p.Goals, &check.Goal{Over: p.Layers[l-1].F, Minimize: norm(op(check.Sub, f(l, h(l-1)), ref(t))), From: "sdtp:7"})
	}
	for l := 2; l <= L; l++ {
		p.Goals = append(p.Goals, &check.Goal{Over: p.Layers[l-1].G, Inverse: true, Minimize: norm(op(check.Sub, h(l-1), g(l, f(l, ref(noisy[l-1]))))), From: "sdtp:6"})
	}
	p.Goals = append(p.Goals, &check.Goal{Over: p.Layers[L-1].F, Minimize: &check.Expr{Op: check.TaskLoss, Space: check.Space{Kind: check.PerSample}}, From: "sdtp:8"})
	p.Params = []check.Setting{{Name: "noise", Value: 0.1}}
	return p
}

func TestHand(t *testing.T) {
	c, err := Compile(handSDTP([]int{784, 256, 256, 10}), 128, Target{Name: "cpu", Vector: 8, Registers: 16, Cache: 4 << 20, Workers: 2, BatchLocal: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(c.Explain())
	t.Log(c.Plan.String())
}
