package check

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// Options is what the checker is told about the world beyond the text.
type Options struct {
	Functions  []FunctionInfo  // the nonlinearities there are
	Optimizers []OptimizerInfo // the optimizers there are
	Decays     []string        // the learning-rate schedules there are, the default first
	Precisions []string        // the precisions there are, the default first
	Largest    int             // how many numbers one tensor may have
	Set        []string        // PATH=VALUE of --set
}

// A FunctionInfo is a nonlinearity by name, with the names of its parameters.
type FunctionInfo struct {
	Name   string
	Params []string
	Output bool // looks at all units of a layer: an output's only (softmax)
}

// An OptimizerInfo is an optimizer by name, with its hyperparameters and their defaults.
type OptimizerInfo struct {
	Name  string
	Hyper []Setting
}

// libraryFolder begins the names of the library's files.
const libraryFolder = "stdlib/"

// Load parses a file, what it uses, and every rule file of std. The user's file comes first.
func Load(name string, read func(string) ([]byte, error), std fs.FS, l *diag.List) []*lang.File {
	ld := &loader{read: read, list: l, seen: map[string]bool{}}
	ld.load(name, diag.Span{})
	for _, f := range ld.files {
		f.Broken, f.Lost = f.Broken || ld.broken, f.Lost || ld.broken // what a missing file would have said is unknown
	}
	if std == nil {
		return ld.files
	}
	names, err := fs.Glob(std, "*.bnet")
	if err != nil {
		panic("bug: " + err.Error())
	}
	for _, n := range names {
		text, err := fs.ReadFile(std, n)
		if err != nil {
			panic("bug: " + err.Error())
		}
		ld.files = append(ld.files, lang.Parse(&diag.File{Name: libraryFolder + n, Text: string(text)}, l))
	}
	return ld.files
}

type loader struct {
	read  func(string) ([]byte, error)
	list  *diag.List
	seen  map[string]bool
	stack []string
	files []*lang.File

	broken bool
}

func (ld *loader) load(name string, from diag.Span) {
	if slices.Contains(ld.stack, name) {
		ld.list.Error(diag.UseCycle, from, name+" uses itself").Hint("move what both need into a third file")
		return
	}
	if ld.seen[name] {
		return
	}
	ld.seen[name] = true
	text, err := ld.read(name)
	if err != nil {
		ld.broken = true
		ld.list.Error(diag.UnreadableFile, from, fmt.Sprintf("cannot read %s: %v", name, unwrapped(err))).Hint("a path in `use` is relative to the file that says it, unless it begins with `/`")
		return
	}
	f := lang.Parse(&diag.File{Name: name, Text: string(text)}, ld.list)
	ld.files = append(ld.files, f)
	ld.stack = append(ld.stack, name)
	for _, u := range lang.Blocks[*lang.Use](f) {
		switch used := u.Path.Text; {
		case strings.TrimSpace(used) == "":
			ld.broken = true
			ld.list.Error(diag.UnreadableFile, u.Path.Span, "`use` names no file").Hint(`use "common.bnet"`)
		case path.IsAbs(used):
			ld.load(path.Clean(used), u.Path.Span)
		default:
			ld.load(path.Join(path.Dir(name), used), u.Path.Span)
		}
	}
	ld.stack = ld.stack[:len(ld.stack)-1]
}

func unwrapped(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return text
}

// overrides are the --set values by path.
type overrides struct {
	values map[string]string
	used   map[string]bool
	order  []string
}

func parseOverrides(set []string, l *diag.List) *overrides {
	o := &overrides{values: map[string]string{}, used: map[string]bool{}}
	for _, s := range set {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" || value == "" {
			l.Error(diag.BadSet, diag.Span{}, fmt.Sprintf("--set takes PATH=VALUE, not %q", s)).Hint("--set learn.forward.lr=3e-4")
			continue
		}
		o.values[key] = value
		o.order = append(o.order, key)
	}
	return o
}

// take gives the value of a path and marks it known.
func (o *overrides) take(key string) (string, bool) {
	v, ok := o.values[key]
	o.used[key] = true
	return v, ok
}

// unknown reports the paths that nothing took, with those that there are.
func (o *overrides) unknown(l *diag.List) {
	var known []string
	for k := range o.used {
		known = append(known, k)
	}
	slices.Sort(known)
	for _, k := range o.order {
		if o.used[k] {
			continue
		}
		last, alike := k[strings.LastIndex(k, ".")+1:], ""
		for _, path := range known {
			if strings.HasSuffix(path, "."+last) {
				alike += ", `" + path + "`"
			}
		}
		if alike != "" {
			alike = "there is " + alike[2:]
		}
		l.Error(diag.UnknownSetting, diag.Span{}, fmt.Sprintf("--set %s: the program has no such setting", k)).Expected("one of "+strings.Join(known, ", ")).Nearest(k, known, alike)
	}
}
