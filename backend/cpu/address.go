package cpu

import (
	"fmt"
	"strings"

	"bnetc/ir/kernel"
)

// An affine is a position in the terms of C variables: constant + lane·lane + Σ terms + Σ picks, which are vectors.
type affine struct {
	constant, lane int
	terms, picks   []cterm
}

// A cterm is coef·text; depth orders the variables, outermost first.
type cterm struct {
	text  string
	coef  int
	depth int
}

func (a *affine) add(coef int, p position) {
	switch {
	case p.lane:
		a.lane += coef
	case p.text == "":
		a.constant += coef * p.value
	default:
		to := &a.terms
		if p.picks {
			to = &a.picks
		}
		for i := range *to {
			if (*to)[i].text == p.text {
				(*to)[i].coef += coef
				return
			}
		}
		*to = append(*to, cterm{p.text, coef, p.depth})
	}
}

// pick gives what the lanes pick for themselves, "" where they do not.
func (a affine) pick() string {
	if len(a.picks) == 0 {
		return ""
	}
	return affine{terms: a.picks}.text()
}

// text prints what is the same in all lanes.
func (a affine) text() string {
	var b strings.Builder
	put := func(coef int, s string) {
		switch {
		case coef < 0:
			if b.Len() > 0 {
				b.WriteString(" - ")
			} else {
				b.WriteString("-")
			}
			coef = -coef
		case b.Len() > 0:
			b.WriteString(" + ")
		}
		switch {
		case s == "":
			fmt.Fprint(&b, coef)
		case coef == 1:
			b.WriteString(s)
		default:
			fmt.Fprintf(&b, "%d * %s", coef, s)
		}
	}
	for _, t := range a.terms {
		if t.coef != 0 {
			put(t.coef, t.text)
		}
	}
	if a.constant != 0 || b.Len() == 0 {
		put(a.constant, "")
	}
	return b.String()
}

// affine gives an index for one instance.
func (w *walker) affine(index kernel.Index, in instance) affine {
	a := affine{constant: index.Const}
	for _, t := range index.Terms {
		p, ok := in.at[t.Var]
		if !ok {
			panic(fmt.Sprintf("bug: kernel %s uses %s outside its loop", w.kernel.Name, t.Var))
		}
		a.add(t.Coef, p)
	}
	return a.nonzero()
}

func (a affine) nonzero() affine {
	kept := a.terms[:0]
	for _, t := range a.terms {
		if t.coef != 0 {
			kept = append(kept, t)
		}
	}
	a.terms = kept
	return a
}

// flat gives the place of an element within its buffer. Variables that are not bound yet are left out: those of loops within the
// body that hoist looks at.
func (w *walker) flat(buffer int, index []kernel.Index, in instance) affine {
	shape := w.plan.Buffers[buffer].Shape
	if len(shape) != len(index) {
		panic(fmt.Sprintf("bug: kernel %s reads %s of %d dimensions with %d indices", w.kernel.Name, w.plan.Buffers[buffer].Name, len(shape), len(index)))
	}
	var a affine
	stride := 1
	strides := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		strides[d] = stride
		stride *= shape[d]
	}
	for d, x := range index {
		a.constant += x.Const * strides[d]
		for _, t := range x.Terms {
			if p, ok := in.at[t.Var]; ok {
				a.add(t.Coef*strides[d], p)
			}
		}
	}
	return a.nonzero()
}

// A scope is the entry of a serial loop: pointers to what its accesses have in common.
type scope struct {
	depth    int               // positions bound outside
	pointers map[string]string // C name by buffer and terms
}

// hoist prints, before a serial loop or a group, one pointer for every start that at least so many accesses have in common, so that
// only the loop's own terms and constants are left to add.
func (w *walker) hoist(body []kernel.Stmt, instances []instance, least int) scope {
	s := scope{depth: w.bound, pointers: map[string]string{}}
	accesses := map[string]int{}
	access := func(buffer int, index []kernel.Index) {
		for _, in := range instances {
			a := w.flat(buffer, index, in)
			a.constant, a.lane, a.picks = 0, 0, nil
			if len(a.terms) == 0 {
				continue
			}
			key := pointerKey(buffer, a.terms)
			accesses[key]++
			if s.pointers[key] != "" || accesses[key] != least {
				continue
			}
			base, rest := w.resolve(buffer, a)
			if len(rest.terms) == 0 {
				s.pointers[key] = base
				continue
			}
			name := w.name(w.buffers[buffer] + "_at")
			w.line("%s *%s = %s + %s;", w.elementOf(buffer, w.stored[buffer]), name, base, rest.text())
			s.pointers[key] = name
		}
	}
	kernel.Walk(body, func(st kernel.Stmt) {
		if v := kernel.ValueOf(st); v != nil {
			for _, o := range v.Operands {
				if o.Kind == kernel.Load && !w.isSetting(o) {
					access(o.Buffer, o.Index)
				}
			}
		}
		if st, ok := st.(*kernel.Store); ok {
			access(st.Buffer, st.Index)
		}
	})
	return s
}

func pointerKey(buffer int, terms []cterm) string {
	return fmt.Sprint(buffer, ":", affine{terms: terms}.text())
}

// resolve gives the innermost pointer that an access can start from, and what is left to add to it.
func (w *walker) resolve(buffer int, a affine) (base string, rest affine) {
	for i := len(w.scopes) - 1; i >= 0; i-- {
		s := w.scopes[i]
		var common, left []cterm
		for _, t := range a.terms {
			if t.depth < s.depth {
				common = append(common, t)
			} else {
				left = append(left, t)
			}
		}
		if name := s.pointers[pointerKey(buffer, common)]; len(common) > 0 && name != "" {
			return name, affine{a.constant, a.lane, left, a.picks}
		}
	}
	return w.buffers[buffer], a
}

// element gives the pointer to an element, for its first lane: "x_at + 16 * i".
func (w *walker) element(buffer int, index []kernel.Index, in instance) (base string, at affine) {
	return w.resolve(buffer, w.flat(buffer, index, in))
}

func pointer(base string, at affine) string {
	switch t := at.text(); {
	case t == "0":
		return base
	case strings.HasPrefix(t, "-"):
		return base + " - " + t[1:]
	default:
		return base + " + " + t
	}
}
