package ref

import (
	"context"
	"fmt"
	"math"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// RunList runs one list of a plan over buffers of the plan's sizes, by definition: every loop one value after the other, in float64.
// The plan must verify. An access beyond a buffer is a panic.
func RunList(p *kernel.Plan, buffers [][]float64, list string) error {
	c, err := compilePlan(p)
	if err != nil {
		return err
	}
	if len(buffers) != len(p.Buffers) {
		return fmt.Errorf("%d buffers for the %d of plan %s", len(buffers), len(p.Buffers), p.Name)
	}
	for i := range buffers {
		if n := p.Buffers[i].Elements(); len(buffers[i]) != n {
			return fmt.Errorf("buffer %s holds %d numbers, not %d", p.Buffers[i].Name, n, len(buffers[i]))
		}
	}
	return c.run(context.Background(), buffers, list)
}

// A compiledPlan is a plan whose kernels are closures over numbered variables: no names are looked up while it runs.
type compiledPlan struct {
	plan    *kernel.Plan
	kernels []*compiledKernel
}

type compiledKernel struct {
	name               string
	body               []action
	positions, scalars int
}

// A frame is what a kernel runs in.
type frame struct {
	buffers   [][]float64
	positions []int
	scalars   []float64
}

// An action executes a statement; a number computes a value; a place computes a position.
type (
	action func(f *frame)
	number func(f *frame) float64
	place  func(f *frame) int
)

func compilePlan(p *kernel.Plan) (*compiledPlan, error) {
	if err := p.Verify(); err != nil {
		return nil, err
	}
	c := &compiledPlan{plan: p}
	for _, k := range p.Kernels {
		kc := &kernelCompiler{plan: p, slots: map[string]int{}, locals: localsOf(p, k)}
		body := kc.body(k.Body)
		c.kernels = append(c.kernels, &compiledKernel{k.Name, body, kc.positions, kc.scalars})
	}
	return c, nil
}

func (c *compiledPlan) run(ctx context.Context, buffers [][]float64, list string) error {
	n, err := c.plan.List(list)
	if err != nil {
		return err
	}
	for _, s := range c.plan.Lists[n].Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := c.kernels[s.Kernel]
		f := &frame{buffers, make([]int, k.positions), make([]float64, k.scalars)}
		for _, a := range k.body {
			a(f)
		}
	}
	return nil
}

// A kernelCompiler numbers a kernel's variables. Names are unique within their scope, so one map serves: a later definition of a name
// replaces an earlier one that is out of scope.
type kernelCompiler struct {
	plan               *kernel.Plan
	slots              map[string]int
	locals             []int // buffers of the kernel alone
	positions, scalars int
}

// localsOf lists the buffers that are of a kernel alone.
func localsOf(p *kernel.Plan, k *kernel.Kernel) []int {
	_, written := k.Buffers()
	return slices.DeleteFunc(written, func(b int) bool { return p.Buffers[b].Kind != kernel.Local })
}

// forget fills them with NaN before a turn of a parallel loop, which may rely on nothing in them.
func (c *kernelCompiler) forget(f *frame) {
	for _, b := range c.locals {
		for i := range f.buffers[b] {
			f.buffers[b][i] = math.NaN()
		}
	}
}

func (c *kernelCompiler) position(name string) int {
	c.slots[name] = c.positions
	c.positions++
	return c.positions - 1
}

func (c *kernelCompiler) scalar(name string) int {
	c.slots[name] = c.scalars
	c.scalars++
	return c.scalars - 1
}

func (c *kernelCompiler) body(body []kernel.Stmt) []action {
	var out []action
	for _, s := range body {
		out = append(out, c.stmt(s))
	}
	return out
}

func (c *kernelCompiler) stmt(s kernel.Stmt) action {
	switch s := s.(type) {
	case *kernel.Loop:
		return c.loop(s)
	case *kernel.Where:
		return c.where(s)
	case *kernel.Seek:
		value, last := c.value(s.Value), float64(s.Extent-1)
		slot := c.position(s.Var)
		return func(f *frame) {
			f.positions[slot] = 0
			if x := value(f); x > 0 { // and no NaN
				f.positions[slot] = int(min(x, last))
			}
		}
	case *kernel.Let:
		value := c.value(s.Value)
		slot := c.scalar(s.Var)
		return func(f *frame) { f.scalars[slot] = value(f) }
	case *kernel.Assign:
		slot, value := c.slots[s.Var], c.value(s.Value)
		switch s.How {
		case kernel.Sum:
			return func(f *frame) { f.scalars[slot] += value(f) }
		case kernel.Largest:
			return func(f *frame) { f.scalars[slot] = math.Max(f.scalars[slot], value(f)) }
		}
		return func(f *frame) { f.scalars[slot] = value(f) }
	case *kernel.Store:
		return c.store(s)
	case *kernel.Draw:
		return c.draw(s)
	case *kernel.Prefetch:
		return func(*frame) {}
	}
	panic(fmt.Sprintf("bug: no statement: %T", s))
}

