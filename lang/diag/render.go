package diag

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// starts is where the lines begin.
func (f *File) starts() []int {
	if f.lines == nil {
		f.lines = []int{0}
		for i := range len(f.Text) {
			if f.Text[i] == '\n' {
				f.lines = append(f.lines, i+1)
			}
		}
	}
	return f.lines
}

// Position is the 1-based line and column (in characters) of a byte of the file.
func (f *File) Position(offset int) (line, column int) {
	offset = min(max(offset, f.head), len(f.Text)-f.tail)
	line, found := slices.BinarySearch(f.starts(), offset)
	if found {
		line++
	}
	return line, utf8.RuneCountInString(f.Text[max(f.head, f.starts()[line-1]):offset]) + 1
}

// Line is the text of a 1-based line, without its end.
func (f *File) Line(n int) string {
	starts := f.starts()
	if n < 1 || n > len(starts) {
		return ""
	}
	from, to := max(f.head, starts[n-1]), len(f.Text)-f.tail
	if n < len(starts) {
		to = min(to, starts[n]-1)
	}
	return strings.TrimRight(f.Text[from:max(from, to)], "\r")
}

// wide is how much of a line is shown, and of a word that somebody wrote.
const wide = 200

// shown is what a line looks like on a screen, and which of its columns the given one is there: a long line is cut around it, and what no
// terminal should be sent is shown as what it is not.
func (f *File) shown(line, column int) ([]rune, int) {
	text := []rune(printable(f.Line(line)))
	if len(text) <= wide {
		return text, column
	}
	from := max(0, min(column-1-wide/4, len(text)-wide))
	cut := slices.Clone(text[from : from+wide])
	if from > 0 {
		cut[0] = '…'
	}
	if from+wide < len(text) {
		cut[wide-1] = '…'
	}
	return cut, column - from
}

// printable has other characters in the place of those that would move the cursor, change colours, or show nothing.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || unicode.IsPrint(r):
			return r
		case r == '\ufeff' || unicode.IsSpace(r):
			return ' '
		}
		return utf8.RuneError
	}, text)
}

// brief is one line of a message, which may quote what somebody wrote.
func brief(text string) string {
	text = printable(text)
	if r := []rune(text); len(r) > 2*wide {
		text = string(r[:wide]) + " … " + string(r[len(r)-wide/4:])
	}
	return text
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

// most is how many diagnostics are shown to people: nobody mends more at a time, and a file that is no program has one for every word.
const most = 100

// Render prints the diagnostics in order, with an empty line between them.
func (l *List) Render(w io.Writer) {
	items := l.Items()
	for i, d := range items[:min(most, len(items))] {
		if i > 0 {
			fmt.Fprintln(w)
		}
		io.WriteString(w, d.Render())
	}
	if n := len(items) - most; n > 0 {
		fmt.Fprintf(w, "\nand %d more\n", n)
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
		fmt.Fprintf(&b, "%s[%s]: %s\n", d.severity, d.code, brief(d.message))
	} else {
		fmt.Fprintf(&b, "%s: %s[%s]: %s\n", d.at.Span, d.severity, d.code, brief(d.message))
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
	field("found", brief(d.found))
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
			_, column := f.Position(m.Span.Start)
			text, column := f.shown(m.line, column)
			if m.line != last || len(text) == wide {
				if last > 0 && m.line > last+1 {
					fmt.Fprintf(b, "  %s ·\n", pad)
				}
				fmt.Fprintf(b, "  %*d │ %s\n", width, m.line, string(text))
				last = m.line
			}
			fmt.Fprintf(b, "  %s │ %s\n", pad, underline(text, column, m.Label, m.main))
		}
	}
}

// underline is the row under a source line, as shown: carets for the mistake, a rule for what it contradicts.
func underline(text []rune, column int, l Label, main bool) string {
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
		if max(len(c)-len(word), len(word)-len(c)) > at {
			continue // so many letters are to be put in, or left out
		}
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
