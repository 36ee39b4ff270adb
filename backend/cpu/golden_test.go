package cpu

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"bnetc/ir/kernel"
)

var update = flag.Bool("update", false, "rewrite the golden sections")

// An archive of testdata holds a plan, and the C of its kernels.
func TestGoldenC(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.Equal(t, "plan", archive.Files[0].Name)
			plan, err := kernel.Parse(string(archive.Files[0].Data))
			require.NoError(t, err)
			require.NoError(t, plan.Verify())
			got := PrintKernels(plan)
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "kernels.c", Data: []byte(got)})
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o666))
				return
			}
			require.Len(t, archive.Files, 2, "go test ./backend/cpu -update writes it")
			require.Equal(t, string(archive.Files[1].Data), got)
		})
	}
}