func (c *kernelCompiler) loop(s *kernel.Loop) action {
	slot, extent := c.position(s.Var), s.Extent
	if dots := c.dots(s); dots != nil {
		return func(f *frame) {
			f.positions[slot] = 0
			for _, d := range dots {
				d(f)
			}
		}
	}
	body := c.body(s.Body)
	if s.Mark == kernel.Parallel && len(c.locals) > 0 {
		body = append([]action{c.forget}, body...)
	}
	return func(f *frame) {
		for i := range extent {
			f.positions[slot] = i
			for _, a := range body {
				a(f)
			}
		}
	}
}

// dots recognizes a loop that does nothing but add products of two loads to variables, the inside of every linear operator, and
// adds them without a call for each. The order of the additions to each variable is the loop's.
func (c *kernelCompiler) dots(s *kernel.Loop) []action {
	var out []action
	for _, b := range s.Body {
		a, ok := b.(*kernel.Assign)
		if !ok || a.How != kernel.Sum || a.Value.Expr.Op != ir.OpMul {
			return nil
		}
		var from [2]place
		var buffer, stride [2]int
		for i, x := range a.Value.Expr.Args {
			if x.Op != ir.OpInput || a.Value.Operands[x.Input].Kind != kernel.Load {
				return nil
			}
			o := a.Value.Operands[x.Input]
			flat := c.flat(o.Buffer, o.Index)
			from[i], buffer[i] = c.place(flat), o.Buffer
			for _, t := range flat.Terms {
				if t.Var == s.Var {
					stride[i] += t.Coef
				}
			}
		}
		slot, extent := c.slots[a.Var], s.Extent
		out = append(out, func(f *frame) {
			x, y := f.buffers[buffer[0]], f.buffers[buffer[1]]
			i, j := from[0](f), from[1](f)
			sum := f.scalars[slot]
			for range extent {
				sum += x[i] * y[j]
				i, j = i+stride[0], j+stride[1]
			}
			f.scalars[slot] = sum
		})
	}
	return out
}

func (c *kernelCompiler) where(s *kernel.Where) action {
	num, div, floor, extent := c.place(s.Num), s.Div, s.Floor, s.Extent
	slot := c.position(s.Var)
	body := c.body(s.Body)
	return func(f *frame) {
		n := num(f)
		if n < 0 || n/div >= extent || !floor && n%div != 0 {
			return
		}
		f.positions[slot] = n / div
		for _, a := range body {
			a(f)
		}
	}
}

func (c *kernelCompiler) store(s *kernel.Store) action {
	at, value := c.element(s.Buffer, s.Index), c.value(s.Value)
	buffer, typ := s.Buffer, c.plan.Buffers[s.Buffer].Type
	if typ != kernel.F32 {
		return func(f *frame) { v := value(f); f.buffers[buffer][at(f)] = typ.Round(v) }
	}
	switch s.How {
	case kernel.Sum:
		return func(f *frame) { v := value(f); f.buffers[buffer][at(f)] += v }
	case kernel.Largest:
		return func(f *frame) {
			v, x := value(f), &f.buffers[buffer][at(f)]
			*x = math.Max(*x, v)
		}
	}
	return func(f *frame) { v := value(f); f.buffers[buffer][at(f)] = v }
}

