package cpu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// chain is a plan whose levels each read what all workers wrote in the level before: a missing barrier gives wrong sums.
func chain(levels, n int) *kernel.Plan {
	p := &kernel.Plan{Name: "chain", Batch: 1, Buffers: []kernel.Buffer{buf("a", kernel.Weight, n), buf("b", kernel.Temp, n)}, Lists: []kernel.List{{Name: "step"}}}
	for l := range levels {
		from, to := l%2, 1-l%2
		p.Kernels = append(p.Kernels, &kernel.Kernel{Name: fmt.Sprint("level", l), Body: []kernel.Stmt{loop("i", n, parallel,
			let("s", ex("0")), loop("j", n, serial, assign("s", sum, ex("$0", elem(from, "j")))), store(to, "i", set, ex("$0 / $1 + $2", theVar("s"), theN(n), pos("i"))))}})
		p.Lists[0].Steps = append(p.Lists[0].Steps, kernel.Step{Kernel: l, Level: l})
	}
	return p
}

func theN(n int) kernel.Operand { return pos(fmt.Sprint(n)) }

func TestWorkersMeetWhereTheLevelChanges(t *testing.T) {
	plan := chain(12, 16)
	want := interpret(plan, contents(plan), "step")
	for _, threads := range []int{1, 2, 3, 8} { // more than processors, too
		m, err := (&Backend{Threads: threads}).Build(context.Background(), plan)
		require.NoError(t, err)
		for range 300 {
			got := contents(plan)
			require.NoError(t, m.Write(0, got[0]))
			require.NoError(t, m.Run(context.Background(), "step"))
			require.NoError(t, m.Read(0, got[0]))
			for i := range got[0] {
				require.InDelta(t, want[0][i], got[0][i], 1e-3, "%d threads", threads)
			}
		}
		require.NoError(t, m.Close())
	}
}

func TestCloseEndsTheWorkersAndTwiceDoesNothing(t *testing.T) {
	threads := func() int {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Skip("no /proc")
		}
		return len(entries)
	}
	plan := chain(2, 4)
	build := func() backend.Machine {
		m, err := (&Backend{Threads: 30}).Build(context.Background(), plan)
		require.NoError(t, err)
		return m
	}
	build().Close()
	before := threads()
	for range 3 {
		m := build()
		require.NoError(t, m.Run(context.Background(), "step"))
		require.NoError(t, m.Close())
		require.NoError(t, m.Close())
		require.ErrorContains(t, m.Run(context.Background(), "step"), "closed")
		require.ErrorContains(t, m.Write(0, make([]float32, 4)), "closed")
	}
	require.Less(t, threads(), before+20)
}

func TestMistakesOfTheCaller(t *testing.T) {
	m, err := (&Backend{Threads: 1}).Build(context.Background(), chain(1, 4))
	require.NoError(t, err)
	defer m.Close()
	require.EqualError(t, m.Write(0, make([]float32, 5)), "buffer a holds 4 numbers, not 5")
	require.EqualError(t, m.Read(7, make([]float32, 5)), "plan chain has 2 buffers, no number 7")
	require.EqualError(t, m.Run(context.Background(), "forward"), `plan chain has no list "forward"`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, m.Run(ctx, "step"), context.Canceled)
}

func TestTooLargeForTheMemory(t *testing.T) {
	if Memory() == 0 {
		t.Skip("the machine's memory is not known")
	}
	plan := chain(1, 4)
	plan.Buffers = append(plan.Buffers, buf("big", kernel.Weight, 1<<20, 1<<22))
	_, err := (&Backend{}).Build(context.Background(), plan)
	var missing *backend.Missing
	require.ErrorAs(t, err, &missing)
	require.Contains(t, err.Error(), "needs 16384.0 GiB of memory")
}

func TestTemporariesShareTheArena(t *testing.T) {
	plan := chain(1, 4)
	plan.Buffers = append(plan.Buffers, kernel.Buffer{Name: "c", Shape: []int{4}, Offset: 64}, kernel.Buffer{Name: "d", Shape: []int{8}})
	m, err := allocate(plan)
	require.NoError(t, err)
	defer m.free()
	require.Same(t, &m.buffers[1][0], &m.buffers[3][0])
	require.NotSame(t, &m.buffers[1][0], &m.buffers[2][0])
	m.buffers[3][4] = 7
	require.Equal(t, []float32{0, 0, 0, 0}, m.buffers[2])
}

// script puts a program of the name into a folder of its own and gives the folder.
func script(t *testing.T, name, text string) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o777))
	return dir
}

