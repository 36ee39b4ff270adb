package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"bnetc/dataset"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/runtime"
)

// openData opens what a program trains on; the folder is --data or BNET_DATA.
func openData(ctx context.Context, p *check.Program, dir string) (*dataset.Data, error) {
	if p.Train.Data == "" {
		return nil, fmt.Errorf("the program %s does not say what to train on; add `train on digits { batch 64  epochs 5 }`", p.Name)
	}
	outputs := 0
	if !p.TargetIsInput {
		outputs = p.Layers[len(p.Layers)-1].Shape.Units()
	}
	spec := dataset.Spec{Name: p.Train.Data, Files: p.Train.Files, H: p.Input.H, W: p.Input.W, C: p.Input.C, Outputs: outputs,
		Distributions: p.Loss == check.CrossEntropy, Strict: p.Train.Strict, Augment: stream(p.Train.Seed, "augment")}
	for _, s := range p.Train.Steps {
		spec.Steps = append(spec.Steps, dataset.Step{Name: s.Name, Args: s.Args, Word: s.Word})
	}
	data, err := dataset.Open(spec, dir)
	var misfit *dataset.Misfit
	if errors.As(err, &misfit) {
		var l diag.List
		p.Fits(check.Shape{H: misfit.H, W: misfit.W, C: misfit.C}, misfit.Classes, &l)
		l.Render(os.Stderr)
		return nil, diagnosed{statusFault}
	}
	if err != nil {
		return nil, err
	}
	long := time.AfterFunc(time.Second, func() { fmt.Fprintf(os.Stderr, "decoding %d pictures\n", data.Train.Len()+data.Test.Len()) })
	defer long.Stop()
	return data, data.Load(ctx)
}

// reportDamage says how many samples were left out, and why the first of them.
func reportDamage(name string, s *dataset.Split) {
	damaged := s.Damaged()
	for _, d := range damaged[:min(3, len(damaged))] {
		fmt.Fprintln(os.Stderr, d)
	}
	if len(damaged) > 0 {
		fmt.Fprintf(os.Stderr, "damaged pictures of the %s split that were skipped: %d; `strict` in the train block makes them errors\n", name, len(damaged))
	}
}

// split shows a dataset's split to the runtime.
type split struct{ *dataset.Split }

func (s split) Batches(ctx context.Context, index []int, batch, epoch int, training bool) iter.Seq2[*runtime.Batch, error] {
	return func(yield func(*runtime.Batch, error) bool) {
		for b, err := range s.Split.Batches(ctx, dataset.Pass{Index: index, Batch: batch, Epoch: epoch, Training: training}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&runtime.Batch{X: b.X, Label: b.Label, Weight: b.Weight, N: b.N}, nil) {
				return
			}
		}
	}
}

// shuffler gives the order of an epoch.
func shuffler(seed uint64) func(n, epoch int) []int {
	rand := stream(seed, "shuffle")
	return func(n, epoch int) []int { return dataset.Shuffle(n, epoch, rand) }
}
