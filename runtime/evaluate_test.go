package runtime

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
)

type machine = backend.Machine

// holes are points whose third sample is not a number.
type holes struct{ points }

func (h holes) Batches(ctx context.Context, index []int, batch, epoch int, training bool) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		for b, err := range h.points.Batches(ctx, index, batch, epoch, training) {
			if err == nil {
				b.X[6] = nan
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// TestEvaluate: errors and losses are of whole splits, not means over batches of which the last is short.
func TestEvaluate(t *testing.T) {
	r := newTrial(t, t.TempDir())
	got, err := r.evaluate(func(machine) error { return nil }, points(18), points(7), points(1))
	require.NoError(t, err)
	for i, n := range []int{18, 7, 1} {
		even := float64((n + 1) / 2)
		require.Equal(t, n, got[i].Samples)
		require.InDelta(t, float64(n-1)/2/float64(n), got[i].Loss, 1e-6)
		require.InDelta(t, 100*even/float64(n), *got[i].Error, 1e-9)
		require.InDelta(t, 50*even/float64(n), *got[i].Top5, 1e-9)
		require.Equal(t, map[string]float64{"size.l1": 1}, got[i].Measures)
	}
	require.Zero(t, r.open)
}

// TestEvaluateEmpty: where there is no sample there is no mean, and no NaN either.
func TestEvaluateEmpty(t *testing.T) {
	r := newTrial(t, t.TempDir())
	got, err := r.evaluate(func(machine) error { return nil }, points(0))
	require.NoError(t, err)
	require.Zero(t, got[0].Loss)
}
