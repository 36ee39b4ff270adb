package kernel

import (
	"fmt"
	"slices"

	"bnetc/ir"
)

// Verify tells the first thing that is wrong with a plan, if any: names that are not unique or not defined, loops marked as they cannot
// be run, accesses that cannot be proved, by intervals, to lie within their buffer, turns of loops in any order that cannot be proved to leave alone what others
// store, and buffers that share memory while both are needed. What passes can be printed by a backend without a check of these. Not proved is that what a
// kernel reads has been written, and that lanes of a vector and turns of an unrolled loop give what they would one after the other.
func (p *Plan) Verify() error {
	if err := p.verifyBuffers(); err != nil {
		return fmt.Errorf("plan %s: %w", p.Name, err)
	}
	names, locals, accesses := map[string]bool{}, map[int]string{}, map[*Kernel][]access{}
	for _, k := range p.Kernels {
		if names[k.Name] || k.Name == "" {
			return fmt.Errorf("plan %s: two kernels named %q, or one without a name", p.Name, k.Name)
		}
		names[k.Name] = true
		v := &verifier{plan: p, scope: map[string]binding{}, byBlocks: k.ByBatch && k.blocks() > 0, found: &found{}}
		if err := v.body(k.Body); err != nil {
			return fmt.Errorf("plan %s: kernel %s: %w", p.Name, k.Name, err)
		}
		if err := p.apart(v.accesses, v.accesses); err != nil {
			return fmt.Errorf("plan %s: kernel %s: %w", p.Name, k.Name, err)
		}
		accesses[k] = v.accesses
		read, written := k.Buffers()
		for _, b := range append(read, written...) {
			if other := locals[b]; p.Buffers[b].Kind == Local && other != "" && other != k.Name {
				return fmt.Errorf("plan %s: kernels %s and %s both use %s, which is local", p.Name, other, k.Name, p.Buffers[b].Name)
			}
			locals[b] = k.Name
		}
	}
	if err := p.verifyLists(accesses); err != nil {
		return fmt.Errorf("plan %s: %w", p.Name, err)
	}
	if err := p.verifyMemory(); err != nil {
		return fmt.Errorf("plan %s: %w", p.Name, err)
	}
	return nil
}

func (p *Plan) verifyBuffers() error {
	if p.Batch < 1 {
		return fmt.Errorf("a batch of %d", p.Batch)
	}
	if int(p.Precision) >= len(formats) {
		return fmt.Errorf("it is in no known precision")
	}
	names, settings := map[string]bool{}, -1
	for i := range p.Buffers {
		b := &p.Buffers[i]
		if names[b.Name] || b.Name == "" {
			return fmt.Errorf("two buffers named %q, or one without a name", b.Name)
		}
		names[b.Name] = true
		if slices.ContainsFunc(b.Shape, func(d int) bool { return d < 1 }) {
			return fmt.Errorf("buffer %s has the shape %v", b.Name, b.Shape)
		}
		if int(b.Kind) >= len(kindWords) {
			return fmt.Errorf("buffer %s is of no known kind", b.Name)
		}
		if int(b.Type) >= len(formats) {
			return fmt.Errorf("buffer %s is of no known type", b.Name)
		}
		if b.Type != F32 && b.Kind != Temp {
			return fmt.Errorf("buffer %s of kind %s is %s: the host reads and writes float32", b.Name, b.Kind, b.Type)
		}
		if b.Offset%64 != 0 || b.Offset < 0 || b.Offset != 0 && b.Kind != Temp {
			return fmt.Errorf("buffer %s stands at %d", b.Name, b.Offset)
		}
		if b.Kind == Setting {
			if settings >= 0 {
				return fmt.Errorf("%s and %s both hold settings", p.Buffers[settings].Name, b.Name)
			}
			settings = i
		}
	}
	switch {
	case settings < 0 && len(p.Settings) > 0:
		return fmt.Errorf("settings, but no buffer for them")
	case settings >= 0 && p.Buffers[settings].Elements() != max(1, len(p.Settings)):
		return fmt.Errorf("%d settings, but %s holds %d", len(p.Settings), p.Buffers[settings].Name, p.Buffers[settings].Elements())
	}
	for i, s := range p.Settings {
		if slices.Index(p.Settings, s) != i {
			return fmt.Errorf("two settings named %q", s)
		}
	}
	return nil
}

