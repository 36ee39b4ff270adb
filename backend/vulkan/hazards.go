package vulkan

import (
	"maps"
	"slices"

	"bnetc/ir/kernel"
)

// hazards finds where the invocations of a workgroup must meet because one is to see what another has stored. It looks at buffers that lanes do not
// have to themselves; in the kernels of the compiler these are few, and read before they are written.
type hazards struct {
	open           map[int]bool // buffers to look at
	loaded, stored map[int]bool // since the last meeting
	later          []bool       // whether a vector loop may follow the loop around
}

// hazardsOf finds the buffers of a segment that one invocation may store and another load.
func hazardsOf(body []kernel.Stmt, local int) hazards {
	h := hazards{open: map[int]bool{}, loaded: map[int]bool{}, stored: map[int]bool{}, later: []bool{false}}
	if local == 1 || !containsVector(body) && !multiplies(body) {
		return h
	}
	loads, stores := accesses(body)
	for b := range stores {
		if loads[b] {
			h.open[b] = !private(b, body)
		}
	}
	return h
}

// accesses tells which buffers statements load and store.
func accesses(body []kernel.Stmt) (loads, stores map[int]bool) {
	loads, stores = map[int]bool{}, map[int]bool{}
	kernel.Walk(body, func(s kernel.Stmt) {
		if s, ok := s.(*kernel.Store); ok {
			stores[s.Buffer] = true
			if s.How != kernel.Set {
				loads[s.Buffer] = true
			}
		}
		if v := kernel.ValueOf(s); v != nil {
			for _, o := range v.Operands {
				if o.Kind == kernel.Load {
					loads[o.Buffer] = true
				}
			}
		}
	})
	return loads, stores
}

// private tells whether each element of a buffer is touched by one lane alone: in all accesses, one dimension is a lane and multiples of the lanes there are.
func private(buffer int, body []kernel.Stmt) bool {
	type place struct{ dim, extent int }
	var common *place
	ok := true
	var walk func(body []kernel.Stmt, l *kernel.Loop)
	walk = func(body []kernel.Stmt, l *kernel.Loop) {
		see := func(b int, index []kernel.Index) {
			if b != buffer || !ok {
				return
			}
			dim := -1
			if l != nil {
				dim = slices.IndexFunc(index, func(x kernel.Index) bool { return isLane(x, l) })
			}
			if dim < 0 || common != nil && *common != (place{dim, l.Extent}) {
				ok = false
				return
			}
			common = &place{dim, l.Extent}
		}
		for _, s := range body {
			switch s := s.(type) {
			case *kernel.Loop:
				if s.Mark == kernel.Vector {
					walk(s.Body, s)
				} else {
					walk(s.Body, l)
				}
			case *kernel.Where:
				walk(s.Body, l)
			case *kernel.Store:
				see(s.Buffer, s.Index)
			}
			if v := kernel.ValueOf(s); v != nil {
				for _, o := range v.Operands {
					if o.Kind == kernel.Load {
						see(o.Buffer, o.Index)
					}
				}
			}
		}
	}
	walk(body, nil)
	return ok
}

// isLane tells whether a position, divided by a vector's extent, leaves the lane.
func isLane(x kernel.Index, l *kernel.Loop) bool {
	found := false
	for _, t := range x.Terms {
		switch {
		case t.Var == l.Var && t.Coef == 1 && !found:
			found = true
		case t.Coef%l.Extent != 0:
			return false
		}
	}
	return found && x.Const%l.Extent == 0
}

// before puts a meeting before a loop outside of lanes, where it serves every turn: the body loads what has been stored, and stores none of it.
func (h *hazards) before(w *lowering, body []kernel.Stmt) {
	if w.vector != nil {
		return
	}
	loads, stores := accesses(body)
	maps.DeleteFunc(loads, func(b int, _ bool) bool { return stores[b] })
	h.settle(w, loads, nil)
}

// enter begins a loop or a condition, which may be followed by vector loops. What a loop's body does, it may have done before.
func (h *hazards) enter(w *lowering, body []kernel.Stmt, later bool) {
	h.later = append(h.later, h.later[len(h.later)-1] || later || containsVector(body))
	loads, stores := accesses(body)
	maps.Copy(h.loaded, loads)
	maps.Copy(h.stored, stores)
}

func (h *hazards) leave() { h.later = h.later[:len(h.later)-1] }

// perhaps lowers what may be passed over: whoever does has met nobody there.
func (h *hazards) perhaps(run func()) {
	loaded, stored := maps.Clone(h.loaded), maps.Clone(h.stored)
	run()
	maps.Copy(h.loaded, loaded)
	maps.Copy(h.stored, stored)
}

// meet puts a meeting before a statement that needs one: a vector loop, or a scalar statement, which all invocations execute but where the first alone
// stores. Where no vector loop follows, nothing depends on what the others then see.
func (h *hazards) meet(w *lowering, s kernel.Stmt, later bool) {
	loads, stores := accesses([]kernel.Stmt{s})
	later = later || h.later[len(h.later)-1] || containsVector([]kernel.Stmt{s})
	if !later {
		h.settle(w, loads, nil)
	} else {
		h.settle(w, loads, stores)
	}
	maps.Copy(h.loaded, loads)
	maps.Copy(h.stored, stores)
}

// settle puts a meeting where loads or stores meet what has been stored or loaded.
func (h *hazards) settle(w *lowering, loads, stores map[int]bool) {
	conflict := false
	for b, open := range h.open {
		conflict = conflict || open && (loads[b] && h.stored[b] || stores[b] && (h.stored[b] || h.loaded[b]))
	}
	if conflict {
		for b, open := range h.open {
			if open {
				w.coherent(b)
			}
		}
		w.top().block.Barrier()
		clear(h.loaded)
		clear(h.stored)
	}
}
