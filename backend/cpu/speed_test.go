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

func fill(m *Machine) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, x := range m.memory.buffers {
		for j := range x {
			x[j] = r.Float32()*0.2 - 0.1
		}
	}
}

func bench(b *testing.B, plan *kernel.Plan, threads int) {
	built, err := (&Backend{Threads: threads}).Build(context.Background(), plan)
	if err != nil {
		b.Fatal(err)
	}
	m := built.(*Machine)
	defer m.Close()
	fill(m)
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

// learn is the gradient of a dense layer's weights with Adam in its epilogue: d in lanes, x in panels of one tile's columns.
func learn(rows, columns, batch, lanes, vectors, tile int) *kernel.Plan {
	lb := lanes * vectors
	adam := func(o, i, panel, column string) []kernel.Stmt {
		mul, add := ir.OpMul, ir.OpAdd
		at := o + ", " + i
		return []kernel.Stmt{
			let("m", val(e(add, e(mul, num(0.9), in(0)), e(mul, num(0.1), in(1))), elem(3, at), theVar("g"))),
			let("v", val(e(add, e(mul, num(0.999), in(0)), e(mul, num(0.001), e(mul, in(1), in(1)))), elem(4, at), theVar("g"))),
			store(3, at, kernel.Set, val(in(0), theVar("m"))),
			store(4, at, kernel.Set, val(in(0), theVar("v"))),
			store(0, at, kernel.Set, val(e(ir.OpSub, in(0), e(ir.OpDiv, e(mul, num(0.001), in(1)), e(add, e(ir.OpSqrt, in(2)), num(1e-8)))),
				elem(0, at), theVar("m"), theVar("v"))),
		}
	}
	nest := func(first, count, tile int) kernel.Stmt {
		o := fmt.Sprintf("%d*ot + o + %d", tile, first)
		column := fmt.Sprintf("%d*c + lane", lanes)
		body := []kernel.Stmt{let("g", val(num(0))),
			loop("nb", batch/lb, kernel.Serial, loop("n", lb, kernel.Serial,
				assign("g", kernel.Sum, val(e(ir.OpMul, in(0), in(1)), elem(1, "nb, "+o+", n"), elem(2, fmt.Sprintf("it, %d*nb + n, %s", lb, column)))))),
		}
		body = append(body, adam(o, fmt.Sprintf("%d*it + %s", lb, column), "it", column)...)
		return loop("ot", count/tile, kernel.Parallel, loop("it", columns/lb, kernel.Parallel,
			loop("o", tile, kernel.Unrolled, loop("c", vectors, kernel.Unrolled, loop("lane", lanes, kernel.Vector, body...)))))
	}
	nests := []kernel.Stmt{nest(0, rows/tile*tile, tile)}
	if left := rows % tile; left > 0 {
		nests = append(nests, nest(rows-left, left, left))
	}
	p := oneKernel([]kernel.Buffer{buf("l1.W", kernel.Weight, rows, columns), buf("d1", kernel.Weight, batch/lb, rows, lb),
		buf("x", kernel.Weight, columns/lb, batch, lb), buf("l1.W.m", kernel.State, rows, columns), buf("l1.W.v", kernel.State, rows, columns)}, nests...)
	p.Kernels[0].Name, p.Kernels[0].Flops = "learn_l1.W", 2*int64(rows)*int64(columns)*int64(batch)
	return p
}

// twice is a difference target: two products with one weight, h - tanh(V a + c) + tanh(V b + c).
func twice(rows, columns, batch, lanes, vectors, tile int) *kernel.Plan {
	lb := 16
	per := lanes * vectors
	nest := func(first, count, tile int) kernel.Stmt {
		o := fmt.Sprintf("%d*ot + o + %d", tile, first)
		lane := fmt.Sprintf("%d*part + %d*c + lane", per, lanes)
		return loop("nb", batch/lb, kernel.Parallel, loop("ot", count/tile, kernel.Parallel, loop("part", lb/per, kernel.Serial,
			loop("o", tile, kernel.Unrolled, loop("c", vectors, kernel.Unrolled, loop("lane", lanes, kernel.Vector,
				let("r", val(num(0))), let("s", val(num(0))),
				loop("i", columns, kernel.Serial,
					assign("r", kernel.Sum, val(e(ir.OpMul, in(0), in(1)), elem(0, o+", i"), elem(1, "nb, i, "+lane))),
					assign("s", kernel.Sum, val(e(ir.OpMul, in(0), in(1)), elem(0, o+", i"), elem(2, "nb, i, "+lane)))),
				store(5, "nb, "+o+", "+lane, kernel.Set, val(e(ir.OpAdd, e(ir.OpSub, in(0), e(ir.OpTanh, e(ir.OpAdd, in(1), in(3)))), e(ir.OpTanh, e(ir.OpAdd, in(2), in(3)))),
					elem(4, "nb, "+o+", "+lane), theVar("r"), theVar("s"), elem(3, o))),
			))))))
	}
	nests := []kernel.Stmt{nest(0, rows/tile*tile, tile)}
	if left := rows % tile; left > 0 {
		nests = append(nests, nest(rows-left, left, left))
	}
	p := oneKernel([]kernel.Buffer{buf("l2.V", kernel.Weight, rows, columns), buf("h2", kernel.Weight, batch/lb, columns, lb),
		buf("t2", kernel.Weight, batch/lb, columns, lb), buf("l2.c", kernel.Weight, rows), buf("h1", kernel.Weight, batch/lb, rows, lb), buf("t1", kernel.Weight, batch/lb, rows, lb)}, nests...)
	p.Kernels[0].Name, p.Kernels[0].Flops = "t_l1", 4*int64(rows)*int64(columns)*int64(batch)
	return p
}

func BenchmarkLearn(b *testing.B) {
	for _, n := range []int{256, 784} {
		b.Run(fmt.Sprintf("256x%d", n), func(b *testing.B) { bench(b, learn(256, n, 128, 8, 2, 6), 1) })
	}
	b.Run("1024x1024", func(b *testing.B) { bench(b, learn(1024, 1024, 128, 8, 2, 6), 1) })
}

func BenchmarkTwice(b *testing.B) {
	for _, t := range [][2]int{{1, 6}, {1, 5}, {1, 4}, {2, 3}, {2, 2}} {
		b.Run(fmt.Sprintf("%dx%d", t[1], t[0]), func(b *testing.B) { bench(b, twice(256, 256, 128, 8, t[0], t[1]), 1) })
	}
}

// BenchmarkCompile is how long 60 kernels of the kinds above take from plan to machine, cold and from the cache.
func BenchmarkCompile(b *testing.B) {
	whole := &kernel.Plan{Name: "sixty", Lists: []kernel.List{{Name: "step"}}}
	for n := range 20 {
		for _, p := range []*kernel.Plan{dense(256, 200+n, 128, 8, 2, 6), learn(256, 256, 128, 8, 2, 6), twice(256, 200+n, 128, 8, 1, 6)} {
			k := p.Kernels[0]
			kernel.Walk(k.Body, func(s kernel.Stmt) {
				if v := kernel.ValueOf(s); v != nil {
					for i := range v.Operands {
						v.Operands[i].Buffer += len(whole.Buffers)
					}
				}
				if st, ok := s.(*kernel.Store); ok {
					st.Buffer += len(whole.Buffers)
				}
			})
			whole.Buffers = append(whole.Buffers, p.Buffers...)
			whole.Lists[0].Steps = append(whole.Lists[0].Steps, kernel.Step{Kernel: len(whole.Kernels), Level: len(whole.Kernels) / 3})
			whole.Kernels = append(whole.Kernels, k)
		}
	}
	for _, cold := range []bool{true, false} {
		b.Run(map[bool]string{true: "cold", false: "cached"}[cold], func(b *testing.B) {
			dir := b.TempDir()
			b.Setenv("BNETC_CACHE", dir)
			for b.Loop() {
				if cold {
					b.Setenv("BNETC_CACHE", b.TempDir())
				}
				m, err := (&Backend{}).Build(context.Background(), whole)
				if err != nil {
					b.Fatal(err)
				}
				m.Close()
			}
		})
	}
}

// elementwise is a kernel of one expression over n numbers that stay in the cache.
func elementwise(n int, text string) *kernel.Plan {
	p := oneKernel([]kernel.Buffer{buf("x", kernel.Weight, n), buf("y", kernel.Weight, n)},
		loop("i", n/8, parallel, loop("l", 8, vector, store(1, "8*i+l", set, ex(text, elem(0, "8*i+l"))))))
	p.Kernels[0].Flops = int64(n) // so that the unit is a result
	return p
}

func BenchmarkElementwise(b *testing.B) {
	for _, text := range []string{"$0 + 1", "tanh($0)", "exp($0)", "log($0)", "sqrt($0)"} {
		b.Run(text, func(b *testing.B) { bench(b, elementwise(4096, text), 1) })
	}
	noise := &kernel.Plan{Name: "noise", Settings: noiseSettings, Lists: []kernel.List{{Name: "step", Steps: []kernel.Step{{}}}},
		Buffers: []kernel.Buffer{buf("settings", kernel.Setting, len(noiseSettings)), buf("y", kernel.Weight, 4096)},
		Kernels: []*kernel.Kernel{{Name: "noise", Flops: 4096, Body: []kernel.Stmt{loop("i", 128, parallel, loop("l", 8, vector,
			&kernel.Draw{Vars: [4]string{"a", "b", "c", "d"}, Row: ix("l"), Block: ix("i")}, store(1, "32*i+l", set, ex("$0", theVar("a"))), store(1, "32*i+l+8", set, ex("$0", theVar("b"))),
			store(1, "32*i+l+16", set, ex("$0", theVar("c"))), store(1, "32*i+l+24", set, ex("$0", theVar("d")))))}}}}
	b.Run("normal", func(b *testing.B) { bench(b, noise, 1) })
}

// BenchmarkLevels is what a step costs beside its kernels: one call, and a barrier for each of 20 levels.
func BenchmarkLevels(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads%d", threads), func(b *testing.B) { bench(b, chain(20, 2), threads) })
	}
}
