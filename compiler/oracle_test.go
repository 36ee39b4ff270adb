package compiler_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/internal/programs"
	"bnetc/ir"
	"bnetc/ir/tensor"
	"bnetc/lang/check"
)

// An oracle is LEARNING.md sections 1 to 5 written by hand, sample by sample in float64: edges found by dividing positions, gradients by name of the
// rule. Of the compiler it shares nothing; of the checker, the sizes that it read off the text.
type oracle struct {
	source *check.Program
	layers []oracleLayer // by number; layers[0] is the input
	batch  int
	params map[string][]float64
	grad   map[string][]float64
	state  map[string][]float64
	count  map[string]int // updates of each param
	loss   float64        // mean over the batch
	// Of one sample:
	a, h, eps [][]float64
	az, z     []float64
}

type oracleLayer struct {
	name  string
	units int
	f     squash
	conn  edges  // of W
	bias  []int  // of each unit's bias among the biases; nil without
	aux   int    // auxiliary units
	auxF  squash // their nonlinearity
	soft  bool   // soft-max
	g     *oracleInverse
	like  edges // of B, applied backwards
}

type oracleInverse struct {
	exact    bool
	backward bool // conn leads from below to here, and is walked the other way
	conn     edges
	bias     []int
}

type squash struct{ f, d func(float64) float64 }

// squashes are the nonlinearities with their derivatives.
func squashOf(f check.Function) squash {
	a := 0.01
	if len(f.Args) > 0 {
		a = f.Args[0]
	}
	step := func(x, below float64) float64 {
		if x > 0 {
			return 1
		}
		return below
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	switch f.Name {
	case "tanh":
		return squash{math.Tanh, func(x float64) float64 { return 1 - math.Tanh(x)*math.Tanh(x) }}
	case "relu":
		return squash{func(x float64) float64 { return x * step(x, 0) }, func(x float64) float64 { return step(x, 0) }}
	case "leaky_relu":
		return squash{func(x float64) float64 { return x * step(x, a) }, func(x float64) float64 { return step(x, a) }}
	case "sigmoid":
		return squash{sigmoid, func(x float64) float64 { return sigmoid(x) * (1 - sigmoid(x)) }}
	case "softplus":
		return squash{func(x float64) float64 { return math.Log(1 + math.Exp(x)) }, sigmoid}
	}
	return squash{func(x float64) float64 { return x }, func(float64) float64 { return 1 }}
}

// edges calls f for every edge of a connectivity: an output unit, an input unit, and the place of its weight in the layout of LEARNING.md section 1.
type edges func(f func(out, in, w int))

func edgesOf(c check.Connectivity) edges {
	if c.Dense {
		in, out := c.In.Units(), c.Out.Units()
		return func(f func(out, in, w int)) {
			for o := range out {
				for i := range in {
					f(o, i, o*in+i)
				}
			}
		}
	}
	return func(f func(out, in, w int)) {
		window(c, func(y, x, co, ky, kx, ci, iy, ix, w int) {
			if iy < 0 || iy >= c.In.H || ix < 0 || ix >= c.In.W {
				return // padding reads zeros
			}
			channel := co/(c.Out.C/c.Field.Groups)*(c.In.C/c.Field.Groups) + ci
			f((y*c.Out.W+x)*c.Out.C+co, (iy*c.In.W+ix)*c.In.C+channel, w)
		})
	}
}

// window visits every tap of every location, inside the image or not.
func window(c check.Connectivity, f func(y, x, co, ky, kx, ci, iy, ix, w int)) {
	k := c.Field
	channels, across := c.In.C/k.Groups, (c.Out.W+c.TileW-1)/c.TileW
	for y := range c.Out.H {
		for x := range c.Out.W {
			copyOf := y/c.TileH*across + x/c.TileW // which copy of the weights
			for co := range c.Out.C {
				for ky := range k.KH {
					for kx := range k.KW {
						for ci := range channels {
							w := (((copyOf*c.Out.C+co)*k.KH+ky)*k.KW+kx)*channels + ci
							f(y, x, co, ky, kx, ci, y*k.StrideH+ky*k.DilH-k.PadTop, x*k.StrideW+kx*k.DilW-k.PadLeft, w)
						}
					}
				}
			}
		}
	}
}

// resting are the weights that only ever meet padding because of where they stand: along a dimension that no two locations share.
func resting(c check.Connectivity) map[int]bool {
	rest := map[int]bool{}
	if !c.Dense {
		window(c, func(_, _, _, _, _, _, iy, ix, w int) {
			if c.TileH == 1 && (iy < 0 || iy >= c.In.H) || c.TileW == 1 && (ix < 0 || ix >= c.In.W) {
				rest[w] = true
			}
		})
	}
	return rest
}

func (e edges) apply(w, in []float64, out int) []float64 {
	v := make([]float64, out)
	e(func(o, i, k int) { v[o] += w[k] * in[i] })
	return v
}

func (e edges) back(w, out []float64, in int) []float64 {
	v := make([]float64, in)
	e(func(o, i, k int) { v[i] += w[k] * out[o] })
	return v
}

// biases says which bias each unit has: one of its own, or its channel's.
func biases(s check.Shape, own bool) []int {
	out := make([]int, s.Units())
	for i := range out {
		out[i] = i
		if !own {
			out[i] = i % s.C
		}
	}
	return out
}

func untied(c check.Connectivity) bool { return c.Dense || c.Untied }

// oracleRules are those that sample is written for.
var oracleRules = []string{"bp", "fa", "dfa", "from_input", "tp", "dtp", "sdtp", "ao_sdtp"}

// newOracle reads the sizes of a program; false if it has layers, or a rule, that the oracle does not know.
func newOracle(p *check.Program, batch int) (*oracle, bool) {
	if !slices.Contains(oracleRules, p.Rule) {
		return nil, false
	}
	o := &oracle{source: p, batch: batch, state: map[string][]float64{}, count: map[string]int{}, layers: []oracleLayer{{units: p.Input.Units()}}}
	below := p.Input
	for _, l := range p.Layers {
		if l.F == nil {
			return nil, false
		}
		layer := oracleLayer{name: l.Name, units: l.Shape.Units(), f: squashOf(l.Function), conn: edgesOf(l.F.Conn), soft: l.Function.Name == "softmax"}
		if l.F.Bias != "" {
			layer.bias = biases(l.Shape, untied(l.F.Conn))
		}
		if l.Aux != nil {
			layer.aux, layer.auxF = l.Aux.Units, squashOf(l.Aux.Function)
		}
		if l.G != nil {
			layer.g = &oracleInverse{exact: l.G.Exact, backward: l.G.Transposed}
			if !l.G.Exact {
				layer.g.conn, layer.g.bias = edgesOf(l.G.Conn), biases(below, untied(l.G.Conn))
			}
		}
		for _, m := range p.Maps {
			if m.Layer == l && m.Kind == check.FeedbackLike {
				layer.like = edgesOf(m.Conn)
			}
		}
		o.layers = append(o.layers, layer)
		below = l.Shape
	}
	return o, true
}

func (o *oracle) last() int { return len(o.layers) - 1 }

func (o *oracle) param(l int, name string) []float64 { return o.params[o.layers[l].name+"."+name] }

func zip(a, b []float64, f func(x, y float64) float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = f(a[i], b[i])
	}
	return out
}

