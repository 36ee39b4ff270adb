package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir/kernel"
)

// place gives every temporary a position in one arena, so that buffers whose lives do not meet share memory.
func place(p *kernel.Plan, _ *Target) []Remark {
	lives := p.Lives()
	var order []int
	for i, b := range p.Buffers {
		if b.Kind == kernel.Temp {
			order = append(order, i)
		}
	}
	size := func(i int) int { return room(&p.Buffers[i]) }
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
				if lives.Meet(i, j) && offset < o+size(j) && o < offset+size(i) {
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

// room is the floats of the arena that a temporary takes.
func room(b *kernel.Buffer) int { return (b.Floats() + 63) / 64 * 64 }

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
