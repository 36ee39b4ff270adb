package lang

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/internal/golden"
	"bnetc/lang/diag"
)

// TestSyntax: each line of the archive's source is a file of its own, with one mistake: what was expected and found is said in the language's
// words, and an error of one item leaves the others alone.
func TestSyntax(t *testing.T) {
	const file = "testdata/syntax.txtar"
	var b strings.Builder
	for line := range strings.Lines(golden.Source(t, file)) {
		var l diag.List
		f := Parse(&diag.File{Name: "f", Text: line}, &l)
		require.True(t, f.Broken, line)
		require.Len(t, l.Items(), 1, "%s%s", line, l.String())
		require.NotContains(t, l.String(), "  expected  G", line) // a type of the grammar
		b.WriteString(l.String() + "\n")
	}
	golden.Check(t, file, "diagnostics", b.String())
}

// TestMark: the byte order mark of some editors is no mistake, and not kept; a file in another encoding is one mistake.
func TestMark(t *testing.T) {
	var l diag.List
	text, ok := Format(&diag.File{Name: "f", Text: "\ufeffmeasure a = |h[1]|^2\r\n"}, &l)
	require.True(t, ok, l.String())
	require.Equal(t, "measure a = |h[1]|^2\n", text)
	for _, text := range []string{"\xff\xfem\x00e\x00", "m\x00e\x00", "# na\xefve\nmeasure a = |h[1]|^2\n"} {
		var l diag.List
		require.True(t, Parse(&diag.File{Name: "f", Text: text}, &l).Broken)
		require.Len(t, l.Items(), 1)
		require.Equal(t, diag.NotText, l.Items()[0].Code())
	}
	require.Empty(t, Parse(&diag.File{Name: "f", Text: "# \ufffd\n"}, &l).Blocks)
	require.Zero(t, l.Len(), "a character that stands for lost ones is one")
}

// TestRecovery: what stands around a mistake is read.
func TestRecovery(t *testing.T) {
	var l diag.List
	f := Parse(&diag.File{Name: "f", Text: "network n {\n  input 4\n  layer l1 = all 3, tanh\n  layer l2 = all -> 3\n  stray words\n  output y = all -> 2\n}\n" +
		"learn r {\n  forward sgd(lr 1)\n  inverse sgd\nrule r {\n  a[l] = h[l] +\n  b[l] = h[l]   for every l\n  c[l] = h[l]\n    + a[l]\n  wrong f[l]\n  minimize loss   over f[last]\n}\n"}, &l)
	require.Len(t, l.Items(), 6, l.String())
	require.Len(t, Blocks[*Network](f)[0].Layers, 2)
	require.Len(t, Blocks[*Learn](f)[0].Optimizers, 1)
	rule := Blocks[*Rule](f)[0]
	require.Len(t, rule.Statements, 3)
	require.Equal(t, []string{"a", "wrong", "f"}, rule.Lost)
	require.Equal(t, "h[l] + a[l]", rule.Statements[1].Expr.String())
}

// TestLineBreaks: a program is the same on one line, and with every word on a line of its own.
func TestLineBreaks(t *testing.T) {
	texts := []string{`use "a.bnet"
use "b.bnet"
measure a1 = loss
measure b1[l] = |h[l] - |loss|^2|^2 for l in 1..last
measure c1[l] = -loss for hidden l
network n {
  input image 9x9x1
  layer l1 = field 3x3 stride 2 pad 1 -> 5, share tile 2x2, init normal(0.1), inverse field 3x3 stride 2
  layer p1 = pool max 2x2
  layer d1 = dropout 0.5
  output y = all -> 3, softmax, inverse all, aux 5 relu, init he
}
rule r(a = 1, b = 2) {
  require local
  fixed inverse g[l] of f[l] for l in 2..last
  inverse k[last] of f[last]
  feedback B[l] from last to l for hidden l
  x = a
  descend f[l] along outer(x * h[l], h[l-1]) for every l
}
learn r(a = 2) { forward sgd(lr = 1, decay = step) inverse adam require local }
train on npy("x", "y") { batch 3 keep_last augment flip, crop(3), normalize(0.5, 0.1) target input }
measure d1 = loss
use "c.bnet"
`}
	for _, pattern := range []string{"../examples/*.bnet", "../examples/*/*.bnet", "../stdlib/*.bnet"} {
		for _, file := range golden.Files(t, pattern) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			texts = append(texts, string(text))
		}
	}
	words := func(text string) (all []string, f *File) {
		var l diag.List
		f = Parse(&diag.File{Name: "f", Text: text}, &l)
		require.Zero(t, l.Len(), "%s\n%s", text, l.String())
		f.Comments = nil
		return strings.Fields(f.String()), f
	}
	for _, text := range texts {
		want, f := words(text)
		for _, space := range []string{" ", "\n"} {
			code, _, _ := lexed(f.Source, &diag.List{})
			var b strings.Builder
			for _, token := range code {
				b.WriteString(token.Value + space)
			}
			got, _ := words(b.String())
			require.Equal(t, want, got)
		}
	}
}