func each(a []float64, f func(float64) float64) []float64 {
	return draw(len(a), func(i int) float64 { return f(a[i]) })
}

func plus(a, b []float64) []float64  { return zip(a, b, func(x, y float64) float64 { return x + y }) }
func minus(a, b []float64) []float64 { return zip(a, b, func(x, y float64) float64 { return x - y }) }
func times(a, b []float64) []float64 { return zip(a, b, func(x, y float64) float64 { return x * y }) }
func scale(a []float64, by float64) []float64 {
	return each(a, func(x float64) float64 { return x * by })
}

func softmax(a []float64) []float64 {
	sum := 0.0
	e := each(a, func(v float64) float64 { return math.Exp(v - slices.Max(a)) })
	for _, v := range e {
		sum += v
	}
	return scale(e, 1/sum)
}

func (o *oracle) pre(l int, x []float64) []float64 {
	layer := &o.layers[l]
	a := layer.conn.apply(o.param(l, "W"), x, layer.units)
	for i, k := range layer.bias {
		a[i] += o.param(l, "b")[k]
	}
	return a
}

func (o *oracle) squash(l int, a []float64) []float64 {
	if o.layers[l].soft {
		return softmax(a)
	}
	return each(a, o.layers[l].f.f)
}

// f is layer l, the classes alone at the output.
func (o *oracle) f(l int, x []float64) []float64 { return o.squash(l, o.pre(l, x)) }

