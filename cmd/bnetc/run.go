package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"bnetc/backend"
	"bnetc/runtime"
)

type runCmd struct {
	Program string `arg:"" optional:"" help:"A .bnet file, a bundle or a run folder; by default the one that --resume names." placeholder:"FILE.bnet"`
	changes
	aim
	Data      string  `help:"Folder of data sets; default $BNET_DATA." placeholder:"DIR"`
	Epochs    *int    `help:"Epochs to train: train.epochs." placeholder:"N"`
	Steps     count   `help:"Stop after so many updates." placeholder:"N"`
	Seed      *uint64 `help:"Seed of every random number: train.seed." placeholder:"N"`
	Init      string  `help:"Initial parameters instead of drawn ones; any subset of them." placeholder:"FILE.safetensors"`
	NoShuffle bool    `help:"Batches in file order."`
	Out       string  `help:"Run folder; default runs/NAME-TIMESTAMP." placeholder:"DIR"`
	Save      string  `help:"Write the final parameters here too." placeholder:"FILE.safetensors"`
	Resume    string  `help:"Go on with the run in this folder." placeholder:"DIR"`
	JSON      bool    `name:"json" help:"The last row of metrics as JSON on standard output."`
}

func (runCmd) Help() string {
	return "Example: bnetc run examples/digits_sdtp.bnet --epochs 3 --set learn.forward.lr=3e-4"
}

// said is the command that the flags make, behind the one that it goes on with.
func (c *runCmd) said(before command) (command, error) {
	more := slices.Clone(c.changes.said())
	if c.Epochs != nil {
		more = append(more, fmt.Sprintf("train.epochs=%d", *c.Epochs))
	}
	if c.Seed != nil {
		more = append(more, fmt.Sprintf("train.seed=%d", *c.Seed))
	}
	said := command{Set: override(before.Set, more), NoShuffle: before.NoShuffle || c.NoShuffle, Target: c.Target, Threads: cmp.Or(c.Threads, before.Threads)}
	if b, err := openBundle(c.Program); err != nil {
		return said, err
	} else if b == nil { // which says what it is for
		said.Target = cmp.Or(said.Target, before.Target)
	}
	said.Device = c.Device
	if said.Target == before.Target { // no other has a device of its number
		said.Device = cmp.Or(said.Device, before.Device)
	}
	if data := cmp.Or(c.Data, before.Data, os.Getenv("BNET_DATA")); data != "" {
		var err error
		if said.Data, err = filepath.Abs(data); err != nil { // a run may be gone on with from elsewhere
			return said, err
		}
	}
	return said, nil
}

// folder is the run folder; "" for one of its own.
func (c *runCmd) folder() (string, error) {
	switch {
	case c.Resume != "" && c.Out != "" && filepath.Clean(c.Resume) != filepath.Clean(c.Out):
		return "", usage{"--resume goes on in its own folder; leave --out away"}
	case c.Resume != "" && c.Init != "":
		return "", usage{"--resume has parameters already; leave --init away"}
	case c.Resume != "":
		return c.Resume, readable(c.Resume)
	case c.Out != "":
		return c.Out, runtime.Vacant(c.Out)
	}
	return "", nil
}

func (c *runCmd) Run(ctx context.Context) error {
	if c.Program == "" {
		c.Program = c.Resume
	}
	if c.Program == "" {
		return usage{"expected a program to train: bnetc run FILE.bnet, or bnetc run --resume DIR"}
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	before, err := recall(c.Resume)
	if err != nil {
		return err
	}
	said, err := c.said(before)
	if err != nil {
		return err
	}
	p, err := load(c.Program, said.Set)
	if err != nil {
		return err
	}
	s, err := start(ctx, p, c.Program, said.aim(), said.Data)
	if err != nil {
		return blame(err, said.Set)
	}
	defer s.close()
	if err := s.keepLast(ctx); err != nil {
		return err
	}
	if dir == "" {
		if dir, err = runtime.Fresh(filepath.Join("runs", baseName(c.Program)+"-"+time.Now().Format("20060102-150405"))); err != nil {
			return err
		}
		defer os.Remove(dir) // does nothing, unless the run ended before it put anything into it
	}
	log := newProgress(os.Stderr)
	said.Target = s.target.name
	if before.Target != "" && before.Target != said.Target {
		log.Say(fmt.Sprintf("the run in %s was on target %s; it goes on on %s", dir, before.Target, said.Target))
	}
	log.Say(fmt.Sprintf("%s: %d samples to train on, %d to test", p.Train.Data, s.data.Train.Len(), s.data.Test.Len()))
	result, err := runtime.Train(ctx, s.engine, runtime.Options{
		Target: s.target.name, Device: s.device.name, Dir: dir, Init: c.Init, NoShuffle: said.NoShuffle, Command: said.text(), Steps: int(c.Steps), Resume: c.Resume != "",
		Save: c.Save, Shuffle: shuffler(p.Train.Seed), Train: split{s.data.Train}, Test: split{s.data.Test}, Short: s.short, Moves: s.moves(), Log: log,
	})
	log.end()
	reportDamage("training", s.data.Train)
	reportDamage("test", s.data.Test)
	if errors.Is(err, syscall.ENOSPC) {
		return &backend.Missing{What: err.Error(), Remedy: "free some space, then go on with " + typed("bnetc", "run", "--resume", dir)}
	}
	if errors.Is(err, runtime.ErrInterrupted) {
		return fmt.Errorf("%w: %s goes on from it", err, typed("bnetc", "run", "--resume", dir))
	}
	if err != nil {
		return blame(err, said.Set)
	}
	reached := ""
	if row, ok := result.Row.(*runtime.EpochRow); ok && row.TestError != nil {
		reached = fmt.Sprintf(", test error %.2f %%", *row.TestError)
	}
	fmt.Fprintf(os.Stderr, "%d updates%s; report: %s\n", result.Steps, reached, filepath.Join(dir, runtime.ReportFile))
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(result.Row)
	}
	return nil
}
