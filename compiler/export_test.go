package compiler

import (
	"fmt"
	"slices"
	"strings"

	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
)

// PassNames are both tables' passes, in their order.
func PassNames() (names []string) {
	for _, p := range tensorPasses {
		names = append(names, p.name)
	}
	for _, p := range kernelPasses {
		names = append(names, p.name)
	}
	return names
}

// RunPass runs one pass of either table on a program's text; what comes out has been verified.
func RunPass(name, text string, t Target) (after string, remarks []Remark, err error) {
	if i := slices.IndexFunc(tensorPasses, func(p pass[*tensor.Program]) bool { return p.name == name }); i >= 0 {
		return runText(tensorPasses[i], text, tensor.Parse, &t)
	}
	if i := slices.IndexFunc(kernelPasses, func(p pass[*kernel.Plan]) bool { return p.name == name }); i >= 0 {
		return runText(kernelPasses[i], text, kernel.Parse, &t)
	}
	return "", nil, fmt.Errorf("no pass %q", name)
}

func runText[P program](ps pass[P], text string, parse func(string) (P, error), t *Target) (string, []Remark, error) {
	p, err := parse(text)
	if err != nil {
		return "", nil, err
	}
	remarks := ps.run(p, t)
	return p.String(), remarks, verify(ps.name, p)
}

// Summary is the numbers of a plan that must not get worse, for golden files: kernels, levels, barriers, arithmetic and bytes of each list, memory, and
// how many params learn from a gradient that is never stored.
func (c *Compilation) Summary() string {
	var b strings.Builder
	for i := range c.Plan.Lists {
		l := &c.Plan.Lists[i]
		k := CostOf(c.Plan, l)
		fmt.Fprintf(&b, "%s: kernels %d, levels %d, barriers %d, flops %d, bytes %d\n", l.Name, k.Kernels, k.Levels, k.Levels-1, k.Flops, k.Bytes)
	}
	m := MemoryOf(c.Plan)
	fmt.Fprintf(&b, "memory: parameters %d, states %d, activities %d, inputs %d, peak %d\n", m.Parameters, m.States, m.Activities, m.Inputs, m.Peak())
	learned, fused := 0, 0
	for _, n := range c.Tensor.Nodes {
		if n.Op == tensor.Update && n.Args[0].Param.Kind == tensor.Weight {
			learned++
			if n.Args[1].Fuse == n.Fuse {
				fused++
			}
		}
	}
	fmt.Fprintf(&b, "gradients: %d, stored %d\n", learned, learned-fused)
	return b.String()
}
