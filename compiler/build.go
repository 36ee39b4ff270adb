package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// build makes a kernel of every group that fuse formed and lays the values that travel between kernels out in buffers.
//
// Layouts: what belongs to samples lies in lanes, [blocks, units, vector], so that a vector holds one unit of several samples and weights are read as
// scalars in their natural layout, whatever the relation. A gradient is a vector along the last axis of its weights; its operand along
// that axis is wanted with the batch outside: in panels, [units/P, N, P], or, for fields, plain rows [N, units]; a pack kernel makes them.
func build(p *tensor.Program, t *Target, precision kernel.Type) (*kernel.Plan, []Remark, error) {
	b := &builder{
		program: p, target: t, buffers: map[*tensor.Node]int{}, stored: map[*tensor.Node]int{}, summed: map[summed]int{}, copies: map[copied]int{},
		names: map[string]bool{}, kernels: map[string]bool{}, named: map[string]bool{}, variables: map[*tensor.Node]string{},
		plan: &kernel.Plan{Name: p.Name, Batch: p.Batch, Precision: precision},
	}
	b.lanes = t.lanes(p.Batch)
	b.blocks = (p.Batch + b.lanes - 1) / b.lanes
	b.together = t.together(b.blocks)
	b.declare()
	for _, l := range listsOf(p) {
		if err := b.list(l); err != nil {
			return nil, nil, err
		}
	}
	return b.plan, b.remarks, nil
}

type builder struct {
	program  *tensor.Program
	target   *Target
	blocks   int // of the batch, each a vector of samples
	lanes    int // samples in a block: a vector of them, or several where a lane has several side by side
	together int // blocks that a worker takes at once; it divides blocks
	plan     *kernel.Plan
	buffers  map[*tensor.Node]int // of params and inputs as the host knows them
	stored   map[*tensor.Node]int // of values
	summed   map[summed]int
	tileSums map[*tensor.Node]int // of values that the list being built keeps as the sums of register tiles alone
	copies   map[copied]int
	settings int
	arena    int // floats of the temporaries so far
	remarks  []Remark
	steps    []kernel.Step // of the list being built
	packed   map[int]bool  // the copies that the list has made
	// Names that are taken: of buffers, of kernels, and of variables, which values keep in all kernels.
	names, kernels, named map[string]bool
	variables             map[*tensor.Node]string
}

// declare makes the buffers that the host sees: settings, inputs, parameters with their states, metrics.
func (b *builder) declare() {
	settings := slices.Clone(kernel.DrawSettings)
	for _, n := range b.program.Nodes {
		if n.Op == tensor.Input && !n.Type.Batch {
			settings = append(settings, n.Name)
		}
		if n.Op == tensor.Update && n.Optimizer != "sum" {
			row, _ := ir.FindOptimizer(n.Optimizer)
			for _, name := range optimizerScalars(row) {
				if s := n.Group + "." + name; !slices.Contains(settings, s) {
					settings = append(settings, s)
				}
			}
		}
	}
	b.plan.Settings = settings
	b.settings = b.buffer(kernel.Buffer{Name: "settings", Kind: kernel.Setting, Shape: []int{len(settings)}})
	for _, n := range b.program.Nodes {
		switch {
		case n.Op == tensor.Input && n.Type.Batch:
			b.buffers[n] = b.buffer(kernel.Buffer{Name: n.Name, Kind: kernel.Input, Shape: []int{b.program.Batch, units(n.Type.Shape)}})
		case n.Op == tensor.Param:
			b.buffers[n] = b.buffer(kernel.Buffer{Name: n.Name, Kind: bufferKind[n.Param.Kind], Shape: []int{units(n.Type.Shape)}, Init: &kernel.Init{
				Kind: n.Param.Init, Scale: n.Param.Scale, FanIn: n.Param.FanIn, FanOut: n.Param.FanOut, Stream: n.Param.Stream,
				Of: n.Param.Part.Of, Offset: n.Param.Part.Offset, Columns: n.Param.Part.Columns, Shape: n.Type.Shape,
			}})
		}
	}
}

var bufferKind = map[tensor.ParamKind]kernel.BufferKind{
	tensor.Weight: kernel.Weight, tensor.State: kernel.State, tensor.Metric: kernel.Metric, tensor.Constant: kernel.Constant,
}

// optimizerScalars are the settings that an optimizer's update reads: its hyperparameters and its scalars per step.
func optimizerScalars(row *ir.Optimizer) []string {
	return row.Inputs()[2+len(row.State):]
}

