package runtime

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// A runRow is the first row of metrics.jsonl.
type runRow struct {
	Kind     string         `json:"kind"`
	Program  string         `json:"program"`
	Hash     string         `json:"hash"`
	Target   string         `json:"target"`
	Device   string         `json:"device"`
	Seed     uint64         `json:"seed"`
	Batch    int            `json:"batch"`
	Epochs   int            `json:"epochs"`
	Settings map[string]any `json:"settings"`
}

// An EpochRow is a row of metrics.jsonl: errors in percent, losses as means over samples.
type EpochRow struct {
	Kind             string             `json:"kind"`
	Epoch            int                `json:"epoch"`
	Step             uint64             `json:"step"`
	TrainLoss        float64            `json:"train_loss"`
	TrainError       *float64           `json:"train_error,omitempty"`
	TestLoss         float64            `json:"test_loss"`
	TestError        *float64           `json:"test_error,omitempty"`
	TrainTop5        *float64           `json:"train_top5_error,omitempty"`
	TestTop5         *float64           `json:"test_top5_error,omitempty"`
	InverseLoss      map[string]float64 `json:"inverse_loss,omitempty"`
	ForwardLoss      map[string]float64 `json:"forward_loss,omitempty"`
	Measures         map[string]float64 `json:"measures,omitempty"`
	Seconds          float64            `json:"seconds"`
	SamplesPerSecond float64            `json:"samples_per_second"`
}

// A StepRow is a row of metrics.jsonl within an epoch: means over its samples so far.
type StepRow struct {
	Kind        string             `json:"kind"`
	Step        uint64             `json:"step"`
	TrainLoss   *float64           `json:"train_loss,omitempty"` // none while only inverses learn
	InverseLoss map[string]float64 `json:"inverse_loss,omitempty"`
	ForwardLoss map[string]float64 `json:"forward_loss,omitempty"`
}

// score is what the best checkpoint has least of.
func (r *EpochRow) score() float64 {
	if r.TestError != nil {
		return *r.TestError
	}
	return r.TestLoss
}

// A scalar is a number with the tag that TensorBoard shows it under.
type scalar struct {
	tag   string
	value float64
}

func (r *EpochRow) scalars() []scalar {
	list := []scalar{{"loss/train", r.TrainLoss}, {"loss/test", r.TestLoss}, {"samples_per_second", r.SamplesPerSecond}}
	for _, e := range []struct {
		tag   string
		value *float64
	}{{"error/train", r.TrainError}, {"error/test", r.TestError}, {"top5_error/train", r.TrainTop5}, {"top5_error/test", r.TestTop5}} {
		if e.value != nil {
			list = append(list, scalar{e.tag, *e.value})
		}
	}
	list = append(list, scalarsOf("inverse_loss/", r.InverseLoss)...)
	list = append(list, scalarsOf("forward_loss/", r.ForwardLoss)...)
	return append(list, scalarsOf("measure/", r.Measures)...)
}

func (r *StepRow) scalars() []scalar {
	list := append(scalarsOf("step/inverse_loss/", r.InverseLoss), scalarsOf("step/forward_loss/", r.ForwardLoss)...)
	if r.TrainLoss != nil {
		list = append(list, scalar{"step/loss", *r.TrainLoss})
	}
	return list
}

func scalarsOf(prefix string, values map[string]float64) []scalar {
	var list []scalar
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, scalar{prefix + name, values[name]})
	}
	return list
}

func (t *trainer) runRow() runRow {
	r := runRow{Kind: "run", Program: t.prog.Name, Hash: t.prog.Hash, Target: t.opts.Target, Device: t.opts.Device, Seed: t.prog.Seed, Batch: t.main.plan.Batch,
		Epochs: t.prog.Epochs, Settings: map[string]any{}}
	for _, p := range t.prog.Params {
		r.Settings["learn."+p.Name] = p.Value
	}
	for _, g := range t.prog.Groups {
		path := "learn." + g.Name
		r.Settings[path] = g.Optimizer
		if g.Decay != "" {
			r.Settings[path+".decay"] = g.Decay
		}
		for _, h := range g.Hyper {
			r.Settings[path+"."+h.Name] = h.Value
		}
	}
	return r
}