func TestWithoutACompiler(t *testing.T) {
	for _, c := range []struct{ name, path, cc, says string }{
		{"none", t.TempDir(), "", "no C compiler was found"},
		{"tcc under the name of cc", script(t, "cc", "echo tcc version 0.9.27"), "", "it is tcc, which compiles vectors wrongly"},
		{"something else", script(t, "gcc", "echo Borland C++"), "", `it is neither gcc nor clang, but "Borland C++"`},
		{"CC that is not there", os.Getenv("PATH"), "gcc-99", "the C compiler gcc-99 that CC names was not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PATH", c.path+":/nowhere")
			t.Setenv("CC", c.cc)
			_, err := (&Backend{}).Build(context.Background(), chain(1, 4))
			var missing *backend.Missing
			require.ErrorAs(t, err, &missing)
			require.Contains(t, err.Error(), c.says)
			require.Contains(t, err.Error(), "apt install gcc")
			require.Contains(t, err.Error(), "--target reference")
		})
	}
}

func TestACompilerThatFails(t *testing.T) {
	t.Setenv("BNETC_CACHE", t.TempDir())
	t.Setenv("CC", filepath.Join(script(t, "gcc", `case "$1" in --version) echo "gcc, Free Software Foundation" ;; *) echo "out of disk" >&2; exit 1 ;; esac`), "gcc"))
	_, err := (&Backend{}).Build(context.Background(), chain(1, 4))
	require.ErrorContains(t, err, "out of disk")
	var missing *backend.Missing
	require.False(t, errors.As(err, &missing))
	left, err := os.ReadDir(os.Getenv("BNETC_CACHE"))
	require.NoError(t, err)
	require.Empty(t, left, "a failed compilation leaves nothing")
}

func TestCache(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("BNETC_CACHE", dir)
	plan := chain(3, 4)
	build := func() {
		m, err := (&Backend{Threads: 1}).Build(context.Background(), plan)
		require.NoError(t, err)
		require.NoError(t, m.Close())
	}
	libraries := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "*.so"))
		require.NoError(t, err)
		return found
	}
	var all sync.WaitGroup
	for range 4 { // at once
		all.Go(build)
	}
	all.Wait()
	require.Len(t, libraries(), 1)
	info, err := os.Stat(libraries()[0])
	require.NoError(t, err)
	build()
	again, err := os.Stat(libraries()[0])
	require.NoError(t, err)
	require.Equal(t, info.ModTime(), again.ModTime(), "found, not compiled again")

	require.NoError(t, os.Truncate(libraries()[0], 100)) // as after a full disk
	build()
	plan.Kernels[0].Body = chain(3, 5).Kernels[0].Body[:1]
	plan.Buffers[0].Shape[0], plan.Buffers[1].Shape[0] = 5, 5
	build()
	require.Len(t, libraries(), 2)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 8, "two index entries, two C files, two libraries with their hashes, no work left lying about")
}

// A library in the cache that lost its end, or whose end is zeros, as after a crash of the machine, is compiled again, not run.
func TestLibraryThatLostItsEnd(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("BNETC_CACHE", dir)
	plan := chain(2, 8)
	build := func() *Machine {
		m, err := (&Backend{Threads: 1}).Build(context.Background(), plan)
		require.NoError(t, err)
		require.NoError(t, m.Run(context.Background(), "step"))
		require.NoError(t, m.Close())
		return m.(*Machine)
	}
	path := build().form.path
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, cut := range []int{0, 1000, len(whole) / 2, len(whole) - 1} {
		for _, end := range [][]byte{nil, make([]byte, len(whole)-cut)} {
			require.NoError(t, os.Remove(path)) // what is loaded is not written to
			require.NoError(t, os.WriteFile(path, append(whole[:cut:cut], end...), 0o777))
			build()
			again, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Len(t, again, len(whole))
		}
	}
}

// Whoever stops a compilation need not wait for what the compiler has started.
func TestACompilerIsEndedWithWhatItStarted(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("BNETC_CACHE", dir)
	begun := filepath.Join(dir, "begun")
	script := filepath.Join(dir, "cc")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nif [ \"$1\" = --version ]; then echo Free Software Foundation; exit; fi\nsleep 600 &\ntouch "+begun+"\nwait\n"), 0o777))
	t.Setenv("CC", script)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := (&Backend{Threads: 1}).Build(ctx, chain(2, 8))
		ended <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(begun); return err == nil }, time.Minute, 5*time.Millisecond)
	stop()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(time.Minute):
		t.Fatal("what the compiler started was waited for")
	}
}

func TestProfile(t *testing.T) {
	m, err := (&Backend{Threads: 2}).Build(context.Background(), chain(5, 64))
	require.NoError(t, err)
	defer m.Close()
	times, err := m.(*Machine).Profile("step")
	require.NoError(t, err)
	require.Len(t, times, 5)
	for i, k := range times {
		require.Equal(t, fmt.Sprint("level", i), k.Kernel)
		require.Equal(t, i, k.Level)
		require.Positive(t, k.Seconds)
	}
}

