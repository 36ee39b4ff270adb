package vulkan

import (
	"fmt"
	"maps"
	"slices"

	"bnetc/backend"
	"bnetc/backend/vulkan/spirv"
	"bnetc/ir/kernel"
)

// A lowering turns one kernel into a shader. Positions of parallel loops come from the workgroup, a vector's lanes are its invocations, and scalar
// variables are values: what a loop or a condition changes becomes a phi. Unrolled loops are not loops: the lowering carries one instance for each
// assignment of their variables, and lowers every statement for all instances.
//
// What stands outside every vector loop is computed by all invocations alike, and stored by the first.
type lowering struct {
	plan    *kernel.Plan
	kernel  *kernel.Kernel
	limits  Limits
	m       *spirv.Module
	local   int
	lane    spirv.ID
	levels  []*level
	depth   map[spirv.ID]int  // the level at which a value is known
	stored  map[int]bool      // buffers that the kernel stores to
	version map[int]int       // of a stored buffer: counts what may have changed it
	shared  spirv.ID          // workgroup memory, where lanes are added up there
	locals  map[int]spirv.ID  // other workgroup memory: local buffers
	vector  *kernel.Loop      // the vector loop around
	hasLane spirv.ID          // whether the invocation has a lane in it, where those without come along
	varies  map[spirv.ID]bool // values that may be another one in another lane
	forked  int               // conditions around that may be
	sheet   *sheet            // the matrix loops around
	whole   bool              // some loops are matrices: a workgroup is a subgroup
	hazards hazards

	reaches   []Binding             // of memory, before it is known through which views they are seen
	windows   map[int][]window      // of each buffer
	variables map[resource]spirv.ID // of the module
	bindings  []Binding             // of those
	shares    map[int]bool          // reaches through which invocations see each other's stores
	loads     map[quad]int          // which elements are loaded close by: bits
	fans      fans                  // which quads
	stores    map[quad]int          // which are stored by one statement
	pending   map[quad]*pending
	unroll    int // turns of an innermost loop that are lowered as one
}

// A level is the code within one more loop or condition. Its block is where instructions go that depend on nothing deeper.
type level struct {
	block *spirv.Block
	memo  map[string]spirv.ID
	guard bool // the code may not be reached: nothing is loaded before it
}

// An instance says what the loop variables and the scalar variables are for one assignment of the unrolled loops' variables.
type instance struct {
	at   map[string]position
	vars map[string]*cell
}

// A position is what a loop variable stands for: a number where unrolled, else a value, or value + coef·id where a loop takes several turns at once.
type position struct {
	id    spirv.ID
	coef  int // 0 is 1
	value int
}

func (p position) step() int { return max(p.coef, 1) }

// A cell is a scalar variable: instances that share it see each other's assignments.
type cell struct{ value spirv.ID }

func (in instance) clone() instance { return instance{maps.Clone(in.at), maps.Clone(in.vars)} }

func clones(instances []instance) []instance {
	c := make([]instance, len(instances))
	for i, in := range instances {
		c[i] = in.clone()
	}
	return c
}

// lowerKernel encodes a kernel of a plan that verifies. The only error is a backend.Missing: the kernel needs more than the limits allow.
func lowerKernel(p *kernel.Plan, k *kernel.Kernel, m layout, l Limits) (*Shader, error) {
	reaches, windows, err := cover(p, k, m, l)
	if err != nil {
		return nil, err
	}
	if err := supported(p, k, windows, l); err != nil {
		return nil, err
	}
	w := &lowering{plan: p, kernel: k, limits: l, local: widest(k.Body), locals: map[int]spirv.ID{}, depth: map[spirv.ID]int{}, stored: map[int]bool{}, version: map[int]int{},
		reaches: reaches, windows: windows, variables: map[resource]spirv.ID{}, shares: map[int]bool{},
		varies: map[spirv.ID]bool{}, loads: map[quad]int{}, fans: fans{}, stores: map[quad]int{}, pending: map[quad]*pending{}}
	if w.unroll, err = unrolling(k, l); err != nil {
		return nil, err
	}
	if w.whole = multiplies(k.Body); w.whole {
		w.local = l.Subgroup
	}
	w.m = spirv.New("main", w.local)
	if w.whole {
		w.m.ShareMatrices()
	}
	_, written := k.Buffers()
	for _, b := range written {
		w.stored[b] = true
	}
	w.push(w.m.Block("entry"), false)
	if w.local > 1 {
		w.lane = w.top().block.Extract(w.m.Uint(), w.load3(spirv.LocalInvocationID), 0)
		w.m.Name(w.lane, "lane")
		w.varies[w.lane] = true
	}
	groups := w.segments(k.Body)
	w.top().block.Return()
	w.decorate()
	if l.Local > 0 && w.local > l.Local {
		return nil, &backend.Missing{What: fmt.Sprintf("kernel %s has workgroups of %d, and the device of %d at most", k.Name, w.local, l.Local), Remedy: anew}
	}
	if shared := w.sharedBytes(); shared > l.Shared {
		return nil, &backend.Missing{What: fmt.Sprintf("kernel %s has %d bytes that a workgroup shares, and the device %d", k.Name, shared, l.Shared), Remedy: anew}
	}
	return &Shader{Name: k.Name, Words: w.m.Words(), Text: w.m.Text(), Bindings: w.bindings, Groups: groups, Local: w.local, Whole: w.whole || w.m.Needs(spirv.GroupNonUniform)}, nil
}

