package compiler

import "math"

// An oracle is LEARNING.md sections 2 to 4 written by hand for fully connected networks, sample by sample in float64, sharing no
// code with the compiler: what the stdlib's rules are held against.
type oracle struct {
	sizes     []int // units of x, l1, …, output
	aux       int   // auxiliary units of the output
	act, dact func(float64) float64
	squared   bool // squared error with the hidden nonlinearity at the output, instead of cross-entropy with soft-max
	exact     bool // exact inverses
	alpha     float64
	p         map[string][]float64 // "1.W", "1.b", "2.V", "2.c", "2.B", "3.Wz", …, by layer number
	eps       [][]float64          // eps[l]: noise of layer l for this sample
	n         float64              // batch size
	grad      map[string][]float64
	loss      float64
	a, h      [][]float64
	z, az     []float64
	o         []float64
}

func (r *oracle) last() int { return len(r.sizes) - 1 }

func matvec(w []float64, x []float64, rows int) []float64 {
	out := make([]float64, rows)
	for i := range out {
		for j, v := range x {
			out[i] += w[i*len(x)+j] * v
		}
	}
	return out
}

func matTvec(w []float64, y []float64, cols int) []float64 {
	out := make([]float64, cols)
	for i, v := range y {
		for j := range out {
			out[j] += w[i*cols+j] * v
		}
	}
	return out
}

func zip(a, b []float64, f func(x, y float64) float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = f(a[i], b[i])
	}
	return out
}

func each(a []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = f(a[i])
	}
	return out
}

func plusv(a, b []float64) []float64  { return zip(a, b, func(x, y float64) float64 { return x + y }) }
func minusv(a, b []float64) []float64 { return zip(a, b, func(x, y float64) float64 { return x - y }) }
func timesv(a, b []float64) []float64 { return zip(a, b, func(x, y float64) float64 { return x * y }) }

func softmaxOf(a []float64) []float64 {
	m, s := math.Inf(-1), 0.0
	for _, v := range a {
		m = math.Max(m, v)
	}
	out := each(a, func(v float64) float64 { return math.Exp(v - m) })
	for _, v := range out {
		s += v
	}
	return each(out, func(v float64) float64 { return v / s })
}

func key2(l int, name string) string { return string(rune('0'+l)) + "." + name }

func (r *oracle) pre(l int, x []float64) []float64 {
	return plusv(matvec(r.p[key2(l, "W")], x, r.sizes[l]), r.p[key2(l, "b")])
}

// f is layer l with its nonlinearity, the classes part at the output.
func (r *oracle) f(l int, x []float64) []float64 {
	a := r.pre(l, x)
	if l == r.last() && !r.squared {
		return softmaxOf(a)
	}
	return each(a, r.act)
}

// fAll is f with the auxiliary units behind the classes.
func (r *oracle) fAll(l int, x []float64) []float64 {
	out := r.f(l, x)
	if l == r.last() && r.aux > 0 {
		out = append(out, each(plusv(matvec(r.p[key2(l, "Wz")], x, r.aux), r.p[key2(l, "bz")]), r.act)...)
	}
	return out
}

func (r *oracle) g(l int, u []float64) []float64 {
	if r.exact {
		du := timesv(u, each(r.a[l], r.dact))
		if l == r.last() && !r.squared {
			dot := 0.0
			for i := range u {
				dot += r.o[i] * u[i]
			}
			du = zip(r.o, u, func(o, u float64) float64 { return o * (u - dot) })
		}
		return matTvec(r.p[key2(l, "W")], du, r.sizes[l-1])
	}
	return each(plusv(matvec(r.p[key2(l, "V")], u, r.sizes[l-1]), r.p[key2(l, "c")]), r.act)
}

func (r *oracle) add(name string, delta, x []float64) {
	g := r.grad[name]
	if g == nil {
		g = make([]float64, len(delta)*len(x))
		r.grad[name] = g
	}
	for i, d := range delta {
		for j, v := range x {
			g[i*len(x)+j] += d * v
		}
	}
}

func (r *oracle) update(l int, weight, bias string, delta, x []float64) {
	r.add(key2(l, weight), delta, x)
	r.add(key2(l, bias), delta, []float64{1})
}

// sample adds one sample's contribution to every gradient of a rule.
func (r *oracle) sample(rule string, x, y []float64) {
	L := r.last()
	r.h, r.a = [][]float64{x}, [][]float64{nil}
	for l := 1; l <= L; l++ {
		r.a = append(r.a, r.pre(l, r.h[l-1]))
		r.h = append(r.h, r.f(l, r.h[l-1]))
	}
	r.o = r.h[L]
	var delta []float64 // dℓ/da_L, per sample
	if r.squared {
		delta = timesv(each(minusv(r.o, y), func(v float64) float64 { return 2 * v }), each(r.a[L], r.dact))
		for i := range y {
			r.loss += (r.o[i] - y[i]) * (r.o[i] - y[i]) / r.n
		}
	} else {
		delta = minusv(r.o, y)
		for i := range y {
			r.loss -= y[i] * math.Log(r.o[i]) / r.n
		}
	}
	scale := func(v []float64, by float64) []float64 { return each(v, func(x float64) float64 { return x * by }) }
	r.update(L, "W", "b", scale(delta, 1/r.n), r.h[L-1])
	switch rule {
	case "bp", "fa", "dfa":
		d := delta
		for l := L - 1; l >= 1; l-- {
			switch rule {
			case "bp":
				d = matTvec(r.p[key2(l+1, "W")], d, r.sizes[l])
			case "fa":
				d = matTvec(r.p[key2(l+1, "B")], d, r.sizes[l])
			case "dfa":
				d = matvec(r.p[key2(l, "B")], delta, r.sizes[l])
			}
			d = timesv(d, each(r.a[l], r.dact))
			r.update(l, "W", "b", scale(d, 1/r.n), r.h[l-1])
		}
		return
	}
	// Targets, from the top down.
	target := make([][]float64, L+1)
	target[L] = y
	top := r.fAll(L, r.h[L-1])
	for l := L - 1; l >= 1; l-- {
		up, upTarget := r.h[l+1], target[l+1]
		if l == L-1 && rule == "ao_sdtp" {
			up, upTarget = top, append(append([]float64{}, y...), top[len(y):]...)
		}
		switch {
		case rule == "tp":
			target[l] = r.g(l+1, upTarget)
		case rule == "dtp" && l == L-1:
			target[l] = minusv(r.h[l], scale(matTvec(r.p[key2(L, "W")], delta, r.sizes[L-1]), r.alpha))
		default:
			target[l] = plusv(minusv(r.h[l], r.g(l+1, up)), r.g(l+1, upTarget))
		}
	}
	for l := 1; l < L; l++ {
		d := timesv(scale(minusv(r.h[l], target[l]), 2/r.n), each(r.a[l], r.dact))
		r.update(l, "W", "b", d, r.h[l-1])
	}
	if r.exact {
		return
	}
	top = nil
	for l := 2; l <= L; l++ {
		if l == L && rule == "dtp" {
			break
		}
		noisy := plusv(r.h[l-1], r.eps[l-1])
		want := r.h[l-1]
		if rule == "tp" || rule == "dtp" {
			want = noisy
		}
		u := r.f(l, noisy)
		if rule == "ao_sdtp" {
			u = r.fAll(l, noisy)
		}
		pre := plusv(matvec(r.p[key2(l, "V")], u, r.sizes[l-1]), r.p[key2(l, "c")])
		d := timesv(scale(minusv(each(pre, r.act), want), 2/r.n), each(pre, r.dact))
		r.update(l, "V", "c", d, u)
	}
}