// auxiliary is z before and behind its nonlinearity.
func (o *oracle) auxiliary(l int, x []float64) (az, z []float64) {
	layer := &o.layers[l]
	az = plus(edgesOf(check.Connectivity{Dense: true, In: check.Shape{H: 1, W: 1, C: len(x)}, Out: check.Shape{H: 1, W: 1, C: layer.aux}}).apply(o.param(l, "Wz"), x, layer.aux), o.param(l, "bz"))
	return az, each(az, layer.auxF.f)
}

// whole is f with the auxiliary units behind the classes.
func (o *oracle) whole(l int, x []float64) []float64 {
	out := o.f(l, x)
	if o.layers[l].aux > 0 {
		_, z := o.auxiliary(l, x)
		out = append(out, z...)
	}
	return out
}

// inversePre is C(V)u + c.
func (o *oracle) inversePre(l int, u []float64) []float64 {
	g, below := o.layers[l].g, o.layers[l-1].units
	var v []float64
	if g.backward {
		v = g.conn.back(o.param(l, "V"), u, below)
	} else {
		v = g.conn.apply(o.param(l, "V"), u, below)
	}
	for i, k := range g.bias {
		v[i] += o.param(l, "c")[k]
	}
	return v
}

func (o *oracle) g(l int, u []float64) []float64 {
	layer := &o.layers[l]
	if !layer.g.exact {
		return o.squash(l-1, o.inversePre(l, u))
	}
	// The transposed Jacobian at the sample's own activities.
	classes := u[:layer.units]
	du := times(classes, each(o.a[l], layer.f.d))
	if layer.soft {
		dot := 0.0
		for i, v := range classes {
			dot += v * o.h[l][i]
		}
		du = zip(o.h[l], classes, func(h, v float64) float64 { return h * (v - dot) })
	}
	down := layer.conn.back(o.param(l, "W"), du, o.layers[l-1].units)
	if len(u) > layer.units {
		dz := times(u[layer.units:], each(o.az, layer.auxF.d))
		for i := range down {
			for k, v := range dz {
				down[i] += o.param(l, "Wz")[k*len(down)+i] * v
			}
		}
	}
	return down
}

func (o *oracle) gradient(name string) []float64 {
	if o.grad[name] == nil {
		o.grad[name] = make([]float64, len(o.params[name]))
	}
	return o.grad[name]
}

// learn adds delta ⊗ x to the gradient of layer l, and delta to that of its biases.
func (o *oracle) learn(l int, delta, x []float64) {
	dW := o.gradient(o.layers[l].name + ".W")
	o.layers[l].conn(func(out, in, w int) { dW[w] += delta[out] * x[in] })
	for i, k := range o.layers[l].bias {
		o.gradient(o.layers[l].name + ".b")[k] += delta[i]
	}
}

// direct is what a layer's feedback from somewhere else, B of [units of l, units there], makes of v.
func (o *oracle) direct(l int, v []float64) []float64 {
	B := o.param(l, "B")
	return draw(o.layers[l].units, func(i int) (sum float64) {
		for k, d := range v {
			sum += B[i*len(v)+k] * d
		}
		return sum
	})
}

// A phase is what one list of a plan updates.
type phase struct{ forward, inverse bool }

