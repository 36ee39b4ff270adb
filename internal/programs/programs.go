// Package programs is the one table of programs that every backend must compute as the reference executor does: every rule of
// stdlib with every nonlinearity, schedule, connectivity and optimizer, at sizes and batches that break things. It knows the language and
// the compiler; not which backend runs a program. A backend's test is
//
//	func TestAgree(t *testing.T) { programs.Agree(t, myBackend, myTarget, programs.All()) }
package programs

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bnetc/backend"
	"bnetc/backend/backendtest"
	"bnetc/compiler"
	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/stdlib"
)

// A Program is a source text, complete with its batch size, under a name that says what it tries.
type Program struct{ Name, Text string }

// Check reads and checks the text. The table's own texts have no mistakes; the error of another names them.
func (p Program) Check() (*check.Program, error) {
	var l diag.List
	name := p.Name + ".bnet"
	read := func(file string) ([]byte, error) {
		if file != name {
			return nil, fs.ErrNotExist
		}
		return []byte(p.Text), nil
	}
	checked := check.Check(check.Load(name, read, stdlib.FS, &l), compiler.Tables(), &l)
	if l.HasErrors() || checked == nil {
		var b strings.Builder
		l.Render(&b)
		return nil, fmt.Errorf("program %s:\n%s\n%s", p.Name, p.Text, b.String())
	}
	return checked, nil
}

// Compile compiles the program for a target, at its own batch size.
func (p Program) Compile(t compiler.Target) (*compiler.Compilation, error) {
	checked, err := p.Check()
	if err != nil {
		return nil, err
	}
	c, err := compiler.Compile(checked, checked.Train.Batch, t)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", p.Name, err)
	}
	return c, nil
}

// Seed is the seed that the cases draw their noise with: all four of its settings say something.
const Seed = 0x0123_4567_89ab_cdef

// Case is a compiled program as backendtest runs it: the settings of its steps, and how near a backend must come.
func Case(c *compiler.Compilation) backendtest.Case {
	tolerance := backendtest.Tolerance
	for _, o := range []check.Optimizer{c.Source.Forward, c.Source.Inverse} {
		if o.Name == "adam" || o.Name == "rmsprop" {
			tolerance = backendtest.AdaptiveTolerance
		}
	}
	return backendtest.Case{
		Plan: c.Plan, Tolerance: tolerance, Seed: 1,
		Settings: func(step int) []float64 { return vector(c.Plan, Settings(c.Source, step)) },
	}
}

// Settings are the scalars of one step by name, step counting from 1: the rule's parameters, seed and step of the noise, and what the optimizers read.
func Settings(p *check.Program, step int) map[string]float64 {
	s := map[string]float64{"step0": float64(step - 1)}
	for _, param := range p.Params {
		s["learn."+param.Name] = param.Value
	}
	for k := range 4 {
		s[fmt.Sprintf("seed%d", k)] = float64(uint64(Seed) >> (16 * k) & 0xffff)
	}
	for group, o := range map[string]check.Optimizer{"forward": p.Forward, "inverse": p.Inverse} {
		row, ok := ir.FindOptimizer(o.Name)
		if !ok {
			continue // the rule trains nothing in this group
		}
		var hyper []float64
		for _, h := range row.Hyper {
			i := slices.IndexFunc(o.Hyper, func(s check.Setting) bool { return s.Name == h.Name })
			if i < 0 {
				hyper = append(hyper, h.Default)
			} else {
				hyper = append(hyper, o.Hyper[i].Value)
			}
		}
		names := row.Inputs()[2+len(row.State):]
		for i, v := range row.Scalars(hyper, step) {
			s[group+"."+names[i]] = v
		}
	}
	return s
}

// vector orders settings as the plan reads them.
func vector(p *kernel.Plan, settings map[string]float64) []float64 {
	out := make([]float64, len(p.Settings))
	for i, name := range p.Settings {
		out[i] = settings[name]
	}
	return out
}

// Agree compiles each program for a target and holds the backend against the reference executor (LEARNING.md section 8), each in a subtest of its name.
func Agree(t *testing.T, b backend.Backend, target compiler.Target, programs []Program) {
	for _, p := range programs {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			c, err := p.Compile(target)
			if err != nil {
				t.Fatal(err)
			}
			backendtest.Agree(t, b, Case(c))
		})
	}
}

// A Rule is a rule of stdlib under one schedule, with what its text asks of a program.
type Rule struct {
	Name, Schedule string
	Inverses       bool // learns inverses
	Aux            bool // needs auxiliary outputs
}

var (
	comments = regexp.MustCompile(`#.*`)
	inverses = regexp.MustCompile(`\binverse\b`)
	aux      = regexp.MustCompile(`\baux\b`)
)

// Rules are the rules of stdlib, each under every schedule that makes a difference to it.
func Rules() []Rule {
	files, err := fs.Glob(stdlib.FS, "*.bnet")
	if err != nil {
		panic("bug: " + err.Error())
	}
	var out []Rule
	for _, file := range files {
		text, err := fs.ReadFile(stdlib.FS, file)
		if err != nil {
			panic("bug: " + err.Error())
		}
		text = comments.ReplaceAll(text, nil)
		r := Rule{Name: strings.TrimSuffix(file, ".bnet"), Schedule: "parallel", Inverses: inverses.Match(text), Aux: aux.Match(text)}
		out = append(out, r)
		if r.Inverses {
			r.Schedule = "alternating"
			out = append(out, r)
		}
	}
	return out
}
