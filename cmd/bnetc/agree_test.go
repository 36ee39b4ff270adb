package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bnetc/runtime/safetensors"
)

// A handCase is a network and a rule; the command trains it from given parameters on given data, for a few steps.
type handCase struct {
	name      string
	input     volume
	layers    []*handLayer
	rule      string
	alternate bool
	adam      bool
	squared   bool // trained to give its input back
	batch     int
}

func handCases() []handCase {
	var cases []handCase
	flat := volume{1, 1, 11}
	fc := func(act string, aux int) []*handLayer {
		y := dense("y", volume{1, 1, 9}, 5, "")
		y.aux = aux
		return []*handLayer{dense("l1", flat, 13, act), dense("l2", volume{1, 1, 13}, 17, act), dense("l3", volume{1, 1, 17}, 9, act), y}
	}
	acts := []string{"tanh", "relu", "sigmoid", "softplus", "leaky_relu", "identity", "tanh"}
	for i, rule := range []string{"bp", "fa", "dfa", "tp", "dtp", "sdtp", "ao_sdtp"} {
		aux := 0
		if rule == "ao_sdtp" {
			aux = 6
		}
		cases = append(cases, handCase{name: "fc " + rule, input: flat, layers: fc("tanh", aux), rule: rule, batch: 7})
		cases = append(cases, handCase{name: "fc adam " + rule + " " + acts[i], input: flat, layers: fc(acts[i], aux), rule: rule, adam: true, batch: 16})
		if strings.HasSuffix(rule, "tp") {
			cases = append(cases, handCase{name: "fc alternating " + rule, input: flat, layers: fc("tanh", aux), rule: rule, alternate: true, adam: true, batch: 8})
		}
	}
	picture := volume{7, 9, 2}
	fields := func(shared bool, aux int) []*handLayer {
		l1 := field("l1", picture, 3, 2, 2, 1, 3, true, shared, "tanh")
		l2 := field("l2", l1.out, 2, 3, 1, 2, 4, true, !shared, "tanh")
		l3 := field("l3", l2.out, 2, 2, 1, 1, 3, false, shared, "tanh")
		l4 := dense("l4", l3.out, 8, "tanh")
		y := dense("y", l4.out, 5, "")
		y.aux = aux
		return []*handLayer{l1, l2, l3, l4, y}
	}
	for _, shared := range []bool{false, true} {
		kind := map[bool]string{false: "untied", true: "shared"}[shared]
		for _, rule := range []string{"bp", "fa", "dfa", "tp", "dtp", "sdtp", "ao_sdtp"} {
			aux := 0
			if rule == "ao_sdtp" {
				aux = 4
			}
			cases = append(cases, handCase{name: kind + " " + rule, input: picture, layers: fields(shared, aux), rule: rule, batch: 5})
		}
		cases = append(cases, handCase{name: kind + " adam sdtp", input: picture, layers: fields(shared, 0), rule: "sdtp", adam: true, batch: 5})
	}
	for _, rule := range []string{"bp", "dtp", "sdtp"} {
		layers := []*handLayer{dense("l1", flat, 8, "tanh"), dense("l2", volume{1, 1, 8}, 3, "tanh"), dense("l3", volume{1, 1, 3}, 8, "tanh"), dense("y", volume{1, 1, 8}, 11, "sigmoid")}
		cases = append(cases, handCase{name: "autoencoder " + rule, input: flat, layers: layers, rule: rule, squared: true, batch: 6})
	}
	return cases
}

// TestByHand trains each network with the command and by hand, and compares how far every parameter moved: LEARNING.md section 8.
func TestByHand(t *testing.T) {
	for _, c := range handCases() {
		for _, target := range []string{"reference", "cpu"} {
			t.Run(c.name+" "+target, func(t *testing.T) { c.run(t, target) })
		}
	}
}