// sample adds one sample's contribution to the gradients.
func (o *oracle) sample(rule string, p phase, alpha float64, x, y []float64) {
	L, n := o.last(), float64(o.batch)
	o.h, o.a = [][]float64{x}, [][]float64{nil}
	for l := 1; l <= L; l++ {
		a := o.pre(l, o.h[l-1])
		o.a, o.h = append(o.a, a), append(o.h, o.squash(l, a))
	}
	if o.layers[L].aux > 0 {
		o.az, o.z = o.auxiliary(L, o.h[L-1])
	}
	delta := minus(o.h[L], y) // dℓ/da_L of the sample
	for i, v := range delta {
		if o.layers[L].soft {
			o.loss -= y[i] * math.Log(o.h[L][i]) / n
		} else {
			o.loss += v * v / n
			delta[i] = 2 * v * o.layers[L].f.d(o.a[L][i])
		}
	}
	slope := func(l int) []float64 { return each(o.a[l], o.layers[l].f.d) }
	below := func(l int) int { return o.layers[l-1].units }
	if p.forward {
		o.learn(L, scale(delta, 1/n), o.h[L-1])
	}
	down := delta
	switch rule {
	case "bp", "fa", "dfa", "from_input":
		for l := L - 1; l >= 1; l-- {
			switch rule {
			case "bp":
				down = o.layers[l+1].conn.back(o.param(l+1, "W"), down, below(l+1))
			case "fa":
				down = o.layers[l+1].like.back(o.param(l+1, "B"), down, below(l+1))
			case "dfa":
				down = o.direct(l, delta)
			case "from_input":
				down = minus(o.h[l], o.direct(l, x))
			}
			down = times(down, slope(l))
			o.learn(l, scale(down, 1/n), o.h[l-1])
		}
		return
	}
	target := make([][]float64, L+1)
	target[L] = slices.Clone(y)
	for l := L - 1; l >= 1; l-- {
		up, upTarget := o.h[l+1], target[l+1]
		if l == L-1 && rule == "ao_sdtp" {
			up, upTarget = slices.Concat(up, o.z), slices.Concat(upTarget, o.z)
		}
		switch {
		case rule == "tp":
			target[l] = o.g(l+1, upTarget)
		case rule == "dtp" && l == L-1:
			target[l] = minus(o.h[l], scale(o.layers[L].conn.back(o.param(L, "W"), delta, below(L)), alpha))
		default:
			target[l] = plus(minus(o.h[l], o.g(l+1, up)), o.g(l+1, upTarget))
		}
	}
	if p.forward {
		for l := 1; l < L; l++ {
			o.learn(l, times(scale(minus(o.h[l], target[l]), 2/n), slope(l)), o.h[l-1])
		}
	}
	if !p.inverse {
		return
	}
	for l := 2; l <= L; l++ {
		if l == L && rule == "dtp" || o.layers[l].g.exact {
			continue
		}
		noisy := plus(o.h[l-1], o.eps[l-1])
		want := o.h[l-1] // denoising
		if rule == "tp" || rule == "dtp" {
			want = noisy // noise-preserving
		}
		u := o.f(l, noisy)
		if rule == "ao_sdtp" {
			u = o.whole(l, noisy)
		}
		pre := o.inversePre(l, u)
		d := times(scale(minus(o.squash(l-1, pre), want), 2/n), each(pre, o.layers[l-1].f.d))
		g, dV := o.layers[l].g, o.gradient(o.layers[l].name+".V")
		g.conn(func(out, in, w int) {
			if g.backward {
				out, in = in, out
			}
			dV[w] += d[out] * u[in]
		})
		for i, k := range g.bias {
			o.gradient(o.layers[l].name + ".c")[k] += d[i]
		}
	}
}

// update moves every param that has a gradient by its optimizer, LEARNING.md section 5.
func (o *oracle) update() {
	for name, g := range o.grad {
		opt := o.source.Forward
		if slices.Contains([]string{".V", ".c"}, name[len(name)-2:]) {
			opt = o.source.Inverse
		}
		hyper := map[string]float64{}
		for _, h := range opt.Hyper {
			hyper[h.Name] = h.Value
		}
		o.count[name]++
		t := float64(o.count[name])
		rest := map[int]bool{}
		for _, m := range o.source.Maps {
			if m.Weight == name {
				rest = resting(m.Conn)
			}
		}
		theta := o.params[name]
		m, v := o.memory(name+".m", len(theta)), o.memory(name+".v", len(theta))
		for i := range theta {
			if rest[i] {
				continue
			}
			before, move := theta[i], 0.0
			switch opt.Name {
			case "sgd":
				move = g[i]
			case "momentum", "nesterov":
				m[i] = hyper["momentum"]*m[i] + g[i]
				move = m[i]
				if opt.Name == "nesterov" {
					move = g[i] + hyper["momentum"]*m[i]
				}
			case "rmsprop":
				v[i] = hyper["rho"]*v[i] + (1-hyper["rho"])*g[i]*g[i]
				move = g[i] / (math.Sqrt(v[i]) + hyper["eps"])
			case "adam":
				m[i] = hyper["beta1"]*m[i] + (1-hyper["beta1"])*g[i]
				v[i] = hyper["beta2"]*v[i] + (1-hyper["beta2"])*g[i]*g[i]
				move = m[i] / (1 - math.Pow(hyper["beta1"], t)) / (math.Sqrt(v[i]/(1-math.Pow(hyper["beta2"], t))) + hyper["eps"])
			}
			theta[i] = before - hyper["lr"]*move - hyper["lr"]*hyper["weight_decay"]*before
		}
	}
	o.grad = map[string][]float64{}
}

