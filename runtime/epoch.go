package runtime

import (
	"context"
	"errors"
	"maps"
	"time"
)

// steps is how many updates an epoch of so many samples makes.
func (t *trainer) steps(samples int) int {
	batch := t.main.plan.Batch
	if t.prog.KeepLast {
		samples += batch - 1
	}
	return samples / batch
}

// listOf is the list of an epoch (from 1), and the groups whose parameters it updates: all, or one group in turn, the inverses first.
func (t *trainer) listOf(epoch int) (list string, groups []string) {
	switch {
	case !t.prog.Alternating:
		for _, g := range t.prog.Groups {
			groups = append(groups, g.Name)
		}
		return "step", groups
	case epoch%2 == 1:
		return "step inverse", []string{"inverse"}
	}
	return "step forward", []string{"forward"}
}

// order is the samples of an epoch in the order they are visited.
func (t *trainer) order(epoch int) []int {
	n := t.opts.Train.Len()
	if !t.opts.NoShuffle {
		return t.opts.Shuffle(n, epoch)
	}
	return inOrder(n)
}

// epoch makes what is left of the updates of an epoch, evaluates, and writes its row and checkpoint. The context ends it between two steps, with
// a checkpoint.
func (t *trainer) epoch(ctx context.Context, epoch int) error {
	err := t.updates(ctx, epoch)
	if err == nil && t.at.InEpoch < t.steps(t.opts.Train.Len()) { // as many as were asked for
		if err := t.noteStop(); err != nil {
			return err
		}
		return t.checkpoint(latest)
	}
	var row *EpochRow
	if err == nil {
		row, err = t.evaluated(ctx, epoch)
	}
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		// In evaluation the checkpoint stands before it, and a resumed run evaluates again.
		if err := t.noteStop(); err != nil {
			return err
		}
		if err := t.checkpoint(latest); err != nil {
			return err
		}
		return ErrInterrupted
	case err != nil:
		return err
	}
	return t.finish(row)
}

// updates makes the updates of an epoch that are not made yet, up to the number that was asked for. It ends with the context's error where that
// came before the last.
func (t *trainer) updates(ctx context.Context, epoch int) error {
	batch, order := t.main.plan.Batch, t.order(epoch)
	steps := t.steps(len(order))
	list, groups := t.listOf(epoch)
	if t.at.InEpoch == 0 {
		if err := t.main.clear(true); err != nil {
			return err
		}
		t.at.Samples, t.at.Seconds = 0, 0
	}
	t.opts.Log.Start(epoch, t.prog.Epochs, steps, t.at.InEpoch)
	if t.at.InEpoch == steps {
		return nil
	}
	rest := order[t.at.InEpoch*batch : min(len(order), steps*batch)]
	before, start := t.at.Seconds, time.Now()
	end := func(err error) error { // when all that was asked of the machine is done
		if late := t.checkLosses(t.main, true); late != nil {
			return late
		}
		t.at.Seconds = before + time.Since(start).Seconds()
		return err
	}
	for b, err := range t.opts.Train.Batches(ctx, rest, batch, epoch, true) {
		if err != nil {
			return end(err)
		}
		if err := t.step(ctx, list, groups, b); err != nil {
			return err
		}
		t.at.Seconds = before + time.Since(start).Seconds()
		t.opts.Log.Step(t.at.InEpoch)
		if err := t.logStep(); err != nil {
			return err
		}
		if t.at.InEpoch == steps || t.enough() {
			return end(nil)
		}
		if err := ctx.Err(); err != nil {
			return end(err)
		}
		if time.Since(t.saved) > t.opts.CheckpointEvery {
			if err := t.checkLosses(t.main, true); err != nil {
				return err
			}
			if err := t.checkpoint(latest); err != nil {
				return err
			}
		}
	}
	return end(ctx.Err())
}

// step makes one update from a batch.
func (t *trainer) step(ctx context.Context, list string, groups []string, b *Batch) error {
	e := t.main
	if b.N < e.plan.Batch {
		var err error
		if e, err = t.enterShort(); err != nil {
			return err
		}
	}
	if err := e.feed(b); err != nil {
		return err
	}
	updates := maps.Clone(t.at.Updates)
	for _, g := range groups {
		updates[g]++
	}
	if err := e.set.write(e.machine, t.at.Step, updates, t.progress()); err != nil {
		return err
	}
	if err := e.run(ctx, list, t.at.Step+1); err != nil {
		return err
	}
	t.at.Updates = updates
	t.at.Step++
	t.at.InEpoch++
	t.at.Samples += b.N
	if err := t.checkLosses(e, e != t.main); err != nil {
		return err
	}
	if e != t.main {
		return e.copyTo(t.main)
	}
	return nil
}

// progress is how much of the training is done, in whole epochs, from 0 to 1.
func (t *trainer) progress() float64 { return float64(t.at.Epoch) / float64(max(1, t.prog.Epochs)) }

// enterShort gives the engine for the incomplete last batch, with the state of the main one.
func (t *trainer) enterShort() (*Engine, error) {
	if err := t.checkLosses(t.main, true); err != nil {
		return nil, err
	}
	return t.short, t.main.copyTo(t.short)
}

// finish writes the row, the checkpoints and the report of an epoch.
func (t *trainer) finish(row *EpochRow) error {
	t.at.Epoch, t.at.InEpoch = row.Epoch, 0
	if err := t.metrics.append(row); err != nil {
		return err
	}
	t.history, t.last = append(t.history, *row), row
	if err := t.events.write(row.Step, row.scalars()); err != nil {
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
	return t.writeReport()
}
