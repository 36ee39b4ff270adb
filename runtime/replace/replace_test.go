package replace

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	require.NoError(t, File(path, text("one")))
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, File(path, text("two")))
	require.Equal(t, "two", content(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode(), "the successor has the permissions of the old file")
}

// TestLink: a link stays one, and its file is replaced.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	file, link := filepath.Join(dir, "real", "a"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(file, []byte("one"), 0o644))
	require.NoError(t, os.Symlink("real/a", link))
	require.NoError(t, File(link, text("two")))
	require.Equal(t, "two", content(t, file))
	to, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, "real/a", to)
}

// TestFailures: what cannot be written says so at once and afterwards, and leaves the old file and no other.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	require.NoError(t, File(path, text("one")))
	full := errors.New("no space")
	err := File(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return full
	})
	require.ErrorIs(t, err, full)
	require.ErrorContains(t, err, "writing "+path)
	require.Equal(t, "one", content(t, path))
	require.NoError(t, Check(path))
	for _, bad := range []string{dir, filepath.Join(path, "b"), filepath.Join(dir, "no", "b"), os.DevNull} {
		require.Error(t, Check(bad), bad)
		require.Error(t, File(bad, text("two")), bad)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	require.False(t, info.Mode().IsRegular(), "a device is not replaced by a file")
}
