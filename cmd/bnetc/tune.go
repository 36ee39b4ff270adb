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
	Vector    int `json:"vector"`
	Registers int `json:"registers"`
}

func (s schedule) of(t compiler.Target) compiler.Target {
	t.Vector, t.Registers = s.Vector, s.Registers
	return t
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
	if err != nil || json.Unmarshal(text, &s) != nil || s.Vector < 1 || s.Registers < 8 {
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
	for _, vector := range []int{now.Vector / 2, now.Vector, 2 * now.Vector} {
		for _, registers := range []int{now.Registers / 2, now.Registers, 2 * now.Registers} {
			s := schedule{max(1, vector), max(8, registers)}
			ms, err := c.try(ctx, p, t, to.place, s.of(now))
			if ctx.Err() != nil {
				return ctx.Err() // half a search keeps nothing
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "vectors of %d, %d registers: %v\n", s.Vector, s.Registers, err)
				continue
			}
			fmt.Fprintf(os.Stderr, "vectors of %d, %d registers: %.3f ms\n", s.Vector, s.Registers, ms)
			if best.Vector == 0 || ms < least {
				best, least = s, ms
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
	made, err := compiler.Compile(p, p.Train.Batch, by)
	if err != nil {
		return 0, err
	}
	m, err := runtime.Prepare(ctx, runnable(p, made.Plan, by), t.backend(at), rand.New(rand.NewPCG(1, 2)).Float32)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	sum, lists := 0.0, trainingLists(made.Plan)
	for _, l := range lists {
		median, _, err := measure(ctx, m, l.Name, min(c.Time, time.Second)/time.Duration(len(lists)))
		if err != nil {
			return 0, err
		}
		sum += median / float64(len(lists))
	}
	return sum, nil
}
