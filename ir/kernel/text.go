package kernel

import (
	"fmt"
	"strconv"
	"strings"

	"bnetc/ir"
)

// String writes the plan as text, which Parse reads back; equal plans give equal texts. The values are written canonical
// (Value.Canonical), so a plan comes back with its values canonical, and otherwise as it is.
//
//	plan small batch 4 precision bf16
//	settings seed0 forward.lr
//
//	buffer x input [4, 3]
//	buffer l1.W weight [5, 3] init glorot fan 3 5 stream 0x1f
//	buffer h1 temp bf16 [1, 5, 4]
//
//	kernel f_l1(x, l1.W -> h1) by batch    # h[l1] = f[l1](x), sdtp.bnet:2
//	  parallel nb in 1
//	    serial o in 5
//	      vector lane in 4
//	        let s = 0
//	        serial i in 3
//	          s += l1.W[o, i] * x[4*nb+lane, i]
//	        store h1[nb, o, lane] = tanh(s)
//
//	list step
//	  0: f_l1
func (p *Plan) String() string {
	w := &planWriter{plan: p}
	head := fmt.Sprintf("plan %s batch %d", nameText(p.Name), p.Batch)
	if p.Precision != F32 {
		head += " precision " + p.Precision.String()
	}
	w.line("%s", head)
	if len(p.Settings) > 0 {
		w.line("settings%s", words(p.Settings, " "))
	}
	if len(p.Buffers) > 0 {
		w.line("")
	}
	for i := range p.Buffers {
		w.line("buffer %s", bufferText(&p.Buffers[i]))
	}
	for _, k := range p.Kernels {
		w.line("")
		w.kernel(k)
	}
	for _, l := range p.Lists {
		w.line("")
		w.list(l)
	}
	return w.b.String()
}

// BodyString writes statements as they stand in a kernel of the plan, unindented.
func BodyString(p *Plan, body []Stmt) string {
	w := &planWriter{plan: p}
	w.body(body)
	return w.b.String()
}

type planWriter struct {
	plan   *Plan
	b      strings.Builder
	indent int
}

func (w *planWriter) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text != "" {
		for range w.indent {
			w.b.WriteString("  ")
		}
	}
	w.b.WriteString(text)
	w.b.WriteByte('\n')
}

// The words of the text form, by their value.
var (
	kindWords = []string{Temp: "temp", Weight: "weight", State: "state", Metric: "metric", Input: "input", Setting: "setting", Constant: "constant", Local: "local"}
	markWords = []string{Serial: "serial", Parallel: "parallel", Vector: "vector", Unrolled: "unrolled", Staggered: "staggered", Matrix: "matrix"}
	howWords  = []string{Set: "=", Sum: "+=", Largest: "max="}
	// reserved are words that cannot stand for a name without quotes: what begins a statement, and constants.
	reserved = append([]string{"where", "seek", "let", "store", "draw", "prefetch", "own", "inf", "nan"}, markWords...)
)

// String is the kind's word in the text form.
func (k BufferKind) String() string { return ir.WordOf(kindWords, k) }

// String is the mark's word in the text form.
func (m Mark) String() string { return ir.WordOf(markWords, m) }

// String is the operator's sign in the text form.
func (h How) String() string { return ir.WordOf(howWords, h) }

func nameText(name string) string { return ir.NameText(name, reserved) }

// words writes names, each behind the separator.
func words(names []string, separator string) string {
	text := ""
	for _, n := range names {
		text += separator + nameText(n)
	}
	return text
}

func shapeText(shape []int) string {
	return strings.ReplaceAll(fmt.Sprint(shape), " ", ", ")
}

func bufferText(b *Buffer) string {
	text := nameText(b.Name) + " " + b.Kind.String()
	if b.Type != F32 {
		text += " " + b.Type.String()
	}
	if b.Shape != nil {
		text += " " + shapeText(b.Shape)
	}
	if b.Offset != 0 {
		text += fmt.Sprintf(" at %d", b.Offset)
	}
	i := b.Init
	if i == nil {
		return text
	}
	text += " init " + nameText(i.Kind)
	if i.Scale != 0 {
		text += " scale " + strconv.FormatFloat(i.Scale, 'g', -1, 64)
	}
	if i.FanIn != 0 || i.FanOut != 0 {
		text += fmt.Sprintf(" fan %d %d", i.FanIn, i.FanOut)
	}
	if i.Stream != 0 {
		text += fmt.Sprintf(" stream %#x", i.Stream)
	}
	if i.Of != "" {
		text += " of " + nameText(i.Of)
	}
	if i.Offset != 0 || i.Columns != 0 {
		text += fmt.Sprintf(" columns %d %d", i.Offset, i.Columns)
	}
	if i.Shape != nil {
		text += " shape " + shapeText(i.Shape)
	}
	return text
}

