package check_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// pages are what a user reads.
func pages(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(root + "docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return append(files, root+"README.md")
}

var (
	snippet = regexp.MustCompile("(?ms)^```bnet\n(.*?)^```$")
	fence   = regexp.MustCompile("(?m)^```(\\w*)$")
)

// TestSnippets: every block of the pages that is marked bnet is a program that checks without a word, in canonical layout; a block without
// `network` is completed by one, one without `learn` by backpropagation or, if it holds a rule, by that.
func TestSnippets(t *testing.T) {
	n := 0
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range snippet.FindAllStringSubmatch(string(text), -1) {
			n++
			name := filepath.Base(page) + ".bnet"
			var l diag.List
			formatted, ok := lang.Format(&diag.File{Name: name, Text: m[1]}, &l)
			require.True(t, ok, l.String())
			require.Equal(t, formatted, m[1], "a snippet of %s in another layout than bnetc fmt gives it", page)
			_, diagnostics := checked(name, completed(m[1]))
			require.Empty(t, diagnostics, "%s", m[1])
		}
	}
	require.Greater(t, n, 8, "hardly any snippets")
}

var ruleHead = regexp.MustCompile(`(?m)^rule (\w+)`)

// completed is a snippet as a whole program.
func completed(text string) string {
	if !strings.Contains(text, "\nnetwork ") && !strings.HasPrefix(text, "network ") {
		text += "\nnetwork n {\n  input image 28x28x1\n  layer l1 = all -> 8, tanh\n  layer l2 = all -> 8, tanh\n  output y = all -> 10, softmax\n}\n"
	}
	if !strings.Contains(text, "\nlearn ") && !strings.HasPrefix(text, "learn ") {
		rule := "bp"
		if m := ruleHead.FindStringSubmatch(text); m != nil {
			rule = m[1]
		}
		text += "\nlearn " + rule + " {\n  forward adam(lr = 1e-3)\n"
		if strings.Contains(text, "  inverse ") {
			text += "  inverse adam(lr = 1e-3)\n"
		}
		text += "}\n"
	}
	return text
}

// TestFences: every block of code that opens closes, and names its language from the few that there are.
func TestFences(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for i, m := range fence.FindAllStringSubmatch(string(text), -1) {
			if i%2 == 0 {
				require.Contains(t, []string{"", "bnet", "sh", "go", "json", "c"}, m[1], page)
			} else {
				require.Empty(t, m[1], page)
			}
		}
	}
}

// TestReadmeShowsTheLibrary: the rule that the README prints is the library's.
func TestReadmeShowsTheLibrary(t *testing.T) {
	text, err := os.ReadFile(root + "README.md")
	require.NoError(t, err)
	rule, err := os.ReadFile(root + "stdlib/sdtp.bnet")
	require.NoError(t, err)
	require.Contains(t, string(text), string(rule[strings.Index(string(rule), "rule "):]))
}
