package compiler

import (
	"context"
	"fmt"
	"math/rand"
	"sort"
	"testing"
	"time"

	"bnetc/backend/cpu"
	"bnetc/ir/kernel"
)

func TestCPUSpeed(t *testing.T) {
	for _, batch := range []int{128, 64} {
		c, err := Compile(handSDTP([]int{784, 256, 256, 256, 256, 256, 10}), batch, Target{Name: "cpu", Vector: 8, Registers: 16, Cache: 4 << 20, Workers: 2, BatchLocal: true})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		b := &cpu.Backend{Threads: 2}
		m, err := b.Build(context.Background(), c.Plan)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("build", time.Since(start))
		for i, buf := range c.Plan.Buffers {
			if buf.Kind == kernel.Temp {
				continue
			}
			n := units(buf.Shape)
			d := make([]float32, n)
			if buf.Kind == kernel.Weight || buf.Kind == kernel.Input {
				for k := range d {
					d[k] = float32(rand.NormFloat64() * 0.05)
				}
			}
			if buf.Kind == kernel.Setting {
				for k := range d {
					d[k] = 0.001
				}
			}
			if err := m.Write(i, d); err != nil {
				t.Fatal(err)
			}
		}
		var ts []float64
		for range 300 {
			s := time.Now()
			if err := m.Run(context.Background(), "step"); err != nil {
				t.Fatal(err)
			}
			ts = append(ts, time.Since(s).Seconds()*1e3)
		}
		sort.Float64s(ts)
		fmt.Printf("batch %d: median %.3f ms min %.3f\n", batch, ts[150], ts[0])
		var flops int64
		for _, k := range c.Plan.Lists[0].Steps {
			flops += c.Plan.Kernels[k.Kernel].Flops
		}
		fmt.Printf("gflops %.1f\n", float64(flops)/ts[150]/1e6)
		for range 3 {
		}
		best := map[string]float64{}
		var names []string
		for range 40 {
			p, _ := m.(*cpu.Machine).Profile("step")
			for _, k := range p {
				if old, ok := best[k.Kernel]; !ok {
					names = append(names, k.Kernel)
					best[k.Kernel] = k.Seconds
				} else if k.Seconds < old {
					best[k.Kernel] = k.Seconds
				}
			}
		}
		sum := 0.0
		for _, n := range names {
			sum += best[n]
			k := c.Plan.Kernels[c.Plan.Kernel(n)]
			if batch == 128 && best[n] > 2e-5 {
				fmt.Printf("%-16s %.4f ms %6.1f GFLOP/s\n", n, best[n]*1e3, float64(k.Flops)/best[n]/1e9)
			}
		}
		fmt.Printf("sum of best %.3f ms\n", sum*1e3)
		m.Close()
	}
}
