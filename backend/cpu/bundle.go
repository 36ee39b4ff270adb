package cpu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// A manifest says what a compiled library needs, and by their hashes which files belong together.
type manifest struct {
	ISA      string `json:"isa"`
	Arch     string `json:"arch"`
	OS       string `json:"os"`
	Compiler string `json:"compiler"`
	Hash     string `json:"hash"`    // of the C, the flags and the compiler
	Source   string `json:"source"`  // SHA-256 of the C file
	Library  string `json:"library"` // SHA-256 of the library
	Plan     string `json:"plan"`    // SHA-256 of the plan
}

// The files of a bundle.
const (
	manifestFile = "cpu.json"
	planFile     = "plan.kernel"
	sourceFile   = "plan.c"
	libraryFile  = "plan.so"
)

// Save compiles a plan for this processor and writes it into a folder: the plan's text, its C, the library, and a manifest.
func (b *Backend) Save(ctx context.Context, plan *kernel.Plan, dir string) error {
	made, err := b.compile(ctx, plan)
	if err != nil {
		return err
	}
	library, err := os.ReadFile(made.path)
	if err != nil {
		return fmt.Errorf("reading the compiled plan: %w", err)
	}
	text := plan.String()
	made.manifest.Source, made.manifest.Library, made.manifest.Plan = hashOf([]byte(made.source)), hashOf(library), hashOf([]byte(text))
	facts, err := json.MarshalIndent(made.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{planFile, []byte(text)}, {sourceFile, []byte(made.source)}, {libraryFile, library}, {manifestFile, append(facts, '\n')}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o666); err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
	}
	return nil
}

// Open starts the plan of a folder that Save wrote. A library for instructions that this processor lacks is not loaded: the C
// beside it is compiled anew, which it can be for any processor.
func (b *Backend) Open(ctx context.Context, dir string) (backend.Machine, *kernel.Plan, error) {
	made, text, err := readBundle(dir)
	if err != nil {
		return nil, nil, err
	}
	plan, err := kernel.Parse(text)
	if err == nil {
		err = plan.Verify()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w; compile the program again", filepath.Join(dir, planFile), err)
	}
	if err := check(plan); err != nil {
		return nil, nil, err
	}
	if made.path == "" {
		isa := made.manifest.ISA
		made, err = compileFor(ctx, made.source, Detect().ISA)
		var missing *backend.Missing
		if errors.As(err, &missing) {
			return nil, nil, &backend.Missing{
				What:   fmt.Sprintf("the bundle %s is compiled for %s, this processor has %s, and to compile its C again, %s", dir, isa, Detect().ISA, missing.What),
				Remedy: missing.Remedy,
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	m, err := b.start(ctx, plan, made)
	if err != nil {
		return nil, nil, err
	}
	return m, plan, nil
}

// readBundle reads the files of a bundle. The form has a path only if its library can be loaded here.
func readBundle(dir string) (made form, plan string, err error) {
	read := func(name string) []byte {
		data, e := os.ReadFile(filepath.Join(dir, name))
		if e != nil && err == nil {
			err = fmt.Errorf("opening the bundle: %w", e)
		}
		return data
	}
	facts, source, text := read(manifestFile), read(sourceFile), read(planFile)
	if err != nil {
		return form{}, "", err
	}
	if err := json.Unmarshal(facts, &made.manifest); err != nil {
		return form{}, "", fmt.Errorf("%s: %w; compile the program again", filepath.Join(dir, manifestFile), err)
	}
	m := made.manifest
	if hashOf(source) != m.Source || hashOf(text) != m.Plan {
		return form{}, "", fmt.Errorf("the bundle %s was changed since it was compiled; compile the program again", dir)
	}
	made.source = string(source)
	if !runs(m.ISA) || m.Arch != runtime.GOARCH || m.OS != runtime.GOOS {
		return made, string(text), nil
	}
	path, err := filepath.Abs(filepath.Join(dir, libraryFile))
	if err != nil {
		return form{}, "", err
	}
	if library, err := os.ReadFile(path); err == nil && hashOf(library) == m.Library {
		made.path = path
	}
	return made, string(text), nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
