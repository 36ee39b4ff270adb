package diag

import (
	"cmp"
	"slices"
)

// A List collects diagnostics; it never stops at the first.
type List struct{ items []Diagnostic }

// Add appends a diagnostic, unless the same code already stands at the same place.
func (l *List) Add(d Diagnostic) {
	for _, o := range l.items {
		if o.Code == d.Code && o.At.Span == d.At.Span {
			return
		}
	}
	l.items = append(l.items, d)
}

// Items are the diagnostics by file, then by position.
func (l *List) Items() []Diagnostic {
	out := slices.Clone(l.items)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		x, y := a.At.Span, b.At.Span
		if x.File != y.File && x.File != nil && y.File != nil {
			return cmp.Compare(x.File.Name, y.File.Name)
		}
		return cmp.Compare(x.Start, y.Start)
	})
	return out
}

// HasErrors tells whether anything worse than a warning was added.
func (l *List) HasErrors() bool {
	return slices.ContainsFunc(l.items, func(d Diagnostic) bool { return d.Severity == Error })
}

// Put appends a diagnostic and gives its number, by which Replace can complete it.
func (l *List) Put(d Diagnostic) int {
	l.items = append(l.items, d)
	return len(l.items) - 1
}

// Replace changes the diagnostic of a number that Put gave.
func (l *List) Replace(i int, d Diagnostic) { l.items[i] = d }
