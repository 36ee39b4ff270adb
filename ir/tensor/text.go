package tensor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bnetc/ir"
)

// String writes the program as text, which Parse reads back; the stamps Program.Pass and From are no part of it. N is the batch. A
// value goes by its name, or by its number where it has none or shares it. Passes stand where they change; the line that
// asked for a node stands behind it, after the kernel it was fused into:
//
//	program small batch 4
//
//	relation r1 = { axes o 5, i 3; out [o]; in [i]; w [o, i]; shapes [5] [3] [5, 3] }
//
//	forward:
//	  x = input : [N, 3]
//	  l1.W = param weight glorot fan 3 5 stream 0x1f : [5, 3]   # l1
//	  %2 = linear apply r1 l1.W, x : [N, 5] @ step:f_l1   # l1
//	  h.l1 = map "tanh($0)" %2 : [N, 5]   # l1
//
//	update:
//	  …
//	  update minimize adam forward l1.W, %9, l1.W.m, l1.W.v   # sdtp.bnet:5
func (p *Program) String() string {
	w := newWriter(p)
	fmt.Fprintf(w, "program %s batch %d", nameText(p.Name), p.Batch)
	if p.Alternating {
		w.WriteString(" alternating")
	}
	w.WriteByte('\n')
	for i, r := range w.relations {
		if i == 0 {
			w.WriteByte('\n')
		}
		fmt.Fprintf(w, "relation r%d = %v\n", i+1, r)
	}
	for i, n := range p.Nodes {
		if n == nil {
			w.WriteString("  nil\n")
			continue
		}
		if i == 0 || p.Nodes[i-1] == nil || p.Nodes[i-1].Pass != n.Pass {
			pass := n.Pass
			if pass != "update" { // which reads as a pass before a colon
				pass = nameText(pass)
			}
			fmt.Fprintf(w, "\n%s:\n", pass)
		}
		w.node(i, n)
	}
	return w.Builder.String()
}

// The words of the text form, by their value.
var (
	reduceWords = []string{SumUnits: "sum_units", MaxUnits: "max_units", ArgMaxUnits: "argmax_units", SumBatch: "sum_batch",
		MaxWindow: "max_window", SumTrailing: "sum_trailing", ToMaxWindow: "to_max_window", FromMaxWindow: "from_max_window"}
	paramWords = []string{Weight: "weight", State: "state", Metric: "metric", Constant: "constant"}
	// reserved begin a line, and need quotes to stand for a name.
	reserved = []string{"program", "relation", "update"}
)

// String is the reduction's word: "sum_units".
func (k ReduceKind) String() string { return ir.WordOf(reduceWords, k) }

// String is the kind's word: "weight".
func (k ParamKind) String() string { return ir.WordOf(paramWords, k) }

func nameText(name string) string { return ir.NameText(name, reserved) }

type writer struct {
	strings.Builder
	relations []*ir.Relation
	named     map[*ir.Relation]int
	refs      map[*Node]string
	shared    map[string]int // how many nodes have a name
}

func newWriter(p *Program) *writer {
	w := &writer{named: map[*ir.Relation]int{}, refs: map[*Node]string{}, shared: map[string]int{}}
	for _, n := range p.Nodes {
		if n != nil {
			w.shared[n.Name]++
		}
	}
	for i, n := range p.Nodes {
		if n == nil {
			continue
		}
		w.refs[n] = fmt.Sprintf("%%%d", i)
		if n.Name != "" && w.shared[n.Name] == 1 {
			w.refs[n] = nameText(n.Name)
		}
		if n.Rel != nil {
			w.relation(n.Rel)
		}
	}
	return w
}

// relation gives a relation's number; equal ones share it.
func (w *writer) relation(r *ir.Relation) int {
	if i, ok := w.named[r]; ok {
		return i
	}
	i := slices.IndexFunc(w.relations, r.Equal)
	if i < 0 {
		i = len(w.relations)
		w.relations = append(w.relations, r)
	}
	w.named[r] = i + 1
	return i + 1
}

func (w *writer) node(position int, n *Node) {
	w.WriteString("  ")
	if n.Op != Update {
		w.WriteString(w.refs[n])
		if n.Name != "" && w.shared[n.Name] > 1 {
			w.WriteString(" " + nameText(n.Name))
		}
		w.WriteString(" = ")
	}
	w.WriteString(n.Op.String())
	switch n.Op {
	case Param:
		w.param(n.Param)
	case Linear:
		w.WriteString(" " + n.Role.String())
		w.rel(n)
	case Map:
		w.WriteString(` "`)
		if wellFormed(n.Expr) {
			w.WriteString(n.Expr.String())
		}
		w.WriteString(`"`)
	case Reduce:
		w.WriteString(" " + n.Kind.String())
		if n.Kind.Windowed() {
			w.rel(n)
		}
	case Random:
		fmt.Fprintf(w, " stream %#x", n.Stream)
	case Update:
		if n.Minimize {
			w.WriteString(" minimize")
		}
		w.WriteString(" " + nameText(n.Optimizer) + " " + nameText(n.Group))
	}
	for i, a := range n.Args {
		ref, ok := w.refs[a]
		if !ok {
			ref = "%?"
		}
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteString(" " + ref)
	}
	if n.Op != Update {
		w.WriteString(" : " + n.Type.String())
	}
	if n.Fuse != "" {
		w.WriteString(" @ " + fuseText(n.Fuse))
	}
	if n.From != "" {
		w.WriteString("   # " + ir.NoteText(n.From))
	}
	w.WriteByte('\n')
}

// fuseText is a kernel's name behind its list's, "step:f_l1".
func fuseText(fuse string) string {
	list, kernel, found := strings.Cut(fuse, ":")
	if !found {
		return nameText(fuse)
	}
	return nameText(list) + ":" + nameText(kernel)
}

func (w *writer) rel(n *Node) {
	if n.Rel == nil {
		w.WriteString(" r?")
		return
	}
	fmt.Fprintf(w, " r%d", w.named[n.Rel])
}

func (w *writer) param(i *ParamInfo) {
	if i == nil {
		w.WriteString(" ?")
		return
	}
	w.WriteString(" " + i.Kind.String() + " " + nameText(i.Init))
	if i.Scale != 0 {
		w.WriteString(" scale " + strconv.FormatFloat(i.Scale, 'g', -1, 64))
	}
	if i.FanIn != 0 || i.FanOut != 0 {
		fmt.Fprintf(w, " fan %d %d", i.FanIn, i.FanOut)
	}
	if i.Stream != 0 {
		fmt.Fprintf(w, " stream %#x", i.Stream)
	}
	if i.Part != (Part{}) {
		fmt.Fprintf(w, " of %s columns %d %d", nameText(i.Part.Of), i.Part.Offset, i.Part.Columns)
	}
}
