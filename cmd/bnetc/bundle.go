package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bnetc/backend"
	"bnetc/backend/cpu"
	"bnetc/compiler"
	"bnetc/ir/kernel"
	"bnetc/lang/check"
)

// A bundle is a folder: the program with every default written out, a manifest, and what the target's backend keeps of the plan.
const (
	bundleSource   = "program.bnet"
	bundleManifest = "bundle.json"
	bundleCode     = "cpu"
)

// bundleFacts tell whether a bundle's code is that of a program.
type bundleFacts struct {
	Target  string `json:"target"`
	Batch   int    `json:"batch"`
	Lowered string `json:"lowered"` // SHA-256 of the lowered program: everything but the values of settings
}

func loweredHash(c *compiler.Compilation) string {
	sum := sha256.Sum256([]byte(c.Stages[0].Text))
	return hex.EncodeToString(sum[:])
}

type compileCmd struct {
	source
	Out    string `short:"o" help:"The bundle; default FILE.bnetx." placeholder:"DIR"`
	Target string `help:"cpu or reference." default:"cpu" placeholder:"NAME"`
	Batch  *int   `help:"Samples of a batch." placeholder:"N"`
}

func (compileCmd) Help() string {
	return "Example: bnetc compile examples/digits_sdtp.bnet -o digits.bnetx"
}

func (c *compileCmd) Run(ctx context.Context) error {
	t, err := findTarget(c.Target)
	if err != nil {
		return err
	}
	if err := mustExist(c.Program); err != nil {
		return err
	}
	set := c.Set
	if c.Batch != nil {
		set = append(set, fmt.Sprintf("train.batch=%d", *c.Batch))
	}
	p, err := checkProgram(c.Program, set)
	if err != nil {
		return err
	}
	made, err := compiled(p, t, 0)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = baseName(c.Program) + ".bnetx"
		out = filepath.Join(filepath.Dir(c.Program), out)
	}
	if err := writeBundle(ctx, out, p, t, made); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d kernels for %s\n", out, len(made.Plan.Kernels), t.name)
	return nil
}

// writeBundle writes a bundle beside its place and moves it there whole.
func writeBundle(ctx context.Context, out string, p *check.Program, t *target, c *compiler.Compilation) error {
	if info, err := os.Stat(out); err == nil {
		if _, err := os.Stat(filepath.Join(out, bundleManifest)); !info.IsDir() || err != nil {
			return fmt.Errorf("%s exists and is no bundle; choose another place with -o", out)
		}
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), ".bundle-*")
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	facts, err := json.MarshalIndent(bundleFacts{t.name, c.Plan.Batch, loweredHash(c)}, "", "  ")
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(tmp, bundleSource), []byte(check.Source(p)), 0o644),
		os.WriteFile(filepath.Join(tmp, bundleManifest), append(facts, '\n'), 0o644),
		os.WriteFile(filepath.Join(tmp, "plan.kernel"), []byte(c.Plan.String()), 0o644))
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	if t.name == "cpu" {
		if err := (&cpu.Backend{}).Save(ctx, c.Plan, filepath.Join(tmp, bundleCode)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("replacing the bundle: %w", err)
	}
	return os.Rename(tmp, out)
}

// prepare gives the backend and plan of a run: from the bundle where one is run and its code fits, else compiled now.
func (c *runCmd) prepare(ctx context.Context, p *check.Program, t *target) (backend.Backend, *kernel.Plan, error) {
	made, err := compiled(p, t, c.Threads)
	if err != nil {
		return nil, nil, err
	}
	if !isDir(c.Program) || t.name != "cpu" {
		return t.backend(c.Threads), made.Plan, nil
	}
	text, err := os.ReadFile(filepath.Join(c.Program, bundleManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s is no bundle: it has no %s; `bnetc compile FILE.bnet` writes one", c.Program, bundleManifest)
	}
	if err != nil {
		return nil, nil, err
	}
	var facts bundleFacts
	if err := json.Unmarshal(text, &facts); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(c.Program, bundleManifest), err)
	}
	if facts.Target != t.name || facts.Lowered != loweredHash(made) {
		return t.backend(c.Threads), made.Plan, nil // --set changed more than values, or the bundle is for another target
	}
	m, plan, err := (&cpu.Backend{Threads: c.Threads}).Open(ctx, filepath.Join(c.Program, bundleCode))
	if err != nil {
		return nil, nil, err
	}
	return &opened{t.backend(c.Threads), plan, m}, plan, nil
}

// opened is a backend that has one plan's machine ready.
type opened struct {
	backend.Backend
	plan    *kernel.Plan
	machine backend.Machine
}

// Build gives the ready machine for its plan, once; other plans are built.
func (o *opened) Build(ctx context.Context, p *kernel.Plan) (backend.Machine, error) {
	if p == o.plan && o.machine != nil {
		m := o.machine
		o.machine = nil
		return m, nil
	}
	return o.Backend.Build(ctx, p)
}
