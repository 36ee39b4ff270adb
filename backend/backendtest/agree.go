// Package backendtest is what every backend must pass: a plan run on it moves every parameter as the float64 reference executor does
// (LEARNING.md section 8). It knows plans; not which backend it is testing, nor what a plan computes.
package backendtest

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"

	"bnetc/backend"
	"bnetc/ir/kernel"
	"bnetc/ir/ref"
)

// Tolerance is how far, relative to its movement, a tensor may be from the reference after Steps steps: 1e-4 with plain SGD; 1e-2 with optimizers that
// divide by a running mean of the gradient, which magnifies rounding wherever that is tiny.
const (
	Tolerance         = 1e-4
	AdaptiveTolerance = 1e-2
	Steps             = 3
)

// A Case is a plan with the settings it runs under.
type Case struct {
	Plan      *kernel.Plan
	Settings  func(step int) []float64 // in the order of Plan.Settings; step counts from 1
	Tolerance float64
	Seed      int64
}

// Agree runs a case's lists for three steps on a backend and on the reference executor, from the same parameters, data and noise, and
// compares the movement of every parameter, state and metric.
func Agree(t testing.TB, b backend.Backend, c Case) {
	t.Helper()
	machine, err := b.Build(context.Background(), c.Plan)
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close()
	reference, err := ref.NewMachine(c.Plan)
	if err != nil {
		t.Fatal(err)
	}
	start := fill(c.Plan, c.Seed)
	for i, d := range start {
		if d == nil {
			continue
		}
		if err := machine.Write(i, d); err != nil {
			t.Fatal(err)
		}
		if err := reference.Write(i, d); err != nil {
			t.Fatal(err)
		}
	}
	settings := slices.IndexFunc(c.Plan.Buffers, func(b kernel.Buffer) bool { return b.Kind == kernel.Setting })
	for step := 1; step <= Steps; step++ {
		s := c.Settings(step)
		single := make([]float32, len(s))
		rounded := make([]float64, len(s))
		for i, v := range s {
			single[i] = float32(v)
			rounded[i] = float64(single[i])
		}
		if err := machine.Write(settings, single); err != nil {
			t.Fatal(err)
		}
		if err := reference.Write64(settings, rounded); err != nil {
			t.Fatal(err)
		}
		for _, l := range c.Plan.Lists {
			if err := machine.Run(context.Background(), l.Name); err != nil {
				t.Fatal(err)
			}
			if err := reference.Run(context.Background(), l.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, buf := range c.Plan.Buffers {
		if buf.Kind == kernel.Weight || buf.Kind == kernel.State || buf.Kind == kernel.Metric {
			if err := compare(machine, reference, i, buf, c.Plan.Batch, start[i], c.Tolerance+flips(c.Plan)); err != nil {
				t.Errorf("plan %s, batch %d, seed %d: %v", c.Plan.Name, c.Plan.Batch, c.Seed, err)
			}
		}
	}
}

// flips is how far values stored in 16 bits may take a movement away. Where one lies as near to the halfway point between two as float32 is from the reference,
// either may be stored, which are twice Epsilon apart; and a gradient is made of products of two of them. A store that does not round to the nearest shows
// in the backends' own tests.
func flips(p *kernel.Plan) float64 {
	away := 0.0
	for _, b := range p.Buffers {
		if b.Type != kernel.F32 {
			away = max(away, 2*2*b.Type.Epsilon())
		}
	}
	return away
}

// compare holds one buffer's movement against the reference's: ‖Δ - Δ'‖ ≤ tolerance·‖Δ'‖.
func compare(machine backend.Machine, reference *ref.Machine, i int, buf kernel.Buffer, batch int, start []float32, tolerance float64) error {
	got, want := make([]float32, len(start)), make([]float64, len(start))
	if err := machine.Read(i, got); err != nil {
		return err
	}
	if err := reference.Read64(i, want); err != nil {
		return err
	}
	diff, norm, size := 0.0, 0.0, 0.0
	worst, where := 0.0, 0
	for k := range want {
		d, m := float64(got[k])-want[k], want[k]-float64(start[k])
		diff += d * d
		norm += m * m
		size += want[k] * want[k]
		if away := math.Abs(d); away > worst || math.IsNaN(away) && !math.IsNaN(worst) {
			worst, where = away, k
		}
	}
	diff, norm, size = math.Sqrt(diff), math.Sqrt(norm), math.Sqrt(size)
	// A movement far below a parameter's own rounding is noise in float32: three roundings of the parameter are allowed beside the tolerance. A metric
	// adds up losses, each the difference of a logarithm of sums and a logit, both below 16, where a rounding is at most 2^-21: two of them a sample and step.
	rounding := Steps * size * 0x1p-24
	if buf.Kind == kernel.Metric {
		rounding = Steps * float64(batch) * 0x1p-20
	}
	if diff <= tolerance*norm+rounding {
		return nil
	}
	return fmt.Errorf("%s moves %.6g away from the reference, whose movement is %.6g (allowed %.2g of it); most at [%d]: %g, reference %g",
		buf.Name, diff, norm, tolerance, where, got[where], want[where])
}

// fill draws parameters, data and one-hot labels; temporaries get nothing.
func fill(p *kernel.Plan, seed int64) [][]float32 {
	r := rand.New(rand.NewSource(seed))
	out := make([][]float32, len(p.Buffers))
	for i, buf := range p.Buffers {
		if buf.Kind == kernel.Temp || buf.Kind == kernel.Local || buf.Kind == kernel.Setting {
			continue
		}
		d := make([]float32, buf.Elements())
		switch {
		case buf.Kind == kernel.Constant:
			for k := range d {
				d[k] = 1
			}
		case buf.Kind == kernel.Weight:
			scale := 1 / math.Sqrt(float64(max(1, buf.Init.FanIn)))
			for k := range d {
				d[k] = float32(scale * r.NormFloat64())
			}
		case buf.Name == "label":
			classes := buf.Shape[len(buf.Shape)-1]
			for n := range buf.Shape[0] {
				d[n*classes+r.Intn(classes)] = 1
			}
		case buf.Kind == kernel.Input:
			for k := range d {
				d[k] = r.Float32()
			}
		}
		out[i] = d
	}
	return out
}