// sharedBytes is how much of workgroup memory the shader takes.
func (w *lowering) sharedBytes() int {
	floats := 0
	if w.shared != 0 {
		floats = w.local
	}
	for b := range w.locals {
		floats += w.plan.Buffers[b].Elements()
	}
	return 4 * floats
}

// load3 loads an input of three numbers.
func (w *lowering) load3(b spirv.BuiltIn) spirv.ID {
	return w.top().block.Load(w.m.Vector(w.m.Uint(), 3), w.m.Builtin(b))
}

// multiplies tells whether statements multiply matrices.
func multiplies(body []kernel.Stmt) bool {
	found := false
	kernel.Walk(body, func(s kernel.Stmt) {
		l, ok := s.(*kernel.Loop)
		found = found || ok && l.Mark == kernel.Matrix
	})
	return found
}

// widest is the extent of the widest vector loop, at least 1.
func widest(body []kernel.Stmt) int {
	n := 1
	kernel.Walk(body, func(s kernel.Stmt) {
		if l, ok := s.(*kernel.Loop); ok && l.Mark == kernel.Vector {
			n = max(n, l.Extent)
		}
	})
	return n
}

func (w *lowering) top() *level { return w.levels[len(w.levels)-1] }

func (w *lowering) push(b *spirv.Block, guard bool) {
	w.levels = append(w.levels, &level{b, map[string]spirv.ID{}, guard})
}

// pop ends a level; what follows it goes into a block of the level around.
func (w *lowering) pop(next *spirv.Block) {
	w.levels = w.levels[:len(w.levels)-1]
	w.top().block = next
}

// segments lowers a kernel's body. Workgroups are numbered through: those of the first segment come first. What stores nothing belongs to all that follow.
func (w *lowering) segments(body []kernel.Stmt) (groups [3]int) {
	parts, total := segmentsOf(w.plan, body), 0
	for _, s := range parts {
		total += s.groups
	}
	groups = [3]int{max(total, 1), 1, 1}
	width := w.limits.Groups
	if width > 0 && total > width {
		groups = [3]int{width, (total + width - 1) / width, 1}
	}
	in := []instance{{at: map[string]position{}, vars: map[string]*cell{}}}
	group := spirv.ID(0)
	if total > 1 {
		id := w.load3(spirv.WorkgroupID)
		group = w.top().block.Extract(w.m.Uint(), id, 0)
		if groups[1] > 1 {
			row := w.top().block.Extract(w.m.Uint(), id, 1)
			group = w.add(w.mul(row, width), group)
		}
		w.m.Name(group, "group")
	}
	first := 0
	for _, s := range parts {
		if s.groups == 0 {
			w.hazards = hazardsOf(s.body, w.local)
			w.body(s.body, in)
			continue
		}
		from, to := first, first+s.groups
		first = to
		run := func() { w.segment(s, group, from, clones(in)) }
		var conditions []spirv.ID
		if from > 0 {
			conditions = append(conditions, w.emit(spirv.OpUGreaterThanEqual, w.m.Bool(), group, w.uint(from)))
		}
		if to < groups[0]*groups[1] {
			conditions = append(conditions, w.emit(spirv.OpULessThan, w.m.Bool(), group, w.uint(to)))
		}
		w.when(w.all(conditions), nil, run)
	}
	return groups
}

