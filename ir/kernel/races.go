package kernel

import (
	"fmt"
	"maps"
	"slices"
)

// Two turns of loops that go in any order may not meet in one element of a buffer, if one of them stores there. Each pair of accesses, of which one is a
// store, gives equations: the positions are the same,
//
//	parallel i in 4                     4·i + j = 4·i' + j'   with 0 <= i, i' < 4 and 0 <= j, j' < 4
//	  serial j in 4                  →  4·Δi + Δj = 0         with -3 <= Δi, Δj <= 3
//	    store t[4*i + j] = …         →  Δi = 0: it is the same turn
//
// and what enclosing Wheres say of their variables holds on both sides. The bounds of the unknowns are narrowed by the equations until nothing changes;
// where they do not become empty with a Δ of an any-order loop below or above zero, the pair is refused, though a cleverer proof might clear it.

// An access is one element that a kernel loads or stores, with what was in scope.
type access struct {
	buffer int
	index  []Index
	store  bool
	scope  map[string]binding // the positions
	loops  []*Loop
	wheres []*Where
	blocks bool // the outermost loop goes over batch blocks, which a worker has alike in all kernels that divide the batch so
}

// note keeps an access for the pairs.
func (v *verifier) note(buffer int, index []Index, store bool) {
	if v.dead > 0 || v.plan.Buffers[buffer].Kind == Local || v.plan.Buffers[buffer].Kind == Setting {
		return
	}
	a := access{buffer: buffer, index: index, store: store, scope: maps.Clone(v.scope), loops: v.loops, wheres: v.wheres, blocks: v.byBlocks}
	maps.DeleteFunc(a.scope, func(_ string, b binding) bool { return b.scalar })
	v.accesses = append(v.accesses, a)
}

// apart holds the accesses of one kernel, or of two, against each other.
func (p *Plan) apart(as, bs []access) error {
	for i := range as {
		for j := range bs {
			a, b := &as[i], &bs[j]
			if a.buffer != b.buffer || !a.store || b.store && j < i && &as[0] == &bs[0] {
				continue
			}
			if err := a.meet(b); err != nil {
				return fmt.Errorf("%s: %w", p.Buffers[a.buffer].Name, err)
			}
		}
	}
	return nil
}

// anyOrder is the access's loops whose turns go in any order.
func (a *access) anyOrder() (loops []*Loop) {
	for _, l := range a.loops {
		if l.Mark.anyOrder() {
			loops = append(loops, l)
		}
	}
	return loops
}

// by is what binds a position: the same for both sides of a pair where one statement encloses both.
func (a *access) by(name string) any {
	if a.blocks && len(a.loops) > 0 && a.loops[0].Var == name {
		return theBlocks
	}
	return a.scope[name].by
}

// theBlocks stands for the loops over the batch's blocks of kernels that divide it alike.
var theBlocks = new(Loop)

// meet tells of two accesses of one buffer whether different turns may touch one element: the error says which loops' turns.
func (a *access) meet(b *access) error {
	var apart []any // whose turns must not differ
	for _, l := range a.anyOrder() {
		if by := a.by(l.Var); slices.ContainsFunc(b.anyOrder(), func(m *Loop) bool { return b.by(m.Var) == by }) {
			apart = append(apart, by)
		}
	}
	p := pairOf(a, b)
	if len(apart) == 0 {
		if len(a.anyOrder()) == 0 && len(b.anyOrder()) == 0 || p.impossible(nil, interval{}) {
			return nil
		}
		return fmt.Errorf("%s and %s may be one place, touched by turns of different loops", indicesText(a.index), indicesText(b.index))
	}
	for _, by := range apart {
		if x := p.difference[by]; !p.impossible(by, interval{x.lo, min(-1, x.hi)}) || !p.impossible(by, interval{max(1, x.lo), x.hi}) {
			return fmt.Errorf("%s and %s may be one place in different turns of loop %s", indicesText(a.index), indicesText(b.index), a.nameOf(by))
		}
	}
	return nil
}

func (a *access) nameOf(by any) string {
	for _, l := range a.loops {
		if a.by(l.Var) == by {
			return l.Var
		}
	}
	return ""
}

// A pair is two accesses as unknowns and equations. What one statement binds for both has the difference of its values as an unknown.
type pair struct {
	a, b       *access
	difference map[any]interval // by what binds it
	equations  []equation
	bounds     map[any]interval // of all unknowns
}

// An equation is constant + Σ coefficient·unknown = 0. Unknowns are a difference, by its binder; a position of one side; and what a rounding leaves.
type equation struct {
	constant int
	terms    map[any]int
}

// A position is an unknown of one side.
type position struct {
	side *access
	by   any
}

// A remainder is what the division of a Where leaves, as a difference.
type remainder struct{ of *Where }

