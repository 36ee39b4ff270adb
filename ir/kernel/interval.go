package kernel

import (
	"fmt"
	"maps"
	"slices"
)

// An interval is the whole numbers from lo to hi.
type interval struct{ lo, hi int }

func (i interval) empty() bool { return i.lo > i.hi }

func (i interval) meet(o interval) interval { return interval{max(i.lo, o.lo), min(i.hi, o.hi)} }

func (i interval) plus(o interval) interval { return interval{i.lo + o.lo, i.hi + o.hi} }

func (i interval) times(c int) interval {
	if c < 0 {
		return interval{c * i.hi, c * i.lo}
	}
	return interval{c * i.lo, c * i.hi}
}

// index is what a position can be: exactly so while its variables are independent, and narrower where an enclosing Where has bounded
// a part of it.
func (v *verifier) index(x Index) (interval, error) {
	for _, t := range x.Terms {
		if b, ok := v.scope[t.Var]; !ok || b.scalar {
			return interval{}, fmt.Errorf("%s is no position here, in %s", t.Var, x)
		}
	}
	at := v.sum(x)
	for _, w := range v.bounds {
		if y, ok := replacePart(x, w.Num, w.Var); ok {
			at = at.meet(v.sum(y))
		}
	}
	return at, nil
}

func (v *verifier) sum(x Index) interval {
	at := interval{x.Const, x.Const}
	for name, c := range coefficients(x) {
		at = at.plus(v.scope[name].values.times(c))
	}
	return at
}

// coefficients collects the terms of one variable.
func coefficients(x Index) map[string]int {
	c := map[string]int{}
	for _, t := range x.Terms {
		c[t.Var] += t.Coef
	}
	maps.DeleteFunc(c, func(_ string, c int) bool { return c == 0 })
	return c
}

// replacePart writes x over `name` where x contains a multiple of part, all of it: 3*(ty*4+ry)+k over y = ty*4+ry is 3*y+k.
func replacePart(x, part Index, name string) (Index, bool) {
	have, want := coefficients(x), coefficients(part)
	factor := 0
	for v, c := range want {
		if factor == 0 && have[v]%c == 0 {
			factor = have[v] / c
		}
		if factor == 0 || have[v] != factor*c {
			return x, false
		}
	}
	if factor == 0 {
		return x, false
	}
	out := Index{Const: x.Const - factor*part.Const, Terms: []Term{{name, factor}}}
	for v, c := range have {
		if want[v] == 0 {
			out.Terms = append(out.Terms, Term{v, c})
		}
	}
	return out, true
}

// narrow bounds the variables of an index that is known to lie in allowed, and returns what they were.
func (v *verifier) narrow(x Index, allowed interval) map[string]binding {
	was := map[string]binding{}
	terms := coefficients(x)
	for _, t := range x.Terms {
		name, c := t.Var, terms[t.Var]
		if _, done := was[name]; done || c == 0 {
			continue
		}
		rest := interval{x.Const, x.Const}
		for other, d := range terms {
			if other != name {
				rest = rest.plus(v.scope[other].values.times(d))
			}
		}
		// allowed.lo - rest.hi <= c·variable <= allowed.hi - rest.lo
		lo, hi := allowed.lo-rest.hi, allowed.hi-rest.lo
		if c < 0 {
			lo, hi, c = -hi, -lo, -c
		}
		b := v.scope[name]
		was[name] = b
		b.values = b.values.meet(interval{-floorDiv(-lo, c), floorDiv(hi, c)})
		v.scope[name] = b
		if b.values.empty() {
			v.dead++ // restored with the rest of the verifier
			b.values = was[name].values
			v.scope[name] = b
		}
	}
	return was
}

// floorDiv rounds down; b > 0.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// sought is the first variable of a position that depends on data, "" if none does.
func (v *verifier) sought(x Index) string {
	for _, t := range x.Terms {
		if t.Coef != 0 && v.scope[t.Var].sought {
			return t.Var
		}
	}
	return ""
}

// dependsOn lists the loop variables that a position depends on, through Wheres too.
func (v *verifier) dependsOn(x Index) []string {
	var from []string
	terms := coefficients(x)
	for _, t := range x.Terms {
		if terms[t.Var] == 0 {
			continue
		}
		for _, name := range v.scope[t.Var].from {
			if !slices.Contains(from, name) {
				from = append(from, name)
			}
		}
	}
	return from
}
