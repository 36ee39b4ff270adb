package cpu

import "bnetc/ir/kernel"

// buffersOf says which buffers a body loads and which it stores.
func buffersOf(body []kernel.Stmt) (reads, writes map[int]bool) {
	reads, writes = map[int]bool{}, map[int]bool{}
	kernel.Walk(body, func(s kernel.Stmt) {
		if st, ok := s.(*kernel.Store); ok {
			writes[st.Buffer] = true
		}
		if v := kernel.ValueOf(s); v != nil {
			for _, o := range v.Operands {
				if o.Kind == kernel.Load {
					reads[o.Buffer] = true
				}
			}
		}
	})
	return reads, writes
}

func draws(body []kernel.Stmt) bool {
	found := false
	kernel.Walk(body, func(s kernel.Stmt) {
		_, ok := s.(*kernel.Draw)
		found = found || ok
	})
	return found
}

// assigned gives the names of all variables that a body assigns to.
func assigned(body []kernel.Stmt) map[string]bool {
	names := map[string]bool{}
	kernel.Walk(body, func(s kernel.Stmt) {
		if a, ok := s.(*kernel.Assign); ok {
			names[a.Var] = true
		}
	})
	return names
}

// outer gives, in order of appearance, the assignments of a body to variables that it does not define itself.
func outer(body []kernel.Stmt) []*kernel.Assign {
	defined, seen := map[string]bool{}, map[string]bool{}
	var found []*kernel.Assign
	kernel.Walk(body, func(s kernel.Stmt) {
		switch s := s.(type) {
		case *kernel.Let:
			defined[s.Var] = true
		case *kernel.Draw:
			for _, v := range s.Vars {
				defined[v] = true
			}
		case *kernel.Assign:
			if !defined[s.Var] && !seen[s.Var] {
				seen[s.Var] = true
				found = append(found, s)
			}
		}
	})
	return found
}

func isParallel(s kernel.Stmt) bool {
	l, ok := s.(*kernel.Loop)
	return ok && l.Mark == kernel.Parallel
}

func hasParallel(body []kernel.Stmt) bool {
	found := false
	kernel.Walk(body, func(s kernel.Stmt) { found = found || isParallel(s) })
	return found
}

func simple(s kernel.Stmt) bool {
	switch s.(type) {
	case *kernel.Loop, *kernel.Where:
		return false
	}
	return true
}
