package runtime

import (
	"context"
	"iter"

	"bnetc/backend"
)

// A resident is a split whose samples lie on the device: whole batches of it are rows to fetch; what is left at the end comes from the host.
type resident struct {
	Split
	batch, set int
}

// hold puts a split on the device, where the machine can hold one and has room, and the samples are the same in every epoch; else it is the split itself.
func (e *engine) hold(ctx context.Context, s Split) (Split, error) {
	machine, can := e.machine.(backend.Resident)
	fixed, knows := s.(interface{ Fixed() bool })
	if !can || !knows || !fixed.Fixed() {
		return s, nil
	}
	set, ok, err := machine.Reserve(s.Len())
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
	return &resident{s, e.plan.Batch, set}, nil
}

func (r *resident) Batches(ctx context.Context, index []int, batch, epoch int, training bool) iter.Seq2[*Batch, error] {
	if batch != r.batch {
		return r.Split.Batches(ctx, index, batch, epoch, training)
	}
	return func(yield func(*Batch, error) bool) {
		if index == nil {
			index = inOrder(r.Len())
		}
		rest := index
		for len(rest) >= batch {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(&Batch{N: batch, set: r.set, rows: rest[:batch]}, nil) {
				return
			}
			rest = rest[batch:]
		}
		if len(rest) == 0 {
			return
		}
		for b, err := range r.Split.Batches(ctx, rest, batch, epoch, training) {
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