// segment lowers one segment for the workgroup of a number, less that of the segment's first.
func (w *lowering) segment(s segment, group spirv.ID, first int, in []instance) {
	if first > 0 {
		group = w.emit(spirv.OpISub, w.m.Uint(), group, w.uint(first))
	}
	rest := s.groups
	for i, l := range s.nest {
		rest /= l.Extent
		id := group
		if l.Extent == 1 {
			in[0].at[l.Var] = position{}
			continue
		}
		if rest > 1 {
			id = w.emit(spirv.OpUDiv, w.m.Uint(), id, w.uint(rest))
		}
		if i > 0 && rest*l.Extent < s.groups {
			id = w.emit(spirv.OpUMod, w.m.Uint(), id, w.uint(l.Extent))
		}
		in[0].at[l.Var] = position{id: id}
	}
	w.hazards = hazardsOf(s.body, w.local)
	if w.local > 1 && widest(s.body) == 1 && !multiplies(s.body) { // one invocation sees what it has stored itself
		w.when(w.emit(spirv.OpIEqual, w.m.Bool(), w.lane, w.uint(0)), nil, func() { w.body(s.body, in) })
		return
	}
	w.body(s.body, in)
}

// body lowers statements for all instances.
func (w *lowering) body(stmts []kernel.Stmt, instances []instance) {
	for i := 0; i < len(stmts); {
		switch s := stmts[i].(type) {
		case *kernel.Loop:
			w.loop(s, clones(instances), containsVector(stmts[i+1:]))
			i++
		case *kernel.Where:
			w.where(s, instances, containsVector(stmts[i+1:]))
			i++
		case *kernel.Seek: // what follows is loaded from there
			for _, in := range instances {
				w.statement(s, in, containsVector(stmts[i+1:]))
			}
			i++
		default:
			n := i
			for n < len(stmts) && simple(stmts[n]) {
				n++
			}
			later := containsVector(stmts[n:])
			w.expect(stmts[i:n], instances)
			for _, s := range stmts[i:n] {
				w.expectStores(s, instances)
				for _, in := range instances {
					w.statement(s, in, later)
				}
			}
			i = n
		}
	}
}

func simple(s kernel.Stmt) bool {
	switch s.(type) {
	case *kernel.Loop, *kernel.Where, *kernel.Seek:
		return false
	}
	return true
}

func containsVector(stmts []kernel.Stmt) bool { return widest(stmts) > 1 }

func (w *lowering) loop(l *kernel.Loop, instances []instance, later bool) {
	switch {
	case l.Mark == kernel.Matrix && w.sheet == nil:
		w.matrices(l, instances, later)
	case l.Mark == kernel.Matrix:
		w.multiply(l, instances)
	case l.Extent == 1:
		for _, in := range instances {
			in.at[l.Var] = position{}
		}
		w.body(l.Body, instances)
	case l.Mark == kernel.Unrolled:
		var all []instance
		for _, in := range instances {
			for v := range l.Extent {
				c := in.clone()
				c.at[l.Var] = position{value: v}
				all = append(all, c)
			}
		}
		w.body(l.Body, all)
	case l.Mark == kernel.Vector:
		w.vectorLoop(l, instances)
	default:
		w.serial(l, instances, later)
	}
}

// changed lists the cells that a body assigns to and that are there before it.
func changed(body []kernel.Stmt, instances []instance) []*cell {
	var cells []*cell
	kernel.Walk(body, func(s kernel.Stmt) {
		if a, ok := s.(*kernel.Assign); ok {
			for _, in := range instances {
				if c := in.vars[a.Var]; c != nil && !slices.Contains(cells, c) {
					cells = append(cells, c)
				}
			}
		}
	})
	return cells
}

// unrolling is how many turns of innermost loops are lowered as one: as many as the device asks for, or as it takes for an invocation to stay within
// the number of turns that the device executes.
func unrolling(k *kernel.Kernel, l Limits) (int, error) {
	n := max(1, l.Unroll)
	for most := 64; l.Turns > 0 && turns(k.Body, n) > l.Turns; n *= 2 {
		if n >= most {
			return 0, &backend.Missing{What: fmt.Sprintf("kernel %s has loops of %d turns, and the device executes %d", k.Name, turns(k.Body, 1), l.Turns),
				Remedy: "use a smaller batch (--batch) or network, or another device"}
		}
	}
	return n, nil
}

