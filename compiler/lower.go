package compiler

import (
	"fmt"

	"bnetc/ir"
	"bnetc/ir/tensor"
	"bnetc/lang/check"
)

// lower turns a checked program into a tensor program. Forward activities come first, then the rule's equations in
// dependency order, then one Update for each tensor that a goal trains, and last what evaluation sums.
//
// Every value that has a name (h.l1, target.l2) becomes a named node, which differentiation holds constant; maps applied
// inside a `minimize` are lowered anew, without names, so that they can be differentiated. The share pass then finds that
// f[l1](x) inside a loss is h.l1.
func lower(p *check.Program, batch int) *tensor.Program {
	lo := &lowering{
		Program: tensor.New(p.Name, batch), source: p,
		weightsOf: map[*check.Map]value{}, biasOf: map[*check.Map]*tensor.Node{},
		settings: map[string]*tensor.Node{}, draws: map[int]*tensor.Node{},
		values: map[*check.Value]value{}, whole: map[*check.Value]value{}, relations: map[*check.Map][]*ir.Relation{},
		masks: map[*check.Layer]*tensor.Node{},
	}
	lo.Alternating = p.Schedule == check.Alternating && p.Inverse.Name != ""
	lo.forward()
	for _, v := range p.Values {
		lo.value(v)
	}
	for _, g := range p.Goals {
		lo.at("update", g.From)
		lo.goal(g)
	}
	lo.evaluation()
	distinguish(lo.Program)
	return lo.Program
}

// A value is what an expression of the rule lowers to: one node; the pair [classes, auxiliary units] of a composite output; or, in
// a map's Weights space, one node for each of its parameters in the order of lowering.parameters.
type value []*tensor.Node

type lowering struct {
	*tensor.Program
	source    *check.Program
	x, label  *tensor.Node
	h, a      []value // by layer; h[0] is the input
	weightsOf map[*check.Map]value
	biasOf    map[*check.Map]*tensor.Node
	one       *tensor.Node // a constant 1: the weight of a sum over a window
	settings  map[string]*tensor.Node
	draws     map[int]*tensor.Node
	values    map[*check.Value]value
	whole     map[*check.Value]value // values in evaluation, where that differs
	relations map[*check.Map][]*ir.Relation
	masks     map[*check.Layer]*tensor.Node // of dropout
	// evaluating says that layers are applied as in evaluation: dropout lets everything through.
	evaluating bool
}

// value is what an equation defines. With evaluating it is lowered anew, at the activities of evaluation, for the measures that read it.
func (lo *lowering) value(v *check.Value) value {
	values, pass, prefix := lo.values, "target", ""
	if lo.evaluating {
		values, pass, prefix = lo.whole, "evaluate", "whole."
	}
	if _, ok := values[v]; !ok {
		before, from := lo.Pass, lo.From
		lo.at(pass, v.From)
		values[v] = lo.named(fmt.Sprintf("%s%s.%s", prefix, v.Name, lo.layerName(v.Layer)), lo.expr(v.Expr))
		lo.at(before, from)
	}
	return values[v]
}

func (lo *lowering) at(pass, from string) { lo.Pass, lo.From = pass, from }

func (lo *lowering) layerName(l int) string {
	switch {
	case l < 0:
		return "all"
	case l == 0:
		return "x"
	}
	return lo.source.Layers[l-1].Name
}

// named gives the nodes of an equation's value its name, unless they are named already (target[last] = label). Names need not differ before distinguish.
func (lo *lowering) named(name string, v value) value {
	for i, n := range v {
		if n.Name == "" {
			n.Name = name
			if i > 0 {
				n.Name += ".aux"
			}
		}
	}
	return v
}

// forward lowers x, the label and the activities of every layer.
func (lo *lowering) forward() {
	p := lo.source
	lo.at("forward", "")
	lo.x = lo.Input("x", tensor.Type{Batch: true, Shape: dims(p.Input)})
	last := p.Layers[len(p.Layers)-1]
	lo.label = lo.Input("label", tensor.Type{Batch: true, Shape: dims(last.Shape)})
	lo.activities("")
}

