package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bnetc/compiler"
	"bnetc/dataset"
	"bnetc/ir"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/runtime"
	"bnetc/stdlib"
)

// A source is a program as a command was given it, with what the command line changes in it.
type source struct {
	Program string `arg:"" help:"A .bnet file, a bundle or a run folder." placeholder:"FILE.bnet"`
	changes
}

// changes are what a command line changes in a program.
type changes struct {
	Set   []string `help:"Change a setting of the program; repeatable. An unknown path lists those there are." placeholder:"PATH=VALUE" sep:"none"`
	Batch count    `help:"Samples of a batch: train.batch." placeholder:"N"`
}

// load checks the program. Diagnostics go to standard error.
func (s *source) load() (*check.Program, error) { return load(s.Program, s.said()) }

// said is the settings PATH=VALUE.
func (c *changes) said() []string {
	if c.Batch == 0 {
		return c.Set
	}
	return append(slices.Clone(c.Set), fmt.Sprintf("train.batch=%d", c.Batch))
}

// load checks a program with settings PATH=VALUE. Diagnostics go to standard error.
func load(program string, set []string) (*check.Program, error) {
	path, err := textOf(program)
	if err != nil {
		return nil, err
	}
	var l diag.List
	p := checkInto(path, set, &l)
	l.Render(os.Stderr)
	if p == nil {
		return nil, faultOf(&l, path, set)
	}
	return p, nil
}

// textOf is the file that a program's text lies in: the program itself, or the copy that a bundle or a run folder holds.
func textOf(program string) (string, error) {
	if !isDir(program) {
		return program, readable(program)
	}
	b, err := openBundle(program)
	if err != nil {
		return "", err
	}
	if b != nil {
		if err := b.intact(); err != nil {
			return "", err
		}
	}
	path := filepath.Join(program, runtime.SourceFile)
	if err := readable(path); err != nil {
		return "", fmt.Errorf("%s is neither a bundle nor a run folder: %w", program, err)
	}
	return path, nil
}

// faultOf is what diagnostics that were printed end a command with: a fault of the command line where all of them speak of --set, or the program is good without it;
// else of the program.
func faultOf(l *diag.List, path string, set []string) error {
	ofSet := func(d *diag.Diagnostic) bool {
		return d.Severity() != diag.Error || d.Code() == diag.BadSet || d.Code() == diag.UnknownSetting ||
			d.Where().File != nil && strings.HasPrefix(d.Where().File.Name, "--set")
	}
	all := !slices.ContainsFunc(l.Items(), func(d *diag.Diagnostic) bool { return !ofSet(d) })
	if all || len(set) > 0 && checkInto(path, nil, new(diag.List)) != nil {
		return diagnosed{statusUsage}
	}
	return diagnosed{statusFault}
}

// blame makes what is wrong with a setting a fault of the command line, where that set it.
func blame(err error, set []string) error {
	path := ""
	var batch *runtime.BatchError
	var data *dataset.Error
	switch {
	case errors.As(err, &batch):
		path = "train.batch"
	case errors.As(err, &data) && data.Step:
		path = "train.augment"
	}
	if path != "" && slices.ContainsFunc(set, func(s string) bool { return pathOf(s) == path }) {
		return usage{err.Error()}
	}
	return err
}

// pathOf is the PATH of PATH=VALUE.
func pathOf(set string) string {
	path, _, _ := strings.Cut(set, "=")
	return path
}

// checkInto checks the program in a file, with settings PATH=VALUE, and gives nil where a diagnostic is an error.
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

// runnable is what the runtime needs to know of a program.
func runnable(p *check.Program) *runtime.Program {
	text := check.Source(p)
	sum := sha256.Sum256([]byte(text))
	prog := &runtime.Program{
		Name: p.Name, Output: p.Layers[len(p.Layers)-1].Name, Source: text, Hash: hex.EncodeToString(sum[:8]),
		Alternating: p.Schedule == check.Alternating && p.Inverse.Name != "",
		LabelIsX:    p.TargetIsInput, Epochs: p.Train.Epochs, Seed: p.Train.Seed, KeepLast: p.Train.KeepLast, LogEvery: p.Train.LogEvery,
		Params: settings(p.Params),
	}
	for _, g := range []struct {
		name      string
		optimizer check.Optimizer
	}{{"forward", p.Forward}, {"inverse", p.Inverse}} {
		if o := g.optimizer; o.Name != "" {
			prog.Groups = append(prog.Groups, runtime.Group{Name: g.name, Optimizer: o.Name, Decay: o.Decay, Hyper: settings(o.Hyper)})
		}
	}
	if p.Report != nil {
		prog.Notes = append(prog.Notes, runtime.Note{Title: "Biological plausibility", Text: p.Report.String()})
	}
	return prog
}

func settings(list []check.Setting) []runtime.Setting {
	var out []runtime.Setting
	for _, s := range list {
		out = append(out, runtime.Setting{Name: s.Name, Value: s.Value})
	}
	return out
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

// readable says plainly that a path is not there or may not be read, before anything else looks at it.
func readable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file or folder%s", path, meant(path))
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// meant asks whether a path that is not there was to be another one.
func meant(path string) string {
	near := nearest(path)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", near)
}

// nearest is what is there that a path may have meant: with names, in each of its folders, that are like its own but for a program's ending; "" for nothing.
func nearest(path string) string {
	dir, word := filepath.Split(path)
	if dir != "" && !isDir(dir) {
		if dir = nearest(filepath.Clean(dir)); dir == "" {
			return ""
		}
		dir += string(filepath.Separator)
		if _, err := os.Stat(dir + word); err == nil {
			return dir + word
		}
	}
	entries, _ := os.ReadDir(filepath.Clean(dir)) // a folder that cannot be read has nothing to offer
	var names []string
	whole := map[string]string{}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".bnet")
		names, whole[name] = append(names, name), e.Name()
	}
	if near := diag.Nearest(strings.TrimSuffix(word, ".bnet"), names); near != "" {
		return dir + whole[near]
	}
	return ""
}
