package lang

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"bnetc/internal/golden"
	"bnetc/lang/diag"
)

// TestFormat: each archive is a source, its canonical layout, and the tree of both.
func TestFormat(t *testing.T) {
	for _, file := range golden.Files(t, "testdata/format/*.txtar") {
		t.Run(golden.Name(file), func(t *testing.T) {
			formatted := keeps(t, golden.Source(t, file))
			golden.Check(t, file, "formatted", formatted)
			golden.Check(t, file, "tree", tree(parsed(t, formatted)))
		})
	}
}

// TestFormatRefuses: what does not parse keeps its text.
func TestFormatRefuses(t *testing.T) {
	var l diag.List
	text := "network n {\n  input 4 5\n}\n"
	out, ok := Format(&diag.File{Name: "n.bnet", Text: text}, &l)
	require.False(t, ok)
	require.Equal(t, text, out)
	require.Len(t, l.Items(), 1)
}

func parsed(t testing.TB, text string) *File {
	t.Helper()
	var l diag.List
	f := Parse(&diag.File{Name: "f.bnet", Text: text}, &l)
	require.False(t, f.Broken, "%s\n%s", text, l.String())
	return f
}

// keeps formats a source that parses, and holds the layout to its promises: the same tree, the same comments, and nothing left to change.
func keeps(t testing.TB, text string) string {
	t.Helper()
	f := parsed(t, text)
	out := f.String()
	again := parsed(t, out)
	require.Equal(t, tree(f), tree(again), "the tree changed:\n%s\n---\n%s", text, out)
	require.Equal(t, comments(f), comments(again), "comments changed:\n%s\n---\n%s", text, out)
	require.Equal(t, out, again.String(), "formatting twice:\n%s", text)
	return out
}

func comments(f *File) (texts []string) {
	for _, c := range f.Comments {
		texts = append(texts, c.Text)
	}
	slices.Sort(texts) // one that stood in an item now stands before it
	return texts
}

// tree is a syntax tree as text, without the places where its parts stand.
func tree(f *File) string {
	var b strings.Builder
	for _, block := range f.Blocks {
		dump(&b, reflect.ValueOf(block), "")
	}
	return b.String()
}

var (
	kindNames  = map[StatementKind]string{Define: "define", Require: "require", Inverse: "inverse", Feedback: "feedback", Minimize: "minimize", Descend: "descend"}
	exprFields = map[ExprKind]string{NumberExpr: "number", NameExpr: "name", IndexExpr: "index", CallExpr: "call", BinaryExpr: "binary", NegExpr: "neg", NormExpr: "norm", ListExpr: "list"}
)

func dump(b *strings.Builder, v reflect.Value, indent string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		dump(b, v.Elem(), indent)
		return
	case reflect.Slice:
		for i := range v.Len() {
			dump(b, v.Index(i), indent)
		}
		return
	case reflect.Struct:
	default:
		fmt.Fprintf(b, "%s%v\n", indent, v.Interface())
		return
	}
	switch x := v.Interface().(type) {
	case diag.Span:
		return
	case Name:
		fmt.Fprintf(b, "%s%s\n", indent, x.Text)
		return
	case Number:
		fmt.Fprintf(b, "%s%s\n", indent, x.Text)
		return
	case Dims:
		fmt.Fprintf(b, "%s%s\n", indent, x.text())
		return
	}
	fmt.Fprintf(b, "%s%s\n", indent, v.Type().Name())
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if field.IsZero() && field.Kind() != reflect.Uint8 || name == "Span" || name == "At" {
			continue
		}
		switch x := field.Interface().(type) {
		case StatementKind:
			fmt.Fprintf(b, "%s  %s\n", indent, kindNames[x])
		case ExprKind:
			fmt.Fprintf(b, "%s  %s\n", indent, exprFields[x])
		default:
			fmt.Fprintf(b, "%s  .%s\n", indent, name)
			dump(b, field, indent+"    ")
		}
	}
}

// sources are all programs of the project: seeds for the fuzz targets.
func sources(t testing.TB) (texts []string) {
	t.Helper()
	for _, pattern := range []string{"../stdlib/*.bnet", "../examples/*.bnet", "../examples/*/*.bnet"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			texts = append(texts, string(text))
		}
	}
	for _, pattern := range []string{"testdata/format/*.txtar", "../testdata/diag/*.txtar", "../testdata/rules/*.txtar"} {
		for _, file := range golden.Files(t, pattern) {
			a, err := txtar.ParseFile(file)
			require.NoError(t, err)
			texts = append(texts, string(a.Files[0].Data))
		}
	}
	return texts
}

// FuzzParse: no text stops the parser, and what it says of one can be printed and points into it.
func FuzzParse(f *testing.F) {
	for _, text := range sources(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var l diag.List
		src := &diag.File{Name: "f.bnet", Text: text}
		file := Parse(src, &l)
		if file.Broken != l.HasErrors() {
			t.Fatalf("broken is %v, and the mistakes are\n%s", file.Broken, l.String())
		}
		for _, d := range l.Items() {
			if at := d.Where(); at.File != src || at.Start < 0 || at.End < at.Start || at.End > len(text) {
				t.Fatalf("a mistake at %d to %d of %d bytes", at.Start, at.End, len(text))
			}
		}
		_ = l.String()
	})
}

// FuzzFormat: what parses keeps its tree and its comments in the canonical layout, and the layout keeps itself.
func FuzzFormat(f *testing.F) {
	for _, text := range sources(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var l diag.List
		if !Parse(&diag.File{Name: "f.bnet", Text: text}, &l).Broken {
			keeps(t, text)
		}
	})
}
