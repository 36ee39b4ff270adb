package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"bnetc/backend"
	"bnetc/compiler"
	"bnetc/ir/kernel"
	"bnetc/runtime"
)

type benchCmd struct {
	source
	aim
	Time span `help:"How long to measure." default:"2s"`
	Tune bool `help:"First measure the program by several schedules, and keep the best for the device and its driver."`
	JSON bool `name:"json" help:"One JSON object on standard output."`
}

func (benchCmd) Help() string {
	return "Example: bnetc bench examples/mnist_fc_sdtp_parallel.bnet --threads 2 --batch 64 --json"
}

// A benchResult is what scripts read: docs/cli.md.
type benchResult struct {
	StepMS    float64        `json:"step_ms"`
	StepMSMin float64        `json:"step_ms_min"`
	Batch     int            `json:"batch"`
	Threads   int            `json:"threads"`
	Target    string         `json:"target"`
	Device    string         `json:"device"`
	Flops     int64          `json:"flops"`
	Bytes     int64          `json:"bytes"`
	GFlops    float64        `json:"gflops"`
	GBps      float64        `json:"gbps"`
	PeakBytes int64          `json:"peak_bytes"`
	BuildMS   float64        `json:"build_ms"`
	Lists     []benchList    `json:"lists"`
	Kernels   []*benchKernel `json:"kernels"`
}

type benchList struct {
	Name   string  `json:"name"`
	StepMS float64 `json:"step_ms"`
}

type benchKernel struct {
	Name  string  `json:"name"`
	MS    float64 `json:"ms"`
	Flops int64   `json:"flops"`
	Bytes int64   `json:"bytes"`
}

func (c *benchCmd) Run(ctx context.Context) error {
	p, err := c.load()
	if err != nil {
		return err
	}
	if c.Tune {
		if err := c.tune(ctx, p, c.aim); err != nil {
			return err
		}
	}
	begin := time.Now()
	j, err := compile(ctx, p, c.Program, c.aim)
	if err != nil {
		return err
	}
	d, err := j.fit()
	if err != nil {
		return err
	}
	e, err := j.build(ctx)
	if err != nil {
		return err
	}
	defer e.Close()
	plan := e.Plan()
	m, err := runtime.Prepare(e, rand.New(rand.NewPCG(1, 2)).Float32)
	if err != nil {
		return err
	}
	r := benchResult{Batch: plan.Batch, Threads: 1, Target: j.target.name, Device: d.name, PeakBytes: compiler.MemoryOf(plan).Peak(), BuildMS: ms(time.Since(begin))}
	if threads, ok := m.Machine().(interface{ Threads() int }); ok {
		r.Threads = threads.Threads()
	}
	// An alternating program has two kinds of steps: the figure is their mean, as they come in equal numbers.
	lists := trainingLists(plan)
	for _, l := range lists {
		median, least, err := measure(ctx, m, l.Name, time.Duration(c.Time)/time.Duration(len(lists)))
		if err != nil {
			return err
		}
		n := float64(len(lists))
		r.StepMS += median / n
		r.StepMSMin += least / n
		r.Lists = append(r.Lists, benchList{l.Name, median})
		for _, s := range l.Steps {
			k := plan.Kernels[s.Kernel]
			r.Flops += k.Flops / int64(len(lists))
			r.Bytes += k.Bytes / int64(len(lists))
		}
		if err := r.profile(plan, m, l); err != nil {
			return err
		}
	}
	r.GFlops, r.GBps = float64(r.Flops)/r.StepMS/1e6, float64(r.Bytes)/r.StepMS/1e6
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	r.print()
	return nil
}

func trainingLists(p *kernel.Plan) []kernel.List {
	var out []kernel.List
	for _, l := range p.Lists {
		if l.Name != "evaluate" {
			out = append(out, l)
		}
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// measure runs a list for a while after a warm-up and gives the median and the least of its times. Where a machine defers its work, a time is the mean of
// several steps, as they follow each other in training.
func measure(ctx context.Context, m *runtime.Prepared, list string, long time.Duration) (median, least float64, err error) {
	steps, wait := 1, func() error { return nil }
	if d, ok := m.Machine().(backend.Deferred); ok {
		steps, wait = 8, d.Wait
	}
	var times []float64
	run := func(long time.Duration, atLeast int) error {
		times = times[:0]
		for begin := time.Now(); time.Since(begin) < long || len(times) < atLeast; {
			start := time.Now()
			for range steps {
				if err := m.Step(ctx, list); err != nil {
					return err
				}
			}
			if err := wait(); err != nil {
				return err
			}
			times = append(times, ms(time.Since(start))/float64(steps))
		}
		return nil
	}
	if err := errors.Join(run(long/4, 3), run(long, 5)); err != nil {
		return 0, 0, err
	}
	slices.Sort(times)
	return times[len(times)/2], times[0], nil
}

// profile takes the least of several times of each kernel, where the machine can tell them.
func (r *benchResult) profile(p *kernel.Plan, m *runtime.Prepared, l kernel.List) error {
	profiler, ok := m.Machine().(backend.Profiler)
	if !ok {
		return nil
	}
	of := map[string]*benchKernel{}
	for range 20 {
		times, err := profiler.Profile(l.Name)
		if err != nil {
			return err
		}
		for _, t := range times {
			k := of[t.Kernel]
			if k == nil {
				info := p.Kernels[p.Kernel(t.Kernel)]
				k = &benchKernel{Name: t.Kernel, MS: t.Seconds * 1e3, Flops: info.Flops, Bytes: info.Bytes}
				of[t.Kernel] = k
				r.Kernels = append(r.Kernels, k)
			}
			k.MS = min(k.MS, t.Seconds*1e3)
		}
	}
	return nil
}

func (r *benchResult) print() {
	fmt.Printf("%s, %d threads, %s, batch %d\n\n", r.Target, r.Threads, r.Device, r.Batch)
	w := tabwriter.NewWriter(os.Stdout, 2, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kernel\tms\tMFLOP\tGFLOP/s\tGB/s\t")
	for _, k := range r.Kernels {
		fmt.Fprintf(w, "%s\t%.4f\t%.2f\t%.1f\t%.1f\t\n", k.Name, k.MS, float64(k.Flops)/1e6, float64(k.Flops)/k.MS/1e6, float64(k.Bytes)/k.MS/1e6)
	}
	w.Flush()
	for _, l := range r.Lists {
		fmt.Printf("\n%s: %.3f ms", l.Name, l.StepMS)
	}
	fmt.Printf("\n\nstep %.3f ms (least %.3f): %.1f GFLOP/s, %.1f GB/s; peak memory %.1f MiB\n", r.StepMS, r.StepMSMin, r.GFlops, r.GBps, float64(r.PeakBytes)/(1<<20))
}
