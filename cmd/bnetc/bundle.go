package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bnetc/backend"
	"bnetc/compiler"
	"bnetc/lang/check"
	"bnetc/runtime"
)

// A bundle is a folder: the program with every default written out, this manifest, the plan's text, and, in a folder named after the target,
// what its backend keeps of the plan.
type bundle struct {
	Target  string `json:"target"`
	Batch   int    `json:"batch"`
	Lowered string `json:"lowered"` // SHA-256 of the lowered program: everything but the values of settings
	dir     string
}

const bundleManifest = "bundle.json"

// loweredHash leaves away the lines of source that the text names: a bundle's copy of the program has others.
func loweredHash(c *compiler.Compilation) string {
	sum := sha256.New()
	for line := range strings.Lines(c.Stages[0].Text) {
		text, _, _ := strings.Cut(line, " # ")
		io.WriteString(sum, strings.TrimSpace(text)+"\n")
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// openBundle reads a bundle's manifest; nil where the path is a file or a run folder.
func openBundle(dir string) (*bundle, error) {
	path := filepath.Join(dir, bundleManifest)
	text, err := os.ReadFile(path)
	if !isDir(dir) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := &bundle{dir: dir}
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("%s: %w; compile the program again", path, err)
	}
	return b, nil
}

// writeBundle writes a bundle beside its place and moves it there whole.
func writeBundle(ctx context.Context, out string, j *job) error {
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
	facts, err := json.MarshalIndent(bundle{Target: j.target.name, Batch: j.made.Plan.Batch, Lowered: loweredHash(j.made)}, "", "  ")
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(tmp, runtime.SourceFile), []byte(check.Source(j.program)), 0o644),
		os.WriteFile(filepath.Join(tmp, bundleManifest), append(facts, '\n'), 0o644),
		os.WriteFile(filepath.Join(tmp, "plan.kernel"), []byte(j.made.Plan.String()), 0o644))
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	if keeper, ok := j.target.backend(j.at).(backend.Keeper); ok {
		if err := keeper.Save(ctx, j.made.Plan, filepath.Join(tmp, j.target.name)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("replacing the bundle: %w", err)
	}
	return os.Rename(tmp, out)
}
