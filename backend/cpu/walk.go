package cpu

import (
	"fmt"
	"maps"
	"strings"

	"bnetc/ir/kernel"
)

// A walker prints the body of one kernel. Unrolled loops are not printed as loops: the walker carries one instance for each
// assignment of their variables, and prints every statement for all instances.
type walker struct {
	*printer
	kernel   *kernel.Kernel
	stored   map[int]bool
	out      strings.Builder
	indent   int
	blocks   []map[string]bool // the C names of every open block
	bound    int               // how many runtime positions are bound
	scopes   []scope           // of the serial loops around
	assigned map[string]bool   // variables that are not constant
	settings map[int]string    // C names of the settings, by their position in the buffer
	key      string            // the arguments of a draw that are the same everywhere in the kernel
	lanes    int               // of the vector loop around, else 1
}

// An instance says what the loop variables and the scalar variables are for one assignment of the unrolled loops' variables.
type instance struct {
	at     map[string]position
	vars   map[string]variable
	suffix string // of its variables' names: _0_1
}

// A position is what a loop variable stands for: a number where unrolled, else a C variable, or the lanes of a vector.
type position struct {
	text  string // of a C variable
	value int    // of an unrolled one
	depth int    // how many positions were bound before
	lane  bool
	picks bool // the variable is a vector of positions, one for each lane
}

// A variable is a C variable or, for a draw, an element of one.
type variable struct {
	text  string
	lanes int
	sum   string // within a vector loop, of a scalar from outside: the vector that gathers its lanes
}

func (in instance) clone() instance {
	return instance{maps.Clone(in.at), maps.Clone(in.vars), in.suffix}
}

func clones(instances []instance) []instance {
	c := make([]instance, len(instances))
	for i, in := range instances {
		c[i] = in.clone()
	}
	return c
}

// kernel gives the body of kernel i.
func (p *printer) kernel(i int) string {
	k := p.plan.Kernels[i]
	w := &walker{printer: p, kernel: k, stored: p.stored[i], indent: 1, lanes: 1, assigned: assigned(k.Body), settings: map[int]string{}}
	w.blocks = []map[string]bool{maps.Clone(reserved)}
	for _, b := range p.uses[i] {
		w.name(p.buffers[b])
	}
	for _, b := range p.locals[i] {
		w.line("float %s[%d] __attribute__((aligned(64)));", w.name(p.buffers[b]), p.plan.Buffers[b].Elements())
	}
	parallel := hasParallel(k.Body)
	if !parallel {
		w.line("if (tid != 0)")
		w.line("    return;")
	}
	w.readSettings()
	in := []instance{{at: map[string]position{}, vars: map[string]variable{}}}
	for rest := k.Body; len(rest) > 0; {
		n := 1
		switch {
		case isParallel(rest[0]):
			w.parallel(rest[0].(*kernel.Loop), in)
		case parallel && stores(rest[0]): // once, not once a worker
			w.open("if (tid == 0) {")
			w.body(rest[:1], clones(in))
			w.close("")
		default:
			for n < len(rest) && !isParallel(rest[n]) && !(parallel && stores(rest[n])) {
				n++
			}
			w.body(rest[:n], in)
		}
		rest = rest[n:]
	}
	return w.out.String()
}

func stores(s kernel.Stmt) bool {
	_, writes := buffersOf([]kernel.Stmt{s})
	return len(writes) > 0
}

// readSettings loads the settings of a kernel into constants, once.
func (w *walker) readSettings() {
	named := func(i int) string {
		if w.settings[i] == "" {
			b := w.printer.settings()
			n := w.name(identifier(w.plan.Settings[i]))
			w.line("const float %s = %s[%d];", n, w.buffers[b], i)
			w.settings[i] = n
		}
		return w.settings[i]
	}
	kernel.Walk(w.kernel.Body, func(s kernel.Stmt) {
		if v := kernel.ValueOf(s); v != nil {
			for _, o := range v.Operands {
				if w.isSetting(o) {
					named(o.Index[0].Const)
				}
			}
		}
	})
	if !draws(w.kernel.Body) {
		return
	}
	half := func(name string) string {
		for i, s := range w.plan.Settings {
			if s == name {
				return "(uint32_t)" + named(i)
			}
		}
		panic("bug: a kernel draws noise, but the plan has no setting " + name)
	}
	var words []string
	for _, pair := range [][3]string{{"seed_low", "seed0", "seed1"}, {"seed_high", "seed2", "seed3"}} {
		low, high := half(pair[1]), half(pair[2])
		n := w.name(pair[0])
		w.line("const uint32_t %s = %s | %s << 16;", n, low, high)
		words = append(words, n)
	}
	low, high := half("step0"), half("step1")
	n := w.name("step")
	w.line("const uint32_t %s = %s | %s << 16;", n, low, high)
	w.key = strings.Join(append(words, n), ", ")
}

