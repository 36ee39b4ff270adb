package kernel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bnetc/ir"
)

// Parse reads the text form of a plan (Plan.String). Blank lines and lines that begin with # are skipped; a kernel's list of
// parameters may be left out, and is compared with its body where it stands. Parse checks no meaning: Verify does.
func Parse(text string) (*Plan, error) {
	p := &planParser{plan: &Plan{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		words := strings.TrimLeft(line, " ")
		if words == "" || words[0] == '#' {
			continue
		}
		p.lines = append(p.lines, sourceLine{number: i + 1, indent: len(line) - len(words), text: words})
	}
	for len(p.lines) > 0 {
		if err := p.section(); err != nil {
			return nil, err
		}
	}
	return p.plan, nil
}

type sourceLine struct {
	number, indent int
	text           string
}

type planParser struct {
	plan  *Plan
	lines []sourceLine // not read yet
}

// A lineParser reads one line word by word; after the first mistake it reads nothing more.
type lineParser struct {
	*ir.ExprParser
	line sourceLine
	plan *Plan
	err  error
}

func (p *planParser) next() *lineParser {
	l := &lineParser{ExprParser: &ir.ExprParser{Text: p.lines[0].text}, line: p.lines[0], plan: p.plan}
	p.lines = p.lines[1:]
	return l
}

func (p *planParser) section() error {
	l := p.next()
	switch l.Word() {
	case "plan":
		p.plan.Name = l.name()
		l.expect("batch")
		p.plan.Batch = l.integer()
		if l.accept("precision") {
			l.typ(&p.plan.Precision)
		}
	case "settings":
		for l.more() {
			p.plan.Settings = append(p.plan.Settings, l.name())
		}
	case "buffer":
		p.plan.Buffers = append(p.plan.Buffers, l.buffer())
	case "kernel":
		return p.kernel(l)
	case "list":
		return p.list(l)
	default:
		l.At = 0
		l.fail("plan, settings, buffer, kernel or list")
	}
	return l.end()
}

func (l *lineParser) fail(expected string) {
	if l.err == nil {
		l.err = fmt.Errorf("line %d: %w", l.line.number, l.Fail(expected))
	}
}

// more tells whether the line goes on, and no mistake has been met.
func (l *lineParser) more() bool { return l.err == nil && l.Next() != 0 }

func (l *lineParser) end() error {
	if l.more() {
		l.fail("the end of the line")
	}
	return l.err
}

// accept reads the text if it is next.
func (l *lineParser) accept(text string) bool {
	l.Next()
	if l.err != nil || !strings.HasPrefix(l.Text[l.At:], text) {
		return false
	}
	l.At += len(text)
	return true
}

func (l *lineParser) expect(text string) {
	if !l.accept(text) {
		l.fail(strconv.Quote(text))
	}
}

// name reads a name, plain or quoted.
func (l *lineParser) name() string {
	if l.err != nil {
		return ""
	}
	if l.Next() == '"' {
		quoted, err := strconv.QuotedPrefix(l.Text[l.At:])
		if err != nil {
			l.fail("a name in quotes")
			return ""
		}
		l.At += len(quoted)
		name, _ := strconv.Unquote(quoted)
		return name
	}
	name := l.Word()
	if name == "" {
		l.fail("a name")
	}
	return name
}

// keyword reads one of the words and gives its place in the list.
func (l *lineParser) keyword(words []string, what string) int {
	from := l.At
	i := slices.Index(words, l.Word())
	if i < 0 {
		l.At = from
		l.fail(what + " (" + strings.Join(words, ", ") + ")")
		return 0
	}
	return i
}

func (l *lineParser) digits() string {
	l.Next()
	from := l.At
	for l.At < len(l.Text) && strings.IndexByte("+-.xeE", l.Text[l.At])+1+strings.IndexByte("0123456789abcdefABCDEF", l.Text[l.At])+1 > 0 {
		l.At++
	}
	return l.Text[from:l.At]
}

func (l *lineParser) integer64() int64 {
	from := l.At
	v, err := strconv.ParseInt(l.digits(), 0, 64)
	if err != nil {
		l.At = from
		l.fail("a whole number")
	}
	return v
}

func (l *lineParser) integer() int { return int(l.integer64()) }

func (l *lineParser) real() float64 {
	from := l.At
	v, err := strconv.ParseFloat(l.digits(), 64)
	if err != nil {
		l.At = from
		l.fail("a number")
	}
	return v
}

func (l *lineParser) stream() uint32 {
	v := l.integer64()
	if v < 0 || v > 1<<32-1 {
		l.fail("a stream of 32 bits")
	}
	return uint32(v)
}

func (l *lineParser) shape() []int {
	shape := []int{}
	l.expect("[")
	for l.err == nil && !l.accept("]") {
		if len(shape) > 0 {
			l.expect(",")
		}
		shape = append(shape, l.integer())
	}
	return shape
}

// typ reads the word of a type, if it is next.
func (l *lineParser) typ(into *Type) {
	for _, t := range Types {
		if l.accept(t.String()) {
			*into = t
		}
	}
}

func (l *lineParser) buffer() Buffer {
	b := Buffer{Name: l.name(), Kind: BufferKind(l.keyword(kindWords, "a kind of buffer"))}
	l.typ(&b.Type)
	if l.Next() == '[' {
		b.Shape = l.shape()
	}
	if l.accept("at ") {
		b.Offset = l.integer()
	}
	if !l.accept("init ") {
		return b
	}
	b.Init = &Init{Kind: l.name()}
	for l.more() {
		switch l.keyword([]string{"scale", "fan", "stream", "of", "columns", "shape"}, "a word of an init") {
		case 0:
			b.Init.Scale = l.real()
		case 1:
			b.Init.FanIn, b.Init.FanOut = l.integer(), l.integer()
		case 2:
			b.Init.Stream = l.stream()
		case 3:
			b.Init.Of = l.name()
		case 4:
			b.Init.Offset, b.Init.Columns = l.integer(), l.integer()
		case 5:
			b.Init.Shape = l.shape()
		}
	}
	return b
}

func (p *planParser) list(l *lineParser) error {
	list := List{Name: l.name()}
	if err := l.end(); err != nil {
		return err
	}
	for len(p.lines) > 0 && p.lines[0].indent > l.line.indent {
		row := p.next()
		level := row.integer()
		row.expect(":")
		for row.more() {
			from := row.At
			k := p.plan.Kernel(row.name())
			if k < 0 {
				row.At = from
				row.fail("the name of a kernel that stands above")
			}
			list.Steps = append(list.Steps, Step{Kernel: k, Level: level})
		}
		if row.err != nil {
			return row.err
		}
	}
	p.plan.Lists = append(p.plan.Lists, list)
	return nil
}

func (p *planParser) kernel(l *lineParser) error {
	k := &Kernel{Name: l.name()}
	l.Next()
	from, to := l.At, l.At
	if l.accept("(") {
		for l.more() && !l.accept(")") {
			if !l.accept(",") && !l.accept("->") {
				l.name()
			}
		}
		to = l.At
	}
	k.ByBatch = l.accept("by batch")
	if l.accept("cost ") {
		k.Flops, k.Bytes = l.integer64(), l.integer64()
	}
	if l.accept("#") {
		k.From = strings.TrimSpace(l.Text[l.At:])
		if strings.HasPrefix(k.From, `"`) {
			k.From = l.name()
		} else {
			l.At = len(l.Text)
		}
	}
	if err := l.end(); err != nil {
		return err
	}
	var err error
	if k.Body, err = p.body(l.line.indent); err != nil {
		return err
	}
	if want := (&planWriter{plan: p.plan}).parameters(k); to > from && want != l.Text[from:to] {
		return fmt.Errorf("line %d: kernel %s has the parameters %s, its body %s", l.line.number, k.Name, l.Text[from:to], want)
	}
	p.plan.Kernels = append(p.plan.Kernels, k)
	return nil
}

// body reads the lines that are indented more than their head.
func (p *planParser) body(head int) ([]Stmt, error) {
	var body []Stmt
	for len(p.lines) > 0 && p.lines[0].indent > head {
		if p.lines[0].indent > head+2*maxNesting {
			return nil, fmt.Errorf("line %d: indented too far", p.lines[0].number)
		}
		s, err := p.stmt(p.next())
		if err != nil {
			return nil, err
		}
		body = append(body, s)
	}
	return body, nil
}

// maxNesting bounds recursion over hostile texts.
const maxNesting = 1000

func (p *planParser) stmt(l *lineParser) (Stmt, error) {
	from := l.At
	word := l.Word()
	if mark := slices.Index(markWords, word); mark >= 0 {
		s := &Loop{Var: l.name(), Mark: Mark(mark)}
		l.expect("in ")
		s.Extent = l.integer()
		return s, l.with(p, &s.Body)
	}
	switch word {
	case "where":
		s := &Where{Var: l.name(), Div: 1}
		l.expect("=")
		s.Floor = l.accept("floor ")
		if l.accept("(") {
			s.Num = l.index()
			l.expect(")")
			l.expect("/")
			s.Div = l.integer()
		} else {
			s.Num = l.index()
		}
		l.expect("in ")
		s.Extent = l.integer()
		return s, l.with(p, &s.Body)
	case "seek":
		s := &Seek{Var: l.name()}
		l.expect("in ")
		s.Extent = l.integer()
		l.expect("=")
		s.Value = l.value()
		return s, l.end()
	case "let":
		s := &Let{Var: l.name()}
		l.expect("=")
		s.Value = l.value()
		return s, l.end()
	case "store":
		s := &Store{Buffer: l.bufferNumber(), Index: l.indices('[', ']'), How: l.how()}
		s.Value = l.value()
		return s, l.end()
	case "prefetch", "own":
		s := &Prefetch{Buffer: l.bufferNumber(), Index: l.indices('[', ']'), Own: word == "own"}
		return s, l.end()
	case "draw":
		s := &Draw{}
		for i := range s.Vars {
			s.Vars[i] = l.name()
		}
		l.expect("= stream ")
		s.Stream = l.stream()
		l.expect("row ")
		s.Row = l.index()
		l.expect("block ")
		s.Block = l.index()
		return s, l.end()
	}
	l.At = from
	s := &Assign{Var: l.name(), How: l.how()}
	s.Value = l.value()
	return s, l.end()
}

// with reads the body below a line.
func (l *lineParser) with(p *planParser, body *[]Stmt) error {
	if err := l.end(); err != nil {
		return err
	}
	var err error
	*body, err = p.body(l.line.indent)
	return err
}

func (l *lineParser) how() How {
	for i, text := range howWords {
		if l.accept(text) {
			return How(i)
		}
	}
	l.fail("=, += or max=")
	return Set
}

func (l *lineParser) bufferNumber() int {
	from := l.At
	b := l.plan.Buffer(l.name())
	if b < 0 {
		l.At = from
		l.fail("the name of a buffer that stands above")
	}
	return b
}

// indices reads positions between brackets.
func (l *lineParser) indices(open, shut byte) []Index {
	var list []Index
	l.expect(string(open))
	for l.err == nil && !l.accept(string(shut)) {
		if len(list) > 0 {
			l.expect(",")
		}
		list = append(list, l.index())
	}
	return list
}

// index reads an affine position: terms c*v, v and constants, with signs between.
func (l *lineParser) index() Index {
	var x Index
	for first := true; l.err == nil; first = false {
		sign := 1
		if l.accept("-") {
			sign = -1
		} else if !l.accept("+") && !first {
			break
		}
		if c := l.Next(); c < '0' || c > '9' {
			x.Terms = append(x.Terms, Term{Var: l.name(), Coef: sign})
			continue
		}
		from := l.At
		for l.At < len(l.Text) && l.Text[l.At] >= '0' && l.Text[l.At] <= '9' {
			l.At++
		}
		n, err := strconv.ParseInt(l.Text[from:l.At], 10, 48)
		if err != nil {
			l.fail("a smaller number")
		}
		if l.accept("*") {
			x.Terms = append(x.Terms, Term{Var: l.name(), Coef: sign * int(n)})
		} else {
			x.Const += sign * int(n)
		}
	}
	return x
}

// value reads an expression to its end, with operands in the text's own words.
func (l *lineParser) value() Value {
	if l.err != nil {
		return Value{}
	}
	var v Value
	l.Operand = func(*ir.ExprParser) (int, bool, error) {
		o := l.operand()
		if l.err != nil {
			return 0, false, l.err
		}
		n := slices.IndexFunc(v.Operands, o.Equal)
		if n < 0 {
			n = len(v.Operands)
			v.Operands = append(v.Operands, o)
		}
		return n, true, nil
	}
	e, err := l.ExprParser.Parse()
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("line %d: %w", l.line.number, err)
	}
	v.Expr = e
	return v
}

func (l *lineParser) operand() Operand {
	if l.accept("#") {
		o := Operand{Kind: Position, Index: l.indices('(', ')')}
		if len(o.Index) != 1 {
			l.fail("one position")
		}
		return o
	}
	from := l.At
	name := l.name()
	if l.err == nil && l.At < len(l.Text) && l.Text[l.At] == '[' {
		l.At = from
		return Operand{Kind: Load, Buffer: l.bufferNumber(), Index: l.indices('[', ']')}
	}
	return Operand{Kind: Variable, Var: name}
}
