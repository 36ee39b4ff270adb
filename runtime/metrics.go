package runtime

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"bnetc/runtime/replace"
)

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

// score is what the best checkpoint has least of.
func (r *EpochRow) score() float64 {
	if r.TestError != nil {
		return *r.TestError
	}
	return r.TestLoss
}

type runRow struct {
	Kind     string             `json:"kind"`
	Program  string             `json:"program"`
	Hash     string             `json:"hash"`
	Target   string             `json:"target"`
	Device   string             `json:"device"`
	Seed     uint64             `json:"seed"`
	Batch    int                `json:"batch"`
	Epochs   int                `json:"epochs"`
	Settings map[string]float64 `json:"settings"`
}

func (t *trainer) runRow() runRow {
	r := runRow{Kind: "run", Program: t.prog.Name, Hash: t.prog.Hash, Target: t.opts.Target, Device: t.opts.Device, Seed: t.prog.Seed, Batch: t.prog.Plan.Batch, Epochs: t.prog.Epochs, Settings: map[string]float64{}}
	for _, p := range t.prog.Params {
		r.Settings["learn."+p.Name] = p.Value
	}
	for _, g := range t.prog.Groups {
		for _, h := range g.Hyper {
			r.Settings["learn."+g.Name+"."+h.Name] = h.Value
		}
	}
	return r
}

type stepRow struct {
	Kind        string             `json:"kind"`
	Step        uint64             `json:"step"`
	TrainLoss   *float64           `json:"train_loss,omitempty"`
	InverseLoss map[string]float64 `json:"inverse_loss,omitempty"`
	ForwardLoss map[string]float64 `json:"forward_loss,omitempty"`
}

// stepRow writes a row of kind "step" where the program asks for one: means over the epoch so far.
func (t *trainer) stepRow(list string) error {
	if t.prog.LogEvery == 0 || t.at.Step%uint64(t.prog.LogEvery) != 0 {
		return nil
	}
	row := stepRow{Kind: "step", Step: t.at.Step}
	var err error
	if row.ForwardLoss, err = t.means("forward_loss."); err != nil {
		return err
	}
	if row.InverseLoss, err = t.means("inverse_loss."); err != nil {
		return err
	}
	loss, err := t.means("train.")
	if err != nil {
		return err
	}
	if v, ok := loss["loss"]; ok && list != "step inverse" {
		row.TrainLoss = &v
	}
	return t.metrics.append(row)
}

// finishEpoch evaluates both splits and makes the epoch's row.
func (t *trainer) finishEpoch(ctx context.Context, epoch int, seconds, rate float64) (*EpochRow, error) {
	row := &EpochRow{Kind: "epoch", Epoch: epoch, Step: t.at.Step, Seconds: seconds, SamplesPerSecond: rate}
	var err error
	list, _ := t.listOf(epoch)
	if list != "step inverse" {
		if row.ForwardLoss, err = t.means("forward_loss."); err != nil {
			return nil, err
		}
	}
	if list != "step forward" {
		if row.InverseLoss, err = t.means("inverse_loss."); err != nil {
			return nil, err
		}
	}
	train, err := t.evaluateSplit(ctx, t.machine, t.opts.Train)
	if err != nil {
		return nil, err
	}
	test, err := t.evaluateSplit(ctx, t.machine, t.opts.Test)
	if err != nil {
		return nil, err
	}
	row.TrainLoss, row.TrainError, row.TrainTop5 = train.Loss, train.Error, train.Top5
	row.TestLoss, row.TestError, row.TestTop5, row.Measures = test.Loss, test.Error, test.Top5, test.Measures
	return row, nil
}

// metricsFile is metrics.jsonl, with the number of bytes that are whole rows.
type metricsFile struct {
	file *os.File
	size int64
}

// openMetrics opens the file with what lies behind size cut off: rows of steps that a resumed run makes again, or half a row of a run that was
// killed. It gives the epochs that are left.
func openMetrics(path string, size int64) (*metricsFile, []EpochRow, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the metrics: %w", err)
	}
	if err := f.Truncate(size); err != nil {
		return nil, nil, fmt.Errorf("repairing %s: %w", path, err)
	}
	var rows []EpochRow
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r EpochRow
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Kind == "epoch" {
			rows = append(rows, r)
		}
	}
	if _, err := f.Seek(size, 0); err != nil {
		return nil, nil, err
	}
	return &metricsFile{f, size}, rows, nil
}

// append writes one row whole.
func (m *metricsFile) append(row any) error {
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	text = append(bytes.TrimSpace(text), '\n')
	if _, err := m.file.Write(text); err != nil {
		return fmt.Errorf("writing the metrics: %w", err)
	}
	m.size += int64(len(text))
	return nil
}

func (m *metricsFile) close() { m.file.Close() }

// writeText replaces a file whole.
func writeText(path, text string) error {
	return replace.File(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}
