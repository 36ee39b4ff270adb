package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"bnetc/backend"
	"bnetc/compiler"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
	"bnetc/runtime"
	"bnetc/runtime/replace"
)

// A tunable backend has a file for what was measured on its device and driver.
type tunable interface {
	Tuned() (path string, err error)
}

// A schedule is what --tune chooses of a target; the rest is the class's.
type schedule struct {
	Vector    int  `json:"vector"`
	Registers int  `json:"registers"`
	Columns   int  `json:"columns"`
	Positions int  `json:"positions"`
	Matrices  bool `json:"matrices"` // 16-bit products are of cooperative matrices, where the device has those
}

func (s schedule) of(t compiler.Target) compiler.Target {
	if s.Vector != t.Vector {
		t.Matrices = nil
	}
	t.Vector, t.Registers, t.Columns, t.Positions, t.Plain = s.Vector, s.Registers, s.Columns, s.Positions, !s.Matrices
	return t
}

func (s schedule) String() string {
	text := fmt.Sprintf("vectors of %d, %d registers, tiles of %d columns, %d positions", s.Vector, s.Registers, s.Columns, s.Positions)
	if s.Matrices {
		text += ", matrices"
	}
	return text
}

// tuned is the schedule that was measured to be best on a device, else that of its class.
func tuned(b backend.Backend, class compiler.Target) compiler.Target {
	t, ok := b.(tunable)
	if !ok {
		return class
	}
	path, err := t.Tuned()
	if err != nil {
		return class
	}
	text, err := os.ReadFile(path)
	var s schedule
	if err != nil || json.Unmarshal(text, &s) != nil || s.Vector < 1 || s.Registers < 8 || s.Columns < 1 || s.Positions < 1 {
		return class
	}
	return s.of(class)
}

// tune measures a program's step by schedules around the one in force, and keeps the best for every later compilation on the device.
func (c *benchCmd) tune(ctx context.Context, p *check.Program, to aim) error {
	name := to.Target
	if name == "" {
		name = targets[0].name
	}
	t, err := findTarget(name)
	if err != nil {
		return err
	}
	b, ok := t.backend(to.place).(tunable)
	if !ok {
		return usage{fmt.Sprintf("--tune: target %s has one schedule; --target vulkan has several", t.name)}
	}
	path, err := b.Tuned()
	if err != nil {
		return err
	}
	now, best, least := t.aim(to.place), schedule{}, 0.0
	measure := func(s schedule) error {
		ms, err := c.try(ctx, p, t, to.place, s.of(now))
		if ctx.Err() != nil {
			return ctx.Err() // half a search keeps nothing
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s, err)
			return nil
		}
		fmt.Fprintf(os.Stderr, "%s: %.3f ms\n", s, ms)
		if best.Vector == 0 || ms < least {
			best, least = s, ms
		}
		return nil
	}
	from := schedule{now.Vector, now.Registers, now.Columns, now.Positions, !now.Plain}
	if err := measure(from); err != nil {
		return err
	}
	if len(now.Matrices) > 0 && p.Train.Precision != kernel.F32.String() {
		other := from
		other.Matrices = !other.Matrices
		if err := measure(other); err != nil {
			return err
		}
	}
	// One number after the other, half of it and twice, from the best so far.
	for _, number := range []func(s *schedule) (x *int, least int){
		func(s *schedule) (*int, int) { return &s.Registers, 8 },
		func(s *schedule) (*int, int) { return &s.Columns, 1 },
		func(s *schedule) (*int, int) { return &s.Vector, 1 },
		func(s *schedule) (*int, int) { return &s.Positions, 1 },
	} {
		if best.Vector > 0 {
			from = best
		}
		half, twice := from, from
		x, least := number(&half)
		*x = max(least, *x/2)
		x, _ = number(&twice)
		*x *= 2
		for _, s := range []schedule{half, twice} {
			if err := measure(s); err != nil {
				return err
			}
		}
	}
	if best.Vector == 0 {
		return fmt.Errorf("no schedule ran on the device")
	}
	text, err := json.Marshal(best)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return replace.File(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// try is the mean over a program's training lists of the median time of a step by a schedule.
func (c *benchCmd) try(ctx context.Context, p *check.Program, t *target, at place, by compiler.Target) (float64, error) {
	made, err := compiled(ctx, p, p.Train.Batch, by)
	if err != nil {
		return 0, err
	}
	built, err := t.backend(at).Build(ctx, made.Plan)
	if err != nil {
		return 0, err
	}
	e, err := runtime.NewEngine(ctx, runnable(p), made.Plan, built)
	if err != nil {
		return 0, err
	}
	defer e.Close()
	m, err := runtime.Prepare(e, rand.New(rand.NewPCG(1, 2)).Float32)
	if err != nil {
		return 0, err
	}
	sum, lists := 0.0, trainingLists(made.Plan)
	for _, l := range lists {
		median, _, err := measure(ctx, m, l.Name, min(time.Duration(c.Time), time.Second)/time.Duration(len(lists)))
		if err != nil {
			return 0, err
		}
		sum += median / float64(len(lists))
	}
	return sum, nil
}
