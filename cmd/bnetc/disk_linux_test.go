package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFullDisk: a run whose disk gets full says so with status 3 and the remedy, leaves a folder that can be read, and goes on when there is room, to the same end.
func TestFullDisk(t *testing.T) {
	w := newWorkshop(t)
	small := filepath.Join(w.dir, "small")
	require.NoError(t, os.Mkdir(small, 0o755))
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=120k"); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(small, 0)) })
	w.run("--out", "whole", "--set", "train.log_every=1", "--save", "whole.safetensors")
	c, log := w.start("--out", "small/run", "--set", "train.log_every=1")
	require.Error(t, c.Wait())
	require.Equal(t, statusMissing, c.ProcessState.ExitCode(), log.String())
	require.Regexp(t, `bnetc: writing .*no space left on device; free some space, then go on with bnetc run --resume small/run\n$`, log.String())
	require.True(t, w.readable("small/run"))
	compile := exec.Command("bnetc", "compile", "slow.bnet", "-o", "small/slow.bnetx")
	compile.Dir = w.dir
	text, err := compile.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, statusMissing, compile.ProcessState.ExitCode(), string(text))
	require.Regexp(t, `(?s)^bnetc: writing .*no space left on device; free some space\n$`, string(text), "of a bundle there is no run to go on with")
	require.NoError(t, syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=20m"))
	w.run("--resume", "small/run", "--save", "rest.safetensors")
	require.Equal(t, w.file("whole.safetensors"), w.file("rest.safetensors"))
	require.Equal(t, w.rows("whole"), w.rows("small/run"))
}
