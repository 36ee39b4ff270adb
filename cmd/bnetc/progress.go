package main

import (
	"fmt"
	"os"

	"github.com/cheggaaa/pb/v3"
	"golang.org/x/term"

	"bnetc/runtime"
)

// progress shows a run: a bar with rate and time left on a terminal, a line for each epoch elsewhere.
type progress struct {
	out   *os.File
	live  bool
	bar   *pb.ProgressBar
	epoch int
	of    int
}

func newProgress(out *os.File) *progress {
	return &progress{out: out, live: term.IsTerminal(int(out.Fd()))}
}

// Start begins an epoch of so many steps, or goes on with it.
func (p *progress) Start(epoch, epochs, steps, done int) {
	p.epoch, p.of = epoch, epochs
	if p.live {
		p.bar = pb.New(steps).SetTemplateString(fmt.Sprintf(`epoch %d/%d {{bar . }} {{counters . }} {{speed . "%%s steps/s" }} {{rtime . "%%s left"}}`, epoch, epochs)).SetWriter(p.out)
		p.bar.SetCurrent(int64(done)).Start()
	}
}

// Step says how many steps of the epoch are done.
func (p *progress) Step(done int) {
	if p.bar != nil {
		p.bar.SetCurrent(int64(done))
	}
}

// Epoch prints an epoch's row.
func (p *progress) Epoch(r *runtime.EpochRow) {
	p.end()
	errors := fmt.Sprintf("train loss %.4g, test loss %.4g", r.TrainLoss, r.TestLoss)
	if r.TestError != nil {
		errors = fmt.Sprintf("train error %.2f %%, test error %.2f %%, loss %.4g", *r.TrainError, *r.TestError, r.TrainLoss)
	}
	fmt.Fprintf(p.out, "epoch %d/%d: %s, %.0f samples/s\n", p.epoch, p.of, errors, r.SamplesPerSecond)
}

// Say prints a line.
func (p *progress) Say(text string) { fmt.Fprintln(p.out, text) }

func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar = nil
	}
}