// buffer adds a buffer to the plan, a temporary in memory of its own. Its name says what it holds; where that is taken, it gets a number.
func (b *builder) buffer(buf kernel.Buffer) int {
	buf.Name = unlike(buf.Name, ".", b.names)
	b.names[buf.Name] = true
	if buf.Kind == kernel.Temp {
		buf.Offset = b.arena
		b.arena += room(&buf)
	}
	b.plan.Buffers = append(b.plan.Buffers, buf)
	return len(b.plan.Buffers) - 1
}

// A summed value has a buffer for what a kernel has added up of it: a tile, slabs, parts of its sum.
type summed struct {
	of *tensor.Node
	in string
}

// sumOf is the buffer of a group's sums of a value, made when first asked for.
func (b *builder) sumOf(n *tensor.Node, g *group, in string, kind kernel.BufferKind, shape ...int) int {
	s := summed{n, in}
	i, ok := b.summed[s]
	if !ok {
		i = b.buffer(kernel.Buffer{Name: fmt.Sprintf("%s.s%d.%s", kernelName(g), n.ID, in), Kind: kind, Shape: shape})
		b.summed[s] = i
	}
	return i
}

// A copied buffer lies in another layout beside itself.
type copied struct {
	of     int
	layout string
}

// copyIn is the buffer of a copy, made when first asked for.
func (b *builder) copyIn(of int, layout string, shape ...int) int {
	c := copied{of, layout}
	i, ok := b.copies[c]
	if !ok {
		i = b.buffer(kernel.Buffer{Name: b.plan.Buffers[of].Name + "." + layout, Kind: kernel.Temp, Shape: shape})
		b.copies[c] = i
	}
	return i
}

// inLanes is the lanes buffer of a value, made when first asked for.
func (b *builder) inLanes(n *tensor.Node) int {
	if i, ok := b.stored[n]; ok {
		return i
	}
	name := n.Name
	if name == "" {
		name = fmt.Sprintf("v%d", n.ID)
	}
	if n.Op == tensor.Input {
		name += ".lanes"
	}
	i := b.buffer(kernel.Buffer{Name: name, Kind: kernel.Temp, Shape: []int{b.blocks, units(n.Type.Shape), b.lanes}})
	b.stored[n] = i
	return i
}

// list builds the kernels of one list in an order that respects what reads what.
func (b *builder) list(l *list) error {
	b.steps, b.packed, b.tileSums = nil, map[int]bool{}, map[*tensor.Node]int{}
	f := regroup(l)
	begun, done := map[*group]bool{}, map[*group]bool{}
	var visit func(g *group) error
	visit = func(g *group) error {
		switch {
		case done[g]:
			return nil
		case begun[g]:
			return fmt.Errorf("bug in pass fuse: kernel %s of list %s must run before itself", kernelName(g), l.name)
		}
		begun[g] = true
		for _, before := range f.before(g) {
			if err := visit(before); err != nil {
				return err
			}
		}
		b.kernelOf(f, g)
		done[g] = true
		return nil
	}
	for _, n := range l.nodes {
		if err := visit(f.of[n]); err != nil {
			return err
		}
	}
	b.plan.Lists = append(b.plan.Lists, kernel.List{Name: l.name, Steps: b.steps})
	return nil
}

// regroup reads the groups back from the names that fuse wrote.
func regroup(l *list) *fusion {
	f := &fusion{list: l, of: map[*tensor.Node]*group{}, readers: map[*tensor.Node][]*tensor.Node{}}
	named := map[string]*group{}
	for _, n := range l.nodes {
		g := named[n.Fuse]
		if g == nil {
			g = &group{}
			named[n.Fuse] = g
			f.groups = append(f.groups, g)
		}
		g.nodes = append(g.nodes, n)
		f.of[n] = g
		for _, a := range n.Args {
			f.readers[a] = append(f.readers[a], n)
		}
	}
	return f
}

// kernelOf builds the kernel of a group, behind those that bring what it reads of inputs into lanes.
func (b *builder) kernelOf(f *fusion, g *group) {
	for _, n := range g.nodes {
		b.fetch(n)
	}
	has := func(test func(*tensor.Node) bool) bool { return slices.ContainsFunc(g.nodes, test) }
	switch {
	case has(isProduct):
		b.product(f, g)
	case isMetrics(g):
		b.metrics(g)
	case has(func(n *tensor.Node) bool { return n.Op == tensor.Update }):
		b.learn(g)
	case has(func(n *tensor.Node) bool { return !n.Type.Batch }):
		b.whole(g)
	default:
		b.row(f, g)
	}
}

