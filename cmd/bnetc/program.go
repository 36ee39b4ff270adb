package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bnetc/compiler"
	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/runtime"
	"bnetc/stdlib"
)

// A source is a program as a command was given it: a .bnet file, or a bundle's or run's copy of one.
type source struct {
	Program string   `arg:"" help:"A .bnet file." placeholder:"FILE.bnet"`
	Set     []string `help:"Change a setting of the program; repeatable." placeholder:"PATH=VALUE" sep:"none"`
}

// checkProgram loads and checks a program, printing diagnostics to standard error; the error is diagnosed where there were any.
func checkProgram(path string, set []string) (*check.Program, error) {
	var l diag.List
	p := checkInto(path, set, &l)
	l.Render(os.Stderr)
	if p == nil {
		return nil, diagnosed
	}
	return p, nil
}

func checkInto(path string, set []string, l *diag.List) *check.Program {
	opts := compiler.Tables()
	opts.Set = set
	files := check.Load(path, os.ReadFile, stdlib.FS, l)
	if len(files) == 0 || files[0].Source.Name != path {
		return nil
	}
	return check.Check(files, opts, l)
}

// baseName is the name that a run of a file goes by.
func baseName(path string) string {
	name := filepath.Base(filepath.Clean(path))
	for _, suffix := range []string{".bnet", ".bnetx"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// compiled compiles a checked program for a target.
func compiled(p *check.Program, t *target, threads int) (*compiler.Compilation, error) {
	return compiler.Compile(p, p.Train.Batch, t.machine(threads))
}

// runnable is what the runtime needs of a program and its plan.
func runnable(p *check.Program, plan *kernel.Plan, t *target, threads int) *runtime.Program {
	text := check.Source(p)
	sum := sha256.Sum256([]byte(text))
	prog := &runtime.Program{
		Name: p.Name, Source: text, Hash: hex.EncodeToString(sum[:8]), Plan: plan,
		ForBatch: func(batch int) (*kernel.Plan, error) {
			c, err := compiler.Compile(p, batch, t.machine(threads))
			if err != nil {
				return nil, err
			}
			return c.Plan, nil
		},
		Alternating: p.Schedule == check.Alternating && p.Inverse.Name != "",
		LabelIsX:    p.TargetIsInput, Epochs: p.Train.Epochs, Seed: p.Train.Seed, KeepLast: p.Train.KeepLast, LogEvery: p.Train.LogEvery,
	}
	for _, s := range p.Params {
		prog.Params = append(prog.Params, runtime.Setting{Name: s.Name, Value: s.Value})
	}
	for name, o := range map[string]check.Optimizer{"forward": p.Forward, "inverse": p.Inverse} {
		if o.Name == "" {
			continue
		}
		g := runtime.Group{Name: name, Optimizer: o.Name, Decay: o.Decay}
		for _, h := range o.Hyper {
			g.Hyper = append(g.Hyper, runtime.Setting{Name: h.Name, Value: h.Value})
		}
		prog.Groups = append(prog.Groups, g)
	}
	slices.SortFunc(prog.Groups, func(a, b runtime.Group) int { return strings.Compare(a.Name, b.Name) })
	if p.Report != nil {
		prog.Notes = append(prog.Notes, runtime.Note{Title: "Biological plausibility", Text: p.Report.String()})
	}
	return prog
}

// stream keys the generator for one use.
func stream(seed uint64, use string) func([4]uint32) [4]uint32 {
	key := ir.PhiloxKey(seed, ir.Stream(use))
	return func(counter [4]uint32) [4]uint32 { return ir.Philox(key, counter) }
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// mustExist says plainly that a path is not there, before anything else looks at it.
func mustExist(path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s: no such file or folder", path)
	}
	return nil
}
