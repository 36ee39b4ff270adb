package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/lang"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/stdlib"
)

const root = "../../"

// examples are all programs of the examples folder; the files that they share are none.
func examples(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"examples/*.bnet", "examples/paper/*.bnet", "examples/rules/*.bnet"} {
		found, err := filepath.Glob(root + pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	return files
}

// loaded checks a file.
func loaded(path string, set ...string) (*check.Program, string) {
	var l diag.List
	opts := compiler.Tables()
	opts.Set = set
	p := check.Check(check.Load(path, os.ReadFile, stdlib.FS, &l), opts, &l)
	return p, l.String()
}

// TestExamples: every example checks without a word, is laid out as fmt would, and its text with all defaults is the same program again.
func TestExamples(t *testing.T) {
	for _, file := range examples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, diagnostics := loaded(file)
			require.Empty(t, diagnostics)
			text := check.Source(p)
			again, diagnostics := checked(filepath.Base(file), text)
			require.Empty(t, diagnostics, "%s", text)
			require.Equal(t, text, check.Source(again))
			require.Equal(t, meaning(p), meaning(again))
		})
	}
}

var lineOfFile = regexp.MustCompile(`\S+\.bnet:\d+`)

// meaning is all of a program but where it stands.
func meaning(p *check.Program) string {
	p.Forward.Span, p.Inverse.Span, p.Train.Span = diag.Span{}, diag.Span{}, diag.Span{}
	text := fmt.Sprintln(p, p.Report, p.Name, p.Rule, p.Loss, p.TargetIsInput, p.Schedule, p.Forward, p.Inverse, p.Params, p.Train)
	for _, m := range p.Maps {
		text += fmt.Sprintln(m.Name, m.Kind, m.From, m.Conn, m.Transposed, m.Exact, m.Fixed, m.Init)
	}
	return lineOfFile.ReplaceAllString(text, "")
}

// TestFormatted: every .bnet file of the project is laid out as `bnetc fmt` would.
func TestFormatted(t *testing.T) {
	files := examples(t)
	for _, pattern := range []string{"examples/common/*.bnet", "stdlib/*.bnet"} {
		found, err := filepath.Glob(root + pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var l diag.List
		out, ok := lang.Format(&diag.File{Name: file, Text: string(text)}, &l)
		require.True(t, ok, l.String())
		require.Equal(t, out, string(text), "bnetc fmt %s", file)
	}
}
