// Package backend is the one small interface that the runtime sees a target through. It knows plans; not rules,
// not networks, not which backends there are.
package backend

import (
	"context"

	"bnetc/ir/kernel"
)

// A Backend turns a plan into a machine. It refuses, with an error that says the remedy, what the device cannot hold or
// the computer lacks.
type Backend interface {
	Build(ctx context.Context, plan *kernel.Plan) (Machine, error)
}

// A Machine holds the buffers of one plan and runs its lists. Buffer numbers are indices into Plan.Buffers; data is in the
// buffer's own layout, row-major, and its length must be the buffer's. A Machine is used by one goroutine at a time.
type Machine interface {
	Write(buffer int, data []float32) error
	Read(buffer int, data []float32) error
	Run(ctx context.Context, list string) error
	Close() error
}

// A Missing error says that the computer lacks something: a compiler, a device, memory. Commands exit with status 3.
type Missing struct{ What, Remedy string }

func (m *Missing) Error() string { return m.What + "; " + m.Remedy }

// A Keeper is a backend that can write what it made of a plan into a folder, and open it again without compiling. A folder made for a device
// that this one is not, it makes anew from what it kept, or refuses.
type Keeper interface {
	Save(ctx context.Context, plan *kernel.Plan, dir string) error
	Open(ctx context.Context, dir string) (Machine, *kernel.Plan, error)
}

// A Deferred machine returns from Run, and from Write, before the device has done it. Whoever measures, or must know that all went well, waits.
type Deferred interface {
	Wait() error
}

// A Watcher is a machine that keeps what each run leaves in a few small buffers, so that whoever follows them need not wait for the run.
type Watcher interface {
	// Watch says which buffers are kept of every run from now on.
	Watch(buffers []int) error
	// Watched gives their contents, one behind the other, for each run that is done and was not given before, in order; with wait, for all runs.
	Watched(wait bool) ([][]float32, error)
}

// A Resident machine can hold rows of its inputs beside the plan, so that a data set need not come from the host in every epoch.
type Resident interface {
	// Reserve makes room for rows of every input; not ok where the device has none to spare. moves, where rows are to be moved, is the plan beside the machine's
	// own whose list moves them: inputs that it stores to are fetched through it.
	Reserve(rows int, moves *kernel.Plan) (set int, ok bool, err error)
	// Stow keeps the first n rows that the inputs hold as rows first, first+1, … of a set.
	Stow(set, first, n int) error
	// Fetch fills the inputs with rows of a set, and with zeros behind them where a batch has more. With moves, which is what the plan that moves has as its input
	// of that name, each input b that the plan stores to is made by it of rows in its input b.still.
	Fetch(set int, rows []int, moves []float32) error
}

// A Profiler is a machine that can tell how long every step of a list takes.
type Profiler interface {
	Profile(list string) ([]KernelTime, error)
}

// A KernelTime is how long a step of a list took.
type KernelTime struct {
	Kernel  string
	Level   int
	Seconds float64
}
