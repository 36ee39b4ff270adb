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
	// DropLast leaves out an incomplete last batch.
	DropLast bool
}

// Batches is the number of batches of a pass over n samples.
func (p Pass) Batches(n int) int {
	if p.Index != nil {
		n = len(p.Index)
	}
	if p.DropLast {
		return n / p.Batch
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

	done chan error // one for each row filled
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
			for row := range b.N {
				if err := s.fill(b, row, p, sc); err != nil {
					yield(nil, err)
					return
				}
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// batchesAhead is how many batches may be under way at once: one that trains, the others filling.
const batchesAhead = 4

// ahead is Batches with workers: batches are promised in order, their rows filled in any.
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
		type job struct {
			batch *Batch
			row   int
		}
		jobs := make(chan job)
		all.Go(func() {
			defer close(jobs)
			defer close(promised)
			for k := range p.Batches(0) {
				select {
				case b := <-free:
					s.begin(b, p, k)
					promised <- b
					for row := range b.N {
						select {
						case jobs <- job{b, row}:
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
				for j := range jobs {
					j.batch.done <- s.fill(j.batch, j.row, p, sc)
				}
			})
		}
		for b := range promised {
			for range b.N {
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
