package main

import (
	"fmt"
	"math"
	"strings"
)

// Training as LEARNING.md sections 1 to 6 state it, in plain float64 loops, sample by sample. It shares no code and no idea with the compiler: a
// linear operator is the list of its edges, a gradient a sum over samples. The table in agree_test.go holds the command against it.

// A volume is the shape of an activity, channels last; 1x1xC where it is flat.
type volume struct{ h, w, c int }

func (v volume) units() int { return v.h * v.w * v.c }

// A handLayer is a layer of all inputs (kh 0) or of a field.
type handLayer struct {
	name           string
	in, out        volume
	kh, kw, sh, sw int
	top, left      int // padding
	same, shared   bool
	act            string // "" of a soft-max output
	aux            int    // auxiliary units of the output, tanh
}

// dense is a layer of all inputs.
func dense(name string, in volume, units int, act string) *handLayer {
	return &handLayer{name: name, in: in, out: volume{1, 1, units}, act: act}
}

// field is a layer of fields; with same it is padded so that a stride of 1 keeps the size, the smaller half before.
func field(name string, in volume, kh, kw, sh, sw, channels int, same, shared bool, act string) *handLayer {
	l := &handLayer{name: name, in: in, kh: kh, kw: kw, sh: sh, sw: sw, same: same, shared: shared, act: act}
	extent := func(in, k, s int) (out, before int) {
		if !same {
			return (in-k)/s + 1, 0
		}
		out = (in + s - 1) / s
		return out, max((out-1)*s+k-in, 0) / 2
	}
	l.out.h, l.top = extent(in.h, kh, sh)
	l.out.w, l.left = extent(in.w, kw, sw)
	l.out.c = channels
	return l
}

// text is the layer as a program has it.
func (l *handLayer) text() string {
	word := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	kind := fmt.Sprintf("all -> %d", l.out.c)
	if l.kh > 0 {
		kind = fmt.Sprintf("field %dx%d stride %dx%d %s -> %d, %s", l.kh, l.kw, l.sh, l.sw, word(l.same, "same", "valid"), l.out.c, word(l.shared, "shared", "untied"))
	}
	if l.aux > 0 {
		kind += fmt.Sprintf(", aux %d", l.aux)
	}
	return fmt.Sprintf("%s %s = %s, %s", word(l.name == "y", "output", "layer"), l.name, kind, word(l.act == "", "softmax", l.act))
}

// edges visits every connection from unit in of the input to unit out of the output, and the weight that stands on it.
func (l *handLayer) edges(visit func(out, weight, in int)) {
	if l.kh == 0 {
		for o := range l.out.c {
			for i := range l.in.units() {
				visit(o, o*l.in.units()+i, i)
			}
		}
		return
	}
	for y := range l.out.h {
		for x := range l.out.w {
			for c := range l.out.c {
				for ky := range l.kh {
					for kx := range l.kw {
						iy, ix := y*l.sh+ky-l.top, x*l.sw+kx-l.left
						if iy < 0 || iy >= l.in.h || ix < 0 || ix >= l.in.w {
							continue
						}
						for ci := range l.in.c {
							out := (y*l.out.w+x)*l.out.c + c
							copyOf := out
							if l.shared {
								copyOf = c
							}
							visit(out, ((copyOf*l.kh+ky)*l.kw+kx)*l.in.c+ci, (iy*l.in.w+ix)*l.in.c+ci)
						}
					}
				}
			}
		}
	}
}

// backEdges are the edges of the learned inverse: the same ones; V of a layer of all inputs is [in, out + aux].
func (l *handLayer) backEdges(visit func(out, weight, in int)) {
	if l.kh > 0 {
		l.edges(visit)
		return
	}
	width := l.out.c + l.aux
	for i := range l.in.units() {
		for o := range width {
			visit(o, i*width+o, i)
		}
	}
}