func (c handCase) run(t *testing.T, target string) {
	const alpha, steps = 0.3, 4
	dir := t.TempDir()
	r := rand.New(rand.NewSource(int64(len(c.name))))
	layers, last := c.layers, c.layers[len(c.layers)-1]

	// Two batches an epoch, and samples that belong to no batch, which are dropped.
	n := 2*c.batch + 1
	x, labels := make([]float32, n*c.input.units()), make([]int32, n)
	for i := range x {
		x[i] = r.Float32()
	}
	for i := range labels {
		labels[i] = r.Int31n(int32(last.out.c))
	}
	shape := []int{n, c.input.h, c.input.w, c.input.c}
	if c.input.h*c.input.w == 1 {
		shape = []int{n, c.input.c}
	}
	if err := errors.Join(writeArray(filepath.Join(dir, "x.npy"), "<f4", shape, x), writeArray(filepath.Join(dir, "y.npy"), "<i4", []int{n}, labels)); err != nil {
		t.Fatal(err)
	}

	hand := &byHand{layers: append([]*handLayer{nil}, layers...), rule: c.rule, alpha: alpha, squared: c.squared, p: map[string][]float64{}}
	var tensors []safetensors.Tensor
	before := map[string][]float32{}
	expected := shapes(layers, c.rule)
	for _, name := range sorted(expected) {
		d := make([]float32, product(expected[name]))
		for i := range d {
			d[i] = float32(r.NormFloat64()) * 0.4
		}
		before[name], hand.p[name] = d, make([]float64, len(d))
		for i, v := range d {
			hand.p[name][i] = float64(v)
		}
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: expected[name], Data: d})
	}
	if err := safetensors.Write(filepath.Join(dir, "init.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}

	forward, inverse := &handOptimizer{lr: 0.03}, &handOptimizer{lr: 0.02}
	if c.adam {
		forward = &handOptimizer{adam: true, lr: 2e-3, b1: 0.9, b2: 0.99, eps: 1e-3}
		inverse = &handOptimizer{adam: true, lr: 3e-3, b1: 0.8, b2: 0.999, eps: 1e-4}
	}
	program := filepath.Join(dir, "net.bnet")
	if err := os.WriteFile(program, []byte(c.program(alpha, forward, inverse)), 0o666); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(dir, "saved.safetensors")
	args := []string{"run", program, "--target", target, "--data", dir, "--init", filepath.Join(dir, "init.safetensors"), "--no-shuffle",
		"--steps", fmt.Sprint(steps), "--save", saved, "--out", filepath.Join(dir, "run")}
	if strings.HasSuffix(c.rule, "tp") {
		args = append(args, "--set", "learn.noise=0")
	}
	if got := run(args); got != statusDone {
		t.Fatalf("bnetc %s: status %d", strings.Join(args, " "), got)
	}

	for s := range steps {
		hand.g = map[string][]float64{}
		for i := range c.batch {
			k := s%2*c.batch + i
			in, want := make([]float64, c.input.units()), make([]float64, last.out.c)
			for j := range in {
				in[j] = float64(x[k*len(in)+j])
			}
			if c.squared {
				want = in
			} else {
				want[labels[k]] = 1
			}
			hand.sample(in, want, c.batch)
		}
		for _, name := range sorted(expected) {
			back := strings.HasSuffix(name, ".V") || strings.HasSuffix(name, ".c")
			if hand.g[name] == nil || c.alternate && back != (s < 2) {
				continue
			}
			o := forward
			if back {
				o = inverse
			}
			o.update(name, hand.p[name], hand.g[name])
		}
	}

	got, err := safetensors.Read(saved)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Tensors) != len(expected) {
		t.Errorf("%d tensors are saved, of %d", len(got.Tensors), len(expected))
	}
	tolerance := 1e-4
	if c.adam {
		tolerance = 1e-2
	}
	for _, name := range sorted(expected) {
		tensor := got.Tensor(name)
		if tensor == nil || !slices.Equal(tensor.Shape, expected[name]) {
			t.Errorf("%s is saved as %+v, not with shape %v", name, tensor, expected[name])
			continue
		}
		diff, norm := 0.0, 0.0
		for i, v := range tensor.Data {
			moved, should := float64(v)-float64(before[name][i]), hand.p[name][i]-float64(before[name][i])
			if should == 0 && moved != 0 {
				t.Fatalf("%s[%d] moved by %g and should not move", name, i, moved)
			}
			diff += (moved - should) * (moved - should)
			norm += should * should
		}
		if !(math.Sqrt(diff) <= tolerance*math.Sqrt(norm)) {
			t.Errorf("%s moved by %.6g, but %.2g of that from where it should be", name, math.Sqrt(norm), math.Sqrt(diff/norm))
		}
	}
}

// program is the case as source text.
func (c handCase) program(alpha float64, forward, inverse *handOptimizer) string {
	var b strings.Builder
	b.WriteString("network byhand {\n")
	if c.input.h*c.input.w == 1 {
		fmt.Fprintf(&b, "  input %d\n", c.input.c)
	} else {
		fmt.Fprintf(&b, "  input image %dx%dx%d\n", c.input.h, c.input.w, c.input.c)
	}
	for _, l := range c.layers {
		b.WriteString("  " + l.text() + "\n")
	}
	fmt.Fprintf(&b, "}\nlearn %s", c.rule)
	var params []string
	if c.rule == "dtp" {
		params = append(params, fmt.Sprintf("alpha = %g", alpha))
	}
	if c.alternate {
		params = append(params, "schedule = alternating")
	}
	if params != nil {
		b.WriteString("(" + strings.Join(params, ", ") + ")")
	}
	b.WriteString(" {\n  forward " + forward.text() + "\n")
	if strings.HasSuffix(c.rule, "tp") {
		b.WriteString("  inverse " + inverse.text() + "\n")
	}
	target := ""
	if c.squared {
		target = "  target input"
	}
	fmt.Fprintf(&b, "}\ntrain on npy(\"x.npy\", \"y.npy\", \"x.npy\", \"y.npy\") { batch %d  epochs 9%s }\n", c.batch, target)
	return b.String()
}

func sorted(m map[string][]int) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
