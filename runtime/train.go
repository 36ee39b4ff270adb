package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// Interrupted is what Train returns when its context ended: a checkpoint has been written.
var Interrupted = errors.New("interrupted")

// A NotFinite error names the loss that was not a number, and the update that made it so.
type NotFinite struct {
	Loss, Layer string
	Step        uint64
	Value       float64
}

func (e *NotFinite) Error() string {
	where := "the " + e.Loss
	if e.Layer != "" {
		where += " of layer " + e.Layer
	}
	return fmt.Sprintf("step %d: %s is %v; the last checkpoint stands. A smaller learning rate (--set learn.forward.lr=…, learn.inverse.lr=…) may help", e.Step, where, e.Value)
}

// A Result is how a run ended.
type Result struct {
	Row   any    // the last row of metrics: an epoch's, or where the run stopped in the middle of one, a step's
	Steps uint64 // updates made in all
}

// trainer is one run under way.
type trainer struct {
	prog    *Program
	opts    Options
	machine backend.Machine
	set     *settings
	at      position
	metrics *metricsFile
	events  *eventsFile
	history []EpochRow
	sums    []sum
	short   *shortBatch
	started time.Time
	last    *EpochRow
}

// Train runs a program from its beginning or from its latest checkpoint. The run folder holds everything about it afterwards.
func Train(ctx context.Context, prog *Program, opts Options) (*Result, error) {
	t := &trainer{prog: prog, opts: opts, at: position{Updates: map[string]int{}, Seed: prog.Seed, Best: -1, Hash: prog.Hash}, started: time.Now()}
	var err error
	if t.machine, err = opts.Backend.Build(ctx, prog.Plan); err != nil {
		return nil, err
	}
	defer t.machine.Close()
	if t.set, err = newSettings(prog, prog.Plan); err != nil {
		return nil, err
	}
	t.sums = sumsOf(prog.Plan)
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.metrics.close()
	defer t.events.close()
	defer t.closeShort()
	err = t.epochs(ctx)
	if err != nil && !errors.Is(err, Interrupted) {
		return nil, err
	}
	if opts.Save != "" {
		if err := SaveParams(opts.Save, prog.Plan, t.machine); err != nil {
			return nil, err
		}
	}
	return &Result{Row: t.last, Steps: t.at.Step}, err
}

// begin prepares the run folder: fresh, or as the latest checkpoint left it.
func (t *trainer) begin() error {
	if err := os.MkdirAll(filepath.Join(t.opts.Dir, checkpoints), 0o777); err != nil {
		return fmt.Errorf("making the run folder: %w", err)
	}
	if err := initialize(t.prog.Plan, t.machine, t.prog.Seed); err != nil {
		return err
	}
	var err error
	if t.opts.Resume {
		if t.at, err = readCheckpoint(checkpointPath(t.opts.Dir, latest), t.prog.Plan, t.machine); err != nil {
			return err
		}
		if t.at.Seed != t.prog.Seed {
			t.prog.Seed = t.at.Seed
			if t.set, err = newSettings(t.prog, t.prog.Plan); err != nil {
				return err
			}
		}
	} else {
		if t.opts.Init != "" {
			if err := LoadParams(t.opts.Init, t.prog.Plan, t.machine); err != nil {
				return err
			}
		}
		if err := writeText(filepath.Join(t.opts.Dir, SourceFile), t.prog.Source); err != nil {
			return err
		}
	}
	if t.metrics, t.history, err = openMetrics(filepath.Join(t.opts.Dir, "metrics.jsonl"), t.at.Metrics); err != nil {
		return err
	}
	if t.events, err = openEvents(t.opts.Dir); err != nil {
		return err
	}
	if !t.opts.Resume {
		if err := t.metrics.append(t.runRow()); err != nil {
			return err
		}
		return t.checkpoint(latest)
	}
	t.opts.Log.Say(fmt.Sprintf("resuming at epoch %d, step %d", t.at.Epoch+1, t.at.Step))
	return nil
}

// lists of training for an epoch (from 1): all updates, or those of one group.
func (t *trainer) listOf(epoch int) (list string, groups []string) {
	if !t.prog.Alternating {
		for _, g := range t.prog.Groups {
			groups = append(groups, g.Name)
		}
		return "step", groups
	}
	if epoch%2 == 1 {
		return "step inverse", []string{"inverse"}
	}
	return "step forward", []string{"forward"}
}

func (t *trainer) epochs(ctx context.Context) error {
	for t.at.Epoch < t.prog.Epochs {
		if err := t.epoch(ctx, t.at.Epoch+1); err != nil {
			return err
		}
		if t.opts.Steps > 0 && t.at.Step >= uint64(t.opts.Steps) {
			return nil
		}
	}
	return nil
}