func (p *Plan) verifyLists(accesses map[*Kernel][]access) error {
	for i, l := range p.Lists {
		if slices.IndexFunc(p.Lists, func(o List) bool { return o.Name == l.Name }) != i {
			return fmt.Errorf("two lists named %q", l.Name)
		}
		level := 0
		for j, s := range l.Steps {
			if s.Kernel < 0 || s.Kernel >= len(p.Kernels) {
				return fmt.Errorf("list %s runs kernel %d of %d", l.Name, s.Kernel, len(p.Kernels))
			}
			if s.Level < level {
				return fmt.Errorf("list %s: level %d of %s stands behind level %d", l.Name, s.Level, p.Kernels[s.Kernel].Name, level)
			}
			level = s.Level
			for _, o := range l.Steps[:j] {
				if o.Level == level {
					if err := p.race(p.Kernels[o.Kernel], p.Kernels[s.Kernel], accesses); err != nil {
						return fmt.Errorf("list %s, level %d: %w", l.Name, level, err)
					}
				}
			}
		}
	}
	return nil
}

// verifyMemory refuses buffers that share memory while both are needed.
func (p *Plan) verifyMemory() error {
	lives := p.Lives()
	for b, x := range p.Buffers {
		for a, y := range p.Buffers[:b] {
			if x.Kind == Temp && y.Kind == Temp && x.Offset < y.Offset+y.Floats() && y.Offset < x.Offset+x.Floats() && lives.Meet(a, b) {
				return fmt.Errorf("buffers %s and %s share memory, and are needed at once", y.Name, x.Name)
			}
		}
	}
	return nil
}

// race tells whether two kernels of one level touch a buffer that one of them writes. Kernels by batch blocks may, if they divide the
// batch alike and each turn touches what its own block's do: a worker has the same blocks in both.
func (p *Plan) race(a, b *Kernel, accesses map[*Kernel][]access) error {
	if a.ByBatch && b.ByBatch && a.blocks() > 0 && a.blocks() == b.blocks() {
		for _, pair := range [][2]*Kernel{{a, b}, {b, a}} {
			if err := p.apart(accesses[pair[0]], accesses[pair[1]]); err != nil {
				return fmt.Errorf("%s and %s: %w", pair[0].Name, pair[1].Name, err)
			}
		}
		return nil
	}
	readA, writtenA := a.Buffers()
	readB, writtenB := b.Buffers()
	for _, x := range writtenA {
		if slices.Contains(readB, x) || slices.Contains(writtenB, x) {
			return fmt.Errorf("%s writes %s, which %s touches", a.Name, p.Buffers[x].Name, b.Name)
		}
	}
	for _, x := range writtenB {
		if slices.Contains(readA, x) {
			return fmt.Errorf("%s writes %s, which %s reads", b.Name, p.Buffers[x].Name, a.Name)
		}
	}
	return nil
}

// blocks is the extent of a kernel's outermost parallel loops, 0 if they differ or something else stands there.
func (k *Kernel) blocks() int {
	extent := 0
	for _, s := range k.Body {
		l, ok := s.(*Loop)
		if !ok || l.Mark != Parallel || extent != 0 && l.Extent != extent {
			return 0
		}
		extent = l.Extent
	}
	return extent
}

// A verifier walks one kernel with what is in scope.
type verifier struct {
	plan     *Plan
	scope    map[string]binding
	loops    []*Loop
	bounds   []*Where // enclosing Wheres of Div 1: their Num is their Var
	wheres   []*Where // all enclosing
	dead     int      // how many enclosing Wheres are never true
	byBlocks bool     // the kernel's outermost loops are over the batch's blocks
	*found
}

// found is what stays of a kernel when a scope ends, with which a verifier becomes what it was before.
type found struct{ accesses []access }

// A binding is a position variable with the values it can have, or a scalar.
type binding struct {
	scalar bool
	sought bool // a position that depends on data
	values interval
	from   []string // the loop variables that a position depends on; itself for a loop's
	by     any      // the statement that binds a position
	depth  int      // of a scalar: how many loops stood around its definition
}

func (v *verifier) body(body []Stmt) error {
	var defined []string
	define := func(name string, b binding) error {
		if _, taken := v.scope[name]; taken || name == "" {
			return fmt.Errorf("%q is defined twice, or without a name", name)
		}
		v.scope[name] = b
		defined = append(defined, name)
		return nil
	}
	for _, s := range body {
		if err := v.stmt(s, define); err != nil {
			return err
		}
	}
	for _, name := range defined {
		delete(v.scope, name)
	}
	return nil
}

