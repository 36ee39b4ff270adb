package main

import (
	"context"
	"sync"

	"bnetc/compiler"
	"bnetc/dataset"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
	"bnetc/runtime"
)

// start compiles a program and builds its machine while its data is read, which takes as long. What the machine lacks is said before what the data lacks.
func start(ctx context.Context, p *check.Program, path string, to aim, folder string) (*started, error) {
	type opened struct {
		data *dataset.Data
		err  error
	}
	reading := make(chan opened, 1)
	go func() {
		data, err := openData(ctx, p, folder)
		reading <- opened{data, err}
	}()
	j, err := compile(ctx, p, path, to)
	if err != nil {
		return nil, err
	}
	s := &started{job: j}
	if s.device, err = j.fit(); err != nil {
		return nil, err
	}
	wanted, cancel := context.WithCancel(ctx)
	defer cancel()
	var building sync.WaitGroup
	building.Go(func() { s.built, err = j.build(wanted) })
	read := <-reading
	if read.err != nil {
		cancel()
	}
	building.Wait()
	if read.err != nil {
		s.built.drop()
		return nil, read.err
	}
	s.data = read.data
	return s, err
}

// A started job has all it needs.
type started struct {
	*job
	device device
	built  *built
	data   *dataset.Data
	short  *kernel.Plan // for the incomplete last batch of an epoch, where it is kept
}

// keepLast compiles the plan for the incomplete last batch of an epoch, where there is one and it is kept, and refuses it where it does not fit.
func (s *started) keepLast(ctx context.Context) error {
	rest := s.data.Train.Len() % s.made.Plan.Batch
	if !s.program.Train.KeepLast || rest == 0 {
		return nil
	}
	made, err := compiled(ctx, s.program, rest, s.target.aim(s.at))
	if err != nil {
		return err
	}
	s.short = made.Plan
	return s.fitsBoth(s.device, s.short)
}

// runnable is what the runtime needs to know of it.
func (s *started) runnable() *runtime.Program {
	plan, aim := s.built.plan, s.target.aim(s.at)
	prog := runnable(s.program, plan)
	prog.Short = s.short
	if s.data.Train.Moves(nil, 0) != nil {
		moved := []string{"x"}
		if s.program.TargetIsInput && plan.Buffer("label") >= 0 {
			moved = append(moved, "label")
		}
		h, w, c := s.data.Train.Shape()
		prog.Moves = compiler.Moves(aim, plan.Batch, moved, h, w, c)
	}
	return prog
}
