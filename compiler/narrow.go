package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// narrow stores what travels between kernels in the 16 bits of the plan's precision, so that half as many bytes move and are kept; every kernel still
// computes in float32.
//
//	buffer h1 temp [8, 256, 16]        →   buffer h1 temp bf16 [8, 256, 16]
//	buffer l2.s20.sum temp [8, 64, 16]     the same: the kernel that writes it reads it again, to add to it
//	buffer loss temp [8, 1, 16]            the same: one number a sample, a loss or a norm, saves nothing
//	buffer l1.s9.tiles32 temp [8, 32, 16]  the same: what is read of it is only added up
//
// Parameters, optimizer states and running sums stay as they are: steps of learning are smaller than what 16 bits can tell apart.
func narrow(p *kernel.Plan, _ *Target) []Remark {
	if p.Precision == kernel.F32 {
		return nil
	}
	travels := make([]bool, len(p.Buffers))
	writers := make([][]int, len(p.Buffers))
	for k := range p.Kernels {
		_, writes := p.Kernels[k].Buffers()
		for _, b := range writes {
			writers[b] = append(writers[b], k)
		}
	}
	for k := range p.Kernels {
		reads, _ := p.Kernels[k].Buffers()
		for _, b := range reads {
			travels[b] = travels[b] || slices.ContainsFunc(writers[b], func(w int) bool { return w != k })
		}
	}
	partial := addedUp(p)
	narrowed, temps, saved := 0, 0, 0
	for i := range p.Buffers {
		b := &p.Buffers[i]
		if b.Kind != kernel.Temp {
			continue
		}
		temps++
		if before := b.Floats(); travels[i] && !perSample(b) && !partial[i] {
			b.Type = p.Precision
			narrowed++
			saved += before - b.Floats()
		}
	}
	for _, k := range p.Kernels {
		k.Bytes = moved(p, k)
	}
	return []Remark{{Subject: "activities", Text: fmt.Sprintf("%d of %d buffers in %s, which takes %s less", narrowed, temps, p.Precision, BytesText(4*int64(saved)))}}
}

// perSample tells whether a buffer holds one number for each sample, in lanes.
func perSample(b *kernel.Buffer) bool { return len(b.Shape) == 3 && b.Shape[1] == 1 }

// addedUp tells of which buffers nothing is read but to be added up: they hold parts of a sum, a gradient's by slabs or a loss's by tiles, and those grow beyond
// what 16 bits can hold of their terms.
func addedUp(p *kernel.Plan) []bool {
	only := slices.Repeat([]bool{true}, len(p.Buffers))
	for _, k := range p.Kernels {
		kernel.Walk(k.Body, func(s kernel.Stmt) {
			v := kernel.ValueOf(s)
			if v == nil {
				return
			}
			a, sums := s.(*kernel.Assign)
			sums = sums && a.How == kernel.Sum && v.Expr.Op == ir.OpInput
			for _, o := range v.Operands {
				if o.Kind == kernel.Load {
					only[o.Buffer] = only[o.Buffer] && sums
				}
			}
		})
	}
	return only
}

// storage is the type of a precision's name, which the checker has found among Tables.
func storage(precision string) kernel.Type {
	i := slices.IndexFunc(kernel.Types, func(t kernel.Type) bool { return t.String() == precision })
	if i < 0 {
		panic("bug: no precision " + precision)
	}
	return kernel.Types[i]
}
