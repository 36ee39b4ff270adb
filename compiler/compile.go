// Package compiler turns a checked program into kernels and a plan: it lowers equations to a tensor program, runs the passes of
// one table over it, builds kernels, and runs the passes of another over those. It knows spaces and relations; not text, C or SPIR-V, and no rule
// by name.
package compiler

import (
	"fmt"

	"bnetc/ir/kernel"
	"bnetc/ir/tensor"
	"bnetc/lang/check"
)

// A Remark is what a pass did, or declined to do and why; `bnetc explain` prints them.
type Remark struct{ Pass, Subject, Text string }

type program interface {
	Verify() error
	String() string
}

type pass[P program] struct {
	name, does string
	run        func(P, *Target) []Remark
}

// The passes, in the order they run. A pass changes the program in place and returns what it did; the program is verified after each.
var (
	tensorPasses = []pass[*tensor.Program]{
		{"differentiate", "replaces each minimized loss by its gradient", differentiate},
		{"share", "computes equal values once", share},
		{"simplify", "merges element-wise steps and drops what nothing needs", simplify},
		{"split", "gives each list of kernels its own copy of what it computes, and each update its own sums over the batch", split},
		{"fuse", "decides which values share a kernel", fuse},
	}
	kernelPasses = []pass[*kernel.Plan]{
		{"order", "finds the levels between which a barrier is needed", order},
		{"narrow", "stores what travels between kernels in 16 bits, where the program asks for it", narrow},
		{"place", "lets buffers share memory that are not needed at the same time", place},
	}
)

// A Compilation is everything the compiler found out about a program for a target.
type Compilation struct {
	Source  *check.Program
	Tensor  *tensor.Program // after the last tensor pass
	Plan    *kernel.Plan
	Remarks []Remark
	Stages  []Stage // the program's text as lowered and after each pass
}

// A Stage is a program's text behind a pass.
type Stage struct{ Name, Text string }

// Compile compiles a checked program for a batch size and a target. An error is a bug of the compiler, since the checker has let the
// program through; it names the pass and carries the program's text.
func Compile(p *check.Program, batch int, t Target) (*Compilation, error) {
	c := &Compilation{Source: p, Tensor: lower(p, batch)}
	return c, c.finish(&t, storage(p.Train.Precision))
}

// finish takes a lowered program through both tables of passes, to kernels of a precision.
func (c *Compilation) finish(t *Target, precision kernel.Type) error {
	if err := verify("lower", c.Tensor); err != nil {
		return err
	}
	c.stage("lowered", c.Tensor)
	if err := run(c, tensorPasses, c.Tensor, t); err != nil {
		return err
	}
	plan, remarks, err := build(c.Tensor, t, precision)
	if err != nil {
		return err
	}
	c.Plan = plan
	c.note("build", remarks) // a plan verifies once the order pass has given its steps their levels
	return run(c, kernelPasses, plan, t)
}

func run[P program](c *Compilation, passes []pass[P], p P, t *Target) error {
	for _, ps := range passes {
		c.note(ps.name, ps.run(p, t))
		if err := verify(ps.name, p); err != nil {
			return err
		}
		c.stage(ps.name, p)
	}
	return nil
}

func (c *Compilation) note(name string, remarks []Remark) {
	for _, r := range remarks {
		r.Pass = name
		c.Remarks = append(c.Remarks, r)
	}
}

func (c *Compilation) stage(name string, p program) {
	c.Stages = append(c.Stages, Stage{name, p.String()})
}

func verify(name string, p program) error {
	if err := p.Verify(); err != nil {
		return fmt.Errorf("bug in pass %s: %w\n%s", name, err, p.String())
	}
	return nil
}