func TestBundle(t *testing.T) {
	plan := chain(4, 16)
	want := interpret(plan, contents(plan), "step")
	dir := t.TempDir()
	require.NoError(t, (&Backend{}).Save(context.Background(), plan, dir))
	open := func() (*Machine, error) {
		m, p, err := (&Backend{Threads: 2}).Open(context.Background(), dir)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		require.Equal(t, plan.String(), p.String())
		got := contents(plan)
		require.NoError(t, m.Write(0, got[0]))
		require.NoError(t, m.Run(context.Background(), "step"))
		require.NoError(t, m.Read(0, got[0]))
		for i := range got[0] {
			require.InDelta(t, want[0][i], got[0][i], 1e-3)
		}
		return m.(*Machine), nil
	}
	edit := func(file, old, new string) {
		data, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		require.Contains(t, string(data), old)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(strings.Replace(string(data), old, new, 1)), 0o666))
	}
	m, err := open()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, libraryFile), m.form.path)

	// One for a processor that this is not: from the C, or not at all.
	here, other := Detect().ISA, "avx512"
	if here == other || runtime.GOARCH != "amd64" {
		other = "of another kind"
	}
	edit(manifestFile, `"isa": "`+here+`"`, `"isa": "`+other+`"`)
	m, err = open()
	require.NoError(t, err)
	require.NotEqual(t, filepath.Join(dir, libraryFile), m.form.path)
	path := os.Getenv("PATH")
	require.NoError(t, os.Setenv("PATH", "/nowhere"))
	_, err = open()
	require.NoError(t, os.Setenv("PATH", path))
	var missing *backend.Missing
	require.ErrorAs(t, err, &missing)
	require.Contains(t, err.Error(), "is compiled for "+other+", this processor has "+here)
	edit(manifestFile, `"isa": "`+other+`"`, `"isa": "`+here+`"`)

	// A library that was cut is compiled again, a C file or plan that was changed is refused.
	require.NoError(t, os.Truncate(filepath.Join(dir, libraryFile), 1000))
	_, err = open()
	require.NoError(t, err)
	edit(sourceFile, "k_level0", "k_level9")
	_, err = open()
	require.ErrorContains(t, err, "was changed since it was compiled")
	require.NoError(t, os.Remove(filepath.Join(dir, planFile)))
	_, err = open()
	require.ErrorContains(t, err, "opening the bundle")
}

// What runs here on older instruction sets, or through the other compiler, computes the same.
func TestOtherCompilersAndInstructionSets(t *testing.T) {
	names := []string{"wider than the machine", "noise", "widths 1 and 2", "a jammed product with serial loops within", "lanes with stride 1, 0, and others",
		"lanes into one element", "reductions over lanes"}
	for _, cc := range []string{"gcc", "clang"} {
		for _, isa := range []string{"avx512", "avx2", "sse2", "neon", "generic"} {
			t.Run(cc+"/"+isa, func(t *testing.T) {
				if _, err := exec.LookPath(cc); err != nil || !runs(isa) {
					t.Skip("not here")
				}
				t.Setenv("CC", cc)
				for _, name := range names {
					plan := plans[name]
					want, got := interpret(plan, contents(plan), "step"), contents(plan)
					m, err := (&Backend{Threads: 2, ISA: isa}).Build(context.Background(), plan)
					require.NoError(t, err)
					execute(t, m, "step", got)
					require.NoError(t, m.Close())
					compare(t, plan, want, got)
				}
			})
		}
	}
	_, err := (&Backend{ISA: "of another kind"}).Build(context.Background(), chain(1, 4))
	require.ErrorContains(t, err, "this processor does not have of another kind")
}

// Every instruction set compiles where a compiler for it is there, wherever it may run, and without a warning.
func TestEveryInstructionSetCompiles(t *testing.T) {
	compilers := []struct {
		cc   string
		isas []string
	}{{"gcc", []string{"avx512", "avx2", "sse2"}}, {"clang", []string{"avx512", "avx2", "sse2"}}, {"aarch64-linux-gnu-gcc", []string{"neon"}}}
	if runtime.GOARCH != "amd64" {
		compilers = compilers[2:]
	}
	for _, c := range compilers {
		for _, isa := range c.isas {
			t.Run(c.cc+"/"+isa, func(t *testing.T) {
				path, err := exec.LookPath(c.cc)
				if err != nil {
					t.Skip("no " + c.cc)
				}
				t.Parallel()
				for _, name := range []string{"wider than the machine", "noise", "widths 1 and 2", "a jammed product with serial loops within"} {
					file := filepath.Join(t.TempDir(), "plan.c")
					require.NoError(t, os.WriteFile(file, []byte(Print(plans[name], Features{ISA: isa})), 0o666))
					args := append(append(append([]string{}, optimize...), flagsFor(isa)...), "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-variable", "-Werror", "-c", "-o", file+".o", file)
					out, err := exec.Command(path, args...).CombinedOutput()
					require.NoError(t, err, "%s\n%s", name, out)
				}
			})
		}
	}
}
