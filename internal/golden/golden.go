// Package golden compares what a stage of the compiler prints with a section of a txtar archive: the source first, a section per stage
// after it. It knows archives; not what is in them. `make golden` (the flag -update) rewrites the sections; a test owns the sections that it names.
package golden

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the sections of golden files")

// Files lists the archives that match a pattern, sorted; there must be one.
func Files(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files, "no archive matches %s", pattern)
	return files
}

// Name is an archive's name without folder and ending: what it is about.
func Name(file string) string {
	return strings.TrimSuffix(filepath.Base(file), ".txtar")
}

// Section gives the text of a section, and whether the archive has it.
func Section(t testing.TB, file, section string) (text string, ok bool) {
	t.Helper()
	a := read(t, file)
	i := find(a, section)
	if i < 0 {
		return "", false
	}
	return string(a.Files[i].Data), true
}

// Source is the text of the archive's first section, which no test rewrites.
func Source(t testing.TB, file string) string {
	t.Helper()
	a := read(t, file)
	require.NotEmpty(t, a.Files, "%s has no source", file)
	return string(a.Files[0].Data)
}

// Check compares got with a section of an archive; under -update it writes the section, behind the others where it is new.
func Check(t testing.TB, file, section, got string) {
	t.Helper()
	if !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	a := read(t, file)
	i := find(a, section)
	if !*update {
		require.GreaterOrEqual(t, i, 0, "%s has no section %s: make golden writes it, then read the diff", file, section)
		require.Equal(t, string(a.Files[i].Data), got, "%s, section %s: if the change is meant, make golden, and read the diff", file, section)
		return
	}
	if i < 0 {
		a.Files = append(a.Files, txtar.File{Name: section})
		i = len(a.Files) - 1
	}
	if string(a.Files[i].Data) != got {
		a.Files[i].Data = []byte(got)
		write(t, file, txtar.Format(a))
	}
}

// write replaces a file as a whole: tests of several packages own sections of one archive, and read it meanwhile.
func write(t testing.TB, file string, data []byte) {
	t.Helper()
	whole := fmt.Sprintf("%s.%d", file, os.Getpid())
	require.NoError(t, os.WriteFile(whole, data, 0o666))
	require.NoError(t, os.Rename(whole, file))
}

func read(t testing.TB, file string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(file)
	require.NoError(t, err)
	return a
}

func find(a *txtar.Archive, section string) int {
	return slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == section })
}

// File compares got with a whole file; under -update it writes it.
func File(t testing.TB, file, got string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if *update && string(old) != got {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o666))
		return
	}
	require.NoError(t, err)
	require.Equal(t, string(old), got, "%s: if the change is meant, make golden, and read the diff", file)
}
