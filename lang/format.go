package lang

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"bnetc/lang/diag"
)

// Format gives a file its one canonical layout, with all of its comments. A file that does not parse keeps its text; ok is false, and the
// mistakes are in the list.
func Format(src *diag.File, l *diag.List) (text string, ok bool) {
	f := Parse(src, l)
	if f.Broken {
		return src.Text, false
	}
	return f.String(), true
}

// String is a file in the canonical layout. Its blocks need not come from one source, nor from any.
//
// An item stands on a line of its own, except that the settings of training share one where they fit. Neighbouring items of one kind are set
// in columns. Blank lines between items stay, as one; blocks are apart by one. A comment stays behind what it stands behind on a line, or
// else before what follows it.
func (f *File) String() string {
	p := &printer{comments: slices.Clone(f.Comments)}
	kind := braces
	for i, b := range f.Blocks {
		before, at := kind, b.Where()
		var cells []string
		switch b := b.(type) {
		case *Use:
			kind, cells = use, []string{`use "` + b.Path.Text + `"`}
		case *Measure:
			kind, cells = measure, statementCells(&b.Equation)
			cells[0] = "measure " + cells[0]
		default:
			kind = braces
		}
		if i > 0 && (kind == braces || kind != before || p.gap(at)) {
			p.blank()
		}
		if kind == braces {
			p.block(b, at)
		} else {
			p.item(int(kind), at, cells...)
		}
	}
	p.flush()
	p.leading(f.Source, 1<<62)
	return p.b.String()
}

// A blockKind says how a block is laid out: with braces, or on a line, by itself or with others of its kind.
type blockKind int

const (
	braces blockKind = iota
	use
	measure
)

// block prints what has braces.
func (p *printer) block(b Block, at diag.Span) {
	p.leading(at.File, at.Start)
	if p.gap(at) {
		p.blank()
	}
	head := ""
	switch b := b.(type) {
	case *Network:
		head = "network " + b.Name.Text
	case *Learn:
		head = "learn " + b.Rule.Text + parenthesized(b.Args)
	case *Train:
		head = "train on " + b.Data.Text + parenthesized(b.Files)
	case *Rule:
		head = "rule " + b.Name.Text + parenthesized(b.Params)
	}
	if t, ok := b.(*Train); ok && !p.commented(at) {
		var settings []string
		for _, s := range t.Settings {
			settings = append(settings, s.text())
		}
		if line := head + " { " + strings.Join(settings, "  ") + " }"; len(settings) > 0 && utf8.RuneCountInString(line) <= 100 {
			p.write(line + p.trailing(at))
			return
		}
	}
	if empty(b) && !p.commented(at) {
		p.write(head + " { }" + p.trailing(at))
		return
	}
	p.write(head + " {")
	p.indent, p.last = "  ", diag.Span{}
	switch b := b.(type) {
	case *Network:
		p.networkItems(b)
	case *Learn:
		p.learnItems(b)
	case *Train:
		for _, s := range b.Settings {
			p.item(0, s.Span, s.text())
		}
	case *Rule:
		for _, s := range b.Statements {
			p.item(int(s.Kind), s.whole(), statementCells(s)...)
		}
	}
	p.flush()
	p.leading(at.File, at.End)
	p.indent = ""
	p.write("}" + p.trailing(at))
}

// empty tells whether a block has no items.
func empty(b Block) bool {
	switch b := b.(type) {
	case *Network:
		return b.Input == nil && len(b.Layers) == 0
	case *Learn:
		return len(b.Optimizers) == 0 && len(b.Requires) == 0
	case *Train:
		return len(b.Settings) == 0
	case *Rule:
		return len(b.Statements) == 0
	}
	return false
}

func (p *printer) networkItems(n *Network) {
	type placed struct {
		at    diag.Span
		kind  int
		cells []string
	}
	var items []placed
	if n.Input != nil {
		items = append(items, placed{n.Input.Span, 0, []string{n.Input.text()}})
	}
	for _, l := range n.Layers {
		items = append(items, placed{l.Span, 1, l.cells()})
	}
	slices.SortStableFunc(items, func(a, b placed) int { return cmp.Compare(a.at.Start, b.at.Start) })
	for _, it := range items {
		p.item(it.kind, it.at, it.cells...)
	}
}