// shapes lists the parameters of a network under a rule, with their shapes in a file.
func shapes(layers []*handLayer, rule string) map[string][]int {
	list := map[string][]int{}
	last := layers[len(layers)-1]
	for i, l := range layers {
		w, b, c := []int{l.out.c, l.in.units()}, []int{l.out.c}, []int{l.in.units()}
		v := []int{l.in.units(), l.out.c + l.aux}
		if l.kh > 0 {
			w, c = []int{l.out.c, l.kh, l.kw, l.in.c}, []int{l.in.c}
			if !l.shared {
				w, b = append([]int{l.out.h, l.out.w}, w...), []int{l.out.h, l.out.w, l.out.c}
				c = []int{l.in.h, l.in.w, l.in.c}
			}
			v = w
		} else if l.in.h*l.in.w > 1 {
			c = []int{l.in.h, l.in.w, l.in.c}
		}
		list[l.name+".W"], list[l.name+".b"] = w, b
		if l.aux > 0 {
			list[l.name+".Wz"], list[l.name+".bz"] = []int{l.aux, l.in.units()}, []int{l.aux}
		}
		switch {
		case rule == "fa" && i > 0:
			list[l.name+".B"] = w
		case rule == "dfa" && l != last:
			list[l.name+".B"] = []int{l.out.units(), last.out.units()}
		case strings.HasSuffix(rule, "tp") && i > 0 && !(rule == "dtp" && l == last):
			list[l.name+".V"], list[l.name+".c"] = v, c
		}
	}
	return list
}

// A byHand is a network, its parameters, and the gradients of a batch.
type byHand struct {
	layers  []*handLayer // [0] is nil: they are numbered from 1
	rule    string
	alpha   float64
	squared bool // squared error instead of cross-entropy
	p, g    map[string][]float64
}

var handActs = map[string][2]func(float64) float64{
	"identity": {func(x float64) float64 { return x }, func(float64) float64 { return 1 }},
	"tanh":     {math.Tanh, func(x float64) float64 { t := math.Tanh(x); return 1 - t*t }},
	"relu":     {func(x float64) float64 { return math.Max(0, x) }, func(x float64) float64 { return step(x, 0, 1) }},
	"leaky_relu": {func(x float64) float64 { return x * step(x, 0.01, 1) },
		func(x float64) float64 { return step(x, 0.01, 1) }},
	"sigmoid":  {logistic, func(x float64) float64 { return logistic(x) * (1 - logistic(x)) }},
	"softplus": {func(x float64) float64 { return math.Log1p(math.Exp(x)) }, logistic},
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func step(x, below, above float64) float64 {
	if x > 0 {
		return above
	}
	return below
}

func mapped(x []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}

func mixed(x []float64, a float64, y []float64, b float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = a*x[i] + b*y[i]
	}
	return out
}

func timesSlope(x, a []float64, act string) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] * handActs[act][1](a[i])
	}
	return out
}

func (n *byHand) last() int { return len(n.layers) - 1 }

// pre is a_l for an input; a bias of each channel stands at every location.
func (n *byHand) pre(l int, x []float64) []float64 {
	k := n.layers[l]
	w, b, a := n.p[k.name+".W"], n.p[k.name+".b"], make([]float64, k.out.units())
	for u := range a {
		a[u] = b[u%len(b)]
	}
	k.edges(func(o, e, i int) { a[o] += w[e] * x[i] })
	return a
}

func (n *byHand) act(l int, a []float64) []float64 {
	if n.layers[l].act != "" {
		return mapped(a, handActs[n.layers[l].act][0])
	}
	sum, out := 0.0, mapped(a, math.Exp)
	for _, e := range out {
		sum += e
	}
	return mapped(out, func(e float64) float64 { return e / sum })
}

// f is layer l of an input, with the auxiliary units behind the output's classes.
func (n *byHand) f(l int, x []float64) []float64 {
	k, h := n.layers[l], n.act(l, n.pre(l, x))
	for z := range k.aux {
		a := n.p[k.name+".bz"][z]
		for i, v := range x {
			a += n.p[k.name+".Wz"][z*len(x)+i] * v
		}
		h = append(h, math.Tanh(a))
	}
	return h
}

// back is the pre-activity of g_l.
func (n *byHand) back(l int, u []float64) []float64 {
	k := n.layers[l]
	v, c, a := n.p[k.name+".V"], n.p[k.name+".c"], make([]float64, k.in.units())
	for i := range a {
		a[i] = c[i%len(c)]
	}
	k.backEdges(func(o, e, i int) { a[i] += v[e] * u[o] })
	return a
}

func (n *byHand) inverse(l int, u []float64) []float64 { return n.act(l-1, n.back(l, u)) }

// adjoint is the transpose of layer l's operator, with the given weights.
func (n *byHand) adjoint(l int, w, y []float64) []float64 {
	out := make([]float64, n.layers[l].in.units())
	n.layers[l].edges(func(o, e, i int) { out[i] += w[e] * y[o] })
	return out
}

// learn adds δ ⊗ x to the gradients of W and b, with its weight.
func (n *byHand) learn(l int, delta, x []float64, by float64) {
	k := n.layers[l]
	w, b := n.gradient(k.name+".W"), n.gradient(k.name+".b")
	k.edges(func(o, e, i int) { w[e] += by * delta[o] * x[i] })
	for u, d := range delta {
		b[u%len(b)] += by * d
	}
}