func (w *walker) isSetting(o kernel.Operand) bool {
	return o.Kind == kernel.Load && w.plan.Buffers[o.Buffer].Kind == kernel.Setting && len(o.Index) == 1 && len(o.Index[0].Terms) == 0
}

func (w *walker) line(format string, args ...any) {
	if format != "" {
		w.out.WriteString(strings.Repeat("    ", w.indent))
		fmt.Fprintf(&w.out, format, args...)
	}
	w.out.WriteByte('\n')
}

// open begins a block of C, close ends it.
func (w *walker) open(format string, args ...any) {
	w.line(format, args...)
	w.indent++
	w.blocks = append(w.blocks, map[string]bool{})
}

func (w *walker) close(after string) {
	w.indent--
	w.blocks = w.blocks[:len(w.blocks)-1]
	w.line("}%s", after)
}

// name gives a C name that hides none of the open blocks.
func (w *walker) name(want string) string {
	s := want
	for i := 2; w.taken(s); i++ {
		s = fmt.Sprintf("%s_%d", want, i)
	}
	w.blocks[len(w.blocks)-1][s] = true
	return s
}

func (w *walker) taken(s string) bool {
	for _, b := range w.blocks {
		if b[s] {
			return true
		}
	}
	return false
}

// bind makes a loop variable a C variable in all instances.
func (w *walker) bind(instances []instance, variable, text string) {
	for _, in := range instances {
		in.at[variable] = position{text: text, depth: w.bound}
	}
	w.bound++
}

// parallel prints an outermost parallel loop. Loops perfectly nested in it share one range of positions, of which every worker
// gets an equal contiguous part; in a kernel by batch the outermost alone is shared out, so that worker k's blocks are the same
// ones in every such kernel.
func (w *walker) parallel(l *kernel.Loop, instances []instance) {
	instances = clones(instances)
	nest := []*kernel.Loop{l}
	for !w.kernel.ByBatch && len(l.Body) == 1 && isParallel(l.Body[0]) {
		l = l.Body[0].(*kernel.Loop)
		nest = append(nest, l)
	}
	total, before := 1, w.bound
	for _, n := range nest {
		total *= n.Extent
	}
	t := identifier(nest[0].Var)
	if len(nest) > 1 {
		t = "t"
	}
	t = w.name(t)
	end := w.name("end")
	w.open("for (long %[1]s = share(%[2]d, tid, nt), %[3]s = share(%[2]d, tid + 1, nt); %[1]s < %[3]s; %[1]s++) {", t, total, end)
	if len(nest) == 1 {
		w.bind(instances, nest[0].Var, t)
	} else {
		var parts []string
		for _, n := range nest {
			total /= n.Extent
			name := w.name(identifier(n.Var))
			text := t
			if total > 1 {
				text = fmt.Sprintf("%s / %d", t, total)
			}
			if len(parts) > 0 {
				text += fmt.Sprintf(" %% %d", n.Extent)
			}
			parts = append(parts, name+" = "+text)
			w.bind(instances, n.Var, name)
		}
		w.line("const long %s;", strings.Join(parts, ", "))
	}
	w.body(l.Body, instances)
	w.close("")
	w.bound = before
}

// body prints statements for all instances. Statements between loops are printed together, instance after instance.
func (w *walker) body(stmts []kernel.Stmt, instances []instance) {
	for len(stmts) > 0 {
		n := 0
		for n < len(stmts) && simple(stmts[n]) {
			n++
		}
		if n > 0 {
			w.group(stmts[:n], instances)
			stmts = stmts[n:]
			continue
		}
		switch s := stmts[0].(type) {
		case *kernel.Loop:
			w.loop(s, clones(instances))
		case *kernel.Where:
			w.where(s, instances)
		}
		stmts = stmts[1:]
	}
}

func (w *walker) loop(l *kernel.Loop, instances []instance) {
	switch {
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
				c.suffix += fmt.Sprintf("_%d", v)
				all = append(all, c)
			}
		}
		w.body(l.Body, all)
	case l.Mark == kernel.Vector:
		w.vector(l, instances)
	default:
		w.serial(l, instances)
	}
}

