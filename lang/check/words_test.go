package check

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPagesNameEveryWord: what the tables hold stands in the reference, or, of requirements, in the page about rules.
func TestPagesNameEveryWord(t *testing.T) {
	words := slices.Concat(layerWordNames(), inverseWords, initSchemes, trainWords, schedules, slices.Sorted(maps.Keys(functions)), slices.Sorted(maps.Keys(primitives)), builtin)
	for _, c := range optionClasses {
		words = append(words, c.words...)
	}
	for _, s := range dataSteps {
		words = append(words, s.word)
	}
	for _, d := range dataSets {
		words = append(words, d.name)
	}
	named(t, "../../docs/language.md", words)
	words = nil
	for _, r := range requirementWords() {
		words = append(words, r.word)
	}
	named(t, "../../docs/writing-a-rule.md", words)
}

// code is what a page sets as code: in backquotes or, in the grammar, indented.
var code = regexp.MustCompile("(?m)`[^`\n]+`|^    .*$")

func named(t *testing.T, page string, words []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	set := map[string]bool{}
	for _, c := range code.FindAllString(string(text), -1) {
		for _, w := range regexp.MustCompile(`\w+`).FindAllString(c, -1) {
			set[w] = true
		}
	}
	for _, w := range words {
		require.True(t, set[w], "%s does not name %s", page, w)
	}
}
