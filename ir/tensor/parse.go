package tensor

import (
	"fmt"
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
		l := &lineParser{ir.LineParser{ExprParser: ir.ExprParser{Text: line}, Number: i + 1}}
		if p.line(l); l.Err != nil {
			return nil, l.Err
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
type lineParser struct{ ir.LineParser }

func (l *lineParser) accept(c byte) bool { return l.Err == nil && l.Accept(c) }

func (l *lineParser) expect(c byte) {
	if !l.accept(c) {
		l.Missing(strconv.Quote(string(c)))
	}
}

// keyword reads a word if it is next.
func (l *lineParser) keyword(word string) bool {
	from := l.At
	if l.Err == nil && l.Word() == word {
		return true
	}
	l.At = from
	return false
}

func (p *parser) line(l *lineParser) {
	switch {
	case l.keyword("program"):
		p.program.Name = l.Name()
		if !l.keyword("batch") {
			l.Missing(`"batch"`)
		}
		p.program.Batch = l.Integer()
		p.program.Alternating = l.keyword("alternating")
	case l.keyword("relation"):
		name := l.Name()
		l.expect('=')
		rel, err := ir.ParseRelation(l.Text[l.At:])
		if err != nil {
			l.Wrong(err)
		}
		if p.relations[name] != nil {
			l.Wrong(fmt.Errorf("a second relation %s", name))
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
	l.End()
}

// ref reads what the text calls a value.
func (l *lineParser) ref() string {
	if l.Next() != '%' {
		return nameText(l.Name())
	}
	l.At++
	from := l.At
	for l.At < len(l.Text) && '0' <= l.Text[l.At] && l.Text[l.At] <= '9' {
		l.At++
	}
	if from == l.At {
		l.Missing("the number of a value")
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
	} else if l.More() && l.Next() != '=' {
		n.Name = l.Name()
	}
	l.expect('=')
	var words []string
	for _, row := range operations[:Update] {
		words = append(words, row.word)
	}
	n.Op = Op(l.OneOf(words, "an operation"))
	switch n.Op {
	case Param:
		n.Param = l.param()
	case Linear:
		from := l.At
		role, ok := ir.ParseRole(l.Word())
		if !ok {
			l.At = from
			l.Missing("apply, transpose or outer")
		}
		n.Role = role
		n.Rel = p.relation(l)
	case Map:
		n.Expr = l.expression()
	case Reduce:
		n.Kind = ReduceKind(l.OneOf(reduceWords, "a reduction"))
		if n.Kind.Windowed() {
			n.Rel = p.relation(l)
		}
	case Random:
		if !l.keyword("stream") {
			l.Missing(`"stream"`)
		}
		n.Stream = l.Stream()
	}
	n.Args = p.args(l)
	l.expect(':')
	n.Type = l.valueType()
	if p.values[ref] != nil {
		l.Wrong(fmt.Errorf("a second value %s", ref))
	}
	p.values[ref] = n
	p.add(l, n)
}

func (p *parser) update(l *lineParser) {
	n := &Node{Op: Update, Minimize: l.keyword("minimize")}
	n.Optimizer, n.Group = l.Name(), l.Name()
	n.Args = p.args(l)
	if len(n.Args) > 0 {
		n.Type = n.Args[0].Type
	}
	p.add(l, n)
}

// add reads what stands behind every node, and appends it.
func (p *parser) add(l *lineParser, n *Node) {
	if l.accept('@') {
		n.Fuse = l.Name()
		if l.accept(':') {
			n.Fuse += ":" + l.Name()
		}
	}
	if l.accept('#') {
		n.From = l.Note()
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
	rel := p.relations[l.Name()]
	if rel == nil && l.Err == nil {
		l.At = from
		l.Missing("the name of a relation above")
	}
	return rel
}

// args reads values, separated by commas, up to the type, the kernel, the origin or the end.
func (p *parser) args(l *lineParser) []*Node {
	var args []*Node
	for l.More() && strings.IndexByte(":@#", l.Next()) < 0 {
		if len(args) > 0 {
			l.expect(',')
		}
		from := l.At
		a := p.values[l.ref()]
		if a == nil || l.Err != nil {
			l.At = from
			l.Missing("a value above")
			return nil
		}
		args = append(args, a)
	}
	return args
}

func (l *lineParser) expression() *ir.Expr {
	e, err := ir.ParseExpr(l.Quoted())
	if err != nil {
		l.Wrong(err)
	}
	return e
}

func (l *lineParser) valueType() Type {
	t := Type{}
	l.expect('[')
	for first := true; l.Err == nil && !l.accept(']'); first = false {
		switch {
		case first && l.keyword("N"):
			t.Batch = true
			continue
		case !first:
			l.expect(',')
		}
		t.Shape = append(t.Shape, l.Integer())
	}
	return t
}

func (l *lineParser) param() *ParamInfo {
	i := &ParamInfo{Kind: ParamKind(l.OneOf(paramWords, "weight, state, metric or constant")), Init: l.Name()}
	if l.keyword("scale") {
		i.Scale = l.Real()
	}
	if l.keyword("fan") {
		i.FanIn, i.FanOut = l.Integer(), l.Integer()
	}
	if l.keyword("stream") {
		i.Stream = l.Stream()
	}
	if l.keyword("of") {
		i.Part.Of = l.Name()
		if !l.keyword("columns") {
			l.Missing(`"columns"`)
		}
		i.Part.Offset, i.Part.Columns = l.Integer(), l.Integer()
	}
	return i
}