// activities computes a[l] and h[l] of every layer.
func (lo *lowering) activities(prefix string) {
	lo.h, lo.a = []value{{lo.x}}, []value{nil}
	for _, layer := range lo.source.Layers {
		lo.at("forward", layer.Name)
		a := lo.pre(layer, lo.h[layer.Index-1])
		if layer.F != nil {
			lo.named(prefix+"a."+layer.Name, a)
		}
		h := lo.named(prefix+"h."+layer.Name, lo.activate(layer, a))
		lo.a, lo.h = append(lo.a, a), append(lo.h, h)
	}
}

// pre is a layer's pre-activity A(W)u + b; with auxiliary units the pair of both parts. Pooling gives the pooled values.
func (lo *lowering) pre(layer *check.Layer, u value) value {
	switch layer.Kind {
	case check.MaxPool:
		return value{lo.MaxPool(window(lo.shapeBelow(layer), layer.Shape, layer.Pool), u[0])}
	case check.AveragePool:
		rel := window(lo.shapeBelow(layer), layer.Shape, layer.Pool)
		sum := lo.Linear(rel, ir.Apply, lo.unit(), u[0])
		return value{lo.Map(ir.Call(ir.OpDiv, ir.In(0), ir.Num(float64(layer.Pool.KH*layer.Pool.KW))), sum)}
	case check.Flatten:
		return u
	case check.Dropout:
		if lo.evaluating {
			return u
		}
		return value{lo.drop(layer, u[0])}
	}
	a := value{lo.affine(layer.F, u)}
	if layer.Aux != nil {
		a = append(a, lo.affine(layer.Aux.F, u))
	}
	return a
}

func (lo *lowering) shapeBelow(layer *check.Layer) check.Shape {
	if layer.Index == 1 {
		return lo.source.Input
	}
	return lo.source.Layers[layer.Index-2].Shape
}

// activate applies a layer's nonlinearity to its pre-activity.
func (lo *lowering) activate(layer *check.Layer, a value) value {
	h := value{lo.nonlinearity(layer.Function, a[0])}
	if layer.Aux != nil {
		h = append(h, lo.nonlinearity(layer.Aux.Function, a[1]))
	}
	return h
}

func (lo *lowering) nonlinearity(f check.Function, a *tensor.Node) *tensor.Node {
	if f.Name == softmax {
		// exp(a - max) / Σ exp(a - max): the shift keeps exp within range and cancels.
		e := lo.Map(expr("exp($0 - $1)"), a, lo.Reduce(tensor.MaxUnits, a))
		return lo.Map(expr("$0 / $1"), e, lo.Reduce(tensor.SumUnits, e))
	}
	return lo.Map(scalarFunction(f), a)
}

const softmax = "softmax"

// scalarFunction is a nonlinearity as an expression over $0.
func scalarFunction(f check.Function) *ir.Expr {
	e, err := ir.Nonlinearity(f.Name, f.Args)
	if err != nil {
		panic("bug: the checker let through " + err.Error())
	}
	return e
}

// expr is a literal expression of the compiler's own.
func expr(text string) *ir.Expr {
	e, err := ir.ParseExpr(text)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return e
}

// affine is A(W)u + b of a map: the sum over the parts of a composite operand, then the bias.
func (lo *lowering) affine(m *check.Map, u value) *tensor.Node {
	z := lo.operate(m, lo.weights(m), u)
	if m.Bias == "" {
		return z
	}
	return lo.Map(expr("$0 + $1"), z, lo.bias(m))
}

// operate applies a map's linear operator with the given weights (one for each part of the operand).
func (lo *lowering) operate(m *check.Map, weights value, u value) *tensor.Node {
	role := ir.Apply
	if m.Transposed {
		role = ir.Transpose
	}
	var z *tensor.Node
	for i, rel := range lo.relation(m) {
		part := lo.Linear(rel, role, weights[i], u[i])
		if z == nil {
			z = part
		} else {
			z = lo.Map(expr("$0 + $1"), z, part)
		}
	}
	return z
}