func pairOf(a, b *access) *pair {
	p := &pair{a: a, b: b, difference: map[any]interval{}, bounds: map[any]interval{}}
	inB := map[any]interval{}
	for name, x := range b.scope {
		inB[b.by(name)] = x.values
		p.bounds[position{b, b.by(name)}] = x.values
	}
	for name, x := range a.scope {
		by := a.by(name)
		p.bounds[position{a, by}] = x.values
		if y, both := inB[by]; both {
			p.difference[by] = interval{y.lo - x.values.hi, y.hi - x.values.lo}
			p.bounds[by] = p.difference[by]
		}
	}
	for d := range a.index {
		for _, x := range a.variants(a.index[d]) {
			for _, y := range b.variants(b.index[d]) {
				p.equate(x, y)
			}
		}
	}
	for _, w := range a.wheres {
		if slices.Contains(b.wheres, w) {
			p.within(w)
		}
	}
	return p
}

// variants are a position as it stands, and over the variables of the bounds around it.
func (a *access) variants(x Index) []Index {
	out := []Index{x}
	for _, w := range a.wheres {
		if y, ok := replacePart(x, w.Num, w.Var); ok && w.Div == 1 {
			out = append(out, y)
		}
	}
	return out
}

// equate adds that x of a is y of b.
func (p *pair) equate(x, y Index) {
	e := equation{constant: y.Const - x.Const, terms: map[any]int{}}
	for name, c := range coefficients(y) {
		by := p.b.by(name)
		if _, both := p.difference[by]; both { // in b, the value in a and the difference
			e.terms[by] += c
			e.terms[position{p.a, by}] += c
		} else {
			e.terms[position{p.b, by}] += c
		}
	}
	for name, c := range coefficients(x) {
		e.terms[position{p.a, p.a.by(name)}] -= c
	}
	p.add(e)
}

// within adds what a Where around both says: Num = Div·Var, or, rounding down, with a remainder below Div.
func (p *pair) within(w *Where) {
	e := equation{terms: map[any]int{p.a.by(w.Var): -w.Div}}
	for name, c := range coefficients(w.Num) {
		e.terms[p.a.by(name)] += c
	}
	if w.Floor && w.Div > 1 {
		r := remainder{w}
		p.bounds[r] = interval{1 - w.Div, w.Div - 1}
		e.terms[r] = -1
	}
	p.add(e)
}

func (p *pair) add(e equation) {
	maps.DeleteFunc(e.terms, func(_ any, c int) bool { return c == 0 })
	p.equations = append(p.equations, e)
}

// impossible tells whether the equations have no solution with an unknown in the given bounds, as far as bounds can tell.
func (p *pair) impossible(unknown any, in interval) bool {
	bounds := maps.Clone(p.bounds)
	if unknown != nil {
		if in.empty() {
			return true
		}
		bounds[unknown] = in
	}
	for range 100 {
		changed := false
		for _, e := range p.equations {
			narrower, ok := e.narrow(bounds)
			if !ok {
				return true
			}
			changed = changed || narrower
		}
		if !changed {
			return false
		}
	}
	return false
}

// narrow narrows the bounds of an equation's unknowns; false if no values within them solve it. Where the coefficients are digits of a number, as in
// 7·row + 2·tile + v = 6 with v < 2 and tile < 3, the equation is two: what has a coefficient divisible by 7 adds up to a multiple of 7, and if the others can
// give one alone, they give that.
func (e *equation) narrow(bounds map[any]interval) (narrower, ok bool) {
	narrower, ok = e.tighten(bounds)
	if !ok {
		return narrower, false
	}
	for _, g := range e.radices() {
		low, high := equation{constant: e.constant, terms: map[any]int{}}, equation{terms: map[any]int{}}
		rest := interval{e.constant, e.constant}
		for u, c := range e.terms {
			if c%g == 0 {
				high.terms[u] = c
			} else {
				low.terms[u] = c
				rest = rest.plus(bounds[u].times(c))
			}
		}
		first, last := -floorDiv(-rest.lo, g), floorDiv(rest.hi, g)
		if first > last {
			return narrower, false
		}
		if first == last && len(low.terms) > 0 {
			low.constant, high.constant = e.constant-first*g, first*g
			a, okA := low.narrow(bounds)
			b, okB := high.narrow(bounds)
			return narrower || a || b, okA && okB
		}
	}
	return narrower, true
}

// radices are the sizes of an equation's coefficients above 1, largest first.
func (e *equation) radices() []int {
	var out []int
	for _, c := range e.terms {
		if c = max(c, -c); c > 1 && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// tighten narrows each unknown by what the others leave it.
func (e *equation) tighten(bounds map[any]interval) (narrower, ok bool) {
	sum := e.sum(bounds)
	if sum.lo > 0 || sum.hi < 0 {
		return false, false
	}
	for u, c := range e.terms {
		b := bounds[u]
		own := b.times(c)
		rest := interval{own.hi - sum.hi, own.lo - sum.lo} // c·u is minus the others
		if c < 0 {
			rest, c = interval{-rest.hi, -rest.lo}, -c
		}
		tight := b.meet(interval{-floorDiv(-rest.lo, c), floorDiv(rest.hi, c)})
		if tight.empty() {
			return narrower, false
		}
		if tight != b {
			bounds[u], narrower = tight, true
			sum = e.sum(bounds)
		}
	}
	return narrower, true
}

func (e *equation) sum(bounds map[any]interval) interval {
	sum := interval{e.constant, e.constant}
	for u, c := range e.terms {
		sum = sum.plus(bounds[u].times(c))
	}
	return sum
}
