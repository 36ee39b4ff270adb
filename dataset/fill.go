package dataset

import (
	"context"
	"errors"
	"image"
)

// scratch is a worker's memory between samples.
type scratch struct {
	rgba image.RGBA
	line []byte // a row of pixels, flipped
}

// fill puts samples into rows from to to-1 of the batch.
func (s *Split) fill(b *Batch, from, to int, p Pass, sc *scratch) error {
	for row := from; row < to; row++ {
		if err := s.fillRow(b, row, p, sc); err != nil {
			return err
		}
	}
	return nil
}

// fillRow puts a sample into a row. A damaged sample leaves zeros of weight 0, or, in training, gives its place to the next good one;
// it is an error where the split is strict, or nothing good is left.
func (s *Split) fillRow(b *Batch, row int, p Pass, sc *scratch) error {
	units, first := s.Units(), b.Index[row]
	x := b.X[row*units : (row+1)*units]
	for try := range s.Len() {
		i := (first + try) % s.Len()
		var place func() [4]uint32
		rows, columns := axis{1, 0}, axis{1, 0}
		if p.Training && s.draw != nil {
			place = func() [4]uint32 { return s.draw([4]uint32{uint32(i), uint32(p.Epoch), 0, 0}) }
			rows, columns = s.steps.drawn(s.h, s.w, s.draw, i, p.Epoch)
		}
		v, err := s.source.sample(i, place, sc)
		if err == nil {
			s.steps.write(x, v, s.h, s.w, s.c, rows, columns, sc)
			s.label(b.Label[row*s.outputs:(row+1)*s.outputs], i)
			b.Weight[row] = 1
			return nil
		}
		var damaged *damage
		if s.strict || !errors.As(err, &damaged) {
			return err
		}
		if !p.Training {
			clear(x)
			return nil
		}
	}
	return &Error{What: "reading the training pictures", Expected: "one that can be read", Found: "all of them damaged"}
}

// load reads what memory can hold, so that training need not wait for it; a damaged sample is an error where the split is strict.
func (s *Split) load(ctx context.Context) error {
	if err := s.source.load(ctx, s.workers); err != nil {
		return err
	}
	if damaged := s.Damaged(); s.strict && len(damaged) > 0 {
		return damaged[0]
	}
	return ctx.Err()
}

// label writes a zeroed row.
func (s *Split) label(row []float32, i int) {
	switch {
	case s.outputs == 0:
	case s.targets != nil:
		copy(row, s.targets[i*s.outputs:])
	default:
		row[s.labels[i]] = 1
	}
}

// Damaged is the pictures that could not be read so far, each once, by file.
func (s *Split) Damaged() []*Error { return s.source.damaged() }

// A memory is samples that are held as a whole, as bytes or as floats.
type memory struct {
	n, units int
	bytes    []byte
	floats   []float32
}

func (m *memory) size() int                       { return m.n }
func (m *memory) slow() bool                      { return false }
func (m *memory) fixed() bool                     { return true }
func (m *memory) load(context.Context, int) error { return nil }
func (m *memory) damaged() []*Error               { return nil }

func (m *memory) sample(i int, _ func() [4]uint32, _ *scratch) (view, error) {
	if m.bytes != nil {
		return view{bytes: m.bytes[i*m.units:][:m.units]}, nil
	}
	return view{floats: m.floats[i*m.units:][:m.units]}, nil
}