// relation gives a map's relations: one, or two where its operand is composite (classes, auxiliary units).
func (lo *lowering) relation(m *check.Map) []*ir.Relation {
	if rel, ok := lo.relations[m]; ok {
		return rel
	}
	rel := []*ir.Relation{relation(m.Conn)}
	if aux := lo.composite(m); aux != nil {
		rel = nil
		for _, units := range []int{m.Layer.Shape.Units(), aux.Units} {
			c := m.Conn
			c.In = check.Shape{H: 1, W: 1, C: units}
			rel = append(rel, relation(c))
		}
	}
	lo.relations[m] = rel
	return rel
}

// composite tells whether a map's operand is the composite output, and gives its auxiliary part.
func (lo *lowering) composite(m *check.Map) *check.Aux {
	if m.Kind == check.InverseMap && m.Layer.Aux != nil && m.Layer.Index == len(lo.source.Layers) {
		return m.Layer.Aux
	}
	return nil
}

// weights gives a map's weight parameters: one, or one for each part of a composite operand.
func (lo *lowering) weights(m *check.Map) value {
	v, ok := lo.weightsOf[m]
	if !ok {
		v = lo.declare(m)
		lo.weightsOf[m] = v
	}
	return v
}

// declare adds the weights of a map to the program.
func (lo *lowering) declare(m *check.Map) (v value) {
	if lo.composite(m) == nil {
		return value{lo.param(m.Weight, m.WeightShape, m, tensor.Part{})}
	}
	columns, offset := m.WeightShape[len(m.WeightShape)-1], 0
	for i, rel := range lo.relation(m) {
		part := tensor.Part{Of: m.Weight, Offset: offset, Columns: columns}
		v = append(v, lo.param(m.Weight+[]string{".classes", ".aux"}[i], rel.WShape, m, part))
		offset += rel.WShape[len(rel.WShape)-1]
	}
	return v
}

func (lo *lowering) bias(m *check.Map) *tensor.Node {
	if lo.biasOf[m] == nil {
		lo.biasOf[m] = lo.Param(m.Bias, m.BiasShape, tensor.ParamInfo{Kind: tensor.Weight, Init: "zero"})
	}
	return lo.biasOf[m]
}

// parameters lists the nodes of a map's Weights space: its weights, then its bias.
func (lo *lowering) parameters(m *check.Map) value {
	v := lo.weights(m)
	if m.Bias != "" {
		v = append(v, lo.bias(m))
	}
	return v
}

func (lo *lowering) param(name string, shape []int, m *check.Map, part tensor.Part) *tensor.Node {
	info := tensor.ParamInfo{Kind: tensor.Weight, Init: m.Init.Scheme, Scale: m.Init.Scale, Stream: ir.Stream("init " + m.Weight), Part: part}
	info.FanIn, info.FanOut = fans(m)
	return lo.Param(name, shape, info)
}

// fans counts the edges into and out of a unit (LEARNING.md section 1): kh·kw·channels for a field, units for a dense map.
func fans(m *check.Map) (in, out int) {
	c := m.Conn
	if c.Dense {
		return c.In.Units(), c.Out.Units()
	}
	window := c.Field.KH * c.Field.KW
	return window * c.In.C / c.Field.Groups, window * c.Out.C / c.Field.Groups
}

// setting is a parameter of the rule, a scalar that is read when the program runs, so that --set recompiles nothing. It has the name that --set knows it
// by, which nothing of the machine's own has.
func (lo *lowering) setting(name string) *tensor.Node {
	if n, ok := lo.settings[name]; ok {
		return n
	}
	n := lo.Setting("learn." + name)
	lo.settings[name] = n
	return n
}

// unit is a constant weight of 1: that of a sum over a window.
func (lo *lowering) unit() *tensor.Node {
	if lo.one == nil {
		lo.one = lo.Param("ones.1", []int{1}, tensor.ParamInfo{Kind: tensor.Constant, Init: "one"})
	}
	return lo.one
}

// loss is the task loss per sample (LEARNING.md section 2) from the output's pre-activity.
func (lo *lowering) loss(a *tensor.Node) *tensor.Node {
	last := lo.source.Layers[len(lo.source.Layers)-1]
	if lo.source.Loss == check.SquaredError {
		h := lo.nonlinearity(last.Function, a)
		return lo.Reduce(tensor.SumUnits, lo.Map(expr("($0 - $1) * ($0 - $1)"), h, lo.label))
	}
	// -Σ y log o = m + log Σ exp(a - m) - Σ y a, for Σ y = 1: never the logarithm of a small number.
	m := lo.Reduce(tensor.MaxUnits, a)
	sum := lo.Reduce(tensor.SumUnits, lo.Map(expr("exp($0 - $1)"), a, m))
	return lo.Map(expr("$1 + log($0) - $2"), sum, m, lo.Reduce(tensor.SumUnits, lo.Map(expr("$0 * $1"), lo.label, a)))
}

