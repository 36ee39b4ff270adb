package ref

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

// node computes a value: one sample's units after the other where it has a batch.
func (r *tensorRun) node(n *tensor.Node) ([]float64, error) {
	switch n.Op {
	case tensor.Param:
		return r.params[n.Name], nil
	case tensor.Input:
		return r.input(n)
	case tensor.Linear:
		return r.linear(n), nil
	case tensor.Map:
		return r.apply(n), nil
	case tensor.Reduce:
		return r.reduce(n), nil
	case tensor.Random:
		return r.random(n), nil
	}
	panic("bug: no execution of operation " + n.Op.String())
}

// size is how many numbers a value has.
func (r *tensorRun) size(t tensor.Type) int {
	if t.Batch {
		return r.program.Batch * t.Units()
	}
	return t.Units()
}

func (r *tensorRun) input(n *tensor.Node) ([]float64, error) {
	if !n.Type.Batch {
		v, ok := r.settings[n.Name]
		if !ok {
			return nil, fmt.Errorf("no value for setting %s", n.Name)
		}
		return []float64{v}, nil
	}
	v := r.inputs[n.Name]
	if len(v) != r.size(n.Type) {
		return nil, fmt.Errorf("input %s of type %v has %d numbers, not %d", n.Name, n.Type, len(v), r.size(n.Type))
	}
	return v, nil
}

// linear evaluates the relation sample by sample; an outer product adds all samples to one result.
func (r *tensorRun) linear(n *tensor.Node) []float64 {
	out := make([]float64, r.size(n.Type))
	a, b := r.values[n.Args[0]], r.values[n.Args[1]]
	stride := func(t tensor.Type) int { // from sample to sample
		if t.Batch {
			return t.Units()
		}
		return 0
	}
	do, da, db := stride(n.Type), stride(n.Args[0].Type), stride(n.Args[1].Type)
	n.Rel.Spans(func(s *ir.Span) {
		for k := range r.program.Batch {
			s.Eval(n.Role, out[k*do:], a[k*da:], b[k*db:])
		}
	})
	return out
}

// An operand is an argument of a Map as it stretches over the result.
type operand struct {
	values []float64
	sample int   // how far from sample to sample: 0 for what all have in common
	at     []int // the place of each unit; nil for its own
}

func (r *tensorRun) operand(a *tensor.Node, shape []int) operand {
	o := operand{values: r.values[a], at: stretch(a.Type.Shape, shape)}
	if a.Type.Batch {
		o.sample = a.Type.Units()
	}
	return o
}

func (o *operand) get(sample, unit int) float64 {
	if o.at != nil {
		unit = o.at[unit]
	}
	return o.values[sample*o.sample+unit]
}

// stretch places each element of a shape in a smaller one that broadcasts to it: aligned at the right, with extents of 1 repeated.
// It is nil where both have the same elements.
func stretch(small, shape []int) []int {
	if slices.Equal(small, shape) {
		return nil
	}
	at := []int{0}
	for d, extent := range shape {
		own := 1
		if k := d - (len(shape) - len(small)); k >= 0 {
			own = small[k]
		}
		wider := make([]int, 0, len(at)*extent)
		for _, base := range at {
			for i := range extent {
				wider = append(wider, base*own+min(i, own-1))
			}
		}
		at = wider
	}
	return at
}

func (r *tensorRun) apply(n *tensor.Node) []float64 {
	out := make([]float64, r.size(n.Type))
	var operands []operand
	for _, a := range n.Args {
		operands = append(operands, r.operand(a, n.Type.Shape))
	}
	in := make([]float64, len(operands))
	units := n.Type.Units()
	for i := range out {
		for k := range operands {
			in[k] = operands[k].get(i/units, i%units)
		}
		out[i] = n.Expr.Eval(in)
	}
	return out
}

// random is Normals of the stream: sample n, unit u is number u%4 of row n, block u/4.
func (r *tensorRun) random(n *tensor.Node) []float64 {
	units := n.Type.Units()
	out := make([]float64, r.size(n.Type))
	var four [4]float32
	for i := range out {
		row, u := i/units, i%units
		if u%4 == 0 {
			four = ir.Normals(r.seed, n.Stream, r.step, uint32(row), uint32(u/4))
		}
		out[i] = float64(four[u%4])
	}
	return out
}
