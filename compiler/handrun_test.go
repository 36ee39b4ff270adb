package compiler

import (
	"context"
	"math"
	"testing"

	"bnetc/backend/cpu"
	"bnetc/lang/check"
)

func TestHandOracle(t *testing.T) {
	for _, batch := range []int{1, 7, 64} {
		sizes := []int{7, 3, 257, 10}
		p := handSDTP(sizes)
		p.Forward = check.Optimizer{Name: "sgd", Hyper: []check.Setting{{Name: "lr", Value: 1}}}
		p.Inverse = p.Forward
		c, err := Compile(p, batch, Target{Name: "cpu", Vector: 8, Registers: 16, Cache: 4 << 20, Workers: 2, BatchLocal: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := (&cpu.Backend{Threads: 2}).Build(context.Background(), c.Plan)
		if err != nil {
			t.Fatal(err)
		}
		o := &oracle{sizes: sizes, act: math.Tanh, dact: func(x float64) float64 { return 1 - math.Tanh(x)*math.Tanh(x) }}
		holdAgainstOracle(t, "sdtp", p, o, c.Plan, m, 1e-4)
		m.Close()
	}
}
