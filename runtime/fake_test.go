package runtime

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// The tests of this package run plans on a machine that is a few lines of Go: what a run does to buffers is then plain to see, and any loss can be
// made to fail at any step.

// fakePlan is a plan of two parameters with optimizer states, two inputs, and sums. Its kernels are the fake machine's.
func fakePlan(batch int, optimizer ...string) *kernel.Plan {
	p := &kernel.Plan{Name: "fake", Batch: batch, Settings: []string{"forward.lr", "forward.t", "inverse.lr", "step0", "step1", "seed0", "learn.noise"}}
	add := func(kind kernel.BufferKind, name string, shape ...int) {
		b := kernel.Buffer{Name: name, Kind: kind, Shape: shape}
		if kind == kernel.Weight {
			b.Init = &kernel.Init{Kind: "glorot", FanIn: 3, FanOut: 2, Stream: uint32(len(p.Buffers))}
		}
		p.Buffers = append(p.Buffers, b)
	}
	add(kernel.Weight, "l1.W", 2, 3)
	add(kernel.Weight, "y.V", 3, 2)
	add(kernel.State, "l1.W.m", 2, 3)
	add(kernel.Input, "x", batch, 3)
	add(kernel.Input, "label", batch, 2)
	add(kernel.Input, "weight", batch)
	add(kernel.Metric, "train.loss", 1)
	add(kernel.Metric, "forward_loss.l1", 1)
	add(kernel.Metric, "inverse_loss.y", 1)
	add(kernel.Metric, "loss", 1)
	add(kernel.Metric, "errors", 1)
	add(kernel.Metric, "errors5", 1)
	add(kernel.Metric, "measure.size.l1", 1)
	add(kernel.Setting, "settings", len(p.Settings))
	return p
}

// A fake is a backend whose machines keep a diary.
type fake struct {
	ran     []string                               // lists, in order
	set     []map[string]float32                   // settings of each training list
	fed     [][]float32                            // first column of each training batch
	spoil   func(step int, b map[string][]float32) // called behind a training list
	fail    func(step int) error                   // called before a training list
	steps   int
	fetched int   // rows
	late    bool  // its machines work behind their caller: what a run left is known three runs later; and they hold data sets
	built   []int // batch sizes
	open    int
}

func (f *fake) Build(_ context.Context, p *kernel.Plan) (backend.Machine, error) {
	m := &fakeMachine{fake: f, plan: p, buffers: map[string][]float32{}}
	for _, b := range p.Buffers {
		m.buffers[b.Name] = make([]float32, b.Elements())
	}
	f.built = append(f.built, p.Batch)
	f.open++
	if f.late {
		return &lateMachine{fakeMachine: m}, nil
	}
	return m, nil
}

type fakeMachine struct {
	fake    *fake
	plan    *kernel.Plan
	buffers map[string][]float32
}

func (m *fakeMachine) buffer(i int, data []float32) ([]float32, error) {
	b := m.buffers[m.plan.Buffers[i].Name]
	if len(b) != len(data) {
		return nil, fmt.Errorf("buffer %s holds %d numbers, not %d", m.plan.Buffers[i].Name, len(b), len(data))
	}
	return b, nil
}

func (m *fakeMachine) Write(i int, data []float32) error {
	b, err := m.buffer(i, data)
	copy(b, data)
	return err
}

func (m *fakeMachine) Read(i int, data []float32) error {
	b, err := m.buffer(i, data)
	copy(data, b)
	return err
}

func (m *fakeMachine) Close() error { m.fake.open--; return nil }