func (o *oracle) memory(name string, n int) []float64 {
	if o.state[name] == nil {
		o.state[name] = make([]float64, n)
	}
	return o.state[name]
}

// noise draws what the program adds to each layer in a step: normal numbers of the stream that its place in the text has.
func (o *oracle) noise(step uint64, sample int, sigma float64) {
	o.eps = make([][]float64, len(o.layers))
	for l := 1; l < len(o.layers); l++ {
		stream, ok := noiseStream(o.source, l)
		if !ok {
			continue
		}
		o.eps[l] = draw(o.layers[l].units, func(u int) float64 {
			return sigma * float64(ir.Normals(programs.Seed, stream, step, uint32(sample), uint32(u/4))[u%4])
		})
	}
}

func noiseStream(p *check.Program, l int) (stream uint32, ok bool) {
	var walk func(e *check.Expr)
	walk = func(e *check.Expr) {
		if e.Op == check.Normal && e.Space.Layer == l {
			stream, ok = ir.Stream(fmt.Sprintf("noise %d %s %d", e.Draw, p.Layers[l-1].Name, 0)), true
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	for _, v := range p.Values {
		walk(v.Expr)
	}
	return stream, ok
}

// join gives the oracle the whole V of a composite output, whose columns the compiler keeps as two params, and part cuts one of them out again.
func (o *oracle) join(params map[string][]float64) {
	o.params = map[string][]float64{}
	for name, v := range params {
		o.params[name] = slices.Clone(v)
	}
	y := o.layers[o.last()].name
	classes, aux := params[y+".V.classes"], params[y+".V.aux"]
	if classes == nil {
		return
	}
	rows := o.layers[o.last()-1].units
	var v []float64
	for i := range rows {
		v = append(v, columns(classes, rows, i)...)
		v = append(v, columns(aux, rows, i)...)
	}
	o.params[y+".V"] = v
}

func columns(v []float64, rows, i int) []float64 {
	n := len(v) / rows
	return v[i*n : (i+1)*n]
}

func (o *oracle) part(n *tensor.Node) []float64 {
	of := n.Param.Part
	if of.Of == "" {
		return o.params[n.Name]
	}
	var out []float64
	own := n.Type.Shape[len(n.Type.Shape)-1]
	for row := range slices.Chunk(o.params[of.Of], of.Columns) {
		out = append(out, row[of.Offset:of.Offset+own]...)
	}
	return out
}

// Three steps of every program of the table, by hand and by the reference executor of tensor programs.
func TestOracle(t *testing.T) {
	known := 0
	for _, p := range programs.All() {
		checked, err := p.Check()
		require.NoError(t, err)
		o, ok := newOracle(checked, checked.Train.Batch)
		if !ok {
			continue
		}
		known++
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			c, err := p.Compile(targets[0])
			require.NoError(t, err)
			runs := newTrial(c.Tensor, programs.Settings(checked, 1), 1)
			o.join(runs.params)
			phases := []phase{{forward: true, inverse: true}}
			if c.Tensor.Alternating {
				phases = []phase{{inverse: true}, {forward: true}}
			}
			x, y := runs.inputs["x"], runs.inputs["label"]
			loss := 0.0
			for step := range uint64(steps) {
				for _, ph := range phases {
					o.grad, o.loss = map[string][]float64{}, 0
					for n := range o.batch {
						o.noise(step, n, runs.settings["learn.noise"])
						o.sample(checked.Rule, ph, runs.settings["learn.alpha"], columns(x, o.batch, n), columns(y, o.batch, n))
					}
					o.update()
				}
				loss += o.loss * float64(o.batch)
			}
			got := runs.onTensors(t, c.Tensor)
			for _, n := range c.Tensor.Nodes {
				if n.Op == tensor.Param && n.Param.Kind == tensor.Weight {
					if want := o.part(n); !close(want, got[n.Name], 1e-9) {
						t.Errorf("%s is %s", n.Name, apart(want, got[n.Name]))
					}
				}
			}
			require.InEpsilon(t, loss, got["train.loss"][0], 1e-9)
		})
	}
	require.Greater(t, known, 150)
}