func (w *planWriter) kernel(k *Kernel) {
	text := "kernel " + nameText(k.Name) + w.parameters(k)
	if k.ByBatch {
		text += " by batch"
	}
	if k.Flops != 0 || k.Bytes != 0 {
		text += fmt.Sprintf(" cost %d %d", k.Flops, k.Bytes)
	}
	if k.From != "" {
		text += "  # " + ir.NoteText(k.From)
	}
	w.line("%s", text)
	w.indent++
	w.body(k.Body)
	w.indent--
}

// parameters lists the buffers that a kernel reads and writes, each in order of first use: "(h1, l2.V -> t1)".
func (w *planWriter) parameters(k *Kernel) string {
	read, written := k.Buffers()
	text := "("
	for i, b := range read {
		if i > 0 {
			text += ", "
		}
		text += w.buffer(b)
	}
	if len(read) > 0 {
		text += " "
	}
	text += "->"
	for i, b := range written {
		if i > 0 {
			text += ","
		}
		text += " " + w.buffer(b)
	}
	return text + ")"
}

func (w *planWriter) list(l List) {
	w.line("list %s", nameText(l.Name))
	w.indent++
	for i := 0; i < len(l.Steps); {
		text := fmt.Sprintf("%d:", l.Steps[i].Level)
		for level := l.Steps[i].Level; i < len(l.Steps) && l.Steps[i].Level == level; i++ {
			name := fmt.Sprintf(`"no kernel %d"`, l.Steps[i].Kernel)
			if k := l.Steps[i].Kernel; k >= 0 && k < len(w.plan.Kernels) {
				name = nameText(w.plan.Kernels[k].Name)
			}
			text += " " + name
		}
		w.line("%s", text)
	}
	w.indent--
}

func (w *planWriter) body(body []Stmt) {
	for _, s := range body {
		w.stmt(s)
	}
}

func (w *planWriter) within(body []Stmt) {
	w.indent++
	w.body(body)
	w.indent--
}

func (w *planWriter) stmt(s Stmt) {
	switch s := s.(type) {
	case *Loop:
		w.line("%s %s in %d", s.Mark, nameText(s.Var), s.Extent)
		w.within(s.Body)
	case *Where:
		num := s.Num.String()
		if s.Div != 1 || s.Floor {
			num = fmt.Sprintf("(%s) / %d", num, s.Div)
			if s.Floor {
				num = "floor " + num
			}
		}
		w.line("where %s = %s in %d", nameText(s.Var), num, s.Extent)
		w.within(s.Body)
	case *Seek:
		w.line("seek %s in %d = %s", nameText(s.Var), s.Extent, w.value(s.Value))
	case *Let:
		w.line("let %s = %s", nameText(s.Var), w.value(s.Value))
	case *Assign:
		w.line("%s %s %s", nameText(s.Var), s.How, w.value(s.Value))
	case *Store:
		w.line("store %s%s %s %s", w.buffer(s.Buffer), indicesText(s.Index), s.How, w.value(s.Value))
	case *Prefetch:
		word := "prefetch"
		if s.Own {
			word = "own"
		}
		w.line("%s %s%s", word, w.buffer(s.Buffer), indicesText(s.Index))
	case *Draw:
		w.line("draw%s = stream %#x row %s block %s", words(s.Vars[:], " "), s.Stream, s.Row, s.Block)
	default:
		w.line("?%T", s)
	}
}

// buffer is the name of a buffer of the plan.
func (w *planWriter) buffer(i int) string {
	if i < 0 || i >= len(w.plan.Buffers) {
		return fmt.Sprintf(`"no buffer %d"`, i)
	}
	return nameText(w.plan.Buffers[i].Name)
}

func (w *planWriter) value(v Value) string {
	if !wellFormed(v.Expr) {
		return "?"
	}
	return v.Expr.Format(func(i int) string {
		if i >= len(v.Operands) {
			return fmt.Sprintf("$%d", i)
		}
		return w.operand(v.Operands[i])
	})
}

func (w *planWriter) operand(o Operand) string {
	switch o.Kind {
	case Load:
		return w.buffer(o.Buffer) + indicesText(o.Index)
	case Position:
		text := indicesText(o.Index)
		return "#(" + text[1:len(text)-1] + ")"
	}
	return nameText(o.Var)
}

func indicesText(index []Index) string {
	text := "["
	for i, x := range index {
		if i > 0 {
			text += ", "
		}
		text += x.String()
	}
	return text + "]"
}

// String writes the position as "2*i+k-1".
func (x Index) String() string {
	text := ""
	for _, t := range x.Terms {
		switch {
		case t.Coef == 1 && text == "":
			text += nameText(t.Var)
		case t.Coef == 1:
			text += "+" + nameText(t.Var)
		case t.Coef == -1:
			text += "-" + nameText(t.Var)
		case t.Coef < 0 || text == "":
			text += fmt.Sprintf("%d*%s", t.Coef, nameText(t.Var))
		default:
			text += fmt.Sprintf("+%d*%s", t.Coef, nameText(t.Var))
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