func (p *printer) learnItems(n *Learn) {
	type placed struct {
		at   diag.Span
		text string
	}
	var items []placed
	for _, o := range n.Optimizers {
		items = append(items, placed{o.Span, o.Group.Text + " " + o.Name.Text + parenthesized(o.Args)})
	}
	for _, r := range n.Requires {
		items = append(items, placed{r.Span, "require " + r.Word.Text})
	}
	slices.SortStableFunc(items, func(a, b placed) int { return cmp.Compare(a.at.Start, b.at.Start) })
	for _, it := range items {
		p.item(0, it.at, it.text)
	}
}

// A printer writes items, and the comments between them.
type printer struct {
	b        strings.Builder
	indent   string
	comments []Comment // not yet written
	last     diag.Span // of what was written last; no file at the beginning of a block
	kind     int
	rows     []row // items of one kind, waiting to be set in columns
}

// A row is an item in cells, and the comment behind it.
type row struct {
	cells   []string
	comment string
}

// item takes an item, after the comments that stand before it or in it.
func (p *printer) item(kind int, at diag.Span, cells ...string) {
	p.leading(at.File, at.End)
	if p.gap(at) {
		p.flush()
		p.blank()
	}
	if kind != p.kind {
		p.flush()
	}
	p.kind = kind
	p.last = at
	p.rows = append(p.rows, row{cells, p.trailing(at)})
}

// leading writes the comments that begin before an offset, each on its own line.
func (p *printer) leading(src *diag.File, end int) {
	for i := 0; i < len(p.comments); {
		c := p.comments[i]
		if c.Span.File != src || c.Span.Start >= end {
			i++
			continue
		}
		p.comments = slices.Delete(p.comments, i, i+1)
		p.flush()
		if p.gap(c.Span) {
			p.blank()
		}
		p.last = c.Span
		p.write(c.Text)
	}
}

// trailing takes the comment that stands behind something on its line.
func (p *printer) trailing(at diag.Span) string {
	p.last = at
	for i, c := range p.comments {
		if at.File != nil && c.Span.File == at.File && c.Span.Start >= at.End && strings.Trim(at.File.Text[at.End:c.Span.Start], " \t\r") == "" {
			p.comments = slices.Delete(p.comments, i, i+1)
			p.last = c.Span
			return "  " + c.Text
		}
	}
	return ""
}

// commented tells whether a comment that is not yet written stands in a span.
func (p *printer) commented(at diag.Span) bool {
	return slices.ContainsFunc(p.comments, func(c Comment) bool {
		return c.Span.File == at.File && at.Start <= c.Span.Start && c.Span.Start < at.End
	})
}

// gap tells whether the source has an empty line between what was written last and a span.
func (p *printer) gap(at diag.Span) bool {
	f := at.File
	if f == nil || p.last.File != f || p.last.End > at.Start {
		return false
	}
	between := f.Text[p.last.End:at.Start]
	return strings.Count(between, "\n") > 1 && strings.TrimSpace(between) == ""
}

func (p *printer) write(line string) { p.b.WriteString(p.indent + line + "\n") }

// blank writes one empty line behind whatever waits.
func (p *printer) blank() {
	p.flush()
	p.b.WriteString("\n")
	p.last = diag.Span{}
}

// separators stand before the second cell of a row and those behind it, by how the cell begins.
func separator(cell string) string {
	if strings.HasPrefix(cell, "for ") || strings.HasPrefix(cell, "over ") {
		return "   "
	}
	return " "
}

// flush writes the waiting rows in columns, and the comments behind them in one.
func (p *printer) flush() {
	var lines []string
	var widths []int
	for _, r := range p.rows {
		for k := range len(r.cells) - 1 {
			if k == len(widths) {
				widths = append(widths, 0)
			}
			widths[k] = max(widths[k], utf8.RuneCountInString(r.cells[k]))
		}
	}
	wide := 0
	for _, r := range p.rows {
		line := ""
		for k, c := range r.cells {
			if k > 0 {
				line += strings.Repeat(" ", widths[k-1]-utf8.RuneCountInString(r.cells[k-1])) + separator(c)
			}
			line += c
		}
		lines = append(lines, line)
		if r.comment != "" {
			wide = max(wide, utf8.RuneCountInString(line))
		}
	}
	for i, r := range p.rows {
		if r.comment != "" {
			lines[i] += strings.Repeat(" ", wide-utf8.RuneCountInString(lines[i])) + r.comment
		}
		p.write(lines[i])
	}
	p.rows = nil
}
