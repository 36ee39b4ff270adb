package compiler

import (
	"fmt"
	"slices"

	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// A value of which nothing but the sum over its units is wanted, as a loss is of its squares, is never stored. The register tile that computes it adds its units
// up, and the kernel of the sum goes on from the tiles:
//
//	vector lane
//	  let s76.tile = 0
//	  unrolled c.in: …; let s76 = s75*s75; s76.tile += s76
//	  store target.l1.s76.tiles32[.., c.tile, lane] = s76.tile
//
//	let s77 = 0; serial u0: s77 += target.l1.s76.tiles32[.., u0, lane]

// chooseTileSums finds these values in the epilogue of a product whose sums are not in matrices.
func (p *product) chooseTileSums() {
	if p.units == 1 || len(p.walk.loops) == 0 || len(p.walk.guards) > 0 {
		return
	}
	tiles := p.tilesOfUnit()
	for _, l := range p.walk.loops[:p.walk.tile] {
		tiles *= l.Extent
	}
	for _, n := range p.group.nodes {
		if n.Op == tensor.Map && p.onlySummed(n) {
			p.summed = append(p.summed, n)
			p.tileSums[n] = p.sumOf(n, p.group, fmt.Sprintf("tiles%d", tiles), kernel.Temp, p.blocks, tiles, p.lanes)
			p.remarks = append(p.remarks, Remark{Subject: n.Label(), Text: fmt.Sprintf("stored as the sums of its %d tiles: nothing else of it is read", tiles)})
		}
	}
}

// onlySummed tells whether other kernels read nothing of a value but the sum over its units.
func (p *product) onlySummed(n *tensor.Node) bool {
	return outside(p.fusion, p.group, n) && !slices.ContainsFunc(p.fusion.readers[n], func(r *tensor.Node) bool {
		return p.fusion.of[r] != p.group && (r.Op != tensor.Reduce || r.Kind != tensor.SumUnits)
	})
}

// tilesOfUnit is how many register tiles the units along the tiled dimension make, in chunks where there are slabs.
func (p *product) tilesOfUnit() int {
	extent := p.walk.loops[p.walk.tile].Extent
	if p.slab == 0 {
		return count(tiles(extent, p.units))
	}
	n := 0
	for _, chunk := range tiles(extent, p.chunk) {
		n += chunk.count * count(tiles(chunk.size, p.units))
	}
	return n
}

// tileSum is the variable that a tile's units are added up in.
func tileSum(n *tensor.Node) string { return fmt.Sprintf("s%d.tile", n.ID) }

// addingUp is a unit's work with the epilogue at its end, and around the units of a tile the sums of what is summed.
func (p *product) addingUp(inner []kernel.Stmt) placed {
	if len(p.summed) == 0 {
		return p.inVectors(inner)
	}
	return func(units []kernel.Loop, tile kernel.Index) []kernel.Stmt {
		stride := p.tilesOfUnit()
		for i := p.walk.tile - 1; i >= 0; i-- {
			tile = plus(tile, v(p.walk.loops[i].Var), stride)
			stride *= p.walk.loops[i].Extent
		}
		var begin, end []kernel.Stmt
		for _, n := range p.summed {
			begin = append(begin, &kernel.Let{Var: tileSum(n), Value: number(0)})
			end = append(end, &kernel.Store{Buffer: p.tileSums[n], Index: []kernel.Index{p.block(), tile, p.lane()}, Value: only(variable(tileSum(n)))})
		}
		return p.overVectors(slices.Concat(begin, nest(units, inner), end))
	}
}
