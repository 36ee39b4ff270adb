package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"bnetc/backend"
	"bnetc/runtime"
)

type evalCmd struct {
	source
	aim
	Params string `help:"Parameters; a run's best checkpoint by default." placeholder:"FILE.safetensors"`
	Data   string `help:"Folder of data sets." env:"BNET_DATA" placeholder:"DIR"`
	JSON   bool   `name:"json" help:"The result as JSON on standard output."`
}

func (evalCmd) Help() string {
	return "Example: bnetc eval runs/digits --params runs/digits/checkpoint/latest.safetensors"
}

// An evalResult is what --json prints: errors in percent, losses as means over samples.
type evalResult struct {
	TrainError *float64            `json:"train_error,omitempty"`
	TestError  *float64            `json:"test_error,omitempty"`
	TrainLoss  float64             `json:"train_loss"`
	TestLoss   float64             `json:"test_loss"`
	Train      *runtime.Evaluation `json:"train"`
	Test       *runtime.Evaluation `json:"test"`
}

func (c *evalCmd) Run(ctx context.Context) error {
	p, err := c.load()
	if err != nil {
		return err
	}
	if c.Params == "" && !runtime.IsRun(c.Program) {
		return usage{fmt.Sprintf("%s is no run folder and holds no trained parameters; name a file of them with --params", c.Program)}
	}
	s, err := start(ctx, p, c.Program, c.aim, c.Data)
	if err != nil {
		return blame(err, c.said())
	}
	defer s.close()
	load := func(m backend.Machine) error {
		if c.Params != "" {
			return runtime.LoadParams(c.Params, s.engine.Plan(), m)
		}
		return runtime.LoadBest(c.Program, s.engine.Plan(), m)
	}
	got, err := runtime.Evaluate(ctx, s.engine, load, split{s.data.Train}, split{s.data.Test})
	if err != nil {
		return err
	}
	reportDamage("training", s.data.Train)
	reportDamage("test", s.data.Test)
	train, test := got[0], got[1]
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(evalResult{train.Error, test.Error, train.Loss, test.Loss, train, test})
	}
	printEvaluation("train", train)
	printEvaluation("test", test)
	return nil
}

func printEvaluation(name string, e *runtime.Evaluation) {
	fmt.Printf("%-5s ", name)
	if e.Error != nil {
		fmt.Printf("error %.2f %%  ", *e.Error)
	}
	if e.Top5 != nil {
		fmt.Printf("top-5 error %.2f %%  ", *e.Top5)
	}
	fmt.Printf("loss %.6g  (%d samples)\n", e.Loss, e.Samples)
}
