package compiler

import (
	"fmt"
	"math"
	"strings"

	"bnetc/ir"
	"bnetc/ir/tensor"
	"bnetc/lang/check"
)

// expr lowers a typed expression of the rule. Sums and products go part by part; a scalar stretches over every part.
func (lo *lowering) expr(e *check.Expr) value {
	switch e.Op {
	case check.Const:
		return value{lo.Map(ir.Num(e.Number))}
	case check.Param:
		return value{lo.setting(e.Name)}
	case check.Activities:
		return lo.h[e.Layer]
	case check.Pre:
		return lo.a[e.Layer]
	case check.Label:
		return value{lo.label}
	case check.AuxPart:
		return lo.h[len(lo.h)-1][1:]
	case check.List:
		return append(lo.expr(e.Args[0]), lo.expr(e.Args[1])...)
	case check.Ref:
		return lo.value(e.Value)
	case check.Add, check.Sub, check.Mul, check.Div:
		return lo.elementwise(binary[e.Op], lo.expr(e.Args[0]), lo.expr(e.Args[1]))
	case check.Neg:
		return lo.elementwise("-$0", lo.expr(e.Args[0]))
	case check.Power:
		return lo.power(lo.expr(e.Args[0]), e.Number)
	case check.Call:
		return lo.call(e)
	case check.Apply:
		return lo.apply(e)
	case check.Operate:
		return value{lo.operate(e.Map, lo.weights(e.Map), lo.expr(e.Args[0]))}
	case check.Transpose:
		if e.Map == nil || e.Map.Weight == "" {
			return value{lo.weightless(lo.source.Layers[e.Layer-1], lo.expr(e.Args[0])[0])}
		}
		return lo.transpose(e.Map, lo.weights(e.Map), lo.expr(e.Args[0]))
	case check.SignOperate:
		return value{lo.operate(e.Map, lo.signs(e.Map), lo.expr(e.Args[0]))}
	case check.SignTranspose:
		return lo.transpose(e.Map, lo.signs(e.Map), lo.expr(e.Args[0]))
	case check.Derivative:
		return lo.derivative(e.Layer)
	case check.GradLoss:
		return lo.gradLoss(e)
	case check.Normal:
		return lo.normal(e)
	case check.Outer:
		return lo.outer(e)
	case check.ParamsOf:
		return lo.parameters(e.Map)
	case check.NormSquared:
		u := lo.expr(e.Args[0])
		return lo.sumParts(lo.elementwise("$0 * $0", u))
	case check.Dot:
		return lo.sumParts(lo.elementwise("$0 * $1", lo.expr(e.Args[0]), lo.expr(e.Args[1])))
	case check.TaskLoss:
		last := lo.source.Layers[len(lo.source.Layers)-1]
		return value{lo.loss(lo.affine(last.F, lo.h[last.Index-1]))}
	}
	panic(fmt.Sprintf("bug: no lowering for operation %d of %q", e.Op, e.Span.File.Text[e.Span.Start:e.Span.End]))
}

var binary = map[check.Op]string{check.Add: "$0 + $1", check.Sub: "$0 - $1", check.Mul: "$0 * $1", check.Div: "$0 / $1"}

// power writes whole powers as products, which have a value of negative numbers, too, and differentiate without a logarithm: small ones as one expression,
// others by squaring, step by step, so that x^n is about 2·log n of them.
func (lo *lowering) power(x value, n float64) value {
	switch {
	case n == 0.5:
		return lo.elementwise("sqrt($0)", x)
	case n != math.Trunc(n):
		return lo.elementwise(fmt.Sprintf("exp(%v * log($0))", n), x)
	case n == 0:
		return lo.elementwise("1", x)
	case n < 0 && n >= -8:
		return lo.elementwise("1 / ("+repeated(-n)+")", x)
	case n < 0:
		return lo.elementwise("1 / $0", lo.power(x, -n))
	case n <= 8:
		return lo.elementwise(repeated(n), x)
	case math.Mod(n, 2) == 1:
		return lo.elementwise("$0 * $1", lo.power(x, n-1), x)
	}
	return lo.elementwise("$0 * $0", lo.power(x, n/2))
}

// repeated is $0 as often as n says.
func repeated(n float64) string { return strings.TrimSuffix(strings.Repeat("$0 * ", int(n)), " * ") }

// elementwise applies a scalar expression part by part; operands of one part stretch.
func (lo *lowering) elementwise(text string, operands ...value) value {
	parts := 1
	for _, v := range operands {
		parts = max(parts, len(v))
	}
	var out value
	for i := range parts {
		var args []*tensor.Node
		for _, v := range operands {
			args = append(args, v[min(i, len(v)-1)])
		}
		out = append(out, lo.Map(expr(text), args...))
	}
	return out
}

