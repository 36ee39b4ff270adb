package compiler

import (
	"slices"

	"bnetc/ir/kernel"
)

// A schedule is how the loops of a product are cut and ordered: numbers, chosen from extents and the target, that the kernel's text shows.
type schedule struct {
	byBatch bool // workers share the blocks of the batch, each with all units; else the units, each with all blocks
	vectors int  // blocks whose sums a register tile holds: all that a worker takes at once, or one of them
	units   int  // of a register tile, at most
	slab    int  // of the innermost summed loop, after which the sums wait in memory while other units go through the same slab; 0: none
	chunk   int  // units that go through the slabs together
}

// choose finds a product's schedule.
func (p *product) choose() schedule {
	t := p.target
	s := schedule{vectors: p.vectorsOf(), chunk: 1}
	if len(p.products) > 1 && !t.Fours {
		// Several products: one vector at a time and more units, so that an operand loaded is used by more of them
		// (docs/performance.md: 80 % of peak with 6 units x 1 vector x 2 products, 68 % with 3 x 2 x 2).
		s.vectors = 1
	}
	s.units = max(1, t.accumulators()/(s.vectors*len(p.products)))
	var weights []int
	bytes := int64(0)
	for _, n := range p.products {
		if w := p.param(n.Args[0]); !slices.Contains(weights, w) {
			weights = append(weights, w)
			bytes += 4 * int64(units(n.Args[0].Type.Shape))
		}
	}
	s.byBatch = !t.Wide && p.blocks/p.together >= t.Workers && bytes <= t.Cache
	if len(p.walk.loops) == 0 {
		return s
	}
	last, parted := p.walk.loops[p.walk.tile], false
	for _, source := range p.sources {
		if slices.ContainsFunc(append(slices.Clone(p.walk.guards), source.guards...), func(x kernel.Where) bool { return uses(x.Num, last.Var) }) {
			s.units, parted = 1, true // a bound that depends on the tile would break the register tile apart
		}
	}
	s.units = min(s.units, last.Extent)
	if p.downColumns(p.sources[0]) {
		for s.units&(s.units-1) != 0 { // no tile across two lines
			s.units--
		}
	}
	if len(weights) == 1 && len(p.walk.guards) == 0 && !parted && p.sameSource() {
		p.chooseSlabs(&s)
	}
	return s
}

// chooseSlabs cuts the innermost summed loop where walking the whole sum would run over the worker's cache: because it streams more activities than the cache
// holds, for every register tile anew, or because it walks down weights whose lines hold several tiles, and a line that one tile touches is gone before the
// next one wants it.
func (p *product) chooseSlabs(s *schedule) {
	source, unit := p.sources[0], p.walk.loops[p.walk.tile]
	if p.target.L2 == 0 || len(source.reduce) == 0 {
		return
	}
	inner := source.reduce[len(source.reduce)-1]
	if source.bounds(inner.Var) {
		return // a slab's bounds stand around its tiles, and this one belongs within
	}
	blocks, chunk := p.blocks, unit.Extent
	if s.byBatch {
		blocks = p.together
	} else if len(p.walk.loops) == 1 {
		chunk = (chunk + 2*p.target.Workers - 1) / (2 * p.target.Workers)
	}
	rows := 1 // of the sum that a tile goes through
	for _, l := range source.reduce {
		rows *= l.Extent
	}
	row := int64(4 * p.target.Vector * blocks * len(p.products)) // bytes of activities
	chunk = max(s.units, min(chunk, int(p.target.L2/8/row)))
	limit := rows
	if p.downColumns(source) {
		row += int64(4 * chunk)
		if n := p.target.linesAt(4 * coefficient(source.weight, inner.Var)); n < rows {
			limit = n
		}
	}
	if row*int64(rows) > p.target.L2/2 {
		limit = min(limit, max(1, int(p.target.L2/2/row)))
	}
	if limit >= rows {
		return
	}
	// The slab is a divisor of the extent, so that all are of one size; a small one would cost more in sums stored than it saves.
	for slab := min(limit, inner.Extent); slab >= leastSlab; slab-- {
		if inner.Extent%slab == 0 {
			s.slab, s.chunk = slab, chunk
			return
		}
	}
}

// downColumns tells whether a product of a target with caches sums down the columns of its weights, with a line of them for each term.
func (p *product) downColumns(s *source) bool {
	if p.target.L2 == 0 || len(p.walk.loops) == 0 || len(s.reduce) == 0 {
		return false
	}
	return 4*coefficient(s.weight, s.reduce[len(s.reduce)-1].Var) > line && coefficient(s.weight, p.walk.loops[p.walk.tile].Var) == 1
}

// rowsAhead is how many terms of a sum ahead memory is asked for weights: what it takes to answer, and a little more.
const rowsAhead = 32

// coefficient is a variable's in an index.
func coefficient(x kernel.Index, name string) int {
	for _, t := range x.Terms {
		if t.Var == name {
			return t.Coef
		}
	}
	return 0
}

// leastSlab is how long a slab must be for storing and loading its sums to cost little: an eighth of the arithmetic between. (A cache of 1 MiB holds 16
// lines that lie 64 KiB apart: CIFAR-LC's delta of l3, 14.6 ms whole, takes 7.8 in slabs of as many.)
const leastSlab = 16

// sameSource tells whether all products of a kernel walk the same weights alike.
func (p *product) sameSource() bool {
	for _, n := range p.products {
		if !alike(n, p.products[0]) {
			return false
		}
	}
	return true
}

// A tilePart is count tiles of one size, from a position on.
type tilePart struct{ from, size, count int }

// tiles cuts an extent into the fewest tiles of at most a size, all of one size or the next smaller one: a small rest would leave registers idle.
func tiles(extent, size int) []tilePart {
	n := (extent + size - 1) / size
	size = (extent + n - 1) / n
	small := n*size - extent
	parts := []tilePart{{0, size, n - small}}
	if small > 0 {
		parts = append(parts, tilePart{(n - small) * size, size - 1, small})
	}
	return parts
}

// count is how many tiles there are in all.
func count(parts []tilePart) (n int) {
	for _, p := range parts {
		n += p.count
	}
	return n
}
