package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/ir/kernel"
	"bnetc/runtime/safetensors"
)

// TestParallel: an epoch visits every sample at most once, drops the incomplete last batch, and updates both groups in every step.
func TestParallel(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Epochs = 2
	got := r.train(t)
	require.EqualValues(t, 8, got.Steps)
	require.Equal(t, "step step step step evaluate evaluate evaluate evaluate evaluate evaluate evaluate", strings.Join(r.ran[:11], " "),
		"4 batches of 4 of 18 samples, then 5 to evaluate them all and 2 for the 7 of the test split")
	seen := map[float32]int{}
	for _, column := range r.fed[:4] {
		for _, v := range column {
			seen[v]++
		}
	}
	require.Len(t, seen, 16)
	require.NotEqual(t, r.fed[:4], r.fed[4:], "epochs are shuffled anew")
	require.Equal(t, []int{4}, r.built)
}

// TestFileOrder: --no-shuffle visits samples as they lie.
func TestFileOrder(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.opts.NoShuffle = true
	r.prog.Epochs = 1
	r.train(t)
	for k, column := range r.fed {
		for n, v := range column {
			require.Equal(t, float32(4*k+n)/18, v)
		}
	}
}

// TestKeepLast: the incomplete last batch trains on a machine of its own, which has and gives back all that the first one knows.
func TestKeepLast(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Epochs, r.opts.Save = 2, filepath.Join(t.TempDir(), "kept")
	r.keepLast()
	require.EqualValues(t, 10, r.train(t).Steps)
	require.Equal(t, []int{4, 2}, r.built, "one machine for each batch size, kept for the next epoch")
	var sizes []int
	for _, column := range r.fed {
		sizes = append(sizes, len(column))
	}
	require.Equal(t, []int{4, 4, 4, 4, 2, 4, 4, 4, 4, 2}, sizes)
	// The same updates made by hand.
	w := drawn(t, "l1.W")
	m := float32(0)
	for k, column := range r.fed {
		mean := float32(0)
		for _, v := range column {
			mean += v / float32(len(column))
		}
		m = 0.9*m + mean + 0.01*float32(k)
		w -= 0.5 * m
	}
	f, err := safetensors.Read(r.opts.Save)
	require.NoError(t, err)
	require.InDelta(t, w, f.Tensor("l1.W").Data[0], 1e-5)
}

// drawn is the first number that a parameter begins with.
func drawn(t *testing.T, name string) float32 {
	r := newTrial(t, t.TempDir())
	r.prog.Epochs, r.opts.Save = 0, filepath.Join(t.TempDir(), "drawn")
	r.train(t)
	f, err := safetensors.Read(r.opts.Save)
	require.NoError(t, err)
	return f.Tensor(name).Data[0]
}

// TestAlternating: whole epochs in turn, the inverses first, and t of Adam counts the updates of a group, not of the run.
func TestAlternating(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Alternating, r.prog.Epochs = true, 3
	r.plan.Settings = []string{"forward.c1", "inverse.c1"}
	r.plan.Buffers[len(r.plan.Buffers)-1].Shape = []int{2}
	adam := []Setting{{"lr", 1}, {"beta1", 0.9}}
	r.prog.Groups = []Group{{Name: "forward", Optimizer: "adam", Hyper: adam}, {Name: "inverse", Optimizer: "adam", Hyper: adam}}
	r.train(t)
	var lists []string
	for _, l := range r.ran {
		if l != "evaluate" {
			lists = append(lists, strings.TrimPrefix(l, "step "))
		}
	}
	require.Equal(t, strings.Fields("inverse inverse inverse inverse forward forward forward forward inverse inverse inverse inverse"), lists)
	counts := map[string]int{}
	for k, group := range lists {
		counts[group]++
		want := 1 / (1 - math.Pow(0.9, float64(counts[group])))
		require.InDelta(t, want, r.set[k][group+".c1"], 1e-4, "update %d of %s", counts[group], group)
	}
}

// TestDecay: a schedule of the learning rate goes by finished epochs, for each group its own.
func TestDecay(t *testing.T) {
	for decay, want := range map[string][]float64{
		"":            {0.5, 0.5, 0.5, 0.5},
		"step":        {0.5, 0.5, 0.05, 0.005},
		"exponential": {0.5, 0.5 * math.Pow(0.01, 0.25), 0.05, 0.5 * math.Pow(0.01, 0.75)},
		"cosine":      {0.5, 0.25 * (1 + math.Sqrt2/2), 0.25, 0.25 * (1 - math.Sqrt2/2)},
	} {
		t.Run(decay, func(t *testing.T) {
			r := newTrial(t, t.TempDir())
			r.prog.Groups[0].Decay = decay
			r.train(t)
			for k, set := range r.set {
				require.InDelta(t, want[k/4], set["forward.lr"], 1e-6, "step %d", k)
				require.Equal(t, float32(0.25), set["inverse.lr"])
				require.Equal(t, []float32{float32(k), 7, 0.5}, []float32{set["step0"], set["seed0"], set["learn.noise"]})
			}
		})
	}
}

// outcome is everything that a run left that must not depend on whether it was stopped.
func outcome(t *testing.T, dir string) string {
	t.Helper()
	f, err := safetensors.Read(checkpointPath(dir, latest))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	require.NoError(t, err)
	timing := regexp.MustCompile(`"seconds":[^,}]*,"samples_per_second":[^,}]*|"(seconds|metrics)":[^,}]*`)
	var b strings.Builder
	for _, x := range f.Tensors {
		fmt.Fprintln(&b, x.Name, x.Shape, x.Data)
	}
	fmt.Fprintln(&b, timing.ReplaceAllString(f.Metadata[positionKey], ""))
	fmt.Fprintln(&b, timing.ReplaceAllString(string(text), ""))
	return b.String()
}

