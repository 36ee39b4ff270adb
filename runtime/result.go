package runtime

import (
	"context"
	"slices"

	"bnetc/backend"
)

// A result is what the sums of training, or of evaluation, were when a run of a list had ended.
type result struct {
	step uint64 // that the run was said to make
	sums []namedSum
}

// results are those of the runs of an engine whose sums nobody has looked at. A machine that works behind its caller keeps them until they are known.
type results struct {
	watcher backend.Watcher // nil where a run is over when it returns
	steps   []uint64
	values  [][]float32
}

// follow has the sums kept as each run leaves them.
func (e *Engine) follow() error {
	w, ok := e.machine.(backend.Watcher)
	if !ok {
		return nil
	}
	e.ended.watcher = w
	var buffers []int
	for _, s := range e.sums {
		buffers = append(buffers, s.buffer)
	}
	return w.Watch(buffers)
}

// run makes the updates of a list for the batch that was fed. A list is short and is never cut: a context ends a run between them.
func (e *Engine) run(ctx context.Context, list string, step uint64) error {
	if err := e.machine.Run(context.WithoutCancel(ctx), list); err != nil {
		return err
	}
	e.ended.steps = append(e.ended.steps, step)
	if e.ended.watcher != nil {
		return nil
	}
	var all []float32
	for _, s := range e.sums {
		v := []float32{0}
		if err := e.machine.Read(s.buffer, v); err != nil {
			return err
		}
		all = append(all, v...)
	}
	e.ended.values = append(e.ended.values, all)
	return nil
}

// results gives what the runs that are over left in the sums of training or of evaluation, each once and in order; with wait, what all of them left.
func (e *Engine) results(training, wait bool) ([]result, error) {
	o := &e.ended
	if o.watcher != nil {
		values, err := o.watcher.Watched(wait)
		if err != nil {
			return nil, err
		}
		o.values = values
	}
	var out []result
	for i, values := range o.values {
		r := result{step: o.steps[i]}
		for k, s := range e.sums {
			if s.inTraining() == training {
				r.sums = append(r.sums, namedSum{s.name, float64(values[k])})
			}
		}
		out = append(out, r)
	}
	o.steps, o.values = slices.Delete(o.steps, 0, len(out)), nil
	return out, nil
}
