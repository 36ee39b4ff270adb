package vulkan

import (
	"slices"

	"bnetc/ir/kernel"
)

// A segment is a part of a kernel's body with workgroups of its own: a nest of parallel loops, or statements that store something and are executed once.
type segment struct {
	nest   []*kernel.Loop
	body   []kernel.Stmt
	groups int
}

// segmentsOf parts a kernel's body. Statements beside parallel loops have a workgroup each, but those that one must execute, one after the other: they share a
// variable, or local memory, which no workgroup has of another. What parallel loops read of variables is computed by all workgroups.
func segmentsOf(p *kernel.Plan, body []kernel.Stmt) (parts []segment) {
	if !slices.ContainsFunc(body, isParallel) {
		return []segment{{body: body, groups: 1}}
	}
	common := readByNests(body)
	for i, s := range body {
		part := segment{body: []kernel.Stmt{s}}
		switch {
		case isParallel(s):
			part = nestOf(s.(*kernel.Loop))
		case common[i]:
		default:
			part.groups = 1
			parts = slices.DeleteFunc(parts, func(o segment) bool {
				joins := o.groups > 0 && o.nest == nil && tied(p, o.body, s)
				if joins {
					part.body = slices.Concat(part.body[:len(part.body)-1], o.body, part.body[len(part.body)-1:])
				}
				return joins
			})
		}
		parts = append(parts, part)
	}
	return slices.DeleteFunc(parts, func(o segment) bool { return o.groups > 0 && !slices.ContainsFunc(o.body, stores) })
}

// nestOf is a parallel loop with the loops perfectly nested in it.
func nestOf(l *kernel.Loop) segment {
	s := segment{nest: []*kernel.Loop{l}, groups: l.Extent}
	for len(l.Body) == 1 && isParallel(l.Body[0]) {
		l = l.Body[0].(*kernel.Loop)
		s.nest = append(s.nest, l)
		s.groups *= l.Extent
	}
	s.body = l.Body
	return s
}

func isParallel(s kernel.Stmt) bool {
	l, ok := s.(*kernel.Loop)
	return ok && l.Mark == kernel.Parallel
}

func stores(s kernel.Stmt) bool {
	found := false
	kernel.Walk([]kernel.Stmt{s}, func(s kernel.Stmt) {
		_, ok := s.(*kernel.Store)
		found = found || ok
	})
	return found
}

// readByNests tells which statements define or change what parallel loops behind them read, or what those that do read, and store nothing.
func readByNests(body []kernel.Stmt) []bool {
	common, wanted := make([]bool, len(body)), map[string]bool{}
	defined := definedBy(body)
	for i, s := range slices.Backward(body) {
		common[i] = !isParallel(s) && !stores(s) && mentions(s, wanted)
		if isParallel(s) || common[i] {
			namesIn(s, func(name string) { wanted[name] = wanted[name] || defined[name] })
		}
	}
	return common
}

// tied tells whether a statement must be executed where others are that stand before it.
func tied(p *kernel.Plan, before []kernel.Stmt, s kernel.Stmt) bool {
	if mentions(s, definedBy(before)) {
		return true
	}
	loads, stored := accesses([]kernel.Stmt{s})
	loadsBefore, storedBefore := accesses(before)
	for b := range p.Buffers {
		if p.Buffers[b].Kind == kernel.Local && (loads[b] || stored[b]) && (loadsBefore[b] || storedBefore[b]) {
			return true
		}
	}
	return false
}

func definedBy(body []kernel.Stmt) map[string]bool {
	names := map[string]bool{}
	for _, s := range body {
		for _, name := range defines(s) {
			names[name] = true
		}
	}
	return names
}

// defines are the names that a statement defines for those behind it.
func defines(s kernel.Stmt) []string {
	switch s := s.(type) {
	case *kernel.Let:
		return []string{s.Var}
	case *kernel.Draw:
		return s.Vars[:]
	case *kernel.Seek:
		return []string{s.Var}
	}
	return nil
}

func mentions(s kernel.Stmt, names map[string]bool) bool {
	found := false
	namesIn(s, func(name string) { found = found || names[name] })
	return found
}

// namesIn visits the names of variables and positions that a statement holds.
func namesIn(s kernel.Stmt, see func(name string)) {
	in := func(index ...kernel.Index) {
		for _, x := range index {
			for _, t := range x.Terms {
				see(t.Var)
			}
		}
	}
	kernel.Walk([]kernel.Stmt{s}, func(s kernel.Stmt) {
		for _, name := range defines(s) {
			see(name)
		}
		switch s := s.(type) {
		case *kernel.Assign:
			see(s.Var)
		case *kernel.Store:
			in(s.Index...)
		case *kernel.Where:
			in(s.Num)
		case *kernel.Draw:
			in(s.Row, s.Block)
		}
		if v := kernel.ValueOf(s); v != nil {
			for _, o := range v.Operands {
				if o.Kind == kernel.Variable {
					see(o.Var)
				}
				in(o.Index...)
			}
		}
	})
}
