package diag

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Position is the 1-based line and column (in characters) of a byte of the file.
func (f *File) Position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(f.Text))
	before := f.Text[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// Line is the text of a 1-based line, without its end.
func (f *File) Line(n int) string {
	lines := strings.Split(f.Text, "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[n-1], "\r")
}

// Text is the source that a span covers.
func (s Span) Text() string {
	if s.File == nil {
		return ""
	}
	return s.File.Text[s.Start:s.End]
}

// Union is the span from the first of both to the last.
func (s Span) Union(o Span) Span {
	if s.File == nil {
		return o
	}
	if o.File == nil {
		return s
	}
	return Span{s.File, min(s.Start, o.Start), max(s.End, o.End)}
}

// String is file:line:column.
func (s Span) String() string {
	if s.File == nil {
		return "-"
	}
	line, column := s.File.Position(s.Start)
	return fmt.Sprintf("%s:%d:%d", s.File.Name, line, column)
}

// Render prints every diagnostic in order, with an empty line between them.
func (l *List) Render(w io.Writer) {
	for i, d := range l.Items() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		io.WriteString(w, d.Render())
	}
}

// String is what Render prints.
func (l *List) String() string {
	var b strings.Builder
	l.Render(&b)
	return b.String()
}

// Render is the diagnostic as people read it: docs/diagnostics.md.
func (d *Diagnostic) Render() string {
	var b strings.Builder
	if d.at.Span.File == nil {
		fmt.Fprintf(&b, "%s[%s]: %s\n", d.severity, d.code, d.message)
	} else {
		fmt.Fprintf(&b, "%s: %s[%s]: %s\n", d.at.Span, d.severity, d.code, d.message)
		d.source(&b)
	}
	field := func(name, text string) {
		if text == "" {
			return
		}
		lines := strings.Split(text, "\n")
		fmt.Fprintf(&b, "  %-8s  %s\n", name, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(&b, "            %s\n", line)
		}
	}
	field("expected", d.expected)
	field("found", d.found)
	field("hint", d.hint)
	return b.String()
}

// source prints the lines that labels point at: the own file's by line, then other files'.
func (d *Diagnostic) source(b *strings.Builder) {
	type mark struct {
		Label
		line int
		main bool
	}
	files := []*File{d.at.Span.File}
	marks := map[*File][]mark{}
	add := func(l Label, main bool) {
		f := l.Span.File
		if f == nil {
			return
		}
		if !slices.Contains(files, f) {
			files = append(files, f)
		}
		line, _ := f.Position(l.Span.Start)
		marks[f] = append(marks[f], mark{l, line, main})
	}
	add(d.at, true)
	for _, l := range d.also {
		add(l, false)
	}
	width := 1
	for _, list := range marks {
		for _, m := range list {
			width = max(width, len(fmt.Sprint(m.line)))
		}
	}
	pad := strings.Repeat(" ", width)
	for _, f := range files {
		if f != d.at.Span.File {
			fmt.Fprintf(b, "  %s ── %s\n", pad, f.Name)
		}
		list := marks[f]
		slices.SortStableFunc(list, func(a, b mark) int { return a.Span.Start - b.Span.Start })
		last := 0
		for _, m := range list {
			if m.line != last {
				if last > 0 && m.line > last+1 {
					fmt.Fprintf(b, "  %s ·\n", pad)
				}
				fmt.Fprintf(b, "  %*d │ %s\n", width, m.line, f.Line(m.line))
				last = m.line
			}
			fmt.Fprintf(b, "  %s │ %s\n", pad, underline(f, m.Label, m.main))
		}
	}
}

// underline is the row under a source line: carets for the mistake, a rule for what it contradicts.
func underline(f *File, l Label, main bool) string {
	line, column := f.Position(l.Span.Start)
	text := []rune(f.Line(line))
	var b strings.Builder
	for i := 0; i < column-1; i++ {
		if i < len(text) && text[i] == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	n := utf8.RuneCountInString(l.Span.Text())
	n = max(1, min(n, max(1, len(text)-column+1)))
	sign := "─"
	if main {
		sign = "^"
	}
	b.WriteString(strings.Repeat(sign, n))
	if l.Text != "" {
		b.WriteString(" " + l.Text)
	}
	return b.String()
}

// Nearest is the candidate that a word may have meant: at most a third of its letters away; "" if none is.
func Nearest(word string, candidates []string) string {
	best, at := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(word, c); d < at || d == at && best == "" && d <= len(word)/3 {
			best, at = c, d
		}
	}
	return best
}

// distance counts insertions, deletions, replacements and swaps of neighbours.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
