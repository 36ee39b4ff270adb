package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// TestReadme: what the README shows is there: the rule word for word, the targets of make, the files it links to.
func TestReadme(t *testing.T) {
	readme, makefile := text(t, "../../README.md"), text(t, "../../Makefile")
	_, rule, ok := strings.Cut(text(t, "../../stdlib/sdtp.bnet"), "rule sdtp")
	require.True(t, ok)
	require.Contains(t, readme, "rule sdtp"+rule)
	for _, target := range regexp.MustCompile(`(?m)^make (\w+)`).FindAllStringSubmatch(readme, -1) {
		require.Regexp(t, `(?m)^`+target[1]+`:`, makefile)
	}
	for _, link := range regexp.MustCompile(`\]\((docs/[^)]+)\)`).FindAllStringSubmatch(readme, -1) {
		require.FileExists(t, "../../"+link[1])
	}
}

// TestCommandsDocumented: docs/cli.md has a row for every command, and a word about every flag of run.
func TestCommandsDocumented(t *testing.T) {
	page := text(t, "../../docs/cli.md")
	parser, err := kong.New(&cli{}, kong.Vars{"targets": targetNames()})
	require.NoError(t, err)
	for _, command := range parser.Model.Children {
		require.Regexp(t, "`bnetc "+command.Name+"[ `]", page)
		if command.Name != "run" {
			continue
		}
		for _, flag := range command.Flags {
			require.Contains(t, page, "--"+flag.Name)
		}
	}
}