// turns is how many turns of loops an invocation makes at most.
func turns(body []kernel.Stmt, unroll int) int {
	total := 0
	for _, s := range body {
		switch s := s.(type) {
		case *kernel.Where:
			total += turns(s.Body, unroll)
		case *kernel.Loop:
			inner, here := turns(s.Body, unroll), s.Extent
			switch {
			case isParallel(s) || s.Mark == kernel.Vector || s.Mark == kernel.Matrix || here == 1:
				total += inner
			case s.Mark == kernel.Unrolled && !bounded(s):
				total += inner // one loop for all instances
			case s.Mark == kernel.Unrolled:
				total += inner * here
			case innermost(s):
				if here = here / unroll; here > 1 {
					total += here
				}
			default:
				total += here * (1 + inner)
			}
		}
	}
	return total
}

// bounded tells whether a condition in a loop depends on its variable: instances then go apart.
func bounded(l *kernel.Loop) bool {
	found := false
	kernel.Walk(l.Body, func(s kernel.Stmt) {
		w, ok := s.(*kernel.Where)
		found = found || ok && slices.ContainsFunc(w.Num.Terms, func(t kernel.Term) bool { return t.Var == l.Var })
	})
	return found
}

func innermost(l *kernel.Loop) bool {
	found := false
	kernel.Walk(l.Body, func(s kernel.Stmt) {
		_, ok := s.(*kernel.Loop)
		found = found || ok
	})
	return !found
}

// serial lowers a loop. An innermost one takes several turns at once, and those that are left over behind it.
func (w *lowering) serial(l *kernel.Loop, instances []instance, later bool) {
	step := 1
	if innermost(l) {
		step = w.unroll
	}
	turn := func(p position) {
		for _, in := range instances {
			in.at[l.Var] = p
		}
		w.body(l.Body, instances)
	}
	several := func(p position) { // step turns, of which the first is at p
		var all []instance
		for u := range step {
			for _, in := range instances {
				c := in.clone()
				c.at[l.Var] = position{p.id, p.coef, p.value + u}
				all = append(all, c)
			}
		}
		flat := !slices.ContainsFunc(l.Body, func(s kernel.Stmt) bool { return !simple(s) })
		if flat {
			w.expect(l.Body, all)
			w.loadAhead(l.Body, all)
		}
		if flat && step > 1 && onlySums(l.Body) {
			w.addUp(l, instances, step, p)
			return
		}
		for u := range step {
			turn(position{p.id, p.coef, p.value + u})
		}
	}
	count := l.Extent / step
	if count > 1 {
		w.repeat(l, count, instances, later, func(counter spirv.ID) { several(position{counter, step, 0}) })
	} else if count == 1 {
		several(position{})
	}
	for rest := count * step; rest < l.Extent; rest++ {
		turn(position{value: rest})
	}
}

// onlySums tells whether statements do nothing but add to variables from outside, which they do not read.
func onlySums(body []kernel.Stmt) bool {
	for _, s := range body {
		a, ok := s.(*kernel.Assign)
		if !ok || a.How != kernel.Sum || slices.ContainsFunc(a.Value.Operands, func(o kernel.Operand) bool { return o.Kind == kernel.Variable }) {
			return false
		}
	}
	return true
}

// addUp lowers several turns of a loop of sums at once, sum after sum: a compiler that keeps the order, as LLVM does, needs no room for products that wait to
// be added.
func (w *lowering) addUp(l *kernel.Loop, instances []instance, step int, first position) {
	for _, in := range instances {
		for _, s := range l.Body {
			for u := range step {
				in.at[l.Var] = position{first.id, first.coef, first.value + u}
				w.assign(s.(*kernel.Assign), in)
			}
		}
	}
}

