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
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	// Files is the SHA-256 of every other file of the bundle, by its path there with slashes; Hash is that of all this.
	Files map[string]string `json:"files"`
	Hash  string            `json:"hash"`
	dir   string
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

// intact refuses a bundle of which any file was changed since it was compiled.
func (b *bundle) intact() error {
	manifest := filepath.Join(b.dir, bundleManifest)
	switch {
	case b.Files == nil:
		return fmt.Errorf("%s is of a bundle from before the hashes of its files were kept; compile the program again", manifest)
	case b.Hash != b.hash():
		return changed(manifest)
	}
	for _, name := range slices.Sorted(maps.Keys(b.Files)) {
		path := filepath.Join(b.dir, filepath.FromSlash(name))
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("opening the bundle: %w; compile the program again", err)
		}
		if hashOf(data) != b.Files[name] {
			return changed(path)
		}
	}
	return nil
}

func changed(path string) error {
	return fmt.Errorf("%s was changed since it was compiled; compile the program again", path)
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// hash is that of the manifest without it.
func (b *bundle) hash() string {
	bare := *b
	bare.Hash = ""
	text, err := json.Marshal(bare)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return hashOf(text)
}

// seal writes the manifest over the files of the bundle's folder as they are.
func (b *bundle) seal() error {
	b.Files = map[string]string{}
	root := os.DirFS(b.dir)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == bundleManifest {
			return err
		}
		data, err := fs.ReadFile(root, name)
		b.Files[name] = hashOf(data)
		return err
	})
	if err != nil {
		return err
	}
	b.Hash = b.hash()
	facts, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, bundleManifest), append(facts, '\n'), 0o644)
}

// writeBundle writes a bundle beside its place and moves it there whole.
func writeBundle(ctx context.Context, out string, j *job) error {
	out = filepath.Clean(out)
	if info, err := os.Stat(out); err == nil {
		if _, err := os.Stat(filepath.Join(out, bundleManifest)); !info.IsDir() || err != nil {
			return fmt.Errorf("%s exists and is no bundle; choose another place with -o", out)
		}
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), ".bundle-*")
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	defer os.RemoveAll(tmp)
	b := &bundle{Target: j.target.name, Batch: j.made.Plan.Batch, Lowered: loweredHash(j.made), dir: filepath.Join(tmp, "new")}
	err = os.Mkdir(b.dir, 0o755)
	if err == nil {
		err = errors.Join(
			os.WriteFile(filepath.Join(b.dir, runtime.SourceFile), []byte(check.Source(j.program)), 0o644),
			os.WriteFile(filepath.Join(b.dir, "plan.kernel"), []byte(j.made.Plan.String()), 0o644))
	}
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	if keeper, ok := j.target.backend(j.at).(backend.Keeper); ok {
		if err := keeper.Save(ctx, j.made.Plan, filepath.Join(b.dir, j.target.name)); err != nil {
			return err
		}
	}
	if err := b.seal(); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return exchange(b.dir, out, filepath.Join(tmp, "old"))
}

// exchange puts a folder in the place of another, which goes aside, and comes back where that fails.
func exchange(folder, place, aside string) error {
	err := os.Rename(place, aside)
	was := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = os.Rename(folder, place)
	}
	if err == nil {
		return nil
	}
	if was {
		err = errors.Join(err, os.Rename(aside, place))
	}
	return fmt.Errorf("replacing the bundle: %w", err)
}
