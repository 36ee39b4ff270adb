package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/stdlib"
)

// checked checks a program given as text, with the library's rules; the diagnostics come as a user sees them.
func checked(name, text string, set ...string) (*check.Program, string) {
	var l diag.List
	read := func(string) ([]byte, error) { return []byte(text), nil }
	opts := compiler.Tables()
	opts.Set = set
	p := check.Check(check.Load(name, read, stdlib.FS, &l), opts, &l)
	return p, l.String()
}

// TestRules: each rule of the library on a small network, as instantiated, and what the dataflow says of its plausibility.
func TestRules(t *testing.T) {
	for _, file := range golden.Files(t, "../../testdata/rules/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			p, diagnostics := checked(golden.Name(file)+".bnet", golden.Source(t, file))
			require.Empty(t, diagnostics)
			golden.Check(t, file, "checked", p.String())
			golden.Check(t, file, "plausibility", p.Report.String())
		})
	}
}

// TestRulesHaveArchives: the library's rules and the archives are the same set.
func TestRulesHaveArchives(t *testing.T) {
	var archives []string
	for _, file := range golden.Files(t, "../../testdata/rules/*.txtar") {
		archives = append(archives, golden.Name(file)+".bnet")
	}
	rules, err := stdlib.FS.ReadDir(".")
	require.NoError(t, err)
	var names []string
	for _, r := range rules {
		names = append(names, r.Name())
	}
	require.Equal(t, names, archives)
}
