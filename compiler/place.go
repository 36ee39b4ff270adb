package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir/kernel"
)

// place gives every temporary a position in one arena, so that buffers whose lives do not meet share memory. A buffer lives
// from the first level that touches it to the last, in each list by itself: nothing survives from one list's run to the next.
func place(p *kernel.Plan, _ *Target) []Remark {
	type life struct{ list, from, to int }
	lives := map[int][]life{}
	for li, l := range p.Lists {
		for _, s := range l.Steps {
			reads, writes := p.Kernels[s.Kernel].Buffers()
			for _, b := range append(reads, writes...) {
				if p.Buffers[b].Kind != kernel.Temp {
					continue
				}
				at := slices.IndexFunc(lives[b], func(x life) bool { return x.list == li })
				if at < 0 {
					lives[b] = append(lives[b], life{li, s.Level, s.Level})
				} else {
					lives[b][at].to = s.Level
				}
			}
		}
	}
	meet := func(a, b int) bool {
		for _, x := range lives[a] {
			for _, y := range lives[b] {
				if x.list == y.list && x.from <= y.to && y.from <= x.to {
					return true
				}
			}
		}
		return false
	}
	var order []int
	for i, b := range p.Buffers {
		if b.Kind == kernel.Temp {
			order = append(order, i)
		}
	}
	size := func(i int) int { return (p.Buffers[i].Floats() + 63) / 64 * 64 }
	// Largest first, each at the lowest position that is free while it lives.
	slices.SortStableFunc(order, func(a, b int) int { return size(b) - size(a) })
	total, sum := 0, 0
	var placed []int
	for _, i := range order {
		offset := 0
		for moved := true; moved; {
			moved = false
			for _, j := range placed {
				o := p.Buffers[j].Offset
				if meet(i, j) && offset < o+size(j) && o < offset+size(i) {
					offset, moved = o+size(j), true
				}
			}
		}
		p.Buffers[i].Offset = offset
		placed = append(placed, i)
		total = max(total, offset+size(i))
		sum += size(i)
	}
	return []Remark{{Subject: "activities", Text: fmt.Sprintf("%d buffers of %s in %s", len(order), BytesText(4*int64(sum)), BytesText(4*int64(total)))}}
}

// BytesText is a size for people: 1.21 GiB.
func BytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
