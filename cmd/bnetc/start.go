package main

import (
	"cmp"
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
	building.Go(func() { s.engine, err = j.build(wanted) })
	read := <-reading
	if read.err != nil {
		cancel()
	}
	building.Wait()
	s.data = read.data
	if err = cmp.Or(read.err, err); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// A started job has all it needs.
type started struct {
	*job
	device device
	engine *runtime.Engine
	short  *runtime.Engine // for the incomplete last batch of an epoch, where it is kept
	data   *dataset.Data
}

// close ends its machines.
func (s *started) close() {
	for _, e := range []*runtime.Engine{s.engine, s.short} {
		if e != nil {
			e.Close()
		}
	}
}

// keepLast makes the engine for the incomplete last batch of an epoch, where there is one and it is kept, and refuses it where it does not fit: now, so that
// nothing that it lacks ends a run behind its first epoch.
func (s *started) keepLast(ctx context.Context) error {
	rest := s.data.Train.Len() % s.made.Plan.Batch
	if !s.program.Train.KeepLast || rest == 0 {
		return nil
	}
	made, err := compiled(ctx, s.program, rest, s.target.aim(s.at))
	if err != nil {
		return err
	}
	if err := s.fitsBoth(s.device, made.Plan); err != nil {
		return err
	}
	m, err := s.target.backend(s.at).Build(ctx, made.Plan)
	if err != nil {
		return err
	}
	s.short, err = runtime.NewEngine(ctx, runnable(s.program), made.Plan, m)
	return err
}

// moves is the plan by which a device moves samples, nil where they stay as they are.
func (s *started) moves() *kernel.Plan {
	if s.data.Train.Moves(nil, 0) == nil {
		return nil
	}
	moved := []string{"x"}
	if s.program.TargetIsInput && s.engine.Plan().Buffer("label") >= 0 {
		moved = append(moved, "label")
	}
	h, w, c := s.data.Train.Shape()
	return compiler.Moves(s.target.aim(s.at), s.engine.Plan().Batch, moved, h, w, c)
}
