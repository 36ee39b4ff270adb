package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bnetc/runtime"
	"bnetc/runtime/safetensors"
)

// slow is a network whose run takes some tenths of a second: long enough to be hit, short enough to be run fifty times.
const slow = `network slow {
  input 8
  layer l1 = all -> 4, tanh
  output y = all -> 3, softmax
}
learn sdtp(schedule = alternating) { forward adam(lr = 0.001)  inverse adam(lr = 0.001) }
train on npy("x.npy", "y.npy") { batch 8  epochs 10  log_every 50 }
`

// A workshop is a folder with a program and its data, to start bnetc in.
type workshop struct {
	t   *testing.T
	dir string
}

func newWorkshop(t *testing.T) *workshop {
	w := &workshop{t, t.TempDir()}
	t.Setenv("BNETC_CACHE", filepath.Join(w.dir, "cache"))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "slow.bnet"), []byte(slow), 0o644))
	require.NoError(t, writePoints(filepath.Join(w.dir, "x.npy"), filepath.Join(w.dir, "y.npy"), 6000, 8, 3))
	return w
}

// start begins `bnetc run slow.bnet` with more flags.
func (w *workshop) start(args ...string) (*exec.Cmd, *bytes.Buffer) {
	w.t.Helper()
	c := exec.CommandContext(w.t.Context(), "bnetc", append([]string{"run", "slow.bnet", "--threads", "1"}, args...)...)
	c.Dir = w.dir
	var log bytes.Buffer
	c.Stderr, c.Stdout = &log, &log
	require.NoError(w.t, c.Start())
	return c, &log
}

// run makes a run to its end.
func (w *workshop) run(args ...string) {
	w.t.Helper()
	c, log := w.start(args...)
	require.NoError(w.t, c.Wait(), log.String())
}

// file is the content of a file of the workshop.
func (w *workshop) file(path ...string) []byte {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{w.dir}, path...)...))
	require.NoError(w.t, err)
	return data
}

var timing = regexp.MustCompile(`"seconds":[^,}]*,"samples_per_second":[^,}]*`)

// rows are a run's metrics without what depends on time.
func (w *workshop) rows(run string) string {
	w.t.Helper()
	return string(timing.ReplaceAll(w.file(run, runtime.MetricsFile), nil))
}

// readable fails where a reader of a run folder would.
func (w *workshop) readable(run string) (begun bool) {
	w.t.Helper()
	latest := filepath.Join(w.dir, run, "checkpoint", "latest.safetensors")
	if _, err := os.Stat(latest); os.IsNotExist(err) {
		return false
	}
	for _, file := range []string{latest, filepath.Join(w.dir, run, "checkpoint", "best.safetensors")} {
		if _, err := safetensors.Read(file); !errors.Is(err, fs.ErrNotExist) {
			require.NoError(w.t, err)
		}
	}
	lines := bytes.Split(w.file(run, runtime.MetricsFile), []byte("\n"))
	for i, line := range lines[:len(lines)-1] {
		require.True(w.t, json.Valid(line), "row %d: %s", i+1, line)
	}
	return true
}

// TestKilled kills a run fifty times, at random moments, each time going on from where it was. The folder can always be read, and the run ends bit for bit
// like one that nobody killed.
func TestKilled(t *testing.T) {
	w := newWorkshop(t)
	w.run("--out", "whole", "--save", "whole.safetensors")
	start := time.Now()
	w.run("--out", "again")
	long := time.Since(start)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, a whole run takes %v", seed, long)
	random := rand.New(rand.NewPCG(seed, 0))
	args := []string{"--out", "killed", "--save", "killed.safetensors"}
	begun, ended := 0, 0
	for range 50 {
		c, log := w.start(args...)
		time.Sleep(time.Duration(random.Int64N(int64(long) * 2 / 3)))
		if c.Process.Kill(); c.Wait() == nil {
			ended++
		} else {
			require.NotContains(t, log.String(), "bnetc:")
		}
		if _, err := os.Stat(filepath.Join(w.dir, "killed")); err == nil {
			if w.readable("killed") {
				begun++
			}
			args = []string{"--resume", "killed", "--save", "killed.safetensors"}
		}
		if ended > 0 { // and from the beginning, over the old folder
			args, ended = []string{"--out", "killed", "--save", "killed.safetensors"}, 0
		}
	}
	require.Greater(t, begun, 20, "too few runs lived long enough to be a test")
	w.run("--resume", "killed", "--save", "killed.safetensors")
	require.Equal(t, w.file("whole.safetensors"), w.file("killed.safetensors"))
	require.Equal(t, w.rows("whole"), w.rows("killed"))
}