func (w *walker) serial(l *kernel.Loop, instances []instance) {
	before := w.bound
	if l.Mark != kernel.Parallel {
		w.scopes = append(w.scopes, w.hoist(l.Body, instances, 1))
		defer func() { w.scopes = w.scopes[:len(w.scopes)-1] }()
	}
	i := w.name(identifier(l.Var))
	if l.Mark == kernel.Staggered {
		left := w.name("left")
		w.open("for (long %[1]s = %[3]d, %[2]s = share(%[3]d, tid, nt); %[1]s > 0; %[1]s--, %[2]s = %[2]s < %[4]d ? %[2]s + 1 : 0) {", left, i, l.Extent, l.Extent-1)
		defer func() { delete(w.blocks[len(w.blocks)-1], left) }()
	} else {
		w.open("for (long %[1]s = 0; %[1]s < %[2]d; %[1]s++) {", i, l.Extent)
	}
	w.bind(instances, l.Var, i)
	w.body(l.Body, instances)
	w.close("")
	delete(w.blocks[len(w.blocks)-1], i) // the loop's own name is free again after it
	w.bound = before
}

// vector prints the body of a vector loop, its lanes side by side. A scalar from outside that the body adds to gets a vector of
// its own, which is reduced to it after the loop.
func (w *walker) vector(l *kernel.Loop, instances []instance) {
	if w.lanes != 1 || l.Extent != 2 && l.Extent != 4 && l.Extent != 8 && l.Extent != 16 {
		panic(fmt.Sprintf("bug: vector loop %s of %d in kernel %s", l.Var, l.Extent, w.kernel.Name))
	}
	w.lanes = l.Extent
	w.use("vector")
	for _, in := range instances {
		in.at[l.Var] = position{lane: true}
	}
	type gathered struct {
		how       kernel.How
		into, sum string
	}
	var sums []gathered
	known := map[string]string{}
	for _, a := range outer(l.Body) {
		if a.How == kernel.Set {
			panic("bug: kernel " + w.kernel.Name + " sets " + a.Var + " in a vector loop, where it may only be added to")
		}
		for _, in := range instances {
			v := in.vars[a.Var]
			if known[v.text] == "" {
				known[v.text] = w.name(v.text + "_lanes")
				start := "0.0f"
				if a.How == kernel.Largest {
					start = "-__builtin_inff()"
				}
				w.line("v%df %s = v%d_splat(%s);", w.lanes, known[v.text], w.lanes, start)
				sums = append(sums, gathered{a.How, v.text, known[v.text]})
			}
			v.sum = known[v.text]
			in.vars[a.Var] = v
		}
	}
	w.body(l.Body, instances)
	for _, s := range sums {
		if s.how == kernel.Sum {
			w.line("%s += v%d_sum(%s);", s.into, w.lanes, s.sum)
		} else {
			w.line("%s = s_max(%s, v%d_largest(%s));", s.into, s.into, w.lanes, s.sum)
		}
	}
	w.lanes = 1
}

// where prints a condition once for all instances that share it.
func (w *walker) where(s *kernel.Where, instances []instance) {
	var order []string
	groups := map[string][]instance{}
	for _, in := range instances {
		num := w.affine(s.Num, in).text()
		if groups[num] == nil {
			order = append(order, num)
		}
		groups[num] = append(groups[num], in.clone())
	}
	for _, num := range order {
		group := groups[num]
		a := w.affine(s.Num, group[0])
		if a.lane != 0 {
			panic("bug: the position " + s.Var + " of kernel " + w.kernel.Name + " depends on a vector's lane")
		}
		if len(a.terms) == 0 { // known here
			if a.constant < 0 || a.constant >= s.Extent*s.Div || !s.Floor && a.constant%s.Div != 0 {
				continue
			}
			for _, in := range group {
				in.at[s.Var] = position{value: a.constant / s.Div}
			}
			w.open("{")
			w.body(s.Body, group)
			w.close("")
			continue
		}
		before := w.bound
		divides, quotient := "", num
		if s.Div > 1 {
			quotient = fmt.Sprintf("(%s) / %d", num, s.Div)
			if !s.Floor {
				divides = fmt.Sprintf(" && (%s) %% %d == 0", num, s.Div)
			}
		}
		// not negative and below: a negative number neither divides exactly into the range nor rounds down into it
		w.open("if (%[1]s >= 0 && %[1]s < %[2]d%[3]s) {", num, s.Extent*s.Div, divides)
		name := w.name(identifier(s.Var))
		w.line("const long %s = %s;", name, quotient)
		w.bind(group, s.Var, name)
		w.body(s.Body, group)
		w.close("")
		w.bound = before
	}
}

// use notes that the helpers of a file are called at the width in force.
func (w *walker) use(file string) { w.used[helper{file, w.lanes}] = true }

// call gives the name of a helper at the width in force.
func (w *walker) call(lanes int, name string) string {
	if lanes == 1 {
		return "s_" + name
	}
	return fmt.Sprintf("v%d_%s", lanes, name)
}

func (w *walker) typeOf(lanes int) string {
	if lanes == 1 {
		return "float"
	}
	return fmt.Sprintf("v%df", lanes)
}
