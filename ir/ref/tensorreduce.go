package ref

import (
	"math"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

// lowest starts a maximum, as in kernels.
const lowest = -math.MaxFloat32

func (r *tensorRun) reduce(n *tensor.Node) []float64 {
	out := make([]float64, r.size(n.Type))
	a := r.values[n.Args[0]]
	units := n.Args[0].Type.Units()
	switch n.Kind {
	case tensor.SumUnits:
		for i, x := range a {
			out[i/units] += x
		}
	case tensor.MaxUnits, tensor.ArgMaxUnits:
		for k := range out {
			sample := a[k*units : (k+1)*units]
			best := 0
			for i, x := range sample {
				if x > sample[best] { // ties go to the lowest
					best = i
				}
			}
			out[k] = sample[best]
			if n.Kind == tensor.ArgMaxUnits {
				out[k] = float64(best)
			}
		}
	case tensor.SumBatch:
		for i, x := range a {
			out[i%units] += x
		}
	case tensor.SumTrailing:
		own := n.Type.Units()
		for i, x := range a {
			out[i/units*own+i%own] += x // a sample's units are whole turns of its own
		}
	case tensor.MaxWindow:
		points := 1
		for _, a := range n.Rel.Axes {
			points *= a.Extent
		}
		inside := make([]int, len(out))
		r.windows(n.Rel, func(o, _ int) { inside[o]++ })
		for i := range out {
			if inside[i]*elements(n.Rel.OutShape) == points {
				out[i] = lowest // a window that reads padding has its zeros
			}
		}
		r.windows(n.Rel, func(o, i int) { out[o] = max(out[o], a[i]) })
	case tensor.ToMaxWindow:
		largest, adjoint := r.values[n.Args[1]], r.values[n.Args[2]]
		r.windows(n.Rel, func(o, i int) {
			if a[i] == largest[o] {
				out[i] += adjoint[o]
			}
		})
	case tensor.FromMaxWindow:
		largest, values := r.values[n.Args[1]], r.values[n.Args[2]]
		r.windows(n.Rel, func(o, i int) {
			if a[i] == largest[o] {
				out[o] += values[i]
			}
		})
	default:
		panic("bug: no execution of reduction " + n.Kind.String())
	}
	return out
}

// windows calls f with the places of each output and of each of its inputs, in every sample.
func (r *tensorRun) windows(rel *ir.Relation, f func(out, in int)) {
	ins, outs := elements(rel.InShape), elements(rel.OutShape)
	rel.Each(func(out, in, _ int) {
		for k := range r.program.Batch {
			f(k*outs+out, k*ins+in)
		}
	})
}

func elements(shape []int) int { return tensor.Type{Shape: shape}.Units() }
