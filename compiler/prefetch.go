package compiler

import (
	"slices"

	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// stepToNext is how many terms of a sum lie between two requests for the weights of the next register tile, at most a line of them; 0: none are made.
// They pay where another worker has written weights that this one reads in a few register tiles: a line that lies in another core's own cache takes
// several times as long to come as one from the cache that they share, and no prefetcher follows a tile's rows, several of which share a page. Asked for in the
// order in which they lie, they are found by the prefetchers, too.
func (p *product) stepToNext(n *tensor.Node) int {
	s := p.sources[slices.Index(p.products, n)]
	if p.target.L2 == 0 || p.target.Workers < 2 || !p.byBatch || len(p.walk.loops) != 1 || len(s.reduce) != 1 || len(s.guards) > 0 ||
		n.Args[0].Op != tensor.Param || n.Args[0].Param.Kind != tensor.Weight || coefficient(s.weight, s.reduce[0].Var) != 1 ||
		coefficient(s.weight, p.walk.loops[p.walk.tile].Var) != s.reduce[0].Extent { // the rows of a tile lie one behind the other
		return 0
	}
	for step := line / 4; step >= line/8; step-- {
		if s.reduce[0].Extent%step == 0 {
			return step
		}
	}
	return 0
}

// fetchNextTile cuts a sum into steps, before each of which memory is asked for what the next register tile will read there.
func (p *product) fetchNextTile(n *tensor.Node, step int, adds []kernel.Stmt) (outer []kernel.Loop, body []kernel.Stmt) {
	s := p.sources[slices.Index(p.products, n)]
	inner, unit := s.reduce[0], p.walk.loops[p.walk.tile].Var
	steps := kernel.Loop{Var: stepVar, Extent: inner.Extent / step}
	inner.Extent = step
	next := plus(substitute(substitute(s.weight, unit, v(unit+firstOfNext)), inner.Var, at(0)), v(unit+lineOfNext), step)
	ask := &kernel.Prefetch{Buffer: p.param(n.Args[0]), Index: []kernel.Index{next}}
	adds = replaceVar(adds, inner.Var, plus(v(inner.Var), v(steps.Var), step))
	return []kernel.Loop{steps}, append([]kernel.Stmt{ask}, nest([]kernel.Loop{inner}, adds)...)
}

// stepVar is the loop over the steps of a sum that asks for the next register tile.
const stepVar = "step"

// What ends the names of the variables that stand, until the tile is placed, for the next register tile's first unit and for a line of its weights: of each
// row of a tile another one, and all of them in the order in which they lie.
const firstOfNext, lineOfNext = ".next", ".line"

// firstOfTile ends the name of the variable that stands for a register tile's first unit, until the tile is placed.
const firstOfTile = ".first"

// ahead is where a product that walks down the columns of large weights will read some rows later: in no order that a processor foresees.
func (p *product) ahead(n *tensor.Node) (kernel.Index, bool) {
	s := p.sources[slices.Index(p.products, n)]
	if !p.downColumns(s) || 4*int64(units(n.Args[0].Type.Shape)) < p.target.L2 {
		return kernel.Index{}, false
	}
	unit, row := p.walk.loops[p.walk.tile].Var, coefficient(s.weight, s.reduce[len(s.reduce)-1].Var)
	if p.target.linesAt(4*row) < 2*rowsAhead {
		return kernel.Index{}, false // what came early would drive out what is in use
	}
	return plus(substitute(s.weight, unit, v(unit+firstOfTile)), at(rowsAhead*row), 1), true
}
