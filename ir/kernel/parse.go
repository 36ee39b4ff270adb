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
	ir.LineParser
	indent int
	plan   *Plan
}

func (p *planParser) next() *lineParser {
	line := p.lines[0]
	p.lines = p.lines[1:]
	return &lineParser{ir.LineParser{ExprParser: ir.ExprParser{Text: line.text}, Number: line.number}, line.indent, p.plan}
}

func (p *planParser) section() error {
	l := p.next()
	switch l.Word() {
	case "plan":
		p.plan.Name = l.Name()
		l.expect("batch")
		p.plan.Batch = l.Integer()
		if l.accept("precision") {
			l.typ(&p.plan.Precision)
		}
	case "settings":
		for l.More() {
			p.plan.Settings = append(p.plan.Settings, l.Name())
		}
	case "buffer":
		p.plan.Buffers = append(p.plan.Buffers, l.buffer())
	case "kernel":
		return p.kernel(l)
	case "list":
		return p.list(l)
	default:
		l.At = 0
		l.Missing("plan, settings, buffer, kernel or list")
	}
	return l.End()
}

// accept reads the text if it is next.
func (l *lineParser) accept(text string) bool {
	l.Next()
	if l.Err != nil || !strings.HasPrefix(l.Text[l.At:], text) {
		return false
	}
	l.At += len(text)
	return true
}

func (l *lineParser) expect(text string) {
	if !l.accept(text) {
		l.Missing(strconv.Quote(text))
	}
}

// keyword is OneOf, and says which words there are.
func (l *lineParser) keyword(words []string, what string) int {
	return l.OneOf(words, what+" ("+strings.Join(words, ", ")+")")
}