// repeat lowers a loop of so many turns.
func (w *lowering) repeat(l *kernel.Loop, count int, instances []instance, later bool, run func(counter spirv.ID)) {
	w.hazards.before(w, l.Body)
	before := w.top().block
	header, body, next, merge := w.m.Label(l.Var), w.m.Label(l.Var+"_body"), w.m.Label(l.Var+"_next"), w.m.Label(l.Var+"_end")
	before.Branch(header)
	header.Place()
	body.Place()
	w.push(body, false)
	inner := len(w.levels) - 1
	counter := header.Phi(l.Var, w.m.Uint())
	w.depth[counter.ID] = inner
	counter.From(w.uint(0), before)
	cells := changed(l.Body, instances)
	phis := make([]*spirv.Phi, len(cells))
	for i, c := range cells {
		phis[i] = header.Phi("", w.m.TypeOf(c.value))
		w.depth[phis[i].ID] = inner
		phis[i].From(c.value, before)
		c.value = phis[i].ID
	}
	w.touch(l.Body)
	w.hazards.enter(w, l.Body, later)
	run(counter.ID)
	w.hazards.leave()
	w.top().block.Branch(next)
	next.Place()
	one := next.Do(spirv.OpIAdd, w.m.Uint(), counter.ID, w.uint(1))
	counter.From(one, next)
	for i, c := range cells {
		phis[i].From(c.value, next)
		w.depth[c.value] = min(w.depth[c.value], inner-1)
	}
	header.Loop(body, next, merge)
	next.Again(next.Do(spirv.OpULessThan, w.m.Bool(), one, w.uint(count)), header, merge)
	w.touch(l.Body)
	merge.Place()
	w.pop(merge)
}

// touch makes what is known of the contents of buffers that a body stores to void.
func (w *lowering) touch(body []kernel.Stmt) {
	kernel.Walk(body, func(s kernel.Stmt) {
		if s, ok := s.(*kernel.Store); ok {
			w.version[s.Buffer]++
		}
	})
}

// when runs code under a condition (always, where that is 0). The cells are those that the code may assign to.
func (w *lowering) when(condition spirv.ID, cells []*cell, run func()) {
	if condition == 0 {
		run()
		return
	}
	before := w.top().block
	then, merge := w.m.Label("then"), w.m.Label("end")
	before.If(condition, then, merge, merge)
	then.Place()
	w.push(then, true)
	old := make([]spirv.ID, len(cells))
	for i, c := range cells {
		old[i] = c.value
	}
	if w.varies[condition] {
		w.forked++
		defer func() { w.forked-- }()
	}
	run()
	after := w.top().block
	after.Branch(merge)
	merge.Place()
	w.pop(merge)
	for i, c := range cells {
		if c.value != old[i] {
			phi := merge.Phi("", w.m.TypeOf(c.value))
			phi.From(old[i], before)
			phi.From(c.value, after)
			c.value = phi.ID
			w.depth[phi.ID] = len(w.levels) - 1
		}
	}
}

// all is the conjunction of conditions, 0 of none.
func (w *lowering) all(conditions []spirv.ID) spirv.ID {
	if len(conditions) == 0 {
		return 0
	}
	c := conditions[0]
	for _, d := range conditions[1:] {
		c = w.emit(spirv.OpLogicalAnd, w.m.Bool(), c, d)
	}
	return c
}

// where lowers a condition once for all instances that share it.
func (w *lowering) where(s *kernel.Where, instances []instance, later bool) {
	var order []string
	groups := map[string][]instance{}
	for _, in := range instances {
		key := w.affine(s.Num, in).key()
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], in.clone())
	}
	for _, key := range order {
		group := groups[key]
		num := w.affine(s.Num, group[0])
		bind := func(p position) {
			for _, in := range group {
				in.at[s.Var] = p
			}
		}
		if len(num.terms) == 0 { // known here
			if num.constant >= 0 && num.constant < s.Extent*s.Div && (s.Floor || num.constant%s.Div == 0) {
				bind(position{value: num.constant / s.Div})
				w.body(s.Body, group)
			}
			continue
		}
		id := w.index(num)
		// A negative number is a large one without its sign: neither divides into the range.
		conditions := []spirv.ID{w.emit(spirv.OpULessThan, w.m.Bool(), id, w.uint(s.Extent*s.Div))}
		if s.Div > 1 && !s.Floor {
			rest := w.emit(spirv.OpUMod, w.m.Uint(), id, w.uint(s.Div))
			conditions = append(conditions, w.emit(spirv.OpIEqual, w.m.Bool(), rest, w.uint(0)))
		}
		w.when(w.all(conditions), changed(s.Body, group), func() {
			p := position{id: id}
			if s.Div > 1 {
				p.id = w.emit(spirv.OpUDiv, w.m.Uint(), id, w.uint(s.Div))
			}
			bind(p)
			w.hazards.enter(w, nil, later)
			w.hazards.perhaps(func() { w.body(s.Body, group) })
			w.hazards.leave()
		})
		w.touch(s.Body)
	}
}