func (lo *lowering) sumParts(v value) value {
	sum := lo.Reduce(tensor.SumUnits, v[0])
	for _, n := range v[1:] {
		sum = lo.Map(expr("$0 + $1"), sum, lo.Reduce(tensor.SumUnits, n))
	}
	return value{sum}
}

// call applies an element-wise function by name: a primitive, or a nonlinearity.
func (lo *lowering) call(e *check.Expr) value {
	var operands []value
	var inputs []string
	for i, a := range e.Args {
		operands = append(operands, lo.expr(a))
		inputs = append(inputs, fmt.Sprintf("$%d", i))
	}
	if f, err := ir.Nonlinearity(e.Name, nil); err == nil {
		return lo.elementwise(f.String(), operands...)
	}
	return lo.elementwise(e.Name+"("+strings.Join(inputs, ", ")+")", operands...)
}

// apply is f[l](u) or g[l](u).
func (lo *lowering) apply(e *check.Expr) value {
	layer, u := lo.source.Layers[e.Layer-1], lo.expr(e.Args[0])
	if e.Map == nil || e.Map.Kind != check.InverseMap {
		return lo.activate(layer, lo.pre(layer, u))
	}
	if e.Map.Exact {
		return lo.exact(layer, u)
	}
	z := lo.affine(e.Map, u)
	if e.Layer == 1 {
		return value{z}
	}
	return value{lo.nonlinearity(lo.source.Layers[e.Layer-2].Function, z)}
}

// exact is the transposed Jacobian of a layer at its current activities, applied to u (LEARNING.md section 4): a linear map, so that in a
// difference target it carries ĥ_{l+1} - h_{l+1} down as the gradient would be.
func (lo *lowering) exact(layer *check.Layer, u value) value {
	du := value{lo.jacobian(layer.Function, lo.a[layer.Index][0], lo.h[layer.Index][0], u[0])}
	switch {
	case layer.Kind == check.AveragePool:
		// Its windows do not overlap: each value goes back to every input of its window, so that pooling again gives the value.
		return value{lo.Linear(window(lo.shapeBelow(layer), layer.Shape, layer.Pool), ir.Transpose, lo.unit(), du[0])}
	case layer.F == nil:
		return value{lo.weightless(layer, du[0])}
	}
	out := lo.transpose(layer.F, lo.weights(layer.F), du)
	if layer.Aux != nil && len(u) > 1 {
		dz := lo.jacobian(layer.Aux.Function, lo.a[layer.Index][1], lo.h[layer.Index][1], u[1])
		out = lo.elementwise("$0 + $1", out, lo.transpose(layer.Aux.F, lo.weights(layer.Aux.F), value{dz}))
	}
	return out
}

// jacobian is (∂σ(a)/∂a)ᵀ u.
func (lo *lowering) jacobian(f check.Function, a, h, u *tensor.Node) *tensor.Node {
	if f.Name == softmax {
		dot := lo.Reduce(tensor.SumUnits, lo.Map(expr("$0 * $1"), h, u))
		return lo.Map(expr("$0 * ($1 - $2)"), h, u, dot)
	}
	return lo.Map(ir.Call(ir.OpMul, scalarFunction(f).Derivative(0), ir.In(1)), a, u)
}

// transpose applies the adjoint of a map's linear operator.
func (lo *lowering) transpose(m *check.Map, weights value, u value) value {
	role := ir.Transpose
	if m.Transposed {
		role = ir.Apply
	}
	var out value
	for i, rel := range lo.relation(m) {
		out = append(out, lo.Linear(rel, role, weights[i], u[0]))
	}
	return out
}

// weightless is the adjoint of a layer without weights, at its current activities: pooling sends back to where it read from, dropout through
// the units that it let through.
func (lo *lowering) weightless(layer *check.Layer, u *tensor.Node) *tensor.Node {
	below := lo.h[layer.Index-1][0]
	switch layer.Kind {
	case check.MaxPool:
		return lo.MaxPoolGradient(window(lo.shapeBelow(layer), layer.Shape, layer.Pool), below, lo.h[layer.Index][0], u)
	case check.AveragePool:
		rel := window(lo.shapeBelow(layer), layer.Shape, layer.Pool)
		return lo.Map(ir.Call(ir.OpDiv, ir.In(0), ir.Num(float64(layer.Pool.KH*layer.Pool.KW))), lo.Linear(rel, ir.Transpose, lo.unit(), u))
	case check.Dropout:
		if !lo.evaluating {
			return lo.drop(layer, u)
		}
	}
	return u
}

