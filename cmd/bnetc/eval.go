package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"bnetc/backend"
	"bnetc/runtime"
)

type evalCmd struct {
	Where   string   `arg:"" help:"A run folder, a bundle, or a .bnet file." placeholder:"RUN|BUNDLE"`
	Params  string   `help:"Parameters; the run's best checkpoint by default." placeholder:"FILE.safetensors"`
	Target  string   `help:"cpu or reference." default:"cpu" placeholder:"NAME"`
	Threads int      `help:"Workers; all processors by default." placeholder:"N"`
	Data    string   `help:"Folder of data sets." env:"BNET_DATA" placeholder:"DIR"`
	Set     []string `help:"Change a setting of the program; repeatable." placeholder:"PATH=VALUE" sep:"none"`
	JSON    bool     `name:"json" help:"The result as JSON on standard output."`
}

func (evalCmd) Help() string {
	return "Example: bnetc eval runs/digits --params best.safetensors"
}

func (c *evalCmd) Run(ctx context.Context) error {
	t, err := findTarget(c.Target)
	if err != nil {
		return err
	}
	if err := mustExist(c.Where); err != nil {
		return err
	}
	path := c.Where
	if isDir(path) {
		path = filepath.Join(path, bundleSource)
		if err := mustExist(path); err != nil {
			return fmt.Errorf("%s is neither a run folder nor a bundle: %w", c.Where, err)
		}
	}
	p, err := checkProgram(path, c.Set)
	if err != nil {
		return err
	}
	data, err := openData(p, c.Data)
	if err != nil {
		return err
	}
	made, err := compiled(p, t, c.Threads)
	if err != nil {
		return err
	}
	load := func(m backend.Machine) error {
		if c.Params != "" {
			return runtime.LoadParams(c.Params, made.Plan, m)
		}
		return runtime.LoadCheckpoint(c.Where, "best", made.Plan, m)
	}
	got, err := runtime.Evaluate(ctx, runnable(p, made.Plan, t, c.Threads), t.backend(c.Threads), load, split{data.Train}, split{data.Test})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"train": got[0], "test": got[1],
			"train_error": got[0].Error, "test_error": got[1].Error, "train_loss": got[0].Loss, "test_loss": got[1].Loss})
	}
	for i, name := range []string{"train", "test"} {
		if got[i].Error != nil {
			fmt.Printf("%-5s error %.2f %%  loss %.6g  (%d samples)\n", name, *got[i].Error, got[i].Loss, got[i].Samples)
		} else {
			fmt.Printf("%-5s loss %.6g  (%d samples)\n", name, got[i].Loss, got[i].Samples)
		}
	}
	return nil
}