// finish counts a kernel's arithmetic and adds it to the list.
func (b *builder) finish(g *group, k *kernel.Kernel) {
	k.Flops, k.Bytes = flops(k.Body), moved(b.plan, k)
	b.emit(g, k)
}

// emit appends a kernel and its step; an equal kernel of an earlier list is used again.
func (b *builder) emit(g *group, k *kernel.Kernel) {
	if k.From == "" && g != nil {
		k.From = origin(g)
	}
	for i, old := range b.plan.Kernels {
		if old.Name == k.Name && old.ByBatch == k.ByBatch && kernel.BodyString(b.plan, old.Body) == kernel.BodyString(b.plan, k.Body) {
			b.steps = append(b.steps, kernel.Step{Kernel: i})
			return
		}
	}
	k.Name = unlike(k.Name, "_", b.kernels)
	b.kernels[k.Name] = true
	b.plan.Kernels = append(b.plan.Kernels, k)
	b.steps = append(b.steps, kernel.Step{Kernel: len(b.plan.Kernels) - 1})
}

// origin names the lines of the program that a kernel computes.
func origin(g *group) string {
	var lines []string
	for _, n := range g.nodes {
		if n.From != "" && !slices.Contains(lines, n.From) {
			lines = append(lines, n.From)
		}
	}
	text := ""
	for i, s := range lines {
		if i > 0 {
			text += "; "
		}
		text += s
	}
	return text
}

// kernelName is a group's name without the list, with which fuse marked it.
func kernelName(g *group) string {
	name := g.nodes[0].Fuse
	for i, c := range name {
		if c == ':' {
			return name[i+1:]
		}
	}
	return name
}

// outside tells whether a value of a group is read by another kernel and must be stored.
func outside(f *fusion, g *group, n *tensor.Node) bool {
	return slices.ContainsFunc(f.readers[n], func(r *tensor.Node) bool { return f.of[r] != g })
}

func units(shape []int) int {
	u := 1
	for _, n := range shape {
		u *= n
	}
	return u
}

// settingIndex is the place of a setting in the settings buffer.
func (b *builder) settingIndex(name string) int {
	i := slices.Index(b.plan.Settings, name)
	if i < 0 {
		panic("bug: no setting " + name)
	}
	return i
}

// The kernel IR in short.

func at(constant int, terms ...kernel.Term) kernel.Index {
	x := kernel.Index{Const: constant}
	for _, t := range terms {
		x = plus(x, kernel.Index{Terms: []kernel.Term{t}}, 1)
	}
	return x
}

func v(name string) kernel.Index { return kernel.Index{Terms: []kernel.Term{{Var: name, Coef: 1}}} }

// plus is x + coef·y, with the terms of one variable collected.
func plus(x, y kernel.Index, coef int) kernel.Index {
	out := kernel.Index{Const: x.Const + coef*y.Const, Terms: slices.Clone(x.Terms)}
	for _, t := range y.Terms {
		i := slices.IndexFunc(out.Terms, func(o kernel.Term) bool { return o.Var == t.Var })
		if i < 0 {
			out.Terms = append(out.Terms, kernel.Term{Var: t.Var})
			i = len(out.Terms) - 1
		}
		out.Terms[i].Coef += coef * t.Coef
	}
	out.Terms = slices.DeleteFunc(out.Terms, func(t kernel.Term) bool { return t.Coef == 0 })
	if len(out.Terms) == 0 {
		out.Terms = nil
	}
	return out
}

func load(buffer int, index ...kernel.Index) kernel.Operand {
	return kernel.Operand{Kind: kernel.Load, Buffer: buffer, Index: index}
}

func variable(name string) kernel.Operand { return kernel.Operand{Kind: kernel.Variable, Var: name} }

func only(o kernel.Operand) kernel.Value {
	return kernel.Value{Expr: ir.In(0), Operands: []kernel.Operand{o}}
}

func number(x float64) kernel.Value { return kernel.Value{Expr: ir.Num(x)} }

// nest wraps a body in loops, the first outermost.
func nest(loops []kernel.Loop, body []kernel.Stmt) []kernel.Stmt {
	for i := len(loops) - 1; i >= 0; i-- {
		l := loops[i]
		l.Body = body
		body = []kernel.Stmt{&l}
	}
	return body
}