// drop silences units with the layer's rate and scales the others up, so that the mean stays: the same units wherever the layer is applied in a step.
// The threshold on a normal number is the rate's quantile.
func (lo *lowering) drop(layer *check.Layer, u *tensor.Node) *tensor.Node {
	mask := lo.masks[layer]
	if mask == nil {
		draw := lo.Random(ir.Stream("dropout "+layer.Name), u.Type)
		quantile := math.Sqrt2 * math.Erfinv(2*layer.Rate-1)
		mask = lo.Map(ir.Call(ir.OpSelect, ir.Call(ir.OpLess, ir.Num(quantile), ir.In(0)), ir.Num(1/(1-layer.Rate)), ir.Num(0)), draw)
		mask.Name = "mask." + layer.Name
		lo.masks[layer] = mask
	}
	return lo.Map(expr("$0 * $1"), mask, u)
}

func (lo *lowering) signs(m *check.Map) value {
	return lo.elementwise("sign($0)", lo.weights(m))
}

// derivative is σ'(a[l]); 1 for layers without a nonlinearity.
func (lo *lowering) derivative(l int) value {
	layer := lo.source.Layers[l-1]
	d := value{lo.Map(scalarFunction(layer.Function).Derivative(0), lo.a[l][0])}
	if layer.Aux != nil {
		d = append(d, lo.Map(scalarFunction(layer.Aux.Function).Derivative(0), lo.a[l][1]))
	}
	return d
}

// gradLoss is the gradient of one sample's task loss by the output's pre-activity, or one layer further down.
func (lo *lowering) gradLoss(e *check.Expr) value {
	last := lo.source.Layers[len(lo.source.Layers)-1]
	a := lo.a[last.Index][0]
	delta := gradients(lo.Program, lo.loss(a), lo.Map(ir.Num(1)), a)[0]
	if e.Name == "a" {
		return value{delta}
	}
	return lo.transpose(last.F, lo.weights(last.F), value{delta})
}

// normal is noise of standard deviation Args[0]: the draw is numbered, so one draw stands for all places that name it.
func (lo *lowering) normal(e *check.Expr) value {
	var out value
	sigma := lo.expr(e.Args[0])[0]
	like := lo.h[e.Space.Layer]
	if e.Space.Kind == check.Activity {
		like = like[:1]
	}
	for part, h := range like {
		key := e.Draw*2 + part
		draw, ok := lo.draws[key]
		if !ok {
			draw = lo.Random(ir.Stream(fmt.Sprintf("noise %d %s %d", e.Draw, lo.layerName(e.Space.Layer), part)), h.Type)
			lo.draws[key] = draw
		}
		out = append(out, lo.Map(expr("$0 * $1"), sigma, draw))
	}
	return out
}

// outer is the batch mean of a ⊗ b over a map's edges, one node for each of its parameters; a bias is a weight whose input is 1.
func (lo *lowering) outer(e *check.Expr) value {
	m := e.Map
	a, b := lo.expr(e.Args[0]), lo.expr(e.Args[1])
	below := max(m.Layer.Index-1, 0)
	to, from := lo.h[m.Layer.Index], lo.h[below]
	if m.Kind == check.InverseMap {
		to, from = from, to
	}
	a, b = lo.like(a, to), lo.like(b, from)
	var out value
	for i, rel := range lo.relation(m) {
		o, in := a[0], b[min(i, len(b)-1)]
		if m.Transposed {
			o, in = in, o
		}
		out = append(out, lo.mean(lo.Linear(rel, ir.Outer, o, in)))
	}
	if m.Bias != "" {
		out = append(out, lo.mean(lo.Reduce(tensor.SumBatch, lo.sumTo(a[0], m.BiasShape))))
	}
	return out
}

// like stretches a scalar to the activities it stands for.
func (lo *lowering) like(v value, activities value) value {
	if len(v) > 1 || v[0].Type.Batch {
		return v
	}
	var out value
	for _, h := range activities {
		out = append(out, lo.Map(ir.In(1), h, v[0]))
	}
	return out
}

// mean divides a sum over the batch by the batch size.
func (lo *lowering) mean(n *tensor.Node) *tensor.Node {
	return lo.Map(ir.Call(ir.OpMul, ir.Num(1/float64(lo.Batch)), ir.In(0)), n)
}

func (lo *lowering) sumTo(n *tensor.Node, shape []int) *tensor.Node {
	if n.Type.Units() == units(shape) {
		return n
	}
	return lo.SumTo(n, shape)
}
