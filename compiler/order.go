package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir/kernel"
)

// order gives each step the earliest level at which everything it reads is there and nothing it overwrites is still read; a
// barrier stands between levels. Kernels over the batch blocks share a level with what they read of each other where the target
// promises that a worker keeps its blocks (Target.BatchLocal).
func order(p *kernel.Plan, t *Target) []Remark {
	var remarks []Remark
	for i := range p.Lists {
		l := &p.Lists[i]
		type access struct {
			level   int
			byBatch bool
		}
		written, read := map[int][]access{}, map[int][]access{}
		for s := range l.Steps {
			k := p.Kernels[l.Steps[s].Kernel]
			reads, writes := k.Buffers()
			level := 0
			after := func(list []access) {
				for _, a := range list {
					need := a.level + 1
					if t.BatchLocal && k.ByBatch && a.byBatch {
						need = a.level
					}
					level = max(level, need)
				}
			}
			for _, b := range reads {
				after(written[b])
			}
			for _, b := range writes {
				after(written[b])
				after(read[b])
			}
			l.Steps[s].Level = level
			me := access{level, k.ByBatch}
			for _, b := range reads {
				read[b] = append(read[b], me)
			}
			for _, b := range writes {
				written[b] = append(written[b], me)
			}
		}
		slices.SortStableFunc(l.Steps, func(a, b kernel.Step) int { return a.Level - b.Level })
		levels := 0
		for _, s := range l.Steps {
			levels = max(levels, s.Level+1)
		}
		remarks = append(remarks, Remark{Subject: l.Name, Text: fmt.Sprintf("%d kernels, %d levels, %d barriers", len(l.Steps), levels, max(0, levels-1))})
	}
	return remarks
}

// moved counts the bytes that a kernel must move at least once: every buffer it reads or writes; one that it adds to, both ways.
func moved(p *kernel.Plan, k *kernel.Kernel) (bytes int64) {
	reads, writes := k.Buffers()
	kernel.Walk(k.Body, func(s kernel.Stmt) {
		if s, ok := s.(*kernel.Store); ok && s.How != kernel.Set && !slices.Contains(reads, s.Buffer) {
			reads = append(reads, s.Buffer)
		}
	})
	for _, list := range [][]int{reads, writes} {
		for _, b := range list {
			if p.Buffers[b].Kind != kernel.Local {
				bytes += int64(p.Buffers[b].Elements() * p.Buffers[b].Type.Bytes())
			}
		}
	}
	return bytes
}

// flops counts the arithmetic of a body, points outside bounds excepted.
func flops(body []kernel.Stmt) int64 { return flopsOf(body, boundedBy(body), map[string]int{}) }

// boundedBy is the variables that bounds of a body depend on.
func boundedBy(body []kernel.Stmt) map[string]bool {
	vars := map[string]bool{}
	kernel.Walk(body, func(s kernel.Stmt) {
		if w, ok := s.(*kernel.Where); ok {
			for _, t := range w.Num.Terms {
				vars[t.Var] = true
			}
		}
	})
	return vars
}

// flopsOf counts the arithmetic of a body at a position: loops that bounds depend on are walked, others multiplied.
func flopsOf(body []kernel.Stmt, bounds map[string]bool, at map[string]int) int64 {
	var n int64
	for _, s := range body {
		switch s := s.(type) {
		case *kernel.Loop:
			if !bounds[s.Var] {
				n += int64(s.Extent) * flopsOf(s.Body, bounds, at)
				continue
			}
			for i := range s.Extent {
				at[s.Var] = i
				n += flopsOf(s.Body, bounds, at)
			}
		case *kernel.Where:
			num := s.Num.Const
			for _, t := range s.Num.Terms {
				num += t.Coef * at[t.Var]
			}
			if num < 0 || num >= s.Extent*s.Div || !s.Floor && num%s.Div != 0 {
				continue
			}
			at[s.Var] = num / s.Div
			n += flopsOf(s.Body, bounds, at)
		case *kernel.Draw:
			n += drawFlops
		case *kernel.Assign:
			if s.How != kernel.Set {
				n++
			}
		}
		if x := kernel.ValueOf(s); x != nil {
			n += int64(x.Expr.Flops())
		}
	}
	return n
}

// drawFlops is the arithmetic of four normal numbers: ten rounds of integers, and two Box-Muller pairs.
const drawFlops = 160