// stepRow is the row of the epoch under way.
func (t *trainer) stepRow() (*StepRow, error) {
	forward, inverse, loss, err := t.means()
	return &StepRow{Kind: "step", Step: t.at.Step, TrainLoss: loss, InverseLoss: inverse, ForwardLoss: forward}, err
}

// means gives the losses of the lists that trained in this epoch, as means over its samples so far; others are nil.
func (t *trainer) means() (forward, inverse map[string]float64, task *float64, err error) {
	sums, err := t.main.read(true)
	if err != nil || t.at.Samples == 0 {
		return nil, nil, nil, err
	}
	list, _ := t.listOf(t.at.Epoch + 1)
	for _, s := range sums {
		mean := s.value / float64(t.at.Samples)
		kind, layer, _ := strings.Cut(s.name, ".")
		switch {
		case kind == "inverse_loss" && list != "step forward":
			put(&inverse, layer, mean)
		case kind == "forward_loss" && list != "step inverse":
			put(&forward, layer, mean)
		case kind == "train" && list != "step inverse":
			task = &mean
		}
	}
	return forward, inverse, task, nil
}

func put(m *map[string]float64, key string, v float64) {
	if *m == nil {
		*m = map[string]float64{}
	}
	(*m)[key] = v
}

// logStep writes a row of kind "step" where the program asks for one.
func (t *trainer) logStep() error {
	if t.prog.LogEvery == 0 || t.at.Step%uint64(t.prog.LogEvery) != 0 {
		return nil
	}
	if err := t.checkLosses(t.main, true); err != nil {
		return err
	}
	row, err := t.stepRow()
	if err != nil {
		return err
	}
	if err := t.metrics.append(row); err != nil {
		return err
	}
	return t.events.write(row.Step, row.scalars())
}

// noteStop makes the row that a run which stops in the middle of an epoch ends with.
func (t *trainer) noteStop() error {
	row, err := t.stepRow()
	t.last = row
	return err
}

// evaluated makes an epoch's row, from the sums of its training and an evaluation of both splits.
func (t *trainer) evaluated(ctx context.Context, epoch int) (*EpochRow, error) {
	row := &EpochRow{Kind: "epoch", Epoch: epoch, Step: t.at.Step, Seconds: t.at.Seconds, SamplesPerSecond: float64(t.at.Samples) / max(t.at.Seconds, 1e-9)}
	err := t.checkParameters()
	if err != nil {
		return nil, err
	}
	if row.ForwardLoss, row.InverseLoss, _, err = t.means(); err != nil {
		return nil, err
	}
	// Measures read the rule's parameters, and the noise of the last update, which another process may have made, or the machine of the short batch.
	if err := t.main.set.write(t.main.machine, t.at.Step-1, t.at.Updates, t.progress()); err != nil {
		return nil, err
	}
	train, err := t.evaluate(ctx, t.opts.Train)
	if err != nil {
		return nil, err
	}
	test, err := t.evaluate(ctx, t.opts.Test)
	if err != nil {
		return nil, err
	}
	row.TrainLoss, row.TrainError, row.TrainTop5 = train.Loss, train.Error, train.Top5
	row.TestLoss, row.TestError, row.TestTop5, row.Measures = test.Loss, test.Error, test.Top5, test.Measures
	return row, nil
}

// evaluate evaluates a split; a loss that is not finite is blamed on the last step.
func (t *trainer) evaluate(ctx context.Context, s Split) (*Evaluation, error) {
	e, err := t.main.evaluate(ctx, s)
	var bad *NotFinite
	if errors.As(err, &bad) {
		bad.Step = t.at.Step
	}
	return e, err
}
