package check_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

const diagnostics = root + "testdata/diag/"

// TestDiagnostics: each archive is a program with one mistake, and yields one diagnostic, of the archive's name, as the archive shows it.
// Its first file is the program; others are what it uses; set are the arguments of --set.
func TestDiagnostics(t *testing.T) {
	for _, file := range golden.Files(t, diagnostics+"*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			l := mistakes(t, file)
			require.Len(t, l.Items(), 1, l.String())
			require.Equal(t, golden.Name(file), string(l.Items()[0].Code()))
			golden.Check(t, file, "diagnostics", l.String())
		})
	}
}

// mistakes checks the program of an archive.
func mistakes(t *testing.T, file string) *diag.List {
	t.Helper()
	a, err := txtar.ParseFile(file)
	require.NoError(t, err)
	opts := compiler.Tables()
	if set, ok := golden.Section(t, file, "set"); ok {
		opts.Set = strings.Fields(set)
	}
	read := func(name string) ([]byte, error) {
		for _, f := range a.Files {
			if f.Name == name {
				return f.Data, nil
			}
		}
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	var l diag.List
	check.Check(check.Load(a.Files[0].Name, read, stdlib.FS, &l), opts, &l)
	return &l
}

// A code of the table, with the sentence that its comment says.
type code struct{ name, text, says string }

// codes reads the table of codes from its source.
func codes(t *testing.T) (list []code) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), root+"lang/diag/codes.go", nil, parser.ParseComments)
	require.NoError(t, err)
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			list = append(list, code{v.Names[0].Name, text, strings.Join(strings.Fields(v.Doc.Text()), " ")})
		}
	}
	require.GreaterOrEqual(t, len(list), 40)
	return list
}

// TestCodesHaveArchives: the codes and the archives are the same set.
func TestCodesHaveArchives(t *testing.T) {
	var names, archives []string
	for _, c := range codes(t) {
		names = append(names, c.text)
		require.Regexp(t, "^"+c.name+" (is|are) ", c.says, "the comment of a code says what it is")
	}
	for _, file := range golden.Files(t, diagnostics+"*.txtar") {
		archives = append(archives, golden.Name(file))
	}
	slices.Sort(names)
	require.Equal(t, names, archives)
}

// TestCodesAreConstants: no code is made anywhere but in the table.
func TestCodesAreConstants(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range []string{"lang", "lang/check"} {
		files, err := filepath.Glob(root + dir + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			require.NoError(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "diag" {
						used[n.Sel.Name] = true
					}
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Error", "Warn", "fail", "wrong", "unknown"}, f.Sel.Name) && len(n.Args) > 2 {
						_, literal := n.Args[0].(*ast.BasicLit)
						require.False(t, literal, "%s: %s takes a code of the table", file, f.Sel.Name)
					}
				}
				return true
			})
		}
	}
	for _, c := range codes(t) {
		require.True(t, used[c.name], "nothing reports %s", c.name)
	}
}

// TestPage: docs/diagnostics.md says of each code what it is, and shows it.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, c := range codes(t) {
		shown, ok := golden.Section(t, diagnostics+c.text+".txtar", "diagnostics")
		require.True(t, ok)
		_, says, _ := strings.Cut(c.says[len(c.name)+1:], " ") // behind `is` or `are`
		fmt.Fprintf(&b, "\n## %s\n\n%s%s\n\n```\n%s```\n", c.text, strings.ToUpper(says[:1]), says[1:], shown)
	}
	golden.File(t, root+"docs/diagnostics.md", b.String())
}

const pageHead = `# Diagnostics

What ` + "`bnetc check`" + ` and every other command says of a mistake: where it is, the line, what was expected and found, and what to type instead. All mistakes of
a program are reported in one run; what depends on something that could not be read is left unsaid. Each has a code; this page, which is made from
the table of codes and their tests, shows an example of each. With ` + "`--json`" + ` they come as records.
`

// TestManyMistakes: all of them in one run, and no more.
func TestManyMistakes(t *testing.T) {
	for _, file := range golden.Files(t, "testdata/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) { golden.Check(t, file, "diagnostics", mistakes(t, file).String()) })
	}
}
