package compiler

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"bnetc/lang/check"
)

// Explain is the program in words: layers with shapes and parameter counts, the rule's equations as instantiated with the space that each lives in, the
// settings in force, what each pass did, the kernels with their arithmetic and bytes, and the memory that a run will hold.
func (c *Compilation) Explain() string {
	var b strings.Builder
	c.explainNetwork(&b)
	c.explainRule(&b)
	c.explainSettings(&b)
	c.explainPasses(&b)
	c.explainKernels(&b)
	for i := range c.Plan.Lists {
		l := &c.Plan.Lists[i]
		fmt.Fprintf(&b, "%s: %s\n", l.Name, CostOf(c.Plan, l))
	}
	fmt.Fprintf(&b, "memory: %s\n", MemoryOf(c.Plan))
	return b.String()
}

// table prints rows of cells that tabs separate as indented columns.
func table(b *strings.Builder, rows func(w io.Writer)) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 2, 0, 3, ' ', 0)
	rows(w)
	w.Flush()
	for line := range strings.Lines(text.String()) {
		b.WriteString(strings.TrimRight("  "+line, " \n") + "\n")
	}
	b.WriteString("\n")
}

func (c *Compilation) explainNetwork(b *strings.Builder) {
	p := c.Source
	fmt.Fprintf(b, "network %s, batch %d\n\n", p.Name, c.Plan.Batch)
	total := 0
	table(b, func(w io.Writer) {
		fmt.Fprintf(w, "layer\tshape\tconnectivity\tnonlinearity\tparameters\n")
		fmt.Fprintf(w, "input\t%s\t\t\t\n", p.Input.Text())
		below := p.Input
		for _, l := range p.Layers {
			own := 0
			if l.F != nil {
				own = mapParameters(l.F)
			}
			if l.Aux != nil {
				own += mapParameters(l.Aux.F)
			}
			total += own
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Name, l.Shape.Text(), layerText(l, below), l.Function.Text(), thousands(own))
			below = l.Shape
		}
	})
	fmt.Fprintf(b, "  %s parameters in the layers", thousands(total))
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

// layerText is how a layer is connected to the one below, and how it starts.
func layerText(l *check.Layer, below check.Shape) string {
	switch l.Kind {
	case check.MaxPool:
		return "pool max " + fieldText(l.Pool, below)
	case check.AveragePool:
		return "pool average " + fieldText(l.Pool, below)
	case check.Flatten:
		return "flatten"
	case check.Dropout:
		return fmt.Sprintf("dropout %g", l.Rate)
	}
	text := connectivityText(l.F.Conn)
	if l.Aux != nil {
		text += fmt.Sprintf(", aux %d %s", l.Aux.Units, l.Aux.Function.Text())
	}
	if l.F.Bias == "" {
		text += ", no_bias"
	}
	return text + ", init " + l.F.Init.Scheme
}

func connectivityText(c check.Connectivity) string {
	if c.Dense {
		return "all"
	}
	sharing := fmt.Sprintf("share tile %dx%d", c.TileH, c.TileW)
	switch {
	case c.Untied:
		sharing = "untied"
	case c.TileH >= c.Out.H && c.TileW >= c.Out.W:
		sharing = "shared"
	}
	return "field " + fieldText(c.Field, c.In) + ", " + sharing
}

// fieldText is a window over a shape in the words of the language.
func fieldText(f check.Field, in check.Shape) string {
	text := fmt.Sprintf("%dx%d", f.KH, f.KW)
	two := func(word string, h, w int) {
		switch {
		case h != w:
			text += fmt.Sprintf(" %s %dx%d", word, h, w)
		case h != 1:
			text += fmt.Sprintf(" %s %d", word, h)
		}
	}
	two("stride", f.StrideH, f.StrideW)
	two("dilation", f.DilH, f.DilW)
	if f.Groups > 1 {
		text += fmt.Sprintf(" groups %d", f.Groups)
	}
	pads := [4]int{f.PadTop, f.PadBottom, f.PadLeft, f.PadRight}
	top, bottom := samePad(in.H, f.KH, f.StrideH, f.DilH)
	left, right := samePad(in.W, f.KW, f.StrideW, f.DilW)
	switch pads {
	case [4]int{}:
		return text + " valid"
	case [4]int{top, bottom, left, right}:
		return text + " same"
	}
	return text + fmt.Sprintf(" pad %dx%dx%dx%d", pads[0], pads[1], pads[2], pads[3])
}