func (v *verifier) stmt(s Stmt, define func(string, binding) error) error {
	switch s := s.(type) {
	case *Loop:
		return v.loop(s)
	case *Where:
		return v.where(s)
	case *Seek:
		if s.Extent < 1 {
			return fmt.Errorf("seek %s of extent %d", s.Var, s.Extent)
		}
		if err := v.value(s.Value); err != nil {
			return fmt.Errorf("seek %s: %w", s.Var, err)
		}
		b := binding{sought: true, values: interval{0, s.Extent - 1}, by: s}
		for _, l := range v.loops { // any of which a variable of the value may depend on
			b.from = append(b.from, l.Var)
		}
		return define(s.Var, b)
	case *Let:
		if err := v.value(s.Value); err != nil {
			return fmt.Errorf("let %s: %w", s.Var, err)
		}
		return define(s.Var, binding{scalar: true, depth: len(v.loops)})
	case *Assign:
		b, ok := v.scope[s.Var]
		if !ok || !b.scalar {
			return fmt.Errorf("%s is assigned, but is no variable", s.Var)
		}
		for _, l := range v.loops[b.depth:] {
			if l.Mark.anyOrder() && l.Extent > 1 {
				return fmt.Errorf("%s is assigned by all turns of %s loop %s", s.Var, l.Mark, l.Var)
			}
		}
		if int(s.How) >= len(howWords) {
			return fmt.Errorf("%s is assigned in no known way", s.Var)
		}
		if err := v.value(s.Value); err != nil {
			return fmt.Errorf("%s: %w", s.Var, err)
		}
	case *Store:
		if err := v.store(s); err != nil {
			return fmt.Errorf("store %s: %w", (&planWriter{plan: v.plan}).buffer(s.Buffer), err)
		}
	case *Draw:
		return v.draw(s, define)
	case *Prefetch:
		v.dead++ // wherever the element lies
		err := v.access(s.Buffer, s.Index)
		v.dead--
		if err != nil {
			return fmt.Errorf("prefetch: %w", err)
		}
	default:
		return fmt.Errorf("no statement: %T", s)
	}
	return nil
}

func (v *verifier) loop(s *Loop) error {
	if s.Extent < 1 {
		return fmt.Errorf("loop %s of extent %d", s.Var, s.Extent)
	}
	if _, taken := v.scope[s.Var]; taken || s.Var == "" {
		return fmt.Errorf("loop variable %q is defined twice, or without a name", s.Var)
	}
	for _, o := range v.loops {
		switch {
		case s.Mark == Parallel && o.Mark != Parallel:
			return fmt.Errorf("parallel loop %s within %s loop %s", s.Var, o.Mark, o.Var)
		case s.Mark != Serial && s.Mark != Unrolled && o.Mark == Vector:
			return fmt.Errorf("%s loop %s within vector loop %s", s.Mark, s.Var, o.Var)
		}
	}
	if int(s.Mark) >= len(markWords) {
		return fmt.Errorf("loop %s has no known mark", s.Var)
	}
	saved := *v
	v.loops = append(slices.Clip(v.loops), s)
	v.scope[s.Var] = binding{values: interval{0, s.Extent - 1}, from: []string{s.Var}, by: s}
	err := v.body(s.Body)
	delete(v.scope, s.Var)
	*v = saved
	if within := slices.ContainsFunc(v.loops, func(o *Loop) bool { return o.Mark == Matrix }); err == nil && s.Mark == Matrix && !within {
		err = v.matrices(s)
	}
	return err
}

func (v *verifier) where(s *Where) error {
	if s.Div < 1 || s.Extent < 1 {
		return fmt.Errorf("where %s divides by %d and has extent %d", s.Var, s.Div, s.Extent)
	}
	if _, taken := v.scope[s.Var]; taken || s.Var == "" {
		return fmt.Errorf("position %q is defined twice, or without a name", s.Var)
	}
	num, err := v.index(s.Num)
	if err != nil {
		return fmt.Errorf("where %s: %w", s.Var, err)
	}
	from := v.dependsOn(s.Num)
	for _, l := range v.loops {
		if l.Mark == Vector && slices.Contains(from, l.Var) {
			return fmt.Errorf("where %s depends on vector loop %s", s.Var, l.Var)
		}
	}
	saved := *v
	// Within the body, the numerator lies in 0 … Extent·Div-1, and that narrows what its variables can be.
	allowed := interval{0, s.Extent*s.Div - 1}
	narrowed := v.narrow(s.Num, allowed)
	num = num.meet(allowed)
	if num.empty() {
		v.dead++
	}
	v.wheres = append(slices.Clip(v.wheres), s)
	if s.Div == 1 {
		v.bounds = append(slices.Clip(v.bounds), s)
	}
	v.scope[s.Var] = binding{sought: v.sought(s.Num) != "", values: interval{num.lo / s.Div, num.hi / s.Div}, from: from, by: s}
	err = v.body(s.Body)
	delete(v.scope, s.Var)
	for name, b := range narrowed {
		v.scope[name] = b
	}
	*v = saved
	return err
}

