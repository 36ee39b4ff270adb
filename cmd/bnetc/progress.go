package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"bnetc/runtime"
)

// progress shows a run: a line for each epoch, and on a terminal, between them, one that moves, with the rate and the time left.
type progress struct {
	out   io.Writer
	live  bool // a terminal
	clock func() time.Time

	epoch, of, steps int
	started          mark // this process, at the epochs that were done
	entered          mark // the epoch, at the steps that were done
	shown            time.Time
	moving           bool // a line that the next one replaces
}

// A mark is when so much was done.
type mark struct {
	time time.Time
	done float64
}

// refresh is how often the moving line changes at most.
const refresh = 100 * time.Millisecond

func newProgress(out *os.File) *progress {
	return &progress{out: out, live: term.IsTerminal(int(out.Fd())), clock: time.Now}
}

// Start begins an epoch of so many steps, or goes on with it.
func (p *progress) Start(epoch, epochs, steps, done int) {
	p.epoch, p.of, p.steps = epoch, epochs, steps
	p.entered = mark{p.clock(), float64(done)}
	if p.started.time.IsZero() {
		p.started = mark{p.entered.time, p.done(done)}
	}
}

// done is the epochs made, with the part of this one.
func (p *progress) done(steps int) float64 {
	return float64(p.epoch-1) + float64(steps)/float64(p.steps)
}

// Step says how many steps of the epoch are done.
func (p *progress) Step(done int) {
	now := p.clock()
	if !p.live || now.Sub(p.shown) < refresh && done < p.steps {
		return
	}
	p.shown, p.moving = now, true
	const width = 24
	full := width * done / p.steps
	bar := strings.Repeat("━", full) + strings.Repeat("─", width-full)
	if done == p.steps {
		fmt.Fprintf(p.out, "\r\x1b[Kepoch %d/%d %s evaluating", p.epoch, p.of, bar)
		return
	}
	rate := (float64(done) - p.entered.done) / now.Sub(p.entered.time).Seconds()
	each := now.Sub(p.started.time).Seconds() / (p.done(done) - p.started.done)
	left := time.Duration(each * (float64(p.of) - p.done(done)) * float64(time.Second))
	fmt.Fprintf(p.out, "\r\x1b[Kepoch %d/%d %s %d/%d, %.0f steps/s, %s left", p.epoch, p.of, bar, done, p.steps, rate, left.Round(time.Second))
}

// Epoch prints an epoch's row.
func (p *progress) Epoch(r *runtime.EpochRow) {
	errors := fmt.Sprintf("train loss %.4g, test loss %.4g", r.TrainLoss, r.TestLoss)
	if r.TestError != nil {
		errors = fmt.Sprintf("train error %.2f %%, test error %.2f %%, loss %.4g", *r.TrainError, *r.TestError, r.TrainLoss)
	}
	p.Say(fmt.Sprintf("epoch %d/%d: %s, %.0f samples/s", p.epoch, p.of, errors, r.SamplesPerSecond))
}

// Say prints a line.
func (p *progress) Say(text string) {
	p.end()
	fmt.Fprintln(p.out, text)
}

// end takes the moving line away.
func (p *progress) end() {
	if p.moving {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.moving = false
	}
}
