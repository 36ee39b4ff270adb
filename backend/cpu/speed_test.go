package cpu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// dense is a fully connected layer of rows x columns with bias and tanh over batch samples in blocks of lanes·vectors:
// tile outputs and vectors vectors in registers. Rows that are left over are a second nest.
func dense(rows, columns, batch, lanes, vectors, tile int) *kernel.Plan {
	lb := lanes * vectors
	nest := func(first, count, tile int) kernel.Stmt {
		o := fmt.Sprintf("%d*ot + o + %d", tile, first)
		lane := fmt.Sprintf("%d*c + lane", lanes)
		return loop("nb", batch/lb, kernel.Parallel, loop("ot", count/tile, kernel.Parallel,
			loop("o", tile, kernel.Unrolled, loop("c", vectors, kernel.Unrolled, loop("lane", lanes, kernel.Vector,
				let("acc", val(num(0))),
				loop("i", columns, kernel.Serial,
					assign("acc", kernel.Sum, val(e(ir.OpMul, in(0), in(1)), elem(0, o+", i"), elem(1, "nb, i, "+lane)))),
				store(3, "nb, "+o+", "+lane, kernel.Set, val(e(ir.OpTanh, e(ir.OpAdd, in(0), in(1))), theVar("acc"), elem(2, o))),
			)))))
	}
	body := []kernel.Stmt{nest(0, rows/tile*tile, tile)}
	if left := rows % tile; left > 0 {
		body = append(body, nest(rows-left, left, left))
	}
	p := oneKernel([]kernel.Buffer{buf("l1.W", kernel.Weight, rows, columns), buf("x", kernel.Weight, batch/lb, columns, lb),
		buf("l1.b", kernel.Weight, rows), buf("h1", kernel.Weight, batch/lb, rows, lb)}, body...)
	p.Kernels[0].Name, p.Kernels[0].Flops = "f_l1", 2*int64(rows)*int64(columns)*int64(batch)
	p.Kernels[0].From = "h[l1] = tanh(f[l1](x)), speed_test.go"
	return p
}

func fill(b *testing.B, m *Machine, except ...int) {
	r := rand.New(rand.NewPCG(1, 2))
	for i, x := range m.memory.buffers {
		for j := range x {
			x[j] = r.Float32()*0.2 - 0.1
		}
		_ = i
	}
}

func bench(b *testing.B, plan *kernel.Plan, threads int) {
	built, err := (&Backend{Threads: threads}).Build(context.Background(), plan)
	if err != nil {
		b.Fatal(err)
	}
	m := built.(*Machine)
	defer m.Close()
	fill(b, m)
	best := time.Hour
	for b.Loop() {
		began := time.Now()
		if err := m.Run(context.Background(), "step"); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(began))
	}
	b.ReportMetric(float64(plan.Kernels[0].Flops)/best.Seconds()/1e9, "GFLOP/s-best")
}

func BenchmarkDense(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("tile6x2/threads%d", threads), func(b *testing.B) { bench(b, dense(256, 256, 128, 8, 2, 6), threads) })
	}
}