func (v *verifier) draw(s *Draw, define func(string, binding) error) error {
	for _, x := range []Index{s.Row, s.Block} {
		at, err := v.index(x)
		if err == nil && at.lo < 0 && v.dead == 0 {
			err = fmt.Errorf("%s can be %d", x, at.lo)
		}
		if name := v.sought(x); err == nil && name != "" {
			err = fmt.Errorf("%s depends on data", name)
		}
		if err != nil {
			return fmt.Errorf("draw %s: %w", s.Vars[0], err)
		}
	}
	for _, name := range DrawSettings {
		if !slices.Contains(v.plan.Settings, name) {
			return fmt.Errorf("draw %s: no setting %s", s.Vars[0], name)
		}
	}
	for _, name := range s.Vars {
		if err := define(name, binding{scalar: true, depth: len(v.loops)}); err != nil {
			return err
		}
	}
	return nil
}

// DrawSettings are the settings that a Draw reads: the seed and the step, 16 bits each, lowest first.
var DrawSettings = []string{"seed0", "seed1", "seed2", "seed3", "step0", "step1"}

func (v *verifier) store(s *Store) error {
	if int(s.How) >= len(howWords) {
		return fmt.Errorf("combined in no known way")
	}
	if err := v.access(s.Buffer, s.Index); err != nil {
		return err
	}
	v.note(s.Buffer, s.Index, true)
	if t := v.plan.Buffers[s.Buffer].Type; t != F32 && s.How != Set {
		return fmt.Errorf("what it adds up would be rounded to %s each time", t)
	}
	if k := v.plan.Buffers[s.Buffer].Kind; k == Input || k == Setting || k == Constant {
		return fmt.Errorf("it is a buffer of kind %s, which no kernel writes", k)
	}
	for _, x := range s.Index {
		if name := v.sought(x); name != "" {
			return fmt.Errorf("%s depends on data, and what lies there is only read", name)
		}
	}
	return v.value(s.Value)
}

// access checks that positions lie within a buffer.
func (v *verifier) access(buffer int, index []Index) error {
	if buffer < 0 || buffer >= len(v.plan.Buffers) {
		return fmt.Errorf("no buffer %d", buffer)
	}
	b := &v.plan.Buffers[buffer]
	if len(index) != len(b.Shape) {
		return fmt.Errorf("%s has %d dimensions, not the %d of %s", b.Name, len(b.Shape), len(index), indicesText(index))
	}
	for d, x := range index {
		at, err := v.index(x)
		if err != nil {
			return err
		}
		if v.dead == 0 && (at.lo < 0 || at.hi >= b.Shape[d]) {
			return fmt.Errorf("%s%s: dimension %d has %d places, and %s goes from %d to %d", b.Name, indicesText(index), d, b.Shape[d], x, at.lo, at.hi)
		}
	}
	return nil
}

func (v *verifier) value(x Value) error {
	if !wellFormed(x.Expr) {
		return fmt.Errorf("no expression, or a malformed one")
	}
	if n := x.Expr.Inputs(); n > len(x.Operands) {
		return fmt.Errorf("%s reads %d operands of %d", x.Expr, n, len(x.Operands))
	}
	if usesPower(x.Expr) {
		return fmt.Errorf("pow is for the host, not for kernels")
	}
	for _, o := range x.Operands {
		if err := v.operand(o); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) operand(o Operand) error {
	switch o.Kind {
	case Load:
		if err := v.access(o.Buffer, o.Index); err != nil {
			return err
		}
		v.note(o.Buffer, o.Index, false)
		return nil
	case Variable:
		if b, ok := v.scope[o.Var]; !ok || !b.scalar {
			return fmt.Errorf("%s is read, but is no variable", o.Var)
		}
		return nil
	case Position:
		if len(o.Index) != 1 {
			return fmt.Errorf("a position of %d indices", len(o.Index))
		}
		_, err := v.index(o.Index[0])
		return err
	}
	return fmt.Errorf("an operand of no known kind")
}

// wellFormed tells whether each operation is known and has its arguments.
func wellFormed(e *ir.Expr) bool {
	if e == nil || int(e.Op) >= ir.ScalarOps || len(e.Args) != e.Op.Arity() {
		return false
	}
	return !slices.ContainsFunc(e.Args, func(a *ir.Expr) bool { return !wellFormed(a) })
}

// usesPower tells whether an expression is for the host alone.
func usesPower(e *ir.Expr) bool { return e.Op == ir.OpPow || slices.ContainsFunc(e.Args, usesPower) }
