package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bnetc/runtime"
)

type runCmd struct {
	source
	Target    string `help:"cpu or reference." default:"cpu" placeholder:"NAME"`
	Device    string `help:"Device by number or name, where a target has several." placeholder:"N|NAME"`
	Threads   int    `help:"Workers; all processors by default." placeholder:"N"`
	Data      string `help:"Folder of data sets." env:"BNET_DATA" placeholder:"DIR"`
	Epochs    *int   `help:"Epochs to train." placeholder:"N"`
	Steps     int    `help:"Stop after so many updates." placeholder:"N"`
	Batch     *int   `help:"Samples of a batch." placeholder:"N"`
	Seed      *int64 `help:"Seed of every random number." placeholder:"N"`
	Init      string `help:"Initial parameters instead of drawn ones." placeholder:"FILE.safetensors"`
	NoShuffle bool   `help:"Batches in file order."`
	Out       string `help:"Run folder; default runs/NAME-TIMESTAMP." placeholder:"DIR"`
	Save      string `help:"Write the final parameters here too." placeholder:"FILE.safetensors"`
	Resume    string `help:"Go on with the run in this folder." placeholder:"DIR"`
	JSON      bool   `name:"json" help:"The last epoch's row as JSON on standard output."`
}

func (runCmd) Help() string {
	return "Example: bnetc run examples/digits_sdtp.bnet --epochs 3 --set learn.forward.lr=3e-4"
}

// settings puts the flags that have a path of --set among the others.
func (c *runCmd) settings() []string {
	set := c.Set
	if c.Epochs != nil {
		set = append(set, fmt.Sprintf("train.epochs=%d", *c.Epochs))
	}
	if c.Batch != nil {
		set = append(set, fmt.Sprintf("train.batch=%d", *c.Batch))
	}
	if c.Seed != nil {
		set = append(set, fmt.Sprintf("train.seed=%d", *c.Seed))
	}
	return set
}

func (c *runCmd) Run(ctx context.Context) error {
	t, err := findTarget(c.Target)
	if err != nil {
		return err
	}
	if err := mustExist(c.Program); err != nil {
		return err
	}
	path := c.Program
	if isDir(path) {
		path = filepath.Join(path, bundleSource)
	}
	p, err := checkProgram(path, c.settings())
	if err != nil {
		return err
	}
	if p.Train.Data == "" {
		return fmt.Errorf("%s: the program does not say what to train on; add `train on digits { batch 64  epochs 5 }`", path)
	}
	dir, resume := c.Out, false
	if c.Resume != "" {
		if err := mustExist(c.Resume); err != nil {
			return err
		}
		dir, resume = c.Resume, true
	}
	if dir == "" {
		dir = filepath.Join("runs", baseName(c.Program)+"-"+time.Now().Format("20060102-150405"))
	}
	data, err := openData(p, c.Data)
	if err != nil {
		return err
	}
	backend, plan, err := c.prepare(ctx, p, t)
	if err != nil {
		return err
	}
	prog := runnable(p, plan, t, c.Threads)
	log := newProgress(os.Stderr)
	result, err := runtime.Train(ctx, prog, runtime.Options{
		Backend: backend, Target: t.name, Device: t.device(), Dir: dir, Init: c.Init, NoShuffle: c.NoShuffle, Steps: c.Steps, Resume: resume, Save: c.Save,
		Shuffle: shuffler(p.Train.Seed), Train: split{data.Train}, Test: split{data.Test}, Log: log,
	})
	log.end()
	for _, s := range []struct {
		name string
		bad  int
	}{{"training", len(data.Train.Damaged())}, {"test", len(data.Test.Damaged())}} {
		if s.bad > 0 {
			fmt.Fprintf(os.Stderr, "%d damaged pictures of the %s split were skipped; `strict` in the train block makes them errors\n", s.bad, s.name)
		}
	}
	if err != nil {
		return err
	}
	if c.JSON && result.Epoch != nil {
		if err := json.NewEncoder(os.Stdout).Encode(result.Epoch); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d updates; report: %s\n", result.Steps, filepath.Join(dir, "report.html"))
	return nil
}