// TestInterrupt: Ctrl-C in the middle of training ends with status 130 behind a checkpoint, and the run goes on bit for bit.
func TestInterrupt(t *testing.T) {
	w := newWorkshop(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		run := fmt.Sprint("run", int(sig)) // a folder without rows, whose first ones say that it is under way
		// A run that is still under way when the signal comes, however slow this machine is.
		c, log := w.start("--out", run, "--epochs", "100000")
		w.await(run, 3)
		require.NoError(t, c.Process.Signal(sig))
		require.Error(t, c.Wait())
		require.Equal(t, statusInterrupted, c.ProcessState.ExitCode(), log.String())
		require.Contains(t, log.String(), "bnetc: interrupted; the checkpoint is written: bnetc run --resume "+run+" goes on from it")
		require.True(t, w.readable(run))
		epochs := fmt.Sprint(strings.Count(w.rows(run), `"epoch":`) + 2)
		w.run("--resume", run, "--epochs", epochs, "--save", "rest.safetensors")
		w.run("--out", "whole", "--epochs", epochs, "--save", "whole.safetensors")
		require.Equal(t, w.file("whole.safetensors"), w.file("rest.safetensors"))
		_, rest, _ := strings.Cut(w.rows(run), "\n")
		_, whole, _ := strings.Cut(w.rows("whole"), "\n")
		require.Equal(t, whole, rest, "but for the first row, which has the number of epochs")
	}
}

// await waits until a run has written some rows.
func (w *workshop) await(run string, rows int) {
	w.t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(w.dir, run, runtime.MetricsFile))
		if err == nil && bytes.Count(text, []byte("\n")) >= rows {
			return
		}
	}
	w.t.Fatal("the run writes no rows")
}

// TestSecondInterrupt: a second Ctrl-C ends the process at once, whatever it is doing.
func TestSecondInterrupt(t *testing.T) {
	w := newWorkshop(t)
	// A compiler that never comes to an end, and takes no notice of being told to.
	stuck := filepath.Join(w.dir, "stuck")
	script := "#!/bin/sh\ncase $* in *--version*) echo 'cc (Free Software Foundation)';; *) trap '' INT TERM; : > started; sleep 30;; esac\n"
	require.NoError(t, os.WriteFile(stuck, []byte(script), 0o755))
	t.Setenv("CC", stuck)
	t.Setenv("BNETC_CACHE", t.TempDir())
	c, _ := w.start("--out", "run")
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(w.dir, "started")); err == nil {
			break
		}
	}
	begin := time.Now()
	require.NoError(t, c.Process.Signal(os.Interrupt))
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	require.Error(t, c.Wait())
	require.Equal(t, statusInterrupted, c.ProcessState.ExitCode())
	require.Less(t, time.Since(begin), 10*time.Second)
}

// TestInterruptCompiler: a command that has nothing to keep yet ends at the first Ctrl-C, in the middle of a compilation too, and leaves nothing behind.
func TestInterruptCompiler(t *testing.T) {
	w := newWorkshop(t)
	var deep strings.Builder // so deep that its compilation takes several seconds
	deep.WriteString("network deep {\n  input 8\n")
	for i := range 400 {
		fmt.Fprintf(&deep, "  layer l%d = all -> 5, tanh\n", i)
	}
	deep.WriteString("  output y = all -> 3, softmax\n}\nlearn sdtp { forward adam(lr = 0.01)  inverse adam(lr = 0.01) }\ntrain on npy(\"x.npy\", \"y.npy\") { batch 8  epochs 2 }\n")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "deep.bnet"), []byte(deep.String()), 0o644))
	before, err := os.ReadDir(w.dir)
	require.NoError(t, err)
	for _, command := range []string{"explain", "compile", "run", "bench", "eval --params none.safetensors"} {
		words := strings.Fields(command)
		c := exec.CommandContext(t.Context(), "bnetc", append(append(words[:1:1], "deep.bnet"), words[1:]...)...)
		c.Dir = w.dir
		var log bytes.Buffer
		c.Stderr = &log
		require.NoError(t, c.Start())
		time.Sleep(time.Second)
		begin := time.Now()
		require.NoError(t, c.Process.Signal(os.Interrupt))
		require.Error(t, c.Wait())
		require.Equal(t, statusInterrupted, c.ProcessState.ExitCode(), "%s: %s", command, log.String())
		require.Less(t, time.Since(begin), time.Second, command)
	}
	after, err := os.ReadDir(w.dir)
	require.NoError(t, err)
	require.Equal(t, len(before), len(after))
}
