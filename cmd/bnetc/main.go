// Command bnetc checks, compiles and trains networks that are described together with how they learn.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"bnetc/backend"
	"bnetc/runtime"
)

// Exit statuses, as docs/cli.md lists them.
const (
	statusDone        = 0
	statusFault       = 1   // the program or the data is at fault
	statusUsage       = 2   // the command line is wrong
	statusMissing     = 3   // the machine lacks something
	statusInterrupted = 130 // after a checkpoint was written
)

type cli struct {
	Check   checkCmd   `cmd:"" help:"Parse, resolve and type-check programs; report every mistake of every file."`
	Compile compileCmd `cmd:"" help:"Write a compiled bundle."`
	Run     runCmd     `cmd:"" help:"Train a program or a bundle; write a run folder."`
	Eval    evalCmd    `cmd:"" help:"Evaluate saved parameters."`
	Explain explainCmd `cmd:"" help:"Say what a program means and what the compiler made of it, before anything runs."`
	Fmt     fmtCmd     `cmd:"" help:"Rewrite programs in the one canonical layout."`
	Devices devicesCmd `cmd:"" help:"List what this machine can run on."`
	Bench   benchCmd   `cmd:"" help:"Measure a training step on random batches."`
	New     newCmd     `cmd:"" help:"Write a small program to start from."`
}

// diagnosed is an error whose diagnostics have been printed.
var diagnosed = errors.New("")

// usage is an error of the command line that parsing could not see.
type usage struct{ text string }

func (u usage) Error() string { return u.text }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("bnetc"), kong.UsageOnError(), kong.Exit(func(code int) { exited = code; panic(exitPanic{}) }),
		kong.Description("Train networks by the learning rule you write down."), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		panic("bug: " + err.Error())
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exitPanic); !ok {
				panic(r)
			}
			os.Exit(exited)
		}
	}()
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "bnetc: %v\nbnetc --help lists the commands\n", err)
		return statusUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	return status(k.Run())
}

type exitPanic struct{}

// status prints an error and gives the exit status that belongs to it.
func status(err error) int {
	var missing *backend.Missing
	var bad usage
	switch {
	case err == nil:
		return statusDone
	case errors.Is(err, diagnosed):
		return statusFault
	case errors.Is(err, runtime.Interrupted), errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "bnetc: interrupted; the checkpoint is written")
		return statusInterrupted
	case errors.As(err, &bad):
		fmt.Fprintf(os.Stderr, "bnetc: %v\n", err)
		return statusUsage
	case errors.As(err, &missing):
		fmt.Fprintf(os.Stderr, "bnetc: %v\n", err)
		return statusMissing
	}
	fmt.Fprintf(os.Stderr, "bnetc: %v\n", err)
	return statusFault
}