// Run makes updates that depend on everything a run feeds: the batch, the settings, the states, the parameters; so that a run that differs in any of it ends
// elsewhere.
func (m *fakeMachine) Run(ctx context.Context, list string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, f := m.buffers, m.fake
	f.ran = append(f.ran, list)
	set := map[string]float32{}
	for i, name := range m.plan.Settings {
		set[name] = b["settings"][i]
	}
	if list == "evaluate" {
		for n, w := range b["weight"] {
			b["loss"][0] += w * b["x"][3*n]
			b["errors"][0] += w * b["label"][2*n]
			b["errors5"][0] += w * b["label"][2*n] / 2
			b["measure.size.l1"][0] += w * 2 * set["learn.noise"] // which is a half
		}
		return nil
	}
	if f.fail != nil {
		if err := f.fail(f.steps + 1); err != nil {
			return err
		}
	}
	f.set = append(f.set, set)
	var column []float32
	for n := range m.plan.Batch {
		column = append(column, b["x"][3*n])
	}
	f.fed = append(f.fed, column)
	mean := float32(0)
	for _, v := range column {
		mean += v / float32(len(column))
	}
	for i := range b["l1.W"] {
		if list != "step inverse" {
			b["l1.W.m"][i] = 0.9*b["l1.W.m"][i] + mean + 0.01*set["step0"]
			b["l1.W"][i] -= set["forward.lr"] * b["l1.W.m"][i]
		}
		if list != "step forward" {
			b["y.V"][i] -= set["inverse.lr"] * (b["l1.W"][i] + mean)
		}
	}
	for _, loss := range []string{"train.loss", "forward_loss.l1", "inverse_loss.y"} {
		b[loss][0] += float32(len(column)) * (mean + 1)
	}
	f.steps++
	if f.spoil != nil {
		f.spoil(f.steps, b)
	}
	return nil
}

// A lateMachine is a fake whose watched buffers are known three runs later.
type lateMachine struct {
	*fakeMachine
	watched []int
	seen    [][]float32
	sets    []map[string][]float32 // rows of each input
}

func (m *lateMachine) Watch(buffers []int) error { m.watched, m.seen = buffers, nil; return nil }

func (m *lateMachine) Run(ctx context.Context, list string) error {
	err := m.fakeMachine.Run(ctx, list)
	var all []float32
	for _, b := range m.watched {
		all = append(all, m.buffers[m.plan.Buffers[b].Name]...)
	}
	m.seen = append(m.seen, all)
	return err
}

// inputs calls f with each input, the rows that set has of it, and the numbers of a row.
func (m *lateMachine) inputs(set int, f func(input string, kept []float32, row int)) error {
	for _, b := range m.plan.Buffers {
		if b.Kind == kernel.Input {
			f(b.Name, m.sets[set][b.Name], b.Elements()/m.plan.Batch)
		}
	}
	return nil
}

func (m *lateMachine) Reserve(rows int, _ *kernel.Plan) (int, bool, error) {
	set := len(m.sets)
	m.sets = append(m.sets, map[string][]float32{})
	return set, true, m.inputs(set, func(input string, _ []float32, row int) { m.sets[set][input] = make([]float32, rows*row) })
}

func (m *lateMachine) Stow(set, first, n int) error {
	return m.inputs(set, func(input string, kept []float32, row int) { copy(kept[first*row:(first+n)*row], m.buffers[input]) })
}

// Fetch adds a move to the first column of its row.
func (m *lateMachine) Fetch(set int, rows []int, moves []float32) error {
	m.fake.fetched += len(rows)
	err := m.inputs(set, func(input string, kept []float32, row int) {
		clear(m.buffers[input][len(rows)*row:])
		for i, r := range rows {
			copy(m.buffers[input][i*row:], kept[r*row:(r+1)*row])
		}
	})
	for i, by := range moves {
		m.buffers["x"][3*i] += by
	}
	return err
}

func (m *lateMachine) Watched(wait bool) ([][]float32, error) {
	n := max(0, len(m.seen)-3)
	if wait {
		n = len(m.seen)
	}
	known := m.seen[:n]
	m.seen = m.seen[n:]
	return known, nil
}

// points are samples whose first column is their number.
type points int

func (p points) Len() int { return int(p) }

func (points) Fixed() bool { return true }

func (points) Moves([]int, int) []float32 { return nil }

