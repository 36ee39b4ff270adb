package runtime

import (
	"context"
	"iter"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A resident is a split whose samples lie on the device: batches of it are rows to fetch, and to move. A training batch that the plan is too large for comes
// from the host.
type resident struct {
	Still
	batch, set int
}

// hold puts a split on the device, where the machine can hold one and has room, and its samples stay what they are; else it is the split itself.
func (e *Engine) hold(ctx context.Context, s Split, moves *kernel.Plan) (Split, error) {
	machine, can := e.machine.(backend.Resident)
	still, ok := s.(Still)
	if !can || !ok || !still.Fixed() {
		return s, nil
	}
	set, ok, err := machine.Reserve(s.Len(), moves)
	if err != nil || !ok {
		return s, err
	}
	first := 0
	for b, err := range s.Batches(ctx, nil, e.plan.Batch, 0, false) {
		if err != nil {
			return nil, err
		}
		if err := e.feed(b); err != nil {
			return nil, err
		}
		if err := machine.Stow(set, first, b.N); err != nil {
			return nil, err
		}
		first += b.N
	}
	return &resident{still, e.plan.Batch, set}, nil
}

func (r *resident) Batches(ctx context.Context, index []int, batch, epoch int, training bool) iter.Seq2[*Batch, error] {
	if batch != r.batch {
		return r.Still.Batches(ctx, index, batch, epoch, training)
	}
	return func(yield func(*Batch, error) bool) {
		if index == nil {
			index = inOrder(r.Len())
		}
		rest := index
		for len(rest) >= batch || len(rest) > 0 && !training {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			b := &Batch{N: min(batch, len(rest)), set: r.set}
			if b.rows, rest = rest[:b.N], rest[b.N:]; training {
				b.moves = r.Moves(b.rows, epoch)
			}
			if !yield(b, nil) {
				return
			}
		}
		if len(rest) == 0 {
			return
		}
		for b, err := range r.Still.Batches(ctx, rest, batch, epoch, training) {
			if !yield(b, err) {
				return
			}
		}
	}
}

// inOrder is the samples of a split of n in file order.
func inOrder(n int) []int {
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return index
}