// goal lowers one `minimize` or `descend`: an Update for each parameter, and the running sum of a minimized loss.
func (lo *lowering) goal(g *check.Goal) {
	group := "forward"
	if g.Inverse {
		group = "inverse"
	}
	optimizer := lo.source.Forward
	if g.Inverse {
		optimizer = lo.source.Inverse
	}
	row, ok := ir.FindOptimizer(optimizer.Name)
	if !ok {
		panic("bug: the checker let through optimizer " + optimizer.Name)
	}
	update := func(param, gradient *tensor.Node, minimize bool) {
		var states []*tensor.Node
		for _, s := range row.State {
			states = append(states, lo.Param(param.Name+"."+s, param.Type.Shape, tensor.ParamInfo{Kind: tensor.State, Init: "zero"}))
		}
		n := lo.Update(row.Name, group, param, gradient, states...)
		n.Minimize = minimize
	}
	params := lo.parameters(g.Over)
	if g.Minimize != nil {
		loss := lo.expr(g.Minimize)[0]
		for _, param := range params {
			if leads(loss, param) { // a linear use alone, as transpose is, leaves the bias out
				update(param, loss, true)
			}
		}
		lo.sum(group+"_loss."+g.Over.Stem, group, loss)
		return
	}
	for i, gradient := range lo.expr(g.Along) {
		update(params[i], gradient, false)
	}
}

// sum adds a per-sample value, summed over the batch, to a metric that the host reads and resets.
func (lo *lowering) sum(metric, group string, perSample *tensor.Node) {
	m := lo.Param(metric, []int{1}, tensor.ParamInfo{Kind: tensor.Metric, Init: "zero"})
	lo.Update("sum", group, m, lo.Reduce(tensor.SumBatch, perSample))
}

// evaluation sums the task loss in training, and loss, errors and measures over the real samples (weight 1) of an evaluated split.
func (lo *lowering) evaluation() {
	last := len(lo.source.Layers)
	lo.at("update", "task loss")
	loss := lo.loss(lo.a[last][0])
	lo.sum("train.loss", "forward", loss)
	if len(lo.masks) > 0 {
		lo.evaluating = true
		lo.activities("whole.")
		loss = lo.loss(lo.a[last][0])
	}
	lo.at("evaluate", "")
	weight := lo.Input("weight", tensor.Type{Batch: true, Shape: []int{}})
	add := func(metric string, perSample *tensor.Node) {
		// Selected, not multiplied: what fills a short batch up may be anything, and 0 times that is not 0.
		lo.sum(metric, "evaluate", lo.Map(expr("select($1, $0, 0)"), perSample, weight))
	}
	add("loss", loss)
	if lo.source.Loss == check.CrossEntropy {
		o := lo.h[last][0]
		best, truth := lo.Reduce(tensor.ArgMaxUnits, o), lo.Reduce(tensor.ArgMaxUnits, lo.label)
		add("errors", lo.Map(expr("1 - equal($0, $1)"), best, truth))
		if lo.source.Layers[last-1].Shape.Units() > 10 {
			// Among the first five: fewer than five outputs are larger than the true one. Of pre-activations, since small outputs round to 0 alike.
			a := lo.a[last][0]
			own := lo.Reduce(tensor.SumUnits, lo.Map(expr("$0 * $1"), a, lo.label))
			larger := lo.Reduce(tensor.SumUnits, lo.Map(expr("less($1, $0)"), a, own))
			add("errors5", lo.Map(expr("less(4.5, $0)"), larger))
		}
	}
	for _, m := range lo.source.Measures {
		lo.at("evaluate", m.From)
		name := "measure." + m.Name
		if m.Layer >= 0 {
			name += "." + lo.layerName(m.Layer)
		}
		add(name, lo.expr(m.Expr)[0])
	}
}
