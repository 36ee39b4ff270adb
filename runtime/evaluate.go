package runtime

import (
	"context"
	"strings"

	"bnetc/backend"
)

// An Evaluation is a split's mean loss, errors in percent, and measures.
type Evaluation struct {
	Samples  int                `json:"samples"`
	Loss     float64            `json:"loss"`
	Error    *float64           `json:"error,omitempty"`
	Top5     *float64           `json:"top5_error,omitempty"`
	Measures map[string]float64 `json:"measures,omitempty"`
}

// evaluateSplit runs the list "evaluate" over a split. The sums are read after every batch and added in float64.
func (t *trainer) evaluateSplit(ctx context.Context, m backend.Machine, split Split) (*Evaluation, error) {
	var own []sum
	for _, s := range t.sums {
		if !s.inTraining() {
			own = append(own, s)
		}
	}
	totals := make([]float64, len(own))
	samples := 0
	v := []float32{0}
	for b, err := range split.Batches(ctx, nil, t.prog.Plan.Batch, 0, false) {
		if err != nil {
			return nil, err
		}
		if err := t.feed(m, t.prog.Plan, b, false); err != nil {
			return nil, err
		}
		if err := t.clearSums(m, own); err != nil {
			return nil, err
		}
		if err := m.Run(ctx, "evaluate"); err != nil {
			return nil, err
		}
		for i, s := range own {
			if err := m.Read(s.buffer, v); err != nil {
				return nil, err
			}
			totals[i] += float64(v[0])
		}
		for _, w := range b.Weight {
			if w != 0 {
				samples++
			}
		}
	}
	e := &Evaluation{Samples: samples}
	for i, s := range own {
		mean := totals[i] / float64(max(1, samples))
		percent := 100 * mean
		switch {
		case s.name == "loss":
			e.Loss = mean
		case s.name == "errors":
			e.Error = &percent
		case s.name == "errors5":
			e.Top5 = &percent
		case strings.HasPrefix(s.name, "measure."):
			if e.Measures == nil {
				e.Measures = map[string]float64{}
			}
			e.Measures[strings.TrimPrefix(s.name, "measure.")] = mean
		}
	}
	return e, nil
}

// Evaluate builds a machine, loads parameters into it, and evaluates splits in turn.
func Evaluate(ctx context.Context, prog *Program, b backend.Backend, load func(backend.Machine) error, splits ...Split) ([]*Evaluation, error) {
	m, err := b.Build(ctx, prog.Plan)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	t := &trainer{prog: prog, machine: m, sums: sumsOf(prog.Plan)}
	if err := initialize(prog.Plan, m, prog.Seed); err != nil {
		return nil, err
	}
	if err := load(m); err != nil {
		return nil, err
	}
	set, err := newSettings(prog, prog.Plan)
	if err != nil {
		return nil, err
	}
	if err := set.write(m, 0, map[string]int{"forward": 1, "inverse": 1}, 0); err != nil {
		return nil, err
	}
	var out []*Evaluation
	for _, s := range splits {
		e, err := t.evaluateSplit(ctx, m, s)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
