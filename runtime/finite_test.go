package runtime

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/runtime/safetensors"
)

// TestNotFinite: an infinity or NaN in a loss stops the run at its step; one in a parameter at the latest before anything of the epoch is evaluated or kept.
// The message names step and layer, and what was kept before stays good.
func TestNotFinite(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		buffer string
		value  float32
		want   string
		steps  int
	}{
		{"train.loss", nan, "step 6: the task loss of layer y is NaN; the last checkpoint stands", 6},
		{"forward_loss.l1", inf, "step 6: the forward loss of layer l1 is +Inf", 6},
		{"inverse_loss.y", -inf, "step 6: the inverse loss of layer y is -Inf", 6},
		{"l1.W", nan, "step 8: parameter l1.W has NaN at 0", 8},
		{"y.V", inf, "step 8: parameter y.V has +Inf at 0", 8},
		{"l1.W.m", nan, "step 8: parameter l1.W has NaN at 0", 8},
	} {
		t.Run(c.buffer, func(t *testing.T) {
			r := newTrial(t, t.TempDir())
			r.spoil = func(step int, b map[string][]float32) {
				if step == 6 {
					b[c.buffer][0] = c.value
				}
			}
			_, err := r.run()
			var bad *NotFinite
			require.True(t, errors.As(err, &bad), "%v", err)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.steps, r.steps)
			require.Zero(t, r.open)
			f, err := safetensors.Read(checkpointPath(r.opts.Dir, latest))
			require.NoError(t, err)
			for _, x := range f.Tensors {
				require.Nil(t, notFinite(x.Name, x.Data))
			}
			text, err := os.ReadFile(filepath.Join(r.opts.Dir, MetricsFile))
			require.NoError(t, err)
			require.Contains(t, string(text), `"epoch":1,`)
			require.NotContains(t, string(text), `"epoch":2,`)
		})
	}
}

// TestRemedies: a run that is no longer finite names the learning rates that its program has, and no others.
func TestRemedies(t *testing.T) {
	for want, groups := range map[string]int{
		"the last checkpoint stands": 0,
		"the last checkpoint stands. A smaller learning rate (--set learn.forward.lr=…) may help":                     1,
		"the last checkpoint stands. A smaller learning rate (--set learn.forward.lr=…, learn.inverse.lr=…) may help": 2,
	} {
		r := newTrial(t, t.TempDir())
		r.prog.Groups = r.prog.Groups[:groups]
		r.spoil = func(step int, b map[string][]float32) { b["train.loss"][0] = nan }
		_, err := r.run()
		require.EqualError(t, err, "step 1: the task loss of layer y is NaN; "+want)
	}
}

// TestLateMachines: with a machine that works behind its caller a run leaves the same behind, and names the same step; it notices before anything is kept.
func TestLateMachines(t *testing.T) {
	train := func(late bool, samples Split) (ran []string, left string) {
		r := newTrial(t, t.TempDir())
		r.opts.Train = samples
		r.late, r.prog.LogEvery = late, 3
		r.keepLast() // two engines take turns
		r.train(t)
		if late {
			require.Equal(t, r.prog.Epochs*(16+18+7), r.fetched, "whole batches of training, and both evaluations")
		}
		return r.ran, outcome(t, r.opts.Dir)
	}
	var before string
	for _, samples := range []Split{points(18), restless{18}} {
		ran, left := train(false, samples)
		lateRan, lateLeft := train(true, samples)
		require.Equal(t, ran, lateRan)
		require.Equal(t, left, lateLeft)
		require.NotEqual(t, before, left, "moves make a difference")
		before = left
	}
	for _, spoiled := range []int{5, 6, 10} { // the first of an epoch, in the middle, and of the short batch at its end
		r := newTrial(t, t.TempDir())
		r.late = true
		r.keepLast()
		r.spoil = func(step int, b map[string][]float32) {
			if step == spoiled {
				b["train.loss"][0] = nan
			}
		}
		_, err := r.run()
		require.ErrorContains(t, err, fmt.Sprintf("step %d: the task loss of layer y is NaN", spoiled))
		require.LessOrEqual(t, r.steps, (spoiled+4)/5*5, "noticed in its epoch")
	}
}

// TestNotFiniteInEvaluation: a loss that only evaluation shows stops a run, too.
func TestNotFiniteInEvaluation(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.opts.Test = holes{7}
	_, err := r.run()
	require.ErrorContains(t, err, "step 4: the task loss of layer y in evaluation is NaN")
	_, err = r.evaluate(func(machine) error { return nil }, holes{7})
	require.EqualError(t, err, "the task loss of layer y in evaluation is NaN")
}
