package layers

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// maxRuleLines is what a rule of the library may take: no more than the algorithm's box in the paper.
const maxRuleLines = 25

// rules gives the names of the library's rules, the files of stdlib.
func rules(t *testing.T, root fs.FS) (names []string) {
	t.Helper()
	files, err := fs.Glob(root, "stdlib/*.bnet")
	if err != nil || len(files) == 0 {
		t.Fatal("no rules in stdlib: ", err)
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(path.Base(file), ".bnet"))
	}
	return names
}

// TestNoGoNamesARule: a rule is text. No identifier and no literal of the project's Go says the name of one; tests, and the support of tests in
// internal, may.
func TestNoGoNamesARule(t *testing.T) {
	root := os.DirFS("../..")
	word := regexp.MustCompile(`\b(` + strings.Join(rules(t, root), "|") + `)\b`)
	err := fs.WalkDir(root, ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "internal/") {
			return err
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		for _, found := range named(file, text, word) {
			t.Error(found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// named lists the identifiers and literals of a Go file in which a word occurs.
func named(file string, text []byte, word *regexp.Regexp) (found []string) {
	set := token.NewFileSet()
	var s scanner.Scanner
	s.Init(set.AddFile(file, -1, len(text)), text, nil, 0)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return found
		}
		if tok == token.IDENT || tok == token.STRING || tok == token.CHAR {
			if name := word.FindString(lit); name != "" {
				found = append(found, set.Position(pos).String()+" names the rule "+name+": "+lit)
			}
		}
	}
}

// TestTheScanFindsNames: in identifiers and in literals, as whole words alone, and not in comments.
func TestTheScanFindsNames(t *testing.T) {
	word := regexp.MustCompile(`\b(fa|dtp)\b`)
	const text = "package p // fa\n\nvar fa, face, dtp2 = `learn dtp {`, \"mnist_fc_fa.bnet\", 'x'\n"
	got := named("p.go", []byte(text), word)
	want := []string{"p.go:3:5 names the rule fa: fa", "p.go:3:22 names the rule dtp: `learn dtp {`"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRulesAreShort(t *testing.T) {
	root := os.DirFS("../..")
	for _, name := range rules(t, root) {
		text, err := fs.ReadFile(root, "stdlib/"+name+".bnet")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > maxRuleLines {
			t.Errorf("%s has %d lines, more than %d", name, n, maxRuleLines)
		}
	}
}
