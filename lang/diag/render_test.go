package diag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// at is the span of the first text like this in a file.
func at(f *File, text string) Span {
	i := strings.Index(f.Text, text)
	return Span{f, i, i + len(text)}
}

func TestRender(t *testing.T) {
	net := &File{Name: "net.bnet", Text: "use \"ä.bnet\"  word\n\tlayer l1 = x,\r\n  y\nlast"}
	lib := &File{Name: "lib.bnet", Text: "rule r"}
	var l List
	l.Error(Syntax, at(net, "word"), "columns count characters, not bytes").Label("here").Expected("this").Found("that").Hint("one\ntwo")
	l.Error(BadAux, at(net, "x,\r\n  y"), "a span of two lines is underlined on its first").Also(at(net, "layer"), "behind a tab").Also(at(lib, "r"), "in another file")
	l.Warn(NeverTrained, Span{net, len(net.Text), len(net.Text)}, "at the end of the text")
	l.Error(BadSet, Span{}, "of no file")
	require.Equal(t, `net.bnet:1:15: error[syntax]: columns count characters, not bytes
  1 │ use "ä.bnet"  word
    │               ^^^^ here
  expected  this
  found     that
  hint      one
            two

net.bnet:2:13: error[bad-aux]: a span of two lines is underlined on its first
  2 │ 	layer l1 = x,
    │ 	───── behind a tab
    │ 	           ^^
    ── lib.bnet
  1 │ rule r
    │ ─ in another file

net.bnet:4:5: warning[never-trained]: at the end of the text
  4 │ last
    │     ^

error[bad-set]: of no file
`, l.String())
	require.True(t, l.HasErrors())
}

// TestScreen: what a terminal should not be sent is not; a long line is cut around each place in it; nobody gets more than they can read.
func TestScreen(t *testing.T) {
	f := &File{Name: "f.bnet", Text: strings.Repeat("a", 1000) + "!" + strings.Repeat("b", 1000) + "?\n\x1b[31mred\x00\n"}
	var l List
	l.Error(Syntax, at(f, "!"), "in the middle of "+f.Text).Also(at(f, "?"), "at the end").Found(f.Text)
	l.Error(Syntax, at(f, "red"), "in red")
	text := l.String()
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\x00")
	for line := range strings.Lines(text) {
		require.Less(t, len([]rune(line)), 400, line)
	}
	lines := strings.Split(text, "\n")
	for i, sign := range []string{"!", "?"} {
		shown, marked := []rune(lines[1+2*i]), []rune(lines[2+2*i])
		column := slices.Index(shown, []rune(sign)[0])
		require.Contains(t, []string{"^", "─"}, string(marked[column]), "%s\n%s", string(shown), string(marked))
		require.NotContains(t, strings.TrimSpace(string(marked[4:column])), "^")
	}
	require.Contains(t, text, "2 │ �[31mred�\n    │      ^^^")

	for i := range 3 * most {
		l.Error(BadSet, Span{}, fmt.Sprint("mistake ", i))
	}
	text = l.String()
	require.Equal(t, most, strings.Count(text, "error["))
	require.Contains(t, text, fmt.Sprintf("and %d more\n", 2*most+2))
}

// TestOrder: by file, then by place, whatever came first; the same code at one place once.
func TestOrder(t *testing.T) {
	a, b := &File{Name: "z.bnet", Text: "one two"}, &File{Name: "a.bnet", Text: "three"}
	var l List
	l.Warn(Syntax, at(a, "two"), "second")
	l.Error(Syntax, at(b, "three"), "third")
	l.Error(Syntax, at(a, "one"), "first")
	l.Error(Syntax, at(a, "one"), "first again")
	l.Error(BadAux, at(a, "one"), "first, of another kind")
	var messages []string
	for _, d := range l.Items() {
		messages = append(messages, d.message)
	}
	require.Equal(t, []string{"first", "first, of another kind", "second", "third"}, messages)
}

func TestOnlyWarnings(t *testing.T) {
	var l List
	l.Warn(Syntax, Span{}, "a warning")
	require.False(t, l.HasErrors())
}

func TestJSON(t *testing.T) {
	f := &File{Name: "f.bnet", Text: "ä = b\nc"}
	var l List
	l.Error(Syntax, at(f, "b\nc"), "message").Label("label").Also(at(f, "ä"), "other").Expected("x").Found("y").Hint("z")
	text, err := json.Marshal(l.Items()[0].JSON())
	require.NoError(t, err)
	require.JSONEq(t, `{"code": "syntax", "severity": "error", "message": "message", "expected": "x", "found": "y", "hint": "z",
		"at": {"file": "f.bnet", "line": 1, "column": 5, "end_line": 2, "end_column": 2, "text": "label"},
		"also": [{"file": "f.bnet", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "text": "other"}]}`, string(text))
}

func TestNearest(t *testing.T) {
	words := []string{"tanh", "relu", "sigmoid", "softplus"}
	for word, want := range map[string]string{"tahn": "tanh", "tan": "tanh", "relux": "relu", "sigmiod": "sigmoid", "soft": "", "x": "", "": "", "cosine": ""} {
		require.Equal(t, want, Nearest(word, words), word)
	}
}