func (p points) Batches(ctx context.Context, index []int, batch, epoch int, training bool) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if index == nil {
			for i := range int(p) {
				index = append(index, i)
			}
		}
		for part := range slices.Chunk(index, batch) {
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			b := &Batch{X: make([]float32, 3*batch), Label: make([]float32, 2*batch), Weight: make([]float32, batch), N: len(part)}
			for n, i := range part {
				b.X[3*n], b.Weight[n] = float32(i)/float32(p), 1
				b.Label[2*n+i%2] = 1
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// restless are points that move in training: their first column grows.
type restless struct{ points }

func (restless) Moves(samples []int, epoch int) (moves []float32) {
	for _, i := range samples {
		moves = append(moves, float32(i%3+epoch))
	}
	return moves
}

func (r restless) Batches(ctx context.Context, index []int, batch, epoch int, training bool) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		for b, err := range r.points.Batches(ctx, index, batch, epoch, training) {
			if err == nil && training {
				for n, by := range r.Moves(index[:b.N], epoch) {
					b.X[3*n] += by
				}
				index = index[b.N:]
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// diary is a Log that remembers.
type diary struct{ lines []string }

func (d *diary) Start(epoch, epochs, steps, done int) {
	d.lines = append(d.lines, fmt.Sprintf("epoch %d/%d from %d of %d", epoch, epochs, done, steps))
}
func (d *diary) Step(int) {}
func (d *diary) Epoch(row *EpochRow) {
	d.lines = append(d.lines, fmt.Sprintf("epoch %d done", row.Epoch))
}
func (d *diary) Say(text string) { d.lines = append(d.lines, text) }

// A trial is a run with everything that a test may want to change.
type trial struct {
	*fake
	backend backend.Backend // that builds its machines, where it is not the fake itself
	prog    *Program
	plan    *kernel.Plan
	last    *kernel.Plan // for the incomplete last batch, where it is kept
	opts    Options
	log     *diary
	ctx     context.Context
}

func newTrial(t *testing.T, dir string) *trial {
	f, log := &fake{}, &diary{}
	return &trial{fake: f, log: log, ctx: t.Context(), plan: fakePlan(4),
		prog: &Program{Name: "fake", Output: "y", Source: "network fake\n", Hash: "0123", Epochs: 4, Seed: 7,
			Params: []Setting{{"noise", 0.5}},
			Groups: []Group{{Name: "forward", Optimizer: "sgd", Hyper: []Setting{{"lr", 0.5}}}, {Name: "inverse", Optimizer: "sgd", Hyper: []Setting{{"lr", 0.25}}}}},
		opts: Options{Target: "fake", Device: "a diary", Dir: dir, Train: points(18), Test: points(7), Log: log, Command: "{}\n",
			Shuffle: func(n, epoch int) []int { return rand.New(rand.NewPCG(uint64(epoch), 1)).Perm(n) }},
	}
}

// keepLast has the incomplete last batch trained, too.
func (r *trial) keepLast() {
	r.prog.KeepLast = true
	if rest := r.opts.Train.Len() % r.plan.Batch; rest > 0 {
		r.last = fakePlan(rest)
	}
}

// engine makes the engine of a plan.
func (r *trial) engine(p *kernel.Plan) (*Engine, error) {
	b := r.backend
	if b == nil {
		b = r.fake
	}
	m, err := b.Build(r.ctx, p)
	if err != nil {
		return nil, err
	}
	return NewEngine(r.ctx, r.prog, p, m)
}

// run makes engines, trains, and closes them.
func (r *trial) run() (*Result, error) {
	e, err := r.engine(r.plan)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if r.last != nil {
		if r.opts.Short, err = r.engine(r.last); err != nil {
			return nil, err
		}
		defer r.opts.Short.Close()
	}
	return Train(r.ctx, e, r.opts)
}

// evaluate makes an engine, evaluates, and closes it.
func (r *trial) evaluate(load func(backend.Machine) error, splits ...Split) ([]*Evaluation, error) {
	e, err := r.engine(r.plan)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return Evaluate(r.ctx, e, load, splits...)
}

func (r *trial) train(t *testing.T) *Result {
	t.Helper()
	got, err := r.run()
	require.NoError(t, err)
	require.Zero(t, r.open, "machines left open")
	return got
}

// nan is what spoils a run.
var nan = float32(math.NaN())