func (c *kernelCompiler) draw(s *kernel.Draw) action {
	settings := slices.IndexFunc(c.plan.Buffers, func(b kernel.Buffer) bool { return b.Kind == kernel.Setting })
	var halves [6]int // where the settings stand
	for i, name := range kernel.DrawSettings {
		halves[i] = slices.Index(c.plan.Settings, name)
	}
	row, block, stream := c.place(s.Row), c.place(s.Block), s.Stream
	var slots [4]int
	for i, name := range s.Vars {
		slots[i] = c.scalar(name)
	}
	return func(f *frame) {
		var word [6]uint64
		for i, at := range halves {
			word[i] = uint64(f.buffers[settings][at])
		}
		seed, step := word[0]|word[1]<<16|word[2]<<32|word[3]<<48, word[4]|word[5]<<16
		for i, x := range ir.Normals(seed, stream, step, uint32(row(f)), uint32(block(f))) {
			f.scalars[slots[i]] = float64(x)
		}
	}
}

// flat is a position in a buffer as one index.
func (c *kernelCompiler) flat(buffer int, index []kernel.Index) kernel.Index {
	var flat kernel.Index
	for d, x := range index {
		extent := c.plan.Buffers[buffer].Shape[d]
		flat.Const = flat.Const*extent + x.Const
		for i := range flat.Terms {
			flat.Terms[i].Coef *= extent
		}
		for _, t := range x.Terms {
			if i := slices.IndexFunc(flat.Terms, func(o kernel.Term) bool { return o.Var == t.Var }); i >= 0 {
				flat.Terms[i].Coef += t.Coef
			} else {
				flat.Terms = append(flat.Terms, t)
			}
		}
	}
	return flat
}

// element is the place of an element of a buffer, checked.
func (c *kernelCompiler) element(buffer int, index []kernel.Index) place {
	at, elements, name := c.place(c.flat(buffer, index)), c.plan.Buffers[buffer].Elements(), c.plan.Buffers[buffer].Name
	return func(f *frame) int {
		i := at(f)
		if uint(i) >= uint(elements) {
			panic(fmt.Sprintf("bug: element %d of buffer %s, which holds %d: %v", i, name, elements, index))
		}
		return i
	}
}

func (c *kernelCompiler) place(x kernel.Index) place {
	constant := x.Const
	var slots, coefs []int
	for _, t := range x.Terms {
		slots, coefs = append(slots, c.slots[t.Var]), append(coefs, t.Coef)
	}
	switch len(slots) {
	case 0:
		return func(*frame) int { return constant }
	case 1:
		a, p := slots[0], coefs[0]
		return func(f *frame) int { return constant + p*f.positions[a] }
	case 2:
		a, p, b, q := slots[0], coefs[0], slots[1], coefs[1]
		return func(f *frame) int { return constant + p*f.positions[a] + q*f.positions[b] }
	}
	return func(f *frame) int {
		at := constant
		for i, s := range slots {
			at += coefs[i] * f.positions[s]
		}
		return at
	}
}

func (c *kernelCompiler) value(v kernel.Value) number {
	operands := make([]number, len(v.Operands))
	for i, o := range v.Operands {
		operands[i] = c.operand(o)
	}
	return expression(v.Expr, operands)
}

func (c *kernelCompiler) operand(o kernel.Operand) number {
	switch o.Kind {
	case kernel.Load:
		buffer, at := o.Buffer, c.element(o.Buffer, o.Index)
		return func(f *frame) float64 { return f.buffers[buffer][at(f)] }
	case kernel.Variable:
		slot := c.slots[o.Var]
		return func(f *frame) float64 { return f.scalars[slot] }
	}
	at := c.place(o.Index[0])
	return func(f *frame) float64 { return float64(at(f)) }
}

// expression is a scalar expression over compiled operands.
func expression(e *ir.Expr, operands []number) number {
	switch e.Op {
	case ir.OpConst:
		v := e.Const
		return func(*frame) float64 { return v }
	case ir.OpInput:
		return operands[e.Input]
	}
	var a [3]number
	for i, x := range e.Args {
		a[i] = expression(x, operands)
	}
	x, y, z := a[0], a[1], a[2]
	switch e.Op {
	case ir.OpAdd:
		return func(f *frame) float64 { return x(f) + y(f) }
	case ir.OpSub:
		return func(f *frame) float64 { return x(f) - y(f) }
	case ir.OpMul:
		return func(f *frame) float64 { return x(f) * y(f) }
	}
	op := e.Op
	switch op.Arity() {
	case 1:
		return func(f *frame) float64 { return op.Compute(x(f), 0, 0) }
	case 2:
		return func(f *frame) float64 { return op.Compute(x(f), y(f), 0) }
	}
	return func(f *frame) float64 { return op.Compute(x(f), y(f), z(f)) }
}