func (l *lineParser) shape() []int {
	shape := []int{}
	l.expect("[")
	for l.Err == nil && !l.accept("]") {
		if len(shape) > 0 {
			l.expect(",")
		}
		shape = append(shape, l.Integer())
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
	b := Buffer{Name: l.Name(), Kind: BufferKind(l.keyword(kindWords, "a kind of buffer"))}
	l.typ(&b.Type)
	if l.Next() == '[' {
		b.Shape = l.shape()
	}
	if l.accept("at ") {
		b.Offset = l.Integer()
	}
	if !l.accept("init ") {
		return b
	}
	b.Init = &Init{Kind: l.Name()}
	for l.More() {
		switch l.keyword([]string{"scale", "fan", "stream", "of", "columns", "shape"}, "a word of an init") {
		case 0:
			b.Init.Scale = l.Real()
		case 1:
			b.Init.FanIn, b.Init.FanOut = l.Integer(), l.Integer()
		case 2:
			b.Init.Stream = l.Stream()
		case 3:
			b.Init.Of = l.Name()
		case 4:
			b.Init.Offset, b.Init.Columns = l.Integer(), l.Integer()
		case 5:
			b.Init.Shape = l.shape()
		}
	}
	return b
}

func (p *planParser) list(l *lineParser) error {
	list := List{Name: l.Name()}
	if err := l.End(); err != nil {
		return err
	}
	for len(p.lines) > 0 && p.lines[0].indent > l.indent {
		row := p.next()
		level := row.Integer()
		row.expect(":")
		for row.More() {
			from := row.At
			k := p.plan.Kernel(row.Name())
			if k < 0 {
				row.At = from
				row.Missing("the name of a kernel that stands above")
			}
			list.Steps = append(list.Steps, Step{Kernel: k, Level: level})
		}
		if row.Err != nil {
			return row.Err
		}
	}
	p.plan.Lists = append(p.plan.Lists, list)
	return nil
}

func (p *planParser) kernel(l *lineParser) error {
	k := &Kernel{Name: l.Name()}
	l.Next()
	from, to := l.At, l.At
	if l.accept("(") {
		for l.More() && !l.accept(")") {
			if !l.accept(",") && !l.accept("->") {
				l.Name()
			}
		}
		to = l.At
	}
	k.ByBatch = l.accept("by batch")
	if l.accept("cost ") {
		k.Flops, k.Bytes = l.Integer64(), l.Integer64()
	}
	if l.accept("#") {
		k.From = l.Note()
	}
	if err := l.End(); err != nil {
		return err
	}
	var err error
	if k.Body, err = p.body(l.indent); err != nil {
		return err
	}
	if want := (&planWriter{plan: p.plan}).parameters(k); to > from && want != l.Text[from:to] {
		return fmt.Errorf("line %d: kernel %s has the parameters %s, its body %s", l.Number, k.Name, l.Text[from:to], want)
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
		s := &Loop{Var: l.Name(), Mark: Mark(mark)}
		l.expect("in ")
		s.Extent = l.Integer()
		return s, l.with(p, &s.Body)
	}
	switch word {
	case "where":
		s := &Where{Var: l.Name(), Div: 1}
		l.expect("=")
		s.Floor = l.accept("floor ")
		if l.accept("(") {
			s.Num = l.index()
			l.expect(")")
			l.expect("/")
			s.Div = l.Integer()
		} else {
			s.Num = l.index()
		}
		l.expect("in ")
		s.Extent = l.Integer()
		return s, l.with(p, &s.Body)
	case "seek":
		s := &Seek{Var: l.Name()}
		l.expect("in ")
		s.Extent = l.Integer()
		l.expect("=")
		s.Value = l.value()
		return s, l.End()
	case "let":
		s := &Let{Var: l.Name()}
		l.expect("=")
		s.Value = l.value()
		return s, l.End()
	case "store":
		s := &Store{Buffer: l.bufferNumber(), Index: l.indices('[', ']'), How: l.how()}
		s.Value = l.value()
		return s, l.End()
	case "prefetch", "own":
		s := &Prefetch{Buffer: l.bufferNumber(), Index: l.indices('[', ']'), Own: word == "own"}
		return s, l.End()
	case "draw":
		s := &Draw{}
		for i := range s.Vars {
			s.Vars[i] = l.Name()
		}
		l.expect("= stream ")
		s.Stream = l.Stream()
		l.expect("row ")
		s.Row = l.index()
		l.expect("block ")
		s.Block = l.index()
		return s, l.End()
	}
	l.At = from
	s := &Assign{Var: l.Name(), How: l.how()}
	s.Value = l.value()
	return s, l.End()
}

// with reads the body below a line.
func (l *lineParser) with(p *planParser, body *[]Stmt) error {
	if err := l.End(); err != nil {
		return err
	}
	var err error
	*body, err = p.body(l.indent)
	return err
}

func (l *lineParser) how() How {
	for i, text := range howWords {
		if l.accept(text) {
			return How(i)
		}
	}
	l.Missing("=, += or max=")
	return Set
}

func (l *lineParser) bufferNumber() int {
	from := l.At
	b := l.plan.Buffer(l.Name())
	if b < 0 {
		l.At = from
		l.Missing("the name of a buffer that stands above")
	}
	return b
}

// indices reads positions between brackets.
func (l *lineParser) indices(open, shut byte) []Index {
	var list []Index
	l.expect(string(open))
	for l.Err == nil && !l.accept(string(shut)) {
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
	for first := true; l.Err == nil; first = false {
		sign := 1
		if l.accept("-") {
			sign = -1
		} else if !l.accept("+") && !first {
			break
		}
		if c := l.Next(); c < '0' || c > '9' {
			x.Terms = append(x.Terms, Term{Var: l.Name(), Coef: sign})
			continue
		}
		from := l.At
		for l.At < len(l.Text) && l.Text[l.At] >= '0' && l.Text[l.At] <= '9' {
			l.At++
		}
		n, err := strconv.ParseInt(l.Text[from:l.At], 10, 48)
		if err != nil {
			l.Missing("a smaller number")
		}
		if l.accept("*") {
			x.Terms = append(x.Terms, Term{Var: l.Name(), Coef: sign * int(n)})
		} else {
			x.Const += sign * int(n)
		}
	}
	return x
}

// value reads an expression to its end, with operands in the text's own words.
func (l *lineParser) value() Value {
	if l.Err != nil {
		return Value{}
	}
	var v Value
	l.Operand = func(*ir.ExprParser) (int, bool, error) {
		o := l.operand()
		if l.Err != nil {
			return 0, false, l.Err
		}
		n := slices.IndexFunc(v.Operands, o.Equal)
		if n < 0 {
			n = len(v.Operands)
			v.Operands = append(v.Operands, o)
		}
		return n, true, nil
	}
	e, err := l.ExprParser.Parse()
	if err != nil && l.Err == nil {
		l.Err = fmt.Errorf("line %d: %w", l.Number, err)
	}
	v.Expr = e
	return v
}

func (l *lineParser) operand() Operand {
	if l.accept("#") {
		o := Operand{Kind: Position, Index: l.indices('(', ')')}
		if len(o.Index) != 1 {
			l.Missing("one position")
		}
		return o
	}
	from := l.At
	name := l.Name()
	if l.Err == nil && l.At < len(l.Text) && l.Text[l.At] == '[' {
		l.At = from
		return Operand{Kind: Load, Buffer: l.bufferNumber(), Index: l.indices('[', ']')}
	}
	return Operand{Kind: Variable, Var: name}
}
