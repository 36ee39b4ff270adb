package ir

// A Span is Count points of a relation that follow each other along its last axis: point k reads and writes the flat offsets
// Out + k·OutStep, In + k·InStep and W + k·WStep, all of which exist.
type Span struct {
	Out, In, W, Count      int
	OutStep, InStep, WStep int
}

// Eval accumulates the span's points in one role, as Relation.Eval does for all.
func (s *Span) Eval(role Role, dst, a, b []float64) {
	switch role {
	case Apply:
		accumulate(s.Count, dst, a, b, s.Out, s.OutStep, s.W, s.WStep, s.In, s.InStep)
	case Transpose:
		accumulate(s.Count, dst, a, b, s.In, s.InStep, s.W, s.WStep, s.Out, s.OutStep)
	case Outer:
		accumulate(s.Count, dst, a, b, s.W, s.WStep, s.Out, s.OutStep, s.In, s.InStep)
	}
}

// accumulate adds a·b to dst at count places: from i, j and k on, with a step for each.
func accumulate(count int, dst, a, b []float64, i, iStep, j, jStep, k, kStep int) {
	if iStep == 0 {
		sum := dst[i]
		for range count {
			sum += a[j] * b[k]
			j, k = j+jStep, k+kStep
		}
		dst[i] = sum
		return
	}
	for range count {
		dst[i] += a[j] * b[k]
		i, j, k = i+iStep, j+jStep, k+kStep
	}
}

// Each calls f with the flat offsets of out, in and w at every point whose input and output exist, the last axis fastest.
func (r *Relation) Each(f func(out, in, w int)) {
	r.Spans(func(s *Span) {
		for k := range s.Count {
			f(s.Out+k*s.OutStep, s.In+k*s.InStep, s.W+k*s.WStep)
		}
	})
}

// Eval is the oracle: the relation in one role, by its definition. It adds to dst.
func (r *Relation) Eval(role Role, dst, a, b []float64) {
	r.Spans(func(s *Span) { s.Eval(role, dst, a, b) })
}

// Spans calls f with every point whose input and output exist, in the order of Each and as many at a time as the last axis
// allows. The span is f's until it returns. The relation must verify.
func (r *Relation) Spans(f func(*Span)) {
	axes := r.Axes
	if len(axes) == 0 {
		axes = []Axis{{Extent: 1}} // a single point
	}
	w := spanWalk{axes: axes, f: f}
	for i, t := range [...]struct {
		index []Index
		shape []int
	}{{r.Out, r.OutShape}, {r.In, r.InShape}, {r.W, r.WShape}} {
		w.flat[i].step = make([]int, len(axes))
		stride := 1
		for d := len(t.index) - 1; d >= 0; d-- {
			x := t.index[d]
			w.flat[i].at += stride * x.Const
			for a, c := range x.Coef {
				w.flat[i].step[a] += stride * c
			}
			if lo, hi := x.reach(r.Axes); lo < 0 || hi >= t.shape[d] {
				b := affine{at: x.Const, step: make([]int, len(axes)), extent: t.shape[d]}
				copy(b.step, x.Coef)
				w.bounds = append(w.bounds, b)
			}
			stride *= t.shape[d]
		}
	}
	w.walk(0)
}

// reach is the least and the largest value of an index over all points.
func (x Index) reach(axes []Axis) (lo, hi int) {
	lo, hi = x.Const, x.Const
	for i, c := range x.Coef {
		if far := c * (axes[i].Extent - 1); far < 0 {
			lo += far
		} else {
			hi += far
		}
	}
	return lo, hi
}

// An affine is a position that moves by a step for each axis; one that is bounded must stay within [0, extent).
type affine struct {
	at     int
	step   []int
	extent int
}

type spanWalk struct {
	axes   []Axis
	flat   [3]affine // out, in, w
	bounds []affine  // the positions along single dimensions that leave their shape somewhere
	span   Span
	f      func(*Span)
}

// move steps every position along an axis.
func (w *spanWalk) move(axis, by int) {
	for i := range w.flat {
		w.flat[i].at += by * w.flat[i].step[axis]
	}
	for i := range w.bounds {
		w.bounds[i].at += by * w.bounds[i].step[axis]
	}
}

func (w *spanWalk) walk(axis int) {
	if axis == len(w.axes)-1 {
		w.emit(axis)
		return
	}
	extent := w.axes[axis].Extent
	for range extent {
		w.walk(axis + 1)
		w.move(axis, 1)
	}
	w.move(axis, -extent)
}

// emit solves the bounds for the last axis: from <= k < until.
func (w *spanWalk) emit(axis int) {
	from, until := 0, w.axes[axis].Extent
	for i := range w.bounds {
		b := &w.bounds[i]
		last, c := b.extent-1-b.at, b.step[axis] // -at <= c·k <= last
		first := -b.at
		if c < 0 {
			first, last, c = -last, -first, -c
		}
		switch {
		case c > 0:
			from, until = max(from, -floorDiv(-first, c)), min(until, floorDiv(last, c)+1)
		case first > 0 || last < 0:
			return
		}
	}
	if from >= until {
		return
	}
	out, in, weight := &w.flat[0], &w.flat[1], &w.flat[2]
	w.span = Span{
		Out: out.at + from*out.step[axis], In: in.at + from*in.step[axis], W: weight.at + from*weight.step[axis], Count: until - from,
		OutStep: out.step[axis], InStep: in.step[axis], WStep: weight.step[axis],
	}
	w.f(&w.span)
}

// floorDiv is ⌊a / b⌋, for b > 0.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
