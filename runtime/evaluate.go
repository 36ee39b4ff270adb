package runtime

import (
	"context"
	"fmt"
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

// evaluate runs the list "evaluate" over a whole split. The sums begin anew with every batch and are added in float64.
func (e *Engine) evaluate(ctx context.Context, split Split) (*Evaluation, error) {
	totals := map[string]float64{}
	samples := 0
	add := func(wait bool) error {
		batches, err := e.results(false, wait)
		for _, b := range batches {
			for _, s := range b.sums {
				totals[s.name] += s.value
			}
		}
		return err
	}
	for b, err := range split.Batches(ctx, nil, e.plan.Batch, 0, false) {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := e.feed(b); err != nil {
			return nil, err
		}
		if err := e.clear(false); err != nil {
			return nil, err
		}
		if err := e.run(ctx, "evaluate", 0); err != nil {
			return nil, err
		}
		if err := add(false); err != nil {
			return nil, err
		}
		samples += len(b.rows)
		for _, w := range b.Weight {
			if w != 0 {
				samples++
			}
		}
	}
	if err := add(true); err != nil {
		return nil, err
	}
	out := &Evaluation{Samples: samples}
	for _, s := range e.sums {
		if s.inTraining() {
			continue
		}
		total, n := totals[s.name], float64(max(1, samples))
		mean, percent := total/n, 100*total/n // of 398 in 10000 the latter is 3.98, a hundred of the former is not
		if !finite(mean) {
			return nil, &NotFinite{What: []string{fmt.Sprintf("%s in evaluation is %v", e.prog.lossOf(s.name), mean)}}
		}
		switch {
		case s.name == "loss":
			out.Loss = mean
		case s.name == "errors":
			out.Error = &percent
		case s.name == "errors5":
			out.Top5 = &percent
		case strings.HasPrefix(s.name, "measure."):
			if out.Measures == nil {
				out.Measures = map[string]float64{}
			}
			out.Measures[strings.TrimPrefix(s.name, "measure.")] = mean
		}
	}
	return out, nil
}

// Evaluate loads parameters into an engine's machine, and evaluates splits in turn.
func Evaluate(ctx context.Context, e *Engine, load func(backend.Machine) error, splits ...Split) ([]*Evaluation, error) {
	if err := load(e.machine); err != nil {
		return nil, err
	}
	if err := e.follow(); err != nil {
		return nil, err
	}
	if err := e.set.write(e.machine, 0, map[string]int{"forward": 1, "inverse": 1}, 0); err != nil {
		return nil, err
	}
	var out []*Evaluation
	for _, s := range splits {
		got, err := e.evaluate(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, got)
	}
	return out, nil
}
