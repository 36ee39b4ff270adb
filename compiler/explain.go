package compiler

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
	"bnetc/lang/check"
)

// Explain is the program in words: layers with shapes and parameter counts, the rule's equations as instantiated, the defaults in force, what each
// pass did, the kernels with their arithmetic and bytes, and the memory that a run will hold.
func (c *Compilation) Explain() string {
	var b strings.Builder
	c.explainNetwork(&b)
	c.explainRule(&b)
	c.explainPasses(&b)
	c.explainKernels(&b)
	c.explainMemory(&b)
	return b.String()
}

func (c *Compilation) explainNetwork(b *strings.Builder) {
	p := c.Source
	fmt.Fprintf(b, "network %s, batch %d\n\n", p.Name, c.Plan.Batch)
	w := tabwriter.NewWriter(b, 2, 0, 3, ' ', 0)
	fmt.Fprintf(w, "  layer\tshape\tconnectivity\tnonlinearity\tparameters\n")
	fmt.Fprintf(w, "  input\t%s\t\t\t\n", shapeText(p.Input))
	total := 0
	for _, l := range p.Layers {
		own, how := 0, "pooling"
		if l.F != nil {
			own, how = mapParameters(l.F), connectivityText(l.F.Conn)
		}
		if l.Aux != nil {
			own += mapParameters(l.Aux.F)
			how += fmt.Sprintf(", %d auxiliary units", l.Aux.Units)
		}
		total += own
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", l.Name, shapeText(l.Shape), how, l.Function.Name, thousands(own))
	}
	w.Flush()
	fmt.Fprintf(b, "\n  %s parameters in the layers", thousands(total))
	others := map[check.MapKind]int{}
	for _, m := range p.Maps {
		if m.Kind != check.ForwardMap && m.Kind != check.AuxMap {
			others[m.Kind] += mapParameters(m)
		}
	}
	if n := others[check.InverseMap]; n > 0 {
		fmt.Fprintf(b, ", %s in inverses", thousands(n))
	}
	if n := others[check.FeedbackLike] + others[check.FeedbackDirect]; n > 0 {
		fmt.Fprintf(b, ", %s in fixed feedback", thousands(n))
	}
	b.WriteString("\n\n")
}

func mapParameters(m *check.Map) int {
	if m.Exact {
		return 0
	}
	n := units(m.WeightShape)
	if m.Bias != "" {
		n += units(m.BiasShape)
	}
	return n
}

func shapeText(s check.Shape) string {
	if s.H == 1 && s.W == 1 {
		return fmt.Sprint(s.C)
	}
	return fmt.Sprintf("%dx%dx%d", s.H, s.W, s.C)
}

