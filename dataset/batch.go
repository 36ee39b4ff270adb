package dataset

import (
	"context"
	"iter"
	"sync"
)

// A Pass is one way through a split.
type Pass struct {
	Index []int // the samples in order, such as Shuffle's or what is left of it; nil: all of them, in file order
	Batch int   // rows of a batch
	Epoch int   // with the sample's number, the counter of flips and crops: a resumed run sees the same ones
	// Training flips and crops, and puts the next good picture in the place of a damaged one.
	Training bool
}

// Batches is the number of batches of a pass over n samples.
func (p Pass) Batches(n int) int {
	if p.Index != nil {
		n = len(p.Index)
	}
	return (n + p.Batch - 1) / p.Batch
}

// A Batch is Pass.Batch rows. It belongs to the pass: it is overwritten once the loop asks for the next one.
type Batch struct {
	X      []float32 // [rows, H·W·C], pixels 0..1 before normalize
	Label  []float32 // [rows, outputs], one-hot or targets; empty where labels are not wanted
	Weight []float32 // [rows]: 1 for a sample, 0 for the rows past N and for a damaged picture, whose X and Label are 0
	N      int       // the rows that stand for samples
	Index  []int     // those samples

	done chan error // one for each piece filled
}

// Batches ranges over the batches of a pass. Pictures are decoded by parallel workers ahead of the loop; everything else is copied when
// asked for. The loop ends after the first error; a damaged picture is one only where the split is strict. Leaving the loop, or
// ending ctx, stops the workers.
func (s *Split) Batches(ctx context.Context, p Pass) iter.Seq2[*Batch, error] {
	if p.Index == nil {
		p.Index = make([]int, s.Len())
		for i := range p.Index {
			p.Index[i] = i
		}
	}
	if s.source.slow() {
		return s.ahead(ctx, p)
	}
	return func(yield func(*Batch, error) bool) {
		b, sc := s.newBatch(p.Batch), new(scratch)
		for k := range p.Batches(0) {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			s.begin(b, p, k)
			err := s.fill(b, 0, b.N, p, sc)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

const (
	batchesAhead = 4 // may be under way at once: one that trains, the others filling
	pieceRows    = 8 // that a worker fills at a time
)

// ahead is Batches with workers: batches are promised in order, their pieces filled in any.
func (s *Split) ahead(ctx context.Context, p Pass) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()

		free, promised := make(chan *Batch, batchesAhead), make(chan *Batch, batchesAhead)
		for range batchesAhead {
			free <- s.newBatch(p.Batch)
		}
		type piece struct {
			batch *Batch
			from  int
		}
		pieces := make(chan piece)
		all.Go(func() {
			defer close(pieces)
			defer close(promised)
			for k := range p.Batches(0) {
				select {
				case b := <-free:
					s.begin(b, p, k)
					promised <- b
					for from := 0; from < b.N; from += pieceRows {
						select {
						case pieces <- piece{b, from}:
						case <-ctx.Done():
							return
						}
					}
				case <-ctx.Done():
					return
				}
			}
		})
		for range s.workers {
			all.Go(func() {
				sc := new(scratch)
				for q := range pieces {
					q.batch.done <- s.fill(q.batch, q.from, min(q.from+pieceRows, q.batch.N), p, sc)
				}
			})
		}
		for b := range promised {
			for from := 0; from < b.N; from += pieceRows {
				var err error
				select {
				case err = <-b.done:
				case <-ctx.Done():
					err = ctx.Err()
				}
				if err != nil {
					yield(nil, err)
					return
				}
			}
			if !yield(b, nil) {
				return
			}
			free <- b
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func (s *Split) newBatch(rows int) *Batch {
	return &Batch{X: make([]float32, rows*s.Units()), Label: make([]float32, rows*s.outputs), Weight: make([]float32, rows),
		done: make(chan error, rows)}
}

// begin makes b the k-th batch of the pass, with nothing in it but zeros where no sample will be.
func (s *Split) begin(b *Batch, p Pass, k int) {
	b.Index = p.Index[k*p.Batch : min((k+1)*p.Batch, len(p.Index))]
	b.N = len(b.Index)
	clear(b.Label)
	clear(b.Weight)
	clear(b.X[b.N*s.Units():])
}
