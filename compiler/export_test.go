package compiler

import (
	"fmt"
	"slices"

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