// vectorLoop lowers the body of a vector loop: each lane is an invocation. A variable from outside that the body adds to starts anew in every lane, and the lanes
// are added up after the loop.
func (w *lowering) vectorLoop(l *kernel.Loop, instances []instance) {
	w.hazards.meet(w, l, false)
	for _, in := range instances {
		in.at[l.Var] = position{id: w.lane}
	}
	how := map[*cell]kernel.How{}
	kernel.Walk(l.Body, func(s kernel.Stmt) {
		if a, ok := s.(*kernel.Assign); ok {
			for _, in := range instances {
				if c := in.vars[a.Var]; c != nil {
					how[c] = a.How
				}
			}
		}
	})
	cells := changed(l.Body, instances)
	outside := make([]spirv.ID, len(cells))
	for i, c := range cells {
		outside[i] = c.value
		c.value = w.neutral(how[c])
	}
	w.vector = l
	has := spirv.ID(0)
	if l.Extent < w.local {
		has = w.emit(spirv.OpULessThan, w.m.Bool(), w.lane, w.uint(l.Extent))
	}
	if has != 0 && w.addsUpWithin(l) {
		w.hasLane = has
		last := w.choose(has, w.lane, w.uint(l.Extent-1))
		for _, in := range instances {
			in.at[l.Var] = position{id: last}
		}
		w.body(l.Body, instances)
	} else {
		w.when(has, cells, func() { w.body(l.Body, instances) })
	}
	for i, c := range cells {
		c.value = w.combine(how[c], outside[i], w.overLanes(how[c], w.ofLane(how[c], c.value)))
	}
	w.vector, w.hasLane = nil, 0
}

// addsUpWithin tells whether the lanes of a loop are added up in it, since they store to one place: all invocations meet there, those without a lane, too, which
// go along with the last one and store nothing.
func (w *lowering) addsUpWithin(l *kernel.Loop) bool {
	found := false
	kernel.Walk(l.Body, func(s kernel.Stmt) {
		x, ok := s.(*kernel.Store)
		found = found || ok && x.How != kernel.Set && w.plan.Buffers[x.Buffer].Stride(x.Index, l.Var) == 0
	})
	return found
}

// ofLane is a value of an invocation that has a lane, and else what changes nothing.
func (w *lowering) ofLane(how kernel.How, value spirv.ID) spirv.ID {
	if w.hasLane == 0 {
		return value
	}
	return w.choose(w.hasLane, value, w.neutral(how))
}

const minusInfinity = 0xff800000

// neutral is what changes nothing that it is combined with.
func (w *lowering) neutral(how kernel.How) spirv.ID {
	switch how {
	case kernel.Sum:
		return w.float(0)
	case kernel.Largest:
		return w.m.FloatBits(minusInfinity)
	}
	panic("bug: kernel " + w.kernel.Name + " sets a variable in a vector loop, where it may only be added to")
}

// combine is old + new, or the larger of the two.
func (w *lowering) combine(how kernel.How, old, new spirv.ID) spirv.ID {
	switch how {
	case kernel.Sum:
		return w.emit(spirv.OpFAdd, w.m.Float(), old, new)
	case kernel.Largest:
		return w.largest(old, new)
	}
	return new
}

// overLanes combines a value of all the workgroup's invocations: in a subgroup where the workgroup is one, else through workgroup memory. It gives the same to all.
func (w *lowering) overLanes(how kernel.How, value spirv.ID) spirv.ID {
	if w.local == 1 {
		return value
	}
	here := len(w.levels) - 1
	b := w.top().block
	if w.limits.Subgroup == w.local && !w.whole { // a driver of NVIDIA's crashed on both in one module
		op := spirv.OpGroupFAdd
		if how == kernel.Largest {
			op = spirv.OpGroupFMax
		}
		id := b.Group(op, w.m.Float(), value)
		w.depth[id] = here
		return id
	}
	if w.shared == 0 {
		w.shared = w.m.Workgroup("lanes", w.local)
	}
	b.Store(b.At(spirv.Workgroup, w.m.Float(), w.shared, w.lane), value)
	b.Barrier()
	lanes := make([]spirv.ID, w.local)
	for i := range lanes {
		lanes[i] = b.Load(w.m.Float(), b.At(spirv.Workgroup, w.m.Float(), w.shared, w.uint(i)))
		w.depth[lanes[i]] = here
	}
	b.Barrier()
	for n := len(lanes); n > 1; n = (n + 1) / 2 {
		for i := range n / 2 {
			lanes[i] = w.combine(how, lanes[i], lanes[i+(n+1)/2])
		}
	}
	return lanes[0]
}