// order is the samples of an epoch in the order they are visited.
func (t *trainer) order(epoch int) []int {
	if t.opts.NoShuffle {
		index := make([]int, t.opts.Train.Len())
		for i := range index {
			index[i] = i
		}
		return index
	}
	return t.opts.Shuffle(t.opts.Train.Len(), epoch)
}

// epoch makes the updates of one epoch, evaluates, and writes its row and checkpoint.
func (t *trainer) epoch(ctx context.Context, epoch int) error {
	batch := t.prog.Plan.Batch
	order := t.order(epoch)
	steps := len(order) / batch
	if t.prog.KeepLast && len(order)%batch > 0 {
		steps++
	}
	if steps == 0 {
		return &ParamError{fmt.Sprintf("a batch of %d is larger than the %d training samples; set train.batch or keep_last", batch, len(order))}
	}
	list, groups := t.listOf(epoch)
	if t.at.InEpoch == 0 {
		if err := t.clearSums(t.machine, t.sums); err != nil {
			return err
		}
		t.at.Samples = 0
	}
	t.opts.Log.Start(epoch, t.prog.Epochs, steps)
	start, startSamples := time.Now(), t.at.Samples
	stopped := false
	for b, err := range t.opts.Train.Batches(ctx, order[min(len(order), t.at.InEpoch*batch):], batch, epoch, true) {
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		if b.N < batch && !t.prog.KeepLast {
			break
		}
		if err := t.step(ctx, list, groups, b); err != nil {
			return err
		}
		t.opts.Log.Step(t.at.InEpoch)
		if err := t.stepRow(list); err != nil {
			return err
		}
		if t.opts.Steps > 0 && t.at.Step >= uint64(t.opts.Steps) {
			stopped = t.at.InEpoch < steps
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil && t.at.InEpoch < steps {
		if err := t.checkpoint(latest); err != nil {
			return err
		}
		return Interrupted
	}
	if stopped {
		return t.checkpoint(latest)
	}
	seconds := time.Since(start).Seconds()
	row, err := t.finishEpoch(ctx, epoch, seconds, float64(t.at.Samples-startSamples)/seconds)
	if err != nil {
		if ctx.Err() != nil {
			// Interrupted in evaluation: the checkpoint stands before it, and a resumed run evaluates again.
			if err := t.checkpoint(latest); err != nil {
				return err
			}
			return Interrupted
		}
		return err
	}
	t.at.Epoch, t.at.InEpoch = epoch, 0
	if err := t.metrics.append(row); err != nil {
		return err
	}
	t.history = append(t.history, *row)
	t.last = row
	if err := t.events.epoch(row); err != nil {
		return err
	}
	if score := row.score(); t.at.Best < 0 || score < t.at.Best {
		t.at.Best = score
		if err := t.checkpoint(best); err != nil {
			return err
		}
	}
	if err := t.checkpoint(latest); err != nil {
		return err
	}
	t.opts.Log.Epoch(row)
	return writeText(filepath.Join(t.opts.Dir, ReportFile), report(t.prog, &t.opts, t.history))
}

// step makes one update from a batch.
func (t *trainer) step(ctx context.Context, list string, groups []string, b *Batch) error {
	machine, plan, set := t.machine, t.prog.Plan, t.set
	if b.N < plan.Batch {
		var err error
		if machine, plan, set, err = t.enterShort(b.N); err != nil {
			return err
		}
	}
	if err := t.feed(machine, plan, b, b.N < t.prog.Plan.Batch); err != nil {
		return err
	}
	updates := map[string]int{}
	for name, n := range t.at.Updates {
		updates[name] = n
	}
	for _, g := range groups {
		updates[g]++
	}
	if err := set.write(machine, t.at.Step, updates, float64(t.at.Epoch)/float64(max(1, t.prog.Epochs))); err != nil {
		return err
	}
	// A step is short and is never cut: the context ends the run between steps.
	if err := machine.Run(context.WithoutCancel(ctx), list); err != nil {
		return err
	}
	if machine != t.machine {
		if err := t.leaveShort(); err != nil {
			return err
		}
	}
	t.at.Updates = updates
	t.at.Step++
	t.at.InEpoch++
	t.at.Samples += b.N
	return t.checkFinite()
}

// feed writes a batch into a machine's inputs.
func (t *trainer) feed(m backend.Machine, p *kernel.Plan, b *Batch, cut bool) error {
	rows := p.Batch
	for i, buf := range p.Buffers {
		if buf.Kind != kernel.Input {
			continue
		}
		var data []float32
		switch buf.Name {
		case "x":
			data = b.X
		case "label":
			data = b.Label
			if t.prog.LabelIsX {
				data = b.X
			}
		case "weight":
			data = b.Weight
		}
		if cut {
			data = data[:rows*(len(data)/len(b.Weight))]
		}
		if err := m.Write(i, data); err != nil {
			return err
		}
	}
	return nil
}

// A sum is a metric buffer: "train.loss", "forward_loss.l1", "errors".
type sum struct {
	name   string
	buffer int
}

func sumsOf(p *kernel.Plan) []sum {
	var out []sum
	for i, b := range p.Buffers {
		if b.Kind == kernel.Metric {
			out = append(out, sum{b.Name, i})
		}
	}
	return out
}

func (t *trainer) clearSums(m backend.Machine, sums []sum) error {
	for _, s := range sums {
		if err := m.Write(s.buffer, []float32{0}); err != nil {
			return err
		}
	}
	return nil
}

// inTraining tells the sums of training lists from those of evaluation.
func (s sum) inTraining() bool {
	return s.name == "train.loss" || strings.HasPrefix(s.name, "forward_loss.") || strings.HasPrefix(s.name, "inverse_loss.")
}

// checkFinite stops a run at the update that made a loss infinite or not a number.
func (t *trainer) checkFinite() error {
	v := []float32{0}
	for _, s := range t.sums {
		if !s.inTraining() {
			continue
		}
		if err := t.machine.Read(s.buffer, v); err != nil {
			return err
		}
		if x := float64(v[0]); math.IsNaN(x) || math.IsInf(x, 0) {
			loss, layer, _ := strings.Cut(s.name, ".")
			if s.name == "train.loss" {
				loss, layer = "task loss", ""
			}
			return &NotFinite{Loss: strings.ReplaceAll(loss, "_", " "), Layer: layer, Step: t.at.Step, Value: x}
		}
	}
	return nil
}

func (t *trainer) checkpoint(which string) error {
	t.at.Metrics = t.metrics.size
	return writeCheckpoint(checkpointPath(t.opts.Dir, which), t.prog.Plan, t.machine, t.at)
}

// means reads the training sums as means over the samples so far.
func (t *trainer) means(prefix string) (map[string]float64, error) {
	out := map[string]float64{}
	v := []float32{0}
	for _, s := range t.sums {
		if name, ok := strings.CutPrefix(s.name, prefix); ok && s.inTraining() {
			if err := t.machine.Read(s.buffer, v); err != nil {
				return nil, err
			}
			if t.at.Samples > 0 {
				out[name] = float64(v[0]) / float64(t.at.Samples)
			}
		}
	}
	return out, nil
}

// shortBatch is the same program compiled for an incomplete last batch, with the buffers that both keep.
type shortBatch struct {
	plan    *kernel.Plan
	machine backend.Machine
	set     *settings
}

// enterShort carries the state over to a machine for n samples.
func (t *trainer) enterShort(n int) (backend.Machine, *kernel.Plan, *settings, error) {
	if t.short == nil || t.short.plan.Batch != n {
		t.closeShort()
		plan, err := t.prog.ForBatch(n)
		if err != nil {
			return nil, nil, nil, err
		}
		m, err := t.opts.Backend.Build(context.Background(), plan)
		if err != nil {
			return nil, nil, nil, err
		}
		set, err := newSettings(t.prog, plan)
		if err != nil {
			return nil, nil, nil, errors.Join(err, m.Close())
		}
		t.short = &shortBatch{plan, m, set}
	}
	return t.short.machine, t.short.plan, t.short.set, copyState(t.machine, t.prog.Plan, t.short.machine, t.short.plan)
}

func (t *trainer) leaveShort() error {
	return copyState(t.short.machine, t.short.plan, t.machine, t.prog.Plan)
}

func (t *trainer) closeShort() {
	if t.short != nil {
		t.short.machine.Close()
		t.short = nil
	}
}

// copyState copies parameters, states and sums by name.
func copyState(from backend.Machine, fromPlan *kernel.Plan, to backend.Machine, toPlan *kernel.Plan) error {
	kinds := []kernel.BufferKind{kernel.Weight, kernel.State, kernel.Metric, kernel.Constant}
	for i, b := range fromPlan.Buffers {
		if !slices.Contains(kinds, b.Kind) {
			continue
		}
		d := make([]float32, b.Elements())
		if err := from.Read(i, d); err != nil {
			return err
		}
		if err := to.Write(toPlan.Buffer(b.Name), d); err != nil {
			return err
		}
	}
	return nil
}
