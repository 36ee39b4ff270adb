package check_test

import (
	"math/rand/v2"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/internal/golden"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/stdlib"
)

// programs are texts with and without mistakes to start from.
func programs(t testing.TB) (texts []string) {
	t.Helper()
	for _, pattern := range []string{"testdata/diag/*.txtar", "testdata/rules/*.txtar", "lang/check/testdata/*.txtar"} {
		for _, file := range golden.Files(t, root+pattern) {
			a, err := txtar.ParseFile(file)
			require.NoError(t, err)
			texts = append(texts, string(a.Files[0].Data))
		}
	}
	return texts
}

// FuzzCheck: no program stops the checker, whatever is wrong with it; one without a mistake is given as text that has none either.
func FuzzCheck(f *testing.F) {
	for _, text := range programs(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { survives(t, text) })
}

var words = regexp.MustCompile(`\w+|\s+|.`)

// TestMutations: programs with a word left out, doubled, or replaced by another of theirs, which come further than bytes at random do.
func TestMutations(t *testing.T) {
	texts := programs(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		parts := words.FindAllString(texts[r.IntN(len(texts))], -1)
		for range 1 + r.IntN(3) {
			i, j := r.IntN(len(parts)), r.IntN(len(parts))
			switch r.IntN(4) {
			case 0:
				parts[i] = ""
			case 1:
				parts[i] += parts[i]
			case 2:
				parts[i] = parts[j]
			case 3:
				parts[i], parts[j] = parts[j], parts[i]
			}
		}
		survives(t, strings.Join(parts, ""))
	}
}

func survives(t *testing.T, text string) {
	t.Helper()
	defer func() {
		if bug := recover(); bug != nil {
			t.Fatalf("%v:\n%s\n%s", bug, text, debug.Stack())
		}
	}()
	var l diag.List
	read := func(name string) ([]byte, error) {
		if name != "f.bnet" {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	}
	p := check.Check(check.Load("f.bnet", read, stdlib.FS, &l), compiler.Tables(), &l)
	_ = l.String()
	if p == nil && !l.HasErrors() {
		t.Fatalf("no program, and no mistake:\n%s", text)
	}
	if p == nil {
		return
	}
	source := check.Source(p)
	if again, diagnostics := checked("f.bnet", source); again == nil {
		t.Fatalf("the program's text does not check:\n%s\n%s\n%s", text, source, diagnostics)
	}
}
