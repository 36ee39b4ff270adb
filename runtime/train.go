package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bnetc/ir/kernel"
	"bnetc/runtime/replace"
)

// ErrInterrupted is what Train returns when its context ended: a checkpoint has been written.
var ErrInterrupted = errors.New("interrupted; the checkpoint is written")

// A BatchError is a batch that there are too few samples for.
type BatchError struct{ Batch, Samples int }

func (e *BatchError) Error() string {
	return fmt.Sprintf("a batch of %d is larger than the %d training samples; set --batch or keep_last", e.Batch, e.Samples)
}

// A Result is how a run ended.
type Result struct {
	Row   any    // the last row of metrics: an epoch's, or, where the run stopped in the middle of one, a step's; of a run without updates its first
	Steps uint64 // updates made in all
}

// trainer is one run under way.
type trainer struct {
	prog    *Program
	opts    *Options
	main    *Engine
	short   *Engine // for an incomplete last batch, where there is one
	at      position
	metrics *metricsFile
	events  *eventsFile
	history []EpochRow
	lock    *os.File  // the run folder is this process's while it is open
	last    any       // the last row
	saved   time.Time // when the latest checkpoint was written
}

// Train runs an engine's program from its beginning or from its latest checkpoint. The run folder holds everything about it afterwards.
func Train(ctx context.Context, e *Engine, opts Options) (*Result, error) {
	if opts.CheckpointEvery == 0 {
		opts.CheckpointEvery = 5 * time.Minute
	}
	prog, batch, samples := e.prog, e.plan.Batch, opts.Train.Len()
	t := &trainer{prog: prog, opts: &opts, main: e, short: opts.Short,
		at: position{Updates: map[string]int{}, Batch: batch, Seed: prog.Seed, Best: -1, Data: dataOf(e.plan, opts.Train)}}
	if t.steps(samples) == 0 {
		return nil, &BatchError{batch, samples}
	}
	if rest := samples % batch; prog.KeepLast && rest > 0 && (t.short == nil || t.short.plan.Batch != rest) {
		panic(fmt.Sprintf("bug: no engine for the last batch of %d", rest))
	}
	defer t.close()
	if err := t.begin(); err != nil {
		return nil, err
	}
	for _, s := range []*Split{&opts.Train, &opts.Test} {
		var err error
		if *s, err = e.hold(ctx, *s, opts.Moves); err != nil {
			return nil, err
		}
	}
	ended := t.epochs(ctx)
	if ended != nil && !errors.Is(ended, ErrInterrupted) {
		var bad *NotFinite
		if errors.As(ended, &bad) {
			bad.Remedies = prog.rates()
		}
		return nil, ended
	}
	if err := t.writeReport(); err != nil {
		return nil, err
	}
	if opts.Save != "" {
		if err := SaveParams(opts.Save, e.plan, e.machine); err != nil {
			return nil, err
		}
	}
	return &Result{Row: t.last, Steps: t.at.Step}, ended
}

// dataOf is what a run trains on, as its position keeps it.
func dataOf(p *kernel.Plan, s Split) string {
	values := 0
	if x := p.Buffer("x"); x >= 0 {
		values = p.Buffers[x].Elements() / p.Batch
	}
	return fmt.Sprintf("%d samples of %d values", s.Len(), values)
}

// begin prepares the run folder: fresh, or as the latest checkpoint left it.
func (t *trainer) begin() error {
	resume, err := t.enter()
	if err != nil {
		return err
	}
	if t.opts.Save != "" {
		if err := replace.Check(t.opts.Save); err != nil {
			return err
		}
	}
	for _, e := range []*Engine{t.main, t.short} {
		if e == nil {
			continue
		}
		if err := e.follow(); err != nil {
			return err
		}
	}
	if err := t.restore(resume); err != nil {
		return err
	}
	if err := writeText(filepath.Join(t.opts.Dir, SourceFile), t.prog.Source); err != nil {
		return err
	}
	if err := writeText(filepath.Join(t.opts.Dir, CommandFile), t.opts.Command); err != nil {
		return err
	}
	if t.metrics, t.history, err = openMetrics(filepath.Join(t.opts.Dir, MetricsFile), t.at.Metrics); err != nil {
		return err
	}
	if t.events, err = openEvents(t.opts.Dir); err != nil {
		return err
	}
	run := t.runRow()
	t.last = run
	if resume {
		if n := len(t.history); n > 0 {
			t.last = &t.history[n-1]
		}
		t.opts.Log.Say(t.resuming())
		return nil
	}
	if err := t.metrics.append(run); err != nil {
		return err
	}
	return t.checkpoint(latest)
}