func connectivityText(c check.Connectivity) string {
	if c.Dense {
		return "all"
	}
	sharing := fmt.Sprintf("tiles of %dx%d share", c.TileH, c.TileW)
	switch {
	case c.TileH == 1 && c.TileW == 1:
		sharing = "untied"
	case c.TileH >= c.Out.H && c.TileW >= c.Out.W:
		sharing = "shared"
	}
	return fmt.Sprintf("field %dx%d stride %dx%d, %s", c.Field.KH, c.Field.KW, c.Field.StrideH, c.Field.StrideW, sharing)
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (c *Compilation) explainRule(b *strings.Builder) {
	p := c.Source
	fmt.Fprintf(b, "rule %s", p.Rule)
	var settings []string
	for _, s := range p.Params {
		settings = append(settings, fmt.Sprintf("%s = %v", s.Name, s.Value))
	}
	if p.Inverse.Name != "" {
		settings = append(settings, "schedule = "+map[check.Schedule]string{check.Parallel: "parallel", check.Alternating: "alternating"}[p.Schedule])
	}
	if len(settings) > 0 {
		fmt.Fprintf(b, "(%s)", strings.Join(settings, ", "))
	}
	b.WriteString("\n\n")
	w := tabwriter.NewWriter(b, 2, 0, 3, ' ', 0)
	for _, v := range p.Values {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", v.Text, c.spaceText(v.Expr.Space), v.From)
	}
	for _, g := range p.Goals {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", g.Text, c.optimizerText(g), g.From)
	}
	w.Flush()
	b.WriteString("\n")
}

func (c *Compilation) spaceText(s check.Space) string {
	switch s.Kind {
	case check.Activity, check.Composite:
		if s.Layer == 0 {
			return "x " + shapeText(c.Source.Input)
		}
		l := c.Source.Layers[s.Layer-1]
		text := l.Name + " " + shapeText(l.Shape)
		if s.Kind == check.Composite && l.Aux != nil {
			text += fmt.Sprintf("+%d", l.Aux.Units)
		}
		return text
	case check.Weights:
		return "weights of " + s.Map.Name
	case check.PerSample:
		return "a number per sample"
	}
	return "a number"
}

func (c *Compilation) optimizerText(g *check.Goal) string {
	o := c.Source.Forward
	if g.Inverse {
		o = c.Source.Inverse
	}
	var hyper []string
	for _, h := range o.Hyper {
		hyper = append(hyper, fmt.Sprintf("%s = %v", h.Name, h.Value))
	}
	return fmt.Sprintf("%s(%s)", o.Name, strings.Join(hyper, ", "))
}

func (c *Compilation) explainPasses(b *strings.Builder) {
	b.WriteString("passes\n\n")
	w := tabwriter.NewWriter(b, 2, 0, 3, ' ', 0)
	say := func(name, does string) {
		fmt.Fprintf(w, "  %s\t%s\t\n", name, does)
		for _, r := range c.Remarks {
			if r.Pass == name {
				fmt.Fprintf(w, "  \t  %s: %s\t\n", r.Subject, r.Text)
			}
		}
	}
	for _, p := range tensorPasses {
		say(p.name, p.does)
	}
	say("build", "makes a kernel of every group of values")
	for _, p := range kernelPasses {
		say(p.name, p.does)
	}
	w.Flush()
	b.WriteString("\n")
}

func (c *Compilation) explainKernels(b *strings.Builder) {
	for _, l := range c.Plan.Lists {
		var flops, bytes int64
		fmt.Fprintf(b, "list %q\n\n", l.Name)
		w := tabwriter.NewWriter(b, 2, 0, 3, ' ', 0)
		fmt.Fprintf(w, "  level\tkernel\tover\tMFLOP\tKiB\tfrom\n")
		for _, s := range l.Steps {
			k := c.Plan.Kernels[s.Kernel]
			over := "units"
			if k.ByBatch {
				over = "batch"
			}
			fmt.Fprintf(w, "  %d\t%s\t%s\t%.2f\t%d\t%s\n", s.Level, k.Name, over, float64(k.Flops)/1e6, k.Bytes>>10, k.From)
			flops += k.Flops
			bytes += k.Bytes
		}
		w.Flush()
		fmt.Fprintf(b, "\n  %.1f MFLOP and %s a run\n\n", float64(flops)/1e6, BytesText(bytes))
	}
}

// Memory is what a run of a plan holds, in bytes.
type Memory struct{ Parameters, States, Activities, Inputs int64 }

// Peak is all of it.
func (m Memory) Peak() int64 { return m.Parameters + m.States + m.Activities + m.Inputs }

// String is the parts and the peak.
func (m Memory) String() string {
	return fmt.Sprintf("parameters %s, optimizer state %s, activities %s, inputs %s; peak %s",
		BytesText(m.Parameters), BytesText(m.States), BytesText(m.Activities), BytesText(m.Inputs), BytesText(m.Peak()))
}

// MemoryOf adds up a plan's buffers; temporaries count once for the arena they share.
func MemoryOf(p *kernel.Plan) Memory {
	var m Memory
	for _, buf := range p.Buffers {
		n := 4 * int64(units(buf.Shape))
		switch buf.Kind {
		case kernel.Weight, kernel.Constant:
			m.Parameters += n
		case kernel.State:
			m.States += n
		case kernel.Temp:
			m.Activities = max(m.Activities, 4*int64(buf.Offset)+n)
		default:
			m.Inputs += n
		}
	}
	return m
}

func (c *Compilation) explainMemory(b *strings.Builder) {
	fmt.Fprintf(b, "memory: %s\n", MemoryOf(c.Plan))
}

// Summary is the numbers of a plan that must not get worse, for golden files: kernels, levels, arithmetic and bytes of each list, and memory.
func (c *Compilation) Summary() string {
	var b strings.Builder
	for _, l := range c.Plan.Lists {
		var flops, bytes int64
		levels := 0
		for _, s := range l.Steps {
			k := c.Plan.Kernels[s.Kernel]
			flops, bytes, levels = flops+k.Flops, bytes+k.Bytes, max(levels, s.Level+1)
		}
		fmt.Fprintf(&b, "%s: kernels %d, levels %d, flops %d, bytes %d\n", l.Name, len(l.Steps), levels, flops, bytes)
	}
	m := MemoryOf(c.Plan)
	fmt.Fprintf(&b, "memory: parameters %d, states %d, activities %d\n", m.Parameters, m.States, m.Activities)
	gradients := 0
	for _, n := range c.Tensor.Nodes {
		if n.Op == tensor.Linear && n.Fuse == "" {
			gradients++
		}
	}
	fmt.Fprintf(&b, "products outside a kernel: %d\n", gradients)
	return b.String()
}
