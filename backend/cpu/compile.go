package cpu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"bnetc/backend"
)

// optimize are the flags that every instruction set shares. Contraction is off and the printer writes fused products itself, so
// that gcc and clang round alike and drawn noise is the same everywhere.
var optimize = []string{"-std=gnu11", "-O2", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-semantic-interposition",
	"-Wno-psabi", "-Wno-overflow", "-pthread"}

// gccSkips are passes of gcc that take a fifth of its time and, measured on the kernels of speed_test.go, give nothing: the text
// already holds every value once, in vectors.
var gccSkips = []string{"-fno-tree-pre", "-fno-gcse", "-fno-tree-vectorize", "-fno-tree-slp-vectorize", "-fno-tree-vrp"}

// A compiler is a C compiler that was found, by its command and what it says of itself.
type compiler struct {
	command []string
	version string
}

const noCompilerRemedy = "install one (apt install gcc), name one in CC, or run with --target reference"

// findCompiler gives the compiler that CC names, else the first of gcc, clang and cc there is.
func findCompiler() (*compiler, error) {
	candidates := [][]string{{"gcc"}, {"clang"}, {"cc"}}
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		candidates = [][]string{cc}
	}
	refused := "no C compiler was found"
	for _, command := range candidates {
		path, err := exec.LookPath(command[0])
		if err != nil {
			if os.Getenv("CC") != "" {
				refused = fmt.Sprintf("the C compiler %s that CC names was not found", command[0])
			}
			continue
		}
		version, err := versionOf(path, command[1:])
		if err != nil {
			refused = fmt.Sprintf("the C compiler %s cannot be used: %v", path, err)
			continue
		}
		return &compiler{append([]string{path}, command[1:]...), version}, nil
	}
	return nil, &backend.Missing{What: refused, Remedy: noCompilerRemedy}
}

// versions remembers what compilers said, by path and time of change.
var versions sync.Map

func versionOf(path string, args []string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	key := fmt.Sprint(path, args, info.ModTime(), info.Size())
	if v, ok := versions.Load(key); ok {
		return v.(string), nil
	}
	out, err := exec.Command(path, append(args, "--version")...).Output()
	said := string(out)
	first, _, _ := strings.Cut(said, "\n")
	switch {
	case err != nil:
		return "", fmt.Errorf("%s --version: %w", path, err)
	case strings.Contains(said, "clang"), strings.Contains(said, "Free Software Foundation"):
		versions.Store(key, first)
		return first, nil
	case strings.Contains(said, "tcc"):
		return "", fmt.Errorf("it is tcc, which compiles vectors wrongly")
	}
	return "", fmt.Errorf("it is neither gcc nor clang, but %q", first)
}

// compile gives the path of a library made from a C file, from the cache if it was compiled before.
func (c *compiler) compile(ctx context.Context, source, isa string) (path, hash string, err error) {
	flags := slices.Concat(optimize, flagsFor(isa))
	if !strings.Contains(c.version, "clang") {
		flags = append(flags, gccSkips...)
	}
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat(c.command, []string{c.version, runtime.GOOS, runtime.GOARCH}, flags), "\x00") + "\x00" + source))
	hash = hex.EncodeToString(sum[:16])
	dir, err := backend.Cache()
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, hash+".so")
	if _, ok := kept(dir, hash); ok {
		return path, hash, nil
	}
	work, err := os.MkdirTemp(dir, "compile-")
	if err != nil {
		return "", "", &backend.Missing{What: fmt.Sprintf("nothing can be compiled in the cache: %v", err), Remedy: "set BNETC_CACHE to a folder that can be written"}
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, "plan.c")
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		return "", "", fmt.Errorf("writing the C file: %w", err)
	}
	library := filepath.Join(work, "plan.so")
	if err := c.build(ctx, file, library, flags, strings.Count(source, partBegins)); err != nil {
		return "", "", err
	}
	made, err := sumOf(source, library)
	if err != nil {
		return "", "", fmt.Errorf("reading the compiled library: %w", err)
	}
	// Whoever compiles the same at the same time makes the same library: the last name given stays.
	if err := os.Rename(file, filepath.Join(dir, hash+".c")); err != nil {
		return "", "", fmt.Errorf("keeping the C file: %w", err)
	}
	if err := os.Rename(library, path); err != nil {
		return "", "", fmt.Errorf("keeping the compiled library: %w", err)
	}
	if err := backend.Keep(filepath.Join(dir, hash+".sum"), []byte(made)); err != nil {
		return "", "", fmt.Errorf("keeping the compiled library's hash: %w", err)
	}
	return path, hash, nil
}

// kept gives the C of a library in the cache, if both are what was kept: a library that has lost its end in a crash of the machine is loaded, but kills whoever
// calls it.
func kept(dir, hash string) (source string, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, hash+".c"))
	if err != nil {
		return "", false
	}
	wanted, err := os.ReadFile(filepath.Join(dir, hash+".sum"))
	if err != nil {
		return "", false
	}
	sum, err := sumOf(string(text), filepath.Join(dir, hash+".so"))
	return string(text), err == nil && sum == string(wanted)
}

// sumOf is the hash of a C file's text and the library made of it.
func sumOf(source, library string) (string, error) {
	data, err := os.ReadFile(library)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	sum.Write([]byte(source))
	sum.Write(data)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// functionsPerUnit is from how many functions of kernels on a second compiler pays for starting it.
const functionsPerUnit = 6

// build compiles a file of so many functions in as many units as there are processors, side by side, and links them.
func (c *compiler) build(ctx context.Context, file, library string, flags []string, functions int) error {
	units := max(1, min(runtime.GOMAXPROCS(0), 8, functions/functionsPerUnit))
	if units == 1 {
		return c.run(ctx, slices.Concat(flags, []string{"-shared", "-o", library, file})...)
	}
	objects := make([]string, units)
	failures := make([]error, units)
	var all sync.WaitGroup
	for u := range units {
		objects[u] = fmt.Sprintf("%s.%d.o", library, u)
		all.Go(func() {
			args := slices.Concat(flags, []string{fmt.Sprintf("-DUNIT=%d", u), fmt.Sprintf("-DUNITS=%d", units), "-c", "-o", objects[u], file})
			failures[u] = c.run(ctx, args...)
		})
	}
	all.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return c.run(ctx, append([]string{"-shared", "-pthread", "-o", library}, objects...)...)
}

// run runs the compiler, and ends it with all that it has started. What it says of a file that we printed is a mistake of ours, but its end may also be the user's or the
// machine's doing, so both come as an error.
func (c *compiler) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, c.command[0], slices.Concat(c.command[1:], args)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		text := strings.TrimSpace(said.String())
		if len(text) > 2000 {
			text = text[:2000] + " …"
		}
		return fmt.Errorf("compiling the plan's C with %s: %w\n%s", c.version, err, text)
	}
	return nil
}

// fromCache says whether a library lies in the cache.
func fromCache(path string) bool {
	dir, err := backend.Cache()
	return err == nil && filepath.Dir(path) == dir
}
