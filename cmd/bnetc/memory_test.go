package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/compiler"
)

// What a run holds is its plan, and no unfolded copy of anything: from parameters drawn to checkpoints written, read and resumed, the process's peak stays within
// 1.15 of what `explain` says, beside what a network of three units takes.
func TestPeakMemory(t *testing.T) {
	if racing {
		t.Skip("the race detector keeps as much beside every number")
	}
	const units = 24 * 24 * 12
	dir := t.TempDir()
	t.Setenv("BNETC_CACHE", filepath.Join(dir, "cache"))
	require.NoError(t, writePoints(filepath.Join(dir, "x.npy"), filepath.Join(dir, "y.npy"), 128, units, 3))
	text := func(layers string) string {
		return "network n {\n  input image 24x24x12\n" + layers + "  output y = all -> 3, softmax\n}\n" +
			"learn bp { forward adam(lr = 1e-4) }\ntrain on npy(\"x.npy\", \"y.npy\") { batch 64  epochs 1 }\n"
	}
	layer := " = field 5x5 -> 12, untied, tanh\n"
	large := text("  layer l1" + layer + "  layer l2" + layer + "  layer l3" + layer + "  layer l4" + layer + "  layer l5" + layer)
	peak := func(name, text string) int64 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".bnet"), []byte(text), 0o644))
		bnetc := func(args ...string) int64 {
			c := exec.CommandContext(t.Context(), "bnetc", args...)
			c.Dir = dir
			out, err := c.CombinedOutput()
			require.NoError(t, err, string(out))
			return c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		}
		bnetc("compile", name+".bnet") // so that no C compiler is among what is measured
		first := bnetc("run", name+".bnet", "--out", name, "--save", name+".safetensors")
		return max(first, bnetc("run", name+".bnet", "--resume", name, "--set", "train.epochs=2"))
	}
	var p source
	p.Program = filepath.Join(dir, "large.bnet")
	own := peak("large", large) - peak("small", text(""))
	checked, err := p.load()
	require.NoError(t, err)
	made, err := compile(t.Context(), checked, p.Program, aim{})
	require.NoError(t, err)
	m := compiler.MemoryOf(made.made.Plan)
	t.Logf("measured %s, planned %s", compiler.BytesText(own), m)
	require.Less(t, own, m.Peak()*115/100, "the plan: %s", m)
	require.Greater(t, own, m.Peak()*9/10, "the plan: %s", m)
	require.Greater(t, int64(64*units*25*4), m.Peak()*15/100, "an unfolded input would not show")
}

// TestLastBatchNeedsMemory: the machine of the incomplete last batch lies beside the other, and both have to fit before a run begins.
func TestLastBatchNeedsMemory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writePoints(filepath.Join(dir, "x.npy"), filepath.Join(dir, "y.npy"), 64, 6, 3)) // 54 to train on
	var p source
	p.Program = filepath.Join(dir, "kept.bnet")
	text := "network kept {\n  input 6\n  output y = all -> 3, softmax\n}\nlearn bp { forward sgd(lr = 0.01) }\ntrain on npy(\"x.npy\", \"y.npy\") { batch 50  epochs 1  keep_last }\n"
	require.NoError(t, os.WriteFile(p.Program, []byte(text), 0o644))
	for _, batch := range []int{50, 27} {
		p.Batch = count(batch)
		checked, err := p.load()
		require.NoError(t, err)
		s, err := start(t.Context(), checked, p.Program, aim{Target: "reference"}, dir)
		require.NoError(t, err)
		defer s.close()
		alone := compiler.MemoryOf(s.made.Plan).Peak() / 4 * s.device.number
		s.device.memory = alone + 100
		require.NoError(t, s.fits(s.device))
		err = s.keepLast(t.Context())
		if batch == 27 {
			require.NoError(t, err, "no batch is incomplete")
			require.Nil(t, s.short)
			continue
		}
		var missing *backend.Missing
		require.ErrorAs(t, err, &missing)
		require.Regexp(t, `^kept at batch 50 and at 4, its last batch, needs .*, and this machine has .* for it; drop the last batch with --set train.keep_last=false`, err.Error())
		require.Nil(t, s.short, "nothing is made of it, and no folder is there before it is")
		s.device.memory = 2 * alone
		require.NoError(t, s.keepLast(t.Context()))
		require.Equal(t, 4, s.short.Plan().Batch)
	}
}
