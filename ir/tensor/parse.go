package tensor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bnetc/ir"
)

// Parse reads the text form of a program (Program.String). Blank lines and lines that begin with # are skipped; numbers of values may
// be any, and are given anew. Parse checks no meaning beyond its relations': Verify does.
func Parse(text string) (*Program, error) {
	p := &parser{program: &Program{}, relations: map[string]*ir.Relation{}, values: map[string]*Node{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.Trim(line, " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		l := &lineParser{ExprParser: ir.ExprParser{Text: line}, number: i + 1}
		if p.line(l); l.err != nil {
			return nil, l.err
		}
	}
	return p.program, nil
}

type parser struct {
	program   *Program
	pass      string
	relations map[string]*ir.Relation
	values    map[string]*Node // by what the text calls them: a name, or %number
}

// A lineParser reads one line word by word; after the first mistake it reads nothing more.
type lineParser struct {
	ir.ExprParser
	number int
	err    error
}

func (l *lineParser) wrong(err error) {
	if l.err == nil {
		l.err = fmt.Errorf("line %d: %w", l.number, err)
	}
}

func (l *lineParser) fail(expected string) {
	if l.err == nil {
		l.wrong(l.Fail(expected))
	}
}

func (l *lineParser) more() bool { return l.err == nil && l.Next() != 0 }

func (l *lineParser) accept(c byte) bool { return l.err == nil && l.Accept(c) }

func (l *lineParser) expect(c byte) {
	if !l.accept(c) {
		l.fail(strconv.Quote(string(c)))
	}
}

// keyword reads a word if it is next.
func (l *lineParser) keyword(word string) bool {
	from := l.At
	if l.err == nil && l.Word() == word {
		return true
	}
	l.At = from
	return false
}

// one reads one of the words and gives its place in the list.
func (l *lineParser) one(words []string, what string) int {
	from := l.At
	i := slices.Index(words, l.Word())
	if i < 0 {
		l.At = from
		l.fail(what)
	}
	return max(i, 0)
}

// quoted reads a text in quotes.
func (l *lineParser) quoted() string {
	l.Next()
	prefix, err := strconv.QuotedPrefix(l.Text[l.At:])
	if err != nil || l.err != nil {
		l.fail("a text in quotes")
		return ""
	}
	l.At += len(prefix)
	text, _ := strconv.Unquote(prefix)
	return text
}

func (l *lineParser) name() string {
	if l.err == nil && l.Next() == '"' {
		return l.quoted()
	}
	name := l.Word()
	if name == "" {
		l.fail("a name")
	}
	return name
}

// digits reads what a number in Go's notation can have.
func (l *lineParser) digits() string {
	l.Next()
	from := l.At
	for l.At < len(l.Text) && strings.IndexByte("0123456789abcdefABCDEFx.+-", l.Text[l.At]) >= 0 {
		l.At++
	}
	return l.Text[from:l.At]
}

func (l *lineParser) integer() int {
	from := l.At
	v, err := strconv.Atoi(l.digits())
	if err != nil {
		l.At = from
		l.fail("a whole number")
	}
	return v
}

func (l *lineParser) stream() uint32 {
	from := l.At
	v, err := strconv.ParseUint(l.digits(), 0, 32)
	if err != nil {
		l.At = from
		l.fail("a stream, of 32 bits")
	}
	return uint32(v)
}

func (l *lineParser) real() float64 {
	from := l.At
	v, err := strconv.ParseFloat(l.digits(), 64)
	if err != nil {
		l.At = from
		l.fail("a number")
	}
	return v
}

func (p *parser) line(l *lineParser) {
	switch {
	case l.keyword("program"):
		p.program.Name = l.name()
		if !l.keyword("batch") {
			l.fail(`"batch"`)
		}
		p.program.Batch = l.integer()
		p.program.Alternating = l.keyword("alternating")
	case l.keyword("relation"):
		name := l.name()
		l.expect('=')
		rel, err := ir.ParseRelation(l.Text[l.At:])
		if err != nil {
			l.wrong(err)
		}
		if p.relations[name] != nil {
			l.wrong(fmt.Errorf("a second relation %s", name))
		}
		p.relations[name] = rel
		l.At = len(l.Text)
	case l.keyword("update"):
		if l.accept(':') {
			p.pass = "update"
		} else {
			p.update(l)
		}
	default:
		p.value(l)
	}
	if l.Next(); l.At < len(l.Text) {
		l.fail("the end of the line")
	}
}

// ref reads what the text calls a value.
func (l *lineParser) ref() string {
	if l.Next() != '%' {
		return nameText(l.name())
	}
	l.At++
	from := l.At
	for l.At < len(l.Text) && '0' <= l.Text[l.At] && l.Text[l.At] <= '9' {
		l.At++
	}
	if from == l.At {
		l.fail("the number of a value")
	}
	return "%" + l.Text[from:l.At]
}

// value reads the line of a pass, "forward:", or of a node that has a value.
func (p *parser) value(l *lineParser) {
	ref := l.ref()
	n := &Node{}
	if ref[0] != '%' {
		n.Name = unquoted(ref)
		if l.accept(':') {
			p.pass = n.Name
			return
		}
	} else if l.more() && l.Next() != '=' {
		n.Name = l.name()
	}
	l.expect('=')
	var words []string
	for _, row := range operations[:Update] {
		words = append(words, row.word)
	}
	n.Op = Op(l.one(words, "an operation"))
	switch n.Op {
	case Param:
		n.Param = l.param()
	case Linear:
		from := l.At
		role, ok := ir.ParseRole(l.Word())
		if !ok {
			l.At = from
			l.fail("apply, transpose or outer")
		}
		n.Role = role
		n.Rel = p.relation(l)
	case Map:
		n.Expr = l.expression()
	case Reduce:
		n.Kind = ReduceKind(l.one(reduceWords, "a reduction"))
		if n.Kind.Windowed() {
			n.Rel = p.relation(l)
		}
	case Random:
		if !l.keyword("stream") {
			l.fail(`"stream"`)
		}
		n.Stream = l.stream()
	}
	n.Args = p.args(l)
	l.expect(':')
	n.Type = l.valueType()
	if p.values[ref] != nil {
		l.wrong(fmt.Errorf("a second value %s", ref))
	}
	p.values[ref] = n
	p.add(l, n)
}

func (p *parser) update(l *lineParser) {
	n := &Node{Op: Update, Minimize: l.keyword("minimize")}
	n.Optimizer, n.Group = l.name(), l.name()
	n.Args = p.args(l)
	if len(n.Args) > 0 {
		n.Type = n.Args[0].Type
	}
	p.add(l, n)
}

// add reads what stands behind every node, and appends it.
func (p *parser) add(l *lineParser, n *Node) {
	if l.accept('@') {
		n.Fuse = l.name()
		if l.accept(':') {
			n.Fuse += ":" + l.name()
		}
	}
	if l.accept('#') {
		if l.Next() == '"' {
			n.From = l.quoted()
		} else {
			n.From = l.Text[l.At:]
			l.At = len(l.Text)
		}
	}
	n.ID, n.Pass = len(p.program.Nodes), p.pass
	p.program.Nodes = append(p.program.Nodes, n)
}

// unquoted is the name that nameText wrote.
func unquoted(text string) string {
	if name, err := strconv.Unquote(text); err == nil {
		return name
	}
	return text
}

func (p *parser) relation(l *lineParser) *ir.Relation {
	from := l.At
	rel := p.relations[l.name()]
	if rel == nil && l.err == nil {
		l.At = from
		l.fail("the name of a relation above")
	}
	return rel
}

// args reads values, separated by commas, up to the type, the kernel, the origin or the end.
func (p *parser) args(l *lineParser) []*Node {
	var args []*Node
	for l.more() && strings.IndexByte(":@#", l.Next()) < 0 {
		if len(args) > 0 {
			l.expect(',')
		}
		from := l.At
		a := p.values[l.ref()]
		if a == nil || l.err != nil {
			l.At = from
			l.fail("a value above")
			return nil
		}
		args = append(args, a)
	}
	return args
}

func (l *lineParser) expression() *ir.Expr {
	e, err := ir.ParseExpr(l.quoted())
	if err != nil {
		l.wrong(err)
	}
	return e
}

func (l *lineParser) valueType() Type {
	t := Type{}
	l.expect('[')
	for first := true; l.err == nil && !l.accept(']'); first = false {
		switch {
		case first && l.keyword("N"):
			t.Batch = true
			continue
		case !first:
			l.expect(',')
		}
		t.Shape = append(t.Shape, l.integer())
	}
	return t
}

func (l *lineParser) param() *ParamInfo {
	i := &ParamInfo{Kind: ParamKind(l.one(paramWords, "weight, state, metric or constant")), Init: l.name()}
	if l.keyword("scale") {
		i.Scale = l.real()
	}
	if l.keyword("fan") {
		i.FanIn, i.FanOut = l.integer(), l.integer()
	}
	if l.keyword("stream") {
		i.Stream = l.stream()
	}
	if l.keyword("of") {
		i.Part.Of = l.name()
		if !l.keyword("columns") {
			l.fail(`"columns"`)
		}
		i.Part.Offset, i.Part.Columns = l.integer(), l.integer()
	}
	return i
}