// enter takes the run folder, and says whether there is a checkpoint in it to go on from. Where there is none, nothing of a run is left in it.
func (t *trainer) enter() (resume bool, err error) {
	if t.opts.Resume {
		_, err = hasCheckpoint(t.opts.Dir) // refuses what is no run before anything is written there
	} else {
		err = Vacant(t.opts.Dir)
	}
	if err != nil {
		return false, err
	}
	if t.lock, err = hold(t.opts.Dir); err != nil {
		return false, err
	}
	if t.opts.Resume {
		if resume, err = hasCheckpoint(t.opts.Dir); err != nil || resume {
			return resume, err
		}
		t.opts.Log.Say("the run was stopped before its first checkpoint: it begins anew")
	}
	return false, clearRun(t.opts.Dir)
}

// restore gives the machine its parameters beyond the drawn ones: those of the checkpoint, or of a file.
func (t *trainer) restore(resume bool) error {
	if !resume {
		if t.opts.Init == "" {
			return nil
		}
		return LoadParams(t.opts.Init, t.main.plan, t.main.machine)
	}
	at, err := readCheckpoint(checkpointPath(t.opts.Dir, latest), t.main.plan, t.main.machine)
	if err != nil {
		return err
	}
	if flaw := at.flaw(t.prog.Groups); flaw != "" {
		return &ParamError{fmt.Sprintf("%s: the checkpoint is damaged: %s", checkpointPath(t.opts.Dir, latest), flaw)}
	}
	if at.InEpoch > 0 && at.Batch != t.at.Batch {
		return &ParamError{fmt.Sprintf("the checkpoint stands in the middle of an epoch of batches of %d; go on with --batch %d", at.Batch, at.Batch)}
	}
	if at.Data != "" && at.Data != t.at.Data {
		return &ParamError{fmt.Sprintf("the run in %s trains on %s, and here are %s; name its data with --data DIR, or begin a new run from its parameters with --init %s",
			t.opts.Dir, at.Data, t.at.Data, checkpointPath(t.opts.Dir, latest))}
	}
	if steps := t.steps(t.opts.Train.Len()); at.InEpoch > steps {
		return &ParamError{fmt.Sprintf("the checkpoint stands behind %d updates of an epoch, which has %d with this data and these settings", at.InEpoch, steps)}
	}
	at.Batch, at.Seed, at.Data = t.at.Batch, t.at.Seed, t.at.Data
	t.at = at
	return nil
}

func (t *trainer) resuming() string {
	if t.at.Epoch >= t.prog.Epochs {
		return fmt.Sprintf("the run in %s has made its %d epochs; --epochs N goes on to N", t.opts.Dir, t.at.Epoch)
	}
	return fmt.Sprintf("resuming in epoch %d, after step %d", t.at.Epoch+1, t.at.Step)
}

func (t *trainer) epochs(ctx context.Context) error {
	for t.at.Epoch < t.prog.Epochs && !t.enough() {
		if err := t.epoch(ctx, t.at.Epoch+1); err != nil {
			return err
		}
	}
	return nil
}

// enough says that the run has made the updates it was asked for.
func (t *trainer) enough() bool {
	return t.opts.Steps > 0 && t.at.Step >= uint64(t.opts.Steps)
}

func (t *trainer) checkpoint(which string) error {
	if err := t.metrics.sync(); err != nil {
		return err
	}
	t.at.Metrics = t.metrics.size
	t.saved = time.Now()
	return writeCheckpoint(checkpointPath(t.opts.Dir, which), t.main.plan, t.main.machine, t.at)
}

func (t *trainer) close() {
	t.metrics.close()
	t.events.close()
	if t.lock != nil {
		t.lock.Close()
	}
}
