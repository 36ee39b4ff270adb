package vulkan

import (
	"cmp"
	"fmt"
	"slices"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A window is a part of a buffer as a shader sees it: elements from … to-1 lie in a reach of memory, the first of them at index at.
type window struct {
	reach    int
	from, to int
	at       int
}

// cover finds reaches of memory that a shader can be given for a kernel, and for each of its buffers the windows that it lies in, ascending. Each buffer
// is a reach of its own where the device allows that; else a reach is as long as the device allows and covers as many of the kernel's buffers as lie
// there, and a buffer may lie in several.
func cover(p *kernel.Plan, k *kernel.Kernel, m layout, l Limits) ([]Binding, map[int][]window, error) {
	read, written := k.Buffers()
	if settings := settingsOf(p); draws(k) && !slices.Contains(read, settings) {
		read = append(read, settings)
	}
	var all []int
	for _, b := range append(read, written...) {
		if p.Buffers[b].Kind == kernel.Local {
			continue
		}
		if t := p.Buffers[b].Type; t != kernel.F32 && l.Only32 {
			return nil, nil, &backend.Missing{What: fmt.Sprintf("kernel %s stores %s as %s, and the device has no storage buffers of 16-bit elements", k.Name, p.Buffers[b].Name, t),
				Remedy: "use --set train.precision=f32, another device (--device), or " + otherwise}
		}
		if !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	longest := 1 << 40
	if l.Range > 0 {
		longest = int(l.Range / 4)
		if unit := max(l.Align/4, alignment); longest > unit {
			longest -= longest % unit
		}
	}
	fits := l.Buffers == 0 || len(all) <= l.Buffers
	for _, b := range all {
		fits = fits && padded(&p.Buffers[b]) <= longest
	}
	if !fits {
		slices.SortFunc(all, func(a, b int) int {
			return cmp.Or(cmp.Compare(m.piece[a], m.piece[b]), cmp.Compare(m.first[a], m.first[b]))
		})
	}
	var reaches []Binding
	windows := map[int][]window{}
	for _, b := range all {
		write, n := slices.Contains(written, b), p.Buffers[b].Elements()
		per := 4 / p.Buffers[b].Type.Bytes() // elements to a float
		for from := 0; from < n; {
			i := len(reaches) - 1
			at := 0
			if i >= 0 && !fits && m.piece[reaches[i].Buffer] == m.piece[b] {
				at = m.first[b] + from/per - m.first[reaches[i].Buffer] - reaches[i].First
			}
			if at == 0 || at >= longest {
				reaches = append(reaches, Binding{Buffer: b, First: from / per})
				i, at = i+1, 0
			}
			to := min(n, from+(longest-at)*per)
			reaches[i].Count = at + ((to-from+per-1)/per+3)/4*4
			reaches[i].Written = reaches[i].Written || write
			windows[b] = append(windows[b], window{i, from, to, at * per})
			from = to
		}
	}
	if l.Buffers > 0 && len(reaches) > l.Buffers {
		return nil, nil, &backend.Missing{
			What:   fmt.Sprintf("kernel %s reaches over memory of %d storage buffers of %d MiB; the device offers a kernel %d", k.Name, len(reaches), l.Range>>20, l.Buffers),
			Remedy: "use a smaller batch (--batch) or network",
		}
	}
	return reaches, windows, nil
}

// padded is the floats of a buffer, up to whole vectors of four: memory is there, since the next buffer begins at a multiple of more.
func padded(b *kernel.Buffer) int { return (b.Floats() + 3) / 4 * 4 }

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
