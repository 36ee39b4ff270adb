package ir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var roleWords = [...]string{Apply: "apply", Transpose: "transpose", Outer: "outer"}

// String is the role's word: "apply".
func (r Role) String() string {
	if int(r) < len(roleWords) {
		return roleWords[r]
	}
	return fmt.Sprintf("?%d", r)
}

// ParseRole is the role of a word.
func ParseRole(word string) (Role, bool) {
	i := slices.Index(roleWords[:], word)
	return Role(max(i, 0)), i >= 0
}

// String writes the relation on one line, which ParseRelation reads back. A 3-wide window with a padding of 1 over 7 places:
//
//	{ axes x 7, co 4, kx 3; out [x, co]; in [x+kx-1]; w [co, kx]; shapes [7, 4] [7] [4, 3] }
func (r *Relation) String() string {
	var b strings.Builder
	b.WriteString("{ axes")
	for i, a := range r.Axes {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s %d", a.Name, a.Extent)
	}
	for _, t := range [...]struct {
		word  string
		index []Index
	}{{"out", r.Out}, {"in", r.In}, {"w", r.W}} {
		fmt.Fprintf(&b, "; %s [", t.word)
		for i, x := range t.index {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(r.indexText(x))
		}
		b.WriteByte(']')
	}
	b.WriteString("; shapes")
	for _, shape := range [...][]int{r.OutShape, r.InShape, r.WShape} {
		b.WriteString(" " + strings.ReplaceAll(fmt.Sprint(shape), " ", ", "))
	}
	b.WriteString(" }")
	return b.String()
}

// indexText writes a position as "2*y+ky-1".
func (r *Relation) indexText(x Index) string {
	text := ""
	for i, c := range x.Coef {
		name := "?"
		if i < len(r.Axes) {
			name = r.Axes[i].Name
		}
		switch {
		case c == 0:
			continue
		case c == 1 && text == "":
			text = name
		case c == 1:
			text += "+" + name
		case c == -1:
			text += "-" + name
		case text == "":
			text = fmt.Sprintf("%d*%s", c, name)
		default:
			text += fmt.Sprintf("%+d*%s", c, name)
		}
	}
	switch {
	case text == "":
		return strconv.Itoa(x.Const)
	case x.Const != 0:
		return fmt.Sprintf("%s%+d", text, x.Const)
	}
	return text
}

// ParseRelation reads the text form of a relation (Relation.String) and verifies it.
func ParseRelation(text string) (*Relation, error) {
	p := &relationParser{ExprParser: ExprParser{Text: text}}
	r := p.relation()
	if p.err == nil && p.Next() != 0 {
		p.fail("the end of the relation")
	}
	if p.err != nil {
		return nil, p.err
	}
	return r, r.Verify()
}

// A relationParser reads word by word; after the first mistake it reads nothing more.
type relationParser struct {
	ExprParser
	err error
}

func (p *relationParser) fail(expected string) {
	if p.err == nil {
		p.err = p.Fail(expected)
	}
}

func (p *relationParser) accept(c byte) bool { return p.err == nil && p.Accept(c) }

func (p *relationParser) expect(c byte) {
	if !p.accept(c) {
		p.fail(strconv.Quote(string(c)))
	}
}

func (p *relationParser) expectWord(word string) {
	from := p.At
	if p.Word() != word {
		p.At = from
		p.fail(strconv.Quote(word))
	}
}

// integer reads digits; the sign belongs to the caller.
func (p *relationParser) integer() int {
	p.Next()
	from := p.At
	for p.At < len(p.Text) && isDigit(p.Text[p.At]) {
		p.At++
	}
	v, err := strconv.Atoi(p.Text[from:p.At])
	if err != nil {
		p.At = from
		p.fail("a whole number")
	}
	return v
}

func (p *relationParser) relation() *Relation {
	r := &Relation{}
	p.expect('{')
	p.expectWord("axes")
	for p.err == nil && p.Next() != ';' {
		if len(r.Axes) > 0 {
			p.expect(',')
		}
		name := p.Word()
		if name == "" {
			p.fail("the name of an axis")
		}
		r.Axes = append(r.Axes, Axis{Name: name, Extent: p.integer()})
	}
	for _, t := range [...]struct {
		word  string
		index *[]Index
	}{{"out", &r.Out}, {"in", &r.In}, {"w", &r.W}} {
		p.expect(';')
		p.expectWord(t.word)
		p.list(func() { *t.index = append(*t.index, p.index(r.Axes)) })
	}
	p.expect(';')
	p.expectWord("shapes")
	for _, shape := range [...]*[]int{&r.OutShape, &r.InShape, &r.WShape} {
		p.list(func() { *shape = append(*shape, p.integer()) })
	}
	p.expect('}')
	return r
}

