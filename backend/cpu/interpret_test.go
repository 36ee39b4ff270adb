package cpu

import (
	"math"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// An interpreter runs a plan by definition, in float64, every mark serially: what the printed C is compared with.
type interpreter struct {
	plan    *kernel.Plan
	buffers [][]float64
	at      map[string]int
	vars    map[string]float64
}

func interpret(plan *kernel.Plan, buffers [][]float32, list string) [][]float64 {
	it := &interpreter{plan: plan, at: map[string]int{}, vars: map[string]float64{}}
	for _, b := range buffers {
		wide := make([]float64, len(b))
		for i, x := range b {
			wide[i] = float64(x)
		}
		it.buffers = append(it.buffers, wide)
	}
	for _, l := range plan.Lists {
		if l.Name == list {
			for _, s := range l.Steps {
				it.body(plan.Kernels[s.Kernel].Body)
			}
		}
	}
	return it.buffers
}

func (it *interpreter) index(x kernel.Index) int {
	n := x.Const
	for _, t := range x.Terms {
		n += t.Coef * it.at[t.Var]
	}
	return n
}

func (it *interpreter) element(buffer int, index []kernel.Index) *float64 {
	n := 0
	for d, x := range index {
		i := it.index(x)
		if i < 0 || i >= it.plan.Buffers[buffer].Shape[d] {
			panic("the test reads outside " + it.plan.Buffers[buffer].Name)
		}
		n = n*it.plan.Buffers[buffer].Shape[d] + i
	}
	return &it.buffers[buffer][n]
}

func (it *interpreter) value(v kernel.Value) float64 {
	in := make([]float64, len(v.Operands))
	for i, o := range v.Operands {
		switch o.Kind {
		case kernel.Load:
			in[i] = *it.element(o.Buffer, o.Index)
		case kernel.Variable:
			in[i] = it.vars[o.Var]
		case kernel.Position:
			in[i] = float64(it.index(o.Index[0]))
		}
	}
	return v.Expr.Eval(in)
}

func combine(p *float64, how kernel.How, x float64) {
	switch how {
	case kernel.Set:
		*p = x
	case kernel.Sum:
		*p += x
	case kernel.Largest:
		*p = math.Max(*p, x)
	}
}

func (it *interpreter) body(stmts []kernel.Stmt) {
	for _, s := range stmts {
		switch s := s.(type) {
		case *kernel.Loop:
			for i := range s.Extent {
				it.at[s.Var] = i
				it.body(s.Body)
			}
		case *kernel.Where:
			n := it.index(s.Num)
			q := int(math.Floor(float64(n) / float64(s.Div)))
			if (s.Floor || q*s.Div == n) && q >= 0 && q < s.Extent {
				it.at[s.Var] = q
				it.body(s.Body)
			}
		case *kernel.Seek:
			it.at[s.Var] = int(math.Min(math.Max(it.value(s.Value), 0), float64(s.Extent-1)))
		case *kernel.Let:
			it.vars[s.Var] = it.value(s.Value)
		case *kernel.Assign:
			v := it.vars[s.Var]
			combine(&v, s.How, it.value(s.Value))
			it.vars[s.Var] = v
		case *kernel.Store:
			p := it.element(s.Buffer, s.Index)
			combine(p, s.How, it.value(s.Value))
			if t := it.plan.Buffers[s.Buffer].Type; t != kernel.F32 {
				*p = t.Round(*p)
			}
		case *kernel.Draw:
			n := ir.Normals(it.word("seed0", "seed1")|it.word("seed2", "seed3")<<32, s.Stream, it.word("step0", "step1"),
				uint32(it.index(s.Row)), uint32(it.index(s.Block)))
			for k, v := range s.Vars {
				it.vars[v] = float64(n[k])
			}
		}
	}
}

// word puts two settings of 16 bits together.
func (it *interpreter) word(low, high string) (n uint64) {
	for b, x := range it.plan.Buffers {
		for i, name := range it.plan.Settings {
			switch {
			case x.Kind != kernel.Setting:
			case name == low:
				n |= uint64(it.buffers[b][i])
			case name == high:
				n |= uint64(it.buffers[b][i]) << 16
			}
		}
	}
	return n
}