func (n *byHand) gradient(name string) []float64 {
	if n.g[name] == nil {
		n.g[name] = make([]float64, len(n.p[name]))
	}
	return n.g[name]
}

// sample adds a sample's part, one of size, to the gradients: noise is 0.
func (n *byHand) sample(x, y []float64, size int) {
	L, by := n.last(), 1/float64(size)
	a, h := make([][]float64, L+1), [][]float64{x}
	for l := 1; l <= L; l++ {
		a[l] = n.pre(l, h[l-1])
		h = append(h, n.act(l, a[l]))
	}
	delta := mixed(h[L], 1, y, -1) // dℓ/da_L
	if n.squared {
		delta = timesSlope(mixed(h[L], 2, y, -2), a[L], n.layers[L].act)
	}
	n.learn(L, delta, h[L-1], by)
	weights := func(l int, kind string) []float64 { return n.p[n.layers[l].name+kind] }
	if !strings.HasSuffix(n.rule, "tp") {
		d := delta
		for l := L - 1; l >= 1; l-- {
			switch n.rule {
			case "bp":
				d = n.adjoint(l+1, weights(l+1, ".W"), d)
			case "fa":
				d = n.adjoint(l+1, weights(l+1, ".B"), d)
			case "dfa":
				d = make([]float64, len(h[l]))
				for u := range d {
					for o := range delta {
						d[u] += weights(l, ".B")[u*len(delta)+o] * delta[o]
					}
				}
			}
			d = timesSlope(d, a[l], n.layers[l].act)
			n.learn(l, d, h[l-1], by)
		}
		return
	}
	composite := n.f(L, h[L-1])
	target := make([][]float64, L+1)
	target[L] = y
	for l := L - 1; l >= 1; l-- {
		above, aim := h[l+1], target[l+1]
		if l == L-1 {
			above, aim = composite, append(append([]float64{}, y...), composite[len(y):]...)
		}
		switch {
		case n.rule == "tp":
			target[l] = n.inverse(l+1, aim)
		case n.rule == "dtp" && l == L-1:
			target[l] = mixed(h[l], 1, n.adjoint(L, weights(L, ".W"), delta), -n.alpha)
		default:
			target[l] = mixed(mixed(h[l], 1, n.inverse(l+1, above), -1), 1, n.inverse(l+1, aim), 1)
		}
		n.learn(l, timesSlope(mixed(h[l], 2, target[l], -2), a[l], n.layers[l].act), h[l-1], by)
	}
	for l := 2; l <= L; l++ {
		k := n.layers[l]
		if weights(l, ".V") == nil {
			continue
		}
		u := n.f(l, h[l-1])
		pre := n.back(l, u)
		d := timesSlope(mixed(n.act(l-1, pre), 2, h[l-1], -2), pre, n.layers[l-1].act)
		v, c := n.gradient(k.name+".V"), n.gradient(k.name+".c")
		k.backEdges(func(o, e, i int) { v[e] += by * d[i] * u[o] })
		for i := range d {
			c[i%len(c)] += by * d[i]
		}
	}
}

// A handOptimizer is plain descent or Adam; of Adam, moments and t are each parameter's own.
type handOptimizer struct {
	adam       bool
	lr, b1, b2 float64
	eps        float64
	m, v       map[string][]float64
	t          map[string]int
}

func (o *handOptimizer) text() string {
	if o.adam {
		return fmt.Sprintf("adam(lr = %g, beta1 = %g, beta2 = %g, eps = %g)", o.lr, o.b1, o.b2, o.eps)
	}
	return fmt.Sprintf("sgd(lr = %g)", o.lr)
}

func (o *handOptimizer) update(name string, p, g []float64) {
	if !o.adam {
		for i := range p {
			p[i] -= o.lr * g[i]
		}
		return
	}
	if o.m == nil {
		o.m, o.v, o.t = map[string][]float64{}, map[string][]float64{}, map[string]int{}
	}
	if o.m[name] == nil {
		o.m[name], o.v[name] = make([]float64, len(p)), make([]float64, len(p))
	}
	o.t[name]++
	m, v, t := o.m[name], o.v[name], float64(o.t[name])
	for i := range p {
		m[i] = o.b1*m[i] + (1-o.b1)*g[i]
		v[i] = o.b2*v[i] + (1-o.b2)*g[i]*g[i]
		p[i] -= o.lr * (m[i] / (1 - math.Pow(o.b1, t))) / (math.Sqrt(v[i]/(1-math.Pow(o.b2, t))) + o.eps)
	}
}