// list reads elements in brackets, separated by commas.
func (p *relationParser) list(element func()) {
	p.expect('[')
	for first := true; p.err == nil && !p.accept(']'); first = false {
		if !first {
			p.expect(',')
		}
		element()
	}
}

// index reads a sum of axes, each with or without a factor, and whole numbers.
func (p *relationParser) index(axes []Axis) Index {
	x := Index{Coef: make([]int, len(axes))}
	for first := true; p.err == nil; first = false {
		sign := 1
		switch {
		case p.accept('-'):
			sign = -1
		case !first && !p.accept('+'):
			return x
		}
		factor := 1
		if isDigit(p.Next()) {
			factor = p.integer()
			if !p.accept('*') {
				x.Const += sign * factor
				continue
			}
		}
		from := p.At
		name := p.Word()
		i := slices.IndexFunc(axes, func(a Axis) bool { return a.Name == name })
		if i < 0 {
			p.At = from
			p.fail("an axis")
			return x
		}
		x.Coef[i] += sign * factor
	}
	return x
}

// The sizes that a relation may have: what is computed from it stays far within 64 bits.
const (
	maxAxes    = 64
	maxExtent  = 1 << 31
	MaxUnits   = 1 << 40 // of a tensor
	maxReaches = 1 << 40
)

// Verify tells what is wrong with a relation: names that are missing or not unique, indices that do not fit their axes or shapes, weights
// read outside their shape, sizes beyond reason.
func (r *Relation) Verify() error {
	if len(r.Axes) > maxAxes {
		return fmt.Errorf("%d axes; a relation has at most %d", len(r.Axes), maxAxes)
	}
	for i, a := range r.Axes {
		if p := (ExprParser{Text: a.Name}); a.Name == "" || p.Word() != a.Name {
			return fmt.Errorf("axis %d is named %q, which is no word", i, a.Name)
		}
		if slices.ContainsFunc(r.Axes[:i], func(b Axis) bool { return b.Name == a.Name }) {
			return fmt.Errorf("two axes are named %s", a.Name)
		}
		if a.Extent < 1 || a.Extent > maxExtent {
			return fmt.Errorf("axis %s has extent %d", a.Name, a.Extent)
		}
	}
	for i, t := range [...]struct {
		word  string
		index []Index
		shape []int
	}{{"out", r.Out, r.OutShape}, {"in", r.In, r.InShape}, {"w", r.W, r.WShape}} {
		if len(t.index) != len(t.shape) {
			return fmt.Errorf("%s has %d indices for %d dimensions", t.word, len(t.index), len(t.shape))
		}
		if err := VerifyShape(t.shape); err != nil {
			return fmt.Errorf("%s: %w", t.word, err)
		}
		for d, x := range t.index {
			if len(x.Coef) != len(r.Axes) {
				return fmt.Errorf("%s[%d] has %d coefficients for %d axes", t.word, d, len(x.Coef), len(r.Axes))
			}
			if !r.bounded(x) {
				return fmt.Errorf("%s[%d] = %s reaches too far", t.word, d, r.indexText(x))
			}
			if lo, hi := x.reach(r.Axes); i == 2 && (lo < 0 || hi >= t.shape[d]) {
				return fmt.Errorf("w[%d] = %s lies in %d..%d, outside its extent %d", d, r.indexText(x), lo, hi, t.shape[d])
			}
		}
	}
	return nil
}

// VerifyShape tells whether a tensor may have a shape: extents of at least 1, and a size that can be computed with.
func VerifyShape(shape []int) error {
	units := 1
	for _, n := range shape {
		if n < 1 || n > MaxUnits/units {
			return fmt.Errorf("shape %v is empty or too large", shape)
		}
		units *= n
	}
	return nil
}

// bounded tells whether an index can be evaluated without overflow.
func (r *Relation) bounded(x Index) bool {
	sum := 0
	add := func(v int) bool { // v below 2^62
		sum += max(v, -v)
		return sum <= maxReaches
	}
	if x.Const < -maxExtent || x.Const > maxExtent || !add(x.Const) {
		return false
	}
	for i, c := range x.Coef {
		if c < -maxExtent || c > maxExtent || !add(c*(r.Axes[i].Extent-1)) {
			return false
		}
	}
	return true
}

// Equal compares relations by their structure: names of axes, extents, shapes and indices.
func (r *Relation) Equal(o *Relation) bool {
	same := func(a, b []Index) bool {
		return slices.EqualFunc(a, b, func(x, y Index) bool { return x.Const == y.Const && slices.Equal(x.Coef, y.Coef) })
	}
	return r == o || r != nil && o != nil && slices.Equal(r.Axes, o.Axes) &&
		slices.Equal(r.OutShape, o.OutShape) && slices.Equal(r.InShape, o.InShape) && slices.Equal(r.WShape, o.WShape) &&
		same(r.Out, o.Out) && same(r.In, o.In) && same(r.W, o.W)
}
