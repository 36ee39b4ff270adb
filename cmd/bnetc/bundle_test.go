package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExchange: a folder takes the place of another, or of none; where it cannot, the other is still there.
func TestExchange(t *testing.T) {
	dir := t.TempDir()
	place, aside := filepath.Join(dir, "place"), filepath.Join(dir, "aside")
	make := func(name string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Join(path, "of "+name), 0o755))
		return path
	}
	require.NoError(t, exchange(make("first"), place, aside))
	require.DirExists(t, filepath.Join(place, "of first"))
	require.NoDirExists(t, aside)
	require.NoError(t, exchange(make("second"), place, aside))
	require.DirExists(t, filepath.Join(place, "of second"))
	require.NoError(t, os.RemoveAll(aside))
	require.ErrorIs(t, exchange(filepath.Join(dir, "none"), place, aside), os.ErrNotExist)
	require.DirExists(t, filepath.Join(place, "of second"))
	require.NoDirExists(t, aside)
}
