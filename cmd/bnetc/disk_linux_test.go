package main

import (
	"os"
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
	require.Regexp(t, `bnetc: writing .*no space left on device; free some space, then go on from the last checkpoint with --resume`, log.String())
	require.True(t, w.readable("small/run"))
	require.NoError(t, syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=20m"))
	w.run("--resume", "small/run", "--save", "rest.safetensors")
	require.Equal(t, w.file("whole.safetensors"), w.file("rest.safetensors"))
	require.Equal(t, w.rows("whole"), w.rows("small/run"))
}
