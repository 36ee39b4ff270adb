package check

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// String is the checked program as text: layers, maps with the shapes of their parameters, the equations as instantiated with the space
// that each lives in, and what is trained by which group of optimizers.
func (p *Program) String() string {
	var b strings.Builder
	table := func(rows func(w *tabwriter.Writer)) {
		var t strings.Builder
		w := tabwriter.NewWriter(&t, 2, 0, 2, ' ', 0)
		rows(w)
		w.Flush()
		for line := range strings.Lines(t.String()) {
			b.WriteString(strings.TrimRight(line, " \n") + "\n")
		}
	}
	table(func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "input\t%s\n", p.Input.Text())
		for _, l := range p.Layers {
			aux := ""
			if l.Aux != nil {
				aux = fmt.Sprintf("and %d auxiliary, %s", l.Aux.Units, l.Aux.Function.Text())
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, l.Shape.Text(), l.Function.Text(), aux)
		}
	})
	b.WriteString("\n")
	table(func(w *tabwriter.Writer) {
		for _, m := range p.Maps {
			fmt.Fprintf(w, "%s\t%s\n", m.Name, m.parametersText())
		}
	})
	b.WriteString("\n")
	table(func(w *tabwriter.Writer) {
		for _, v := range p.Values {
			fmt.Fprintf(w, "%s\t: %s\t%s\n", v.Text, p.SpaceText(v.Expr.Space), v.From)
		}
		for _, g := range p.Goals {
			group := "forward"
			if g.Inverse {
				group = "inverse"
			}
			fmt.Fprintf(w, "%s\t: %s\t%s\n", g.Text, group, g.From)
		}
		for _, m := range p.Measures {
			fmt.Fprintf(w, "measure %s\t: %s\t%s\n", m.Text, p.SpaceText(m.Expr.Space), m.From)
		}
	})
	return b.String()
}

// Text is a nonlinearity as it is written: tanh, leaky_relu(0.1).
func (f Function) Text() string {
	if len(f.Args) == 0 {
		return f.Name
	}
	var args []string
	for _, a := range f.Args {
		args = append(args, fmt.Sprint(a))
	}
	return f.Name + "(" + strings.Join(args, ", ") + ")"
}

// parametersText names a map's tensors with their shapes: l1.W[5,7] l1.b[5].
func (m *Map) parametersText() string {
	tensor := func(name string, shape []int) string {
		return name + strings.ReplaceAll(fmt.Sprint(shape), " ", ",")
	}
	text := tensor(m.Weight, m.WeightShape)
	if m.Bias != "" {
		text += " " + tensor(m.Bias, m.BiasShape)
	}
	if m.Fixed {
		text += " fixed"
	}
	return text
}

// SpaceText is a space in few words: "l2 4x4x64", "y 10+512", "weights of f[l1]".
func (p *Program) SpaceText(s Space) string {
	switch s.Kind {
	case Scalar:
		return "a number"
	case PerSample:
		return "a number per sample"
	case Weights:
		return "weights of " + s.Map.Name
	}
	if s.Layer < 0 {
		return fmt.Sprintf("%s %d auxiliary", p.LayerName(-s.Layer), p.Layers[-s.Layer-1].Aux.Units)
	}
	if s.Layer == 0 {
		return "x " + p.Input.Text()
	}
	text := p.LayerName(s.Layer) + " " + p.Layers[s.Layer-1].Shape.Text()
	if s.Kind == Composite {
		text += fmt.Sprintf("+%d", p.Layers[s.Layer-1].Aux.Units)
	}
	return text
}

// LayerName is the name of layer l, x for the input, and the number where there is no such layer.
func (p *Program) LayerName(l int) string {
	switch {
	case l == 0:
		return "x"
	case l < 0 || l > len(p.Layers):
		return fmt.Sprint(l)
	}
	return p.Layers[l-1].Name
}

// shape is that of layer l's activities, or of the input, layer 0.
func (p *Program) shape(l int) Shape {
	if l == 0 {
		return p.Input
	}
	return p.Layers[l-1].Shape
}

// activity is the space of layer l's activities: composite where the output has auxiliary units.
func (p *Program) activity(l int) Space {
	if l > 0 && p.Layers[l-1].Aux != nil {
		return Space{Kind: Composite, Layer: l}
	}
	return Space{Kind: Activity, Layer: l}
}