// samePad is the padding before and after an axis that `same` means: as many outputs as inputs over the stride, the smaller half before.
func samePad(in, k, stride, dilation int) (before, after int) {
	out := (in + stride - 1) / stride
	total := max((out-1)*stride+(k-1)*dilation+1-in, 0)
	return total / 2, total - total/2
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
	fmt.Fprintf(b, "rule %s\n\n", p.Rule)
	table(b, func(w io.Writer) {
		for _, v := range p.Values {
			fmt.Fprintf(w, "%s\t%s\t%s\n", v.Text, c.spaceText(v.Expr.Space), v.From)
		}
		for _, g := range p.Goals {
			group, o := "forward", p.Forward
			if g.Inverse {
				group, o = "inverse", p.Inverse
			}
			fmt.Fprintf(w, "%s\t%s %s\t%s\n", g.Text, group, o.Name, g.From)
		}
	})
}

func (c *Compilation) spaceText(s check.Space) string {
	switch s.Kind {
	case check.Activity, check.Composite:
		if s.Layer == 0 {
			return "x " + c.Source.Input.Text()
		}
		l := c.Source.Layers[s.Layer-1]
		text := l.Name + " " + l.Shape.Text()
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

// explainSettings lists every setting in force, those that the program does not write included.
func (c *Compilation) explainSettings(b *strings.Builder) {
	p := c.Source
	b.WriteString("settings in force\n\n")
	table(b, func(w io.Writer) {
		if len(p.Params) > 0 {
			fmt.Fprintf(w, "rule\t%s\n", settingsText(p.Params))
		}
		fmt.Fprintf(w, "forward\t%s\n", optimizerText(p.Forward))
		if p.Inverse.Name != "" {
			fmt.Fprintf(w, "inverse\t%s\n", optimizerText(p.Inverse))
			schedule := "parallel: both in every step"
			if p.Schedule == check.Alternating {
				schedule = "alternating: whole epochs in turn, the inverses first"
			}
			fmt.Fprintf(w, "schedule\t%s\n", schedule)
		}
		fmt.Fprintf(w, "train\t%s\n", trainText(p.Train))
	})
}

func settingsText(list []check.Setting) string {
	var words []string
	for _, s := range list {
		words = append(words, fmt.Sprintf("%s = %v", s.Name, s.Value))
	}
	return strings.Join(words, ", ")
}

func optimizerText(o check.Optimizer) string {
	return fmt.Sprintf("%s(%s, decay = %s)", o.Name, settingsText(o.Hyper), o.Decay)
}

func trainText(t check.Train) string {
	var words []string
	if t.Data != "" {
		words = append(words, "on "+t.Data)
	}
	words = append(words, fmt.Sprintf("batch %d", t.Batch), fmt.Sprintf("epochs %d", t.Epochs), fmt.Sprintf("seed %d", t.Seed))
	for _, s := range t.Steps {
		words = append(words, s.Name)
	}
	if t.KeepLast {
		words = append(words, "keep_last")
	}
	words = append(words, "precision "+t.Precision)
	return strings.Join(words, ", ")
}

func (c *Compilation) explainPasses(b *strings.Builder) {
	b.WriteString("passes\n\n")
	table(b, func(w io.Writer) {
		say := func(name, does string) {
			fmt.Fprintf(w, "%s\t%s\n", name, does)
			for _, r := range c.Remarks {
				if r.Pass == name {
					fmt.Fprintf(w, "\t  %s: %s\n", r.Subject, r.Text)
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
	})
}

func (c *Compilation) explainKernels(b *strings.Builder) {
	for _, l := range c.Plan.Lists {
		fmt.Fprintf(b, "list %q\n\n", l.Name)
		table(b, func(w io.Writer) {
			fmt.Fprintf(w, "level\tkernel\tover\tMFLOP\tKiB\tfrom\n")
			for _, s := range l.Steps {
				k := c.Plan.Kernels[s.Kernel]
				over := "units"
				if k.ByBatch {
					over = "batch"
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%.2f\t%d\t%s\n", s.Level, k.Name, over, float64(k.Flops)/1e6, k.Bytes>>10, k.From)
			}
		})
	}
}
