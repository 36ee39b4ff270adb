// Command bnetc checks, compiles and trains networks that are described together with how they learn.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
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
type diagnosed struct{ status int }

func (diagnosed) Error() string { return "mistakes were printed" }

// usage is an error of the command line that parsing could not see.
type usage struct{ text string }

func (u usage) Error() string { return u.text }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("bnetc"), kong.Description("Train networks by the learning rule you write down."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"targets": targetNames()})
	if err != nil {
		panic("bug: " + err.Error())
	}
	if len(args) == 0 {
		parser.Stdout = os.Stderr
		parser.Exit = func(int) { os.Exit(statusUsage) }
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		return status(usage{err.Error() + "; bnetc --help lists the commands, bnetc COMMAND --help its flags"})
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	taken := make(chan context.CancelFunc, 1)
	go heed(signals, taken)
	// A command takes a context that has something to finish, or to clear away, when a signal comes.
	err = k.BindToProvider(func() (context.Context, error) {
		ctx, cancel := context.WithCancel(context.Background())
		taken <- cancel
		return ctx, nil
	})
	if err != nil {
		panic("bug: " + err.Error())
	}
	return status(k.Run())
}

// heed cancels the context that a command took when a signal comes. A second one, or any where no command took a context, ends the process at once.
func heed(signals <-chan os.Signal, taken <-chan context.CancelFunc) {
	<-signals
	select {
	case cancel := <-taken:
		cancel()
		<-signals
	default:
	}
	os.Exit(statusInterrupted)
}

// status prints an error and gives the exit status that belongs to it.
func status(err error) int {
	var printed diagnosed
	if errors.As(err, &printed) {
		return printed.status
	}
	code, text := classify(err)
	if text != "" {
		fmt.Fprintf(os.Stderr, "bnetc: %s\n", text)
	}
	return code
}

func classify(err error) (code int, text string) {
	var missing *backend.Missing
	var bad usage
	switch {
	case err == nil:
		return statusDone, ""
	case errors.Is(err, runtime.ErrInterrupted):
		return statusInterrupted, err.Error()
	case errors.Is(err, context.Canceled):
		return statusInterrupted, "interrupted before there was anything to keep"
	case errors.As(err, &bad):
		return statusUsage, err.Error()
	case errors.As(err, &missing):
		return statusMissing, err.Error()
	case errors.Is(err, syscall.ENOSPC):
		return statusMissing, err.Error() + "; free some space"
	}
	return statusFault, strings.TrimRight(err.Error(), "\n")
}
