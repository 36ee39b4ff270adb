package vulkan

import (
	"cmp"
	"fmt"
	"slices"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A window is a part of a buffer as a shader sees it: elements from … to-1 stand in a binding, the first of them at index at.
type window struct {
	binding  int
	from, to int
	at       int
}

// bind gives a kernel its bindings, and for each of its buffers the windows that it lies in, ascending. Each buffer is a binding of its own where
// the device allows that; else a binding is as long as the device allows and reaches over as many of the kernel's buffers as lie there, and a buffer
// may lie in several.
func bind(p *kernel.Plan, k *kernel.Kernel, m layout, l Limits) ([]Binding, map[int][]window, error) {
	read, written := k.Buffers()
	if settings := settingsOf(p); draws(k) && !slices.Contains(read, settings) {
		read = append(read, settings)
	}
	var all []int
	for _, b := range append(read, written...) {
		if !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	reach := int(min(l.Range, 1<<40)) / 4
	if l.Range == 0 {
		reach = 1 << 40
	}
	if unit := max(l.Align/4, 64); reach > unit {
		reach -= reach % unit
	}
	fits := l.Buffers == 0 || len(all) <= l.Buffers
	for _, b := range all {
		fits = fits && p.Buffers[b].Elements() <= reach
	}
	if !fits {
		slices.SortFunc(all, func(a, b int) int {
			return cmp.Or(cmp.Compare(m.piece[a], m.piece[b]), cmp.Compare(m.first[a], m.first[b]))
		})
	}
	var bindings []Binding
	windows := map[int][]window{}
	for _, b := range all {
		write, n := slices.Contains(written, b), p.Buffers[b].Elements()
		for from := 0; from < n; {
			i := len(bindings) - 1
			at := 0
			if i >= 0 && !fits && m.piece[bindings[i].Buffer] == m.piece[b] {
				at = m.first[b] + from - m.first[bindings[i].Buffer] - bindings[i].First
			}
			if at == 0 || at >= reach {
				bindings = append(bindings, Binding{Buffer: b, First: from})
				i, at = i+1, 0
			}
			to := min(n, from+reach-at)
			bindings[i].Count = at + to - from
			bindings[i].Written = bindings[i].Written || write
			windows[b] = append(windows[b], window{i, from, to, at})
			from = to
		}
	}
	if l.Buffers > 0 && len(bindings) > l.Buffers {
		return nil, nil, &backend.Missing{
			What:   fmt.Sprintf("kernel %s reaches over memory of %d storage buffers of %d MiB; the device offers a kernel %d", k.Name, len(bindings), l.Range>>20, l.Buffers),
			Remedy: "use a smaller batch (--batch) or network",
		}
	}
	return bindings, windows, nil
}

// settingsOf is the buffer of kind Setting, -1 if a plan has none.
func settingsOf(p *kernel.Plan) int {
	return slices.IndexFunc(p.Buffers, func(b kernel.Buffer) bool { return b.Kind == kernel.Setting })
}

// draws tells whether a kernel draws noise.
func draws(k *kernel.Kernel) bool {
	found := false
	kernel.Walk(k.Body, func(s kernel.Stmt) {
		_, ok := s.(*kernel.Draw)
		found = found || ok
	})
	return found
}
