package cpu

import (
	"fmt"
	"maps"
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// A group is a run of statements without a loop. It is printed instance after instance, and what it loads or computes more than
// once becomes a constant, just before its first use: so a tile of products keeps its sums, one row of vectors and one broadcast in
// registers.
type group struct {
	*walker
	counts  map[string]int        // how often a value is asked for, by its key
	known   map[string]expression // values that were written, by key
	lets    map[string]variable
	changes map[string]int  // of a buffer or variable so far: part of the keys of what is read from it
	ids     map[string]int  // of keys
	fetched map[string]bool // addresses prefetched
	dry     bool            // counting only
}

func (w *walker) group(stmts []kernel.Stmt, instances []instance) {
	if len(w.scopes) == 0 { // within a serial loop, its hoist has done this
		w.scopes = append(w.scopes, w.hoist(stmts, instances, 2))
		defer func() { w.scopes = nil }()
	}
	g := &group{walker: w, counts: map[string]int{}, ids: map[string]int{}}

	// Once to count, into nowhere.
	saved, out := w.blocks, w.out.String()
	w.blocks = append(append([]map[string]bool{}, saved[:len(saved)-1]...), maps.Clone(saved[len(saved)-1]))
	g.dry = true
	g.print(stmts, clones(instances))
	w.blocks = saved
	w.out.Reset()
	w.out.WriteString(out)

	g.dry = false
	g.print(stmts, instances)
}

func (g *group) print(stmts []kernel.Stmt, instances []instance) {
	g.known, g.lets, g.changes, g.fetched = map[string]expression{}, map[string]variable{}, map[string]int{}, map[string]bool{}
	if len(instances) >= batchFrom && g.lanes > 1 && callsTogether(stmts) {
		for i, s := range stmts {
			valuers := make([]*valuer, len(instances))
			if v := kernel.ValueOf(s); v != nil {
				for k, in := range instances {
					valuers[k] = g.valuer(v, in)
				}
				g.together(v.Expr, valuers, map[*ir.Expr]bool{})
			}
			for k, in := range instances {
				g.statement(i, s, in, valuers[k])
			}
		}
		return
	}
	for _, in := range instances {
		for i, s := range stmts {
			var v *valuer
			if x := kernel.ValueOf(s); x != nil {
				v = g.valuer(x, in)
			}
			g.statement(i, s, in, v)
		}
	}
}

// share gives a value that is asked for once as it is, one that is asked for again as a constant of the given name.
func (g *group) share(key, name string, write func() expression) expression {
	if e, ok := g.known[key]; ok {
		if g.dry {
			g.counts[key]++
		}
		return e
	}
	e := write()
	e.key = key
	switch {
	case g.dry:
		g.counts[key]++
	case g.counts[key] < 2:
		return e
	default:
		n := g.name(name)
		g.line("const %s %s = %s;", g.typeOf(e.lanes), n, e.text)
		e = expression{n, 0, e.lanes, key}
	}
	g.known[key] = e
	return e
}

func (g *group) statement(i int, s kernel.Stmt, in instance, v *valuer) {
	switch s := s.(type) {
	case *kernel.Seek:
		g.seek(s, in, v)
	case *kernel.Let:
		g.let(i, s, in, v)
	case *kernel.Assign:
		g.assign(s, in, v)
	case *kernel.Store:
		g.store(s, in, v)
	case *kernel.Draw:
		g.draw(i, s, in)
	case *kernel.Prefetch:
		if p := pointer(g.element(s.Buffer, s.Index, in)); !g.fetched[p] {
			g.fetched[p] = true
			write := 0
			if s.Own {
				write = 1
			}
			g.line("__builtin_prefetch(%s, %d, 2);", p, write)
		}
	}
}

// batchFrom is from how many instances on a function is called once for all of them. Inlined at each, a tile of twelve takes the
// compiler four times as long; called at each, it would have the tile's sums leave their registers.
const batchFrom = 4

// together computes the functions within an expression (exp, log, tanh) for all instances at once, innermost first: their
// arguments into an array, one call, and the results are there when the statement is written.
func (g *group) together(e *ir.Expr, valuers []*valuer, seen map[*ir.Expr]bool) {
	if seen[e] {
		return
	}
	seen[e] = true
	for _, a := range e.Args {
		g.together(a, valuers, seen)
	}
	file := operations[e.Op].file
	if file == "" {
		return
	}
	name := g.name(file + "_of")
	lines := make([]string, len(valuers))
	lanes := 1
	for k, v := range valuers {
		x := v.expr(e.Args[0])
		lines[k] = fmt.Sprintf("%s[%d] = %s;", name, k, v.splat(x, g.lanes))
		lanes = max(lanes, x.lanes)
	}
	if lanes == 1 { // the same in all lanes: written where it stands
		return
	}
	g.use(file)
	g.line("v%df %s[%d];", g.lanes, name, len(valuers))
	for k, v := range valuers {
		g.line("%s", lines[k])
		v.shared[e] = expression{fmt.Sprintf("%s[%d]", name, k), 0, g.lanes, fmt.Sprintf("%s[%d]", name, k)}
	}
	g.line("v%d_%s_all(%s, %d);", g.lanes, file, name, len(valuers))
}

// callsTogether says that statements call functions, of nothing that they change themselves.
func callsTogether(stmts []kernel.Stmt) bool {
	_, stored := buffersOf(stmts)
	changed := assigned(stmts)
	found := false
	for _, s := range stmts {
		v := kernel.ValueOf(s)
		if v == nil || !callsFunction(v.Expr) {
			continue
		}
		found = true
		for _, o := range v.Operands {
			if o.Kind == kernel.Load && stored[o.Buffer] || o.Kind == kernel.Variable && changed[o.Var] {
				return false
			}
		}
	}
	return found
}

func callsFunction(e *ir.Expr) bool {
	return operations[e.Op].file != "" || slices.ContainsFunc(e.Args, callsFunction)
}

// access gives an element of a buffer, as it is at this point of the group.
func (g *group) access(o kernel.Operand, in instance) expression {
	base, at := g.element(o.Buffer, o.Index, in)
	e := expression{lanes: g.lanes}
	of, widen := g.stored16(o.Buffer)
	switch pick := at.pick(); {
	case pick != "":
		e.text = fmt.Sprintf("v%d_pick%s(%s, %d, %s)", g.lanes, of, pointer(base, at), at.lane, pick)
	case g.lanes == 1 || at.lane == 0:
		e.lanes = 1
		e.text = base + "[" + at.text() + "]"
	case at.lane == 1:
		e.text = fmt.Sprintf("v%d_load%s(%s)", g.lanes, of, pointer(base, at))
	default:
		e.text = fmt.Sprintf("v%d_gather%s(%s, %d)", g.lanes, of, pointer(base, at), at.lane)
	}
	e.text = widen(e.lanes, "from", e.text)
	e.key = g.id(fmt.Sprintf("%s@%d", e.text, g.changes[g.buffers[o.Buffer]]))
	return e
}

// stored16 gives the ending of the helpers that load and store the elements of a buffer, and what converts them from and to floats: nothing, where they are floats.
func (g *group) stored16(buffer int) (ending string, convert func(lanes int, way, x string) string) {
	t := g.plan.Buffers[buffer].Type
	if t == kernel.F32 {
		return "", func(_ int, _, x string) string { return x }
	}
	return "_halves", func(lanes int, way, x string) string {
		g.used[helper{"halves", lanes}], g.used[helper{t.String(), lanes}] = true, true
		return fmt.Sprintf("%s(%s)", g.call(lanes, way+"_"+t.String()), x)
	}
}

// load gives an element of a buffer; one broadcast serves all its uses.
func (g *group) load(o kernel.Operand, in instance) expression {
	e := g.access(o, in)
	return g.share(e.key, g.buffers[o.Buffer]+"_v", func() expression {
		if e.lanes < g.lanes && g.counts[e.key] > 1 {
			return expression{fmt.Sprintf("v%d_splat(%s)", g.lanes, e.text), 0, g.lanes, e.key}
		}
		return e
	})
}

// id gives a short form of a key.
func (g *group) id(key string) string {
	n, ok := g.ids[key]
	if !ok {
		n = len(g.ids)
		g.ids[key] = n
	}
	return fmt.Sprintf("#%d", n)
}

// seek binds a position that data gives, in each lane its own.
func (g *group) seek(s *kernel.Seek, in instance, v *valuer) {
	p := position{text: g.name(identifier(s.Var) + in.suffix), depth: g.bound, picks: g.lanes > 1}
	of := "const long"
	if p.picks {
		of = fmt.Sprintf("const v%di", g.lanes)
	}
	g.line("%s %s = %s(%s, %d);", of, p.text, g.call(g.lanes, "seek"), v.splat(v.expr(s.Value.Expr), g.lanes), s.Extent-1)
	in.at[s.Var] = p
}

// let defines a variable. Instances for which a constant one would be the same share it.
func (g *group) let(i int, s *kernel.Let, in instance, v *valuer) {
	e := v.expr(s.Value.Expr)
	key := fmt.Sprint(i, " ", e.key)
	constant := !g.assigned[s.Var]
	if x, ok := g.lets[key]; ok && constant {
		in.vars[s.Var] = x
		return
	}
	qualifier := ""
	if constant {
		qualifier = "const "
	}
	x := variable{text: g.name(identifier(s.Var) + in.suffix), lanes: g.lanes}
	g.line("%s%s %s = %s;", qualifier, g.typeOf(g.lanes), x.text, v.splat(e, g.lanes))
	g.lets[key] = x
	in.vars[s.Var] = x
}

func (g *group) assign(s *kernel.Assign, in instance, v *valuer) {
	x, ok := in.vars[s.Var]
	if !ok {
		panic("bug: kernel " + g.kernel.Name + " assigns to " + s.Var + " where it is not defined")
	}
	if x.sum != "" {
		x = variable{text: x.sum, lanes: g.lanes}
	}
	defer func() { g.changes[x.text]++ }()
	switch s.How {
	case kernel.Set:
		g.line("%s = %s;", x.text, v.splat(v.expr(s.Value.Expr), x.lanes))
	case kernel.Sum:
		g.line("%s = %s;", x.text, g.plus(v, s.Value.Expr, expression{x.text, 0, x.lanes, ""}))
	case kernel.Largest:
		g.line("%s = %s(%s, %s);", x.text, g.call(x.lanes, "max"), x.text, v.splat(v.expr(s.Value.Expr), x.lanes))
	}
}

// plus writes old + e, fused where e is a product.
func (g *group) plus(v *valuer, e *ir.Expr, old expression) string {
	if isProduct(e) && v.refs[e] == 1 {
		return v.fma("", e, "", old).text
	}
	return old.text + " + " + v.expr(e).within(2)
}

func (g *group) store(s *kernel.Store, in instance, v *valuer) {
	defer func() { g.changes[g.buffers[s.Buffer]]++ }()
	base, at := g.element(s.Buffer, s.Index, in)
	of, narrow := g.stored16(s.Buffer)
	if g.lanes == 1 {
		place := base + "[" + at.text() + "]"
		switch s.How {
		case kernel.Set:
			g.line("%s = %s;", place, narrow(1, "to", v.expr(s.Value.Expr).text))
		case kernel.Sum:
			g.line("%s = %s;", place, g.plus(v, s.Value.Expr, expression{place, 0, 1, ""}))
		case kernel.Largest:
			g.line("%s = s_max(%s, %s);", place, place, v.expr(s.Value.Expr).text)
		}
		return
	}
	if at.lane == 0 { // all lanes into one element
		place := base + "[" + at.text() + "]"
		value := v.splat(v.expr(s.Value.Expr), g.lanes)
		switch s.How {
		case kernel.Set:
			g.line("%s = %s;", place, narrow(1, "to", fmt.Sprintf("(%s)[%d]", value, g.lanes-1)))
		case kernel.Sum:
			g.line("%s += v%d_sum(%s);", place, g.lanes, value)
		case kernel.Largest:
			g.line("%s = s_max(%s, v%d_largest(%s));", place, place, g.lanes, value)
		}
		return
	}
	p := pointer(base, at)
	old := expression{fmt.Sprintf("v%d_load(%s)", g.lanes, p), 0, g.lanes, ""}
	write := fmt.Sprintf("v%d_store%s(%s, ", g.lanes, of, p)
	if at.lane != 1 {
		old.text = fmt.Sprintf("v%d_gather(%s, %d)", g.lanes, p, at.lane)
		write = fmt.Sprintf("v%d_scatter%s(%s, %d, ", g.lanes, of, p, at.lane)
	}
	switch s.How {
	case kernel.Set:
		g.line("%s%s);", write, narrow(g.lanes, "to", v.splat(v.expr(s.Value.Expr), g.lanes)))
	case kernel.Sum:
		g.line("%s%s);", write, g.plus(v, s.Value.Expr, old))
	case kernel.Largest:
		g.line("%s%s(%s, %s));", write, g.call(g.lanes, "max"), old.text, v.splat(v.expr(s.Value.Expr), g.lanes))
	}
}

// draw defines four variables as the elements of one drawn block.
func (g *group) draw(i int, s *kernel.Draw, in instance) {
	row, block := g.affine(s.Row, in), g.affine(s.Block, in)
	lanes := 1
	if row.lane != 0 || block.lane != 0 {
		lanes = g.lanes
	}
	counter := func(a affine) string {
		if lanes == 1 {
			return "(uint32_t)(" + a.text() + ")"
		}
		return fmt.Sprintf("v%d_counter((uint32_t)(%s), (uint32_t)%d)", lanes, a.text(), a.lane)
	}
	args := fmt.Sprintf("%s, %du, %s, %s", g.key, s.Stream, counter(row), counter(block))
	key := fmt.Sprint(i, " ", args)
	x, ok := g.lets[key]
	if !ok {
		g.used[helper{"draw", lanes}] = true
		x = variable{text: g.name("drawn" + in.suffix), lanes: lanes}
		g.line("const struct %s %s = %s(%s);", g.call(lanes, "four"), x.text, g.call(lanes, "normals"), args)
		g.lets[key] = x
	}
	for k, name := range s.Vars {
		in.vars[name] = variable{text: fmt.Sprintf("%s.n%d", x.text, k), lanes: lanes}
	}
}