// TestLostMachine: a device that is lost ends a run with what it says and leaves the last checkpoint, from which the run goes on to the end that it would have had.
func TestLostMachine(t *testing.T) {
	whole := newTrial(t, t.TempDir())
	whole.train(t)
	for _, late := range []bool{false, true} {
		for _, every := range []time.Duration{time.Nanosecond, time.Hour} {
			r := newTrial(t, t.TempDir())
			r.late, r.opts.CheckpointEvery = late, every
			lost := &backend.Missing{What: "the device was lost", Remedy: "go on with --resume"}
			r.fail = func(step int) error {
				if step == 7 {
					return lost
				}
				return nil
			}
			_, err := r.run()
			require.ErrorIs(t, err, lost)
			require.Zero(t, r.open, "machines left open")
			m, err := new(fake).Build(r.ctx, r.plan)
			require.NoError(t, err)
			at, err := readCheckpoint(checkpointPath(r.opts.Dir, latest), r.plan, m)
			require.NoError(t, err)
			require.EqualValues(t, map[time.Duration]int{time.Nanosecond: 6, time.Hour: 4}[every], at.Step, "of the last step, or of the last epoch")
			r.fail, r.opts.Resume = nil, true
			r.train(t)
			require.Equal(t, outcome(t, whole.opts.Dir), outcome(t, r.opts.Dir))
		}
	}
}

// TestResume: a run that stopped after any number of steps, and went on, ends bit for bit like one that never stopped: parameters, states, sums, counts, rows.
func TestResume(t *testing.T) {
	for _, alternating := range []bool{false, true} {
		for _, keepLast := range []bool{false, true} {
			begin := func(dir string) *trial {
				r := newTrial(t, dir)
				r.prog.Alternating, r.prog.LogEvery, r.prog.Epochs = alternating, 3, 3
				if keepLast {
					r.keepLast()
				}
				return r
			}
			whole := begin(t.TempDir())
			steps := int(whole.train(t).Steps)
			want := outcome(t, whole.opts.Dir)
			for k := range steps {
				stopped := begin(t.TempDir())
				stopped.opts.Steps = k + 1
				require.EqualValues(t, k+1, stopped.train(t).Steps)
				rest := begin(stopped.opts.Dir)
				rest.opts.Resume = true
				rest.train(t)
				require.Equal(t, want, outcome(t, stopped.opts.Dir), "alternating %v, keep_last %v, stopped after step %d", alternating, keepLast, k+1)
			}
		}
	}
}

// TestInterrupted: wherever a context ends, in training or in evaluation, a checkpoint is written and the rest of the run makes it whole.
func TestInterrupted(t *testing.T) {
	whole := newTrial(t, t.TempDir())
	whole.train(t)
	want := outcome(t, whole.opts.Dir)
	for k := range len(whole.ran) {
		r := newTrial(t, t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		r.ctx = ctx
		r.backend = &canceller{r.fake, k + 1, cancel}
		_, err := r.run()
		if err == nil { // the last list of the run: there was nothing left to interrupt
			require.Greater(t, k, len(whole.ran)-2)
			continue
		}
		require.ErrorIs(t, err, ErrInterrupted, "list %d", k+1)
		rest := newTrial(t, r.opts.Dir)
		rest.opts.Resume = true
		rest.train(t)
		require.Equal(t, want, outcome(t, r.opts.Dir), "interrupted in list %d, %s", k+1, whole.ran[k])
	}
}

// TestInterruptedWithoutPlace: where the checkpoint of an interrupted run cannot be written, nobody is told that it was.
func TestInterruptedWithoutPlace(t *testing.T) {
	r := newTrial(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	r.ctx = ctx
	r.spoil = func(int, map[string][]float32) {
		cancel()
		require.NoError(t, os.RemoveAll(filepath.Join(r.opts.Dir, checkpoints)))
	}
	_, err := r.run()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, ErrInterrupted)
}

// A canceller ends a context while the machine runs its n-th list.
type canceller struct {
	*fake
	left   int
	cancel context.CancelFunc
}

func (c *canceller) Build(ctx context.Context, p *kernel.Plan) (backend.Machine, error) {
	m, err := c.fake.Build(ctx, p)
	return cancelling{m, c}, err
}

type cancelling struct {
	backend.Machine
	by *canceller
}

func (m cancelling) Run(ctx context.Context, list string) error {
	if m.by.left--; m.by.left == 0 {
		m.by.cancel()
	}
	return m.Machine.Run(ctx, list)
}

// TestCheckpointsInLongEpochs: an epoch that takes longer than checkpointEvery is kept on the way.
func TestCheckpointsInLongEpochs(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Epochs = 1
	r.opts.CheckpointEvery = time.Nanosecond
	var seen []uint64
	r.spoil = func(int, map[string][]float32) {
		f, err := safetensors.Read(checkpointPath(r.opts.Dir, latest))
		require.NoError(t, err)
		var at position
		require.NoError(t, json.Unmarshal([]byte(f.Metadata[positionKey]), &at))
		seen = append(seen, at.Step)
	}
	r.train(t)
	require.Equal(t, []uint64{0, 1, 2, 3}, seen)
}
