package check_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/lang/check"
	"bnetc/lang/diag"
	"bnetc/stdlib"
)

const threeLayers = `network n {
  input 4
  layer %s = all -> 3, tanh
  layer l2 = all -> 3, tanh
  output y = all -> 2, softmax
}
`

// Each map has tensors of its own, whatever the rule calls its families: the first of a kind has the letters of the parameter file alone.
func TestTensorsOfMaps(t *testing.T) {
	for _, names := range [][4]string{{"B", "W", "g", "k"}, {"W", "b", "c", "V"}, {"V", "c", "B", "W"}, {"m", "B", "v", "m2"}} {
		p, diagnostics := checked("n.bnet", fmt.Sprintf(threeLayers, "l1")+fmt.Sprintf(`
rule r {
  feedback %[1]s[l] like f[l]   for l in 2..last
  feedback %[2]s[l] like f[l]   for l in 2..last
  fixed inverse %[3]s[l] of f[l]   for l in 2..last
  fixed inverse %[4]s[l] of f[l]   for l in 2..last
  descend f[l] along outer(h[l], h[l-1])   for every l
}

learn r { forward sgd(lr = 0.1) }
`, names[0], names[1], names[2], names[3]))
		require.NotContains(t, diagnostics, "error[")
		var tensors []string
		for _, m := range p.Maps {
			if m.Layer.Name == "l2" {
				tensors = append(tensors, m.Weight, m.Bias)
			}
		}
		require.Equal(t, []string{"l2.W", "l2.b", "l2.V", "l2.c", "l2." + names[3] + ".V", "l2." + names[3] + ".c", "l2.B", "", "l2." + names[1] + ".B", ""}, sortedByKind(tensors), names)
	}
}

// sortedByKind has the inverses of pairs of tensors before the feedback, whose bias is none.
func sortedByKind(pairs []string) (out []string) {
	for _, biased := range []bool{true, false} {
		for i := 0; i < len(pairs); i += 2 {
			if (pairs[i+1] != "") == biased {
				out = append(out, pairs[i], pairs[i+1])
			}
		}
	}
	return out
}

// What --set and a run's report name, no layer and no parameter is called.
func TestNamesThatMeanSomething(t *testing.T) {
	rule := `
rule r(%s = 0.1) {
  descend f[l] along %[1]s * outer(h[l], h[l-1])   for every l
}

learn r { forward sgd(lr = 0.1) }
`
	for _, name := range []string{"learn", "train", "measure", "forward_loss", "inverse_loss", "last"} {
		_, diagnostics := checked("n.bnet", fmt.Sprintf(threeLayers, name)+fmt.Sprintf(rule, "rate"))
		require.Contains(t, diagnostics, "error[reserved-name]: `"+name+"` has a meaning of its own", name)
	}
	for _, name := range []string{"schedule", "forward", "inverse", "label", "loss", "h"} {
		_, diagnostics := checked("n.bnet", fmt.Sprintf(threeLayers, "l1")+fmt.Sprintf(rule, name))
		require.Contains(t, diagnostics, "error[redefined-name]: `"+name+"` has a meaning already, and cannot be a parameter", name)
	}
	for _, name := range []string{"step0", "seed3", "lr", "W"} {
		_, diagnostics := checked("n.bnet", fmt.Sprintf(threeLayers, "l1")+fmt.Sprintf(rule, name))
		require.Empty(t, diagnostics, name)
	}
}

// Noise is drawn by the place where it is written: one place of two files is two.
func TestDrawsOfTwoFiles(t *testing.T) {
	files := map[string]string{
		"n.bnet": "#  \nmeasure q[l] = |h[l-1] + normal(0.1)|^2   for every l\n" + fmt.Sprintf(threeLayers, "l1") + "use \"r.bnet\"\nlearn r { forward sgd(lr = 0.1) }\n",
		"r.bnet": "rule r {\n  noisy[l] = h[l] + normal(0.1)   for every l\n  descend f[l] along outer(noisy[l], h[l-1])   for every l\n}\n",
	}
	require.Equal(t, strings.Index(files["n.bnet"], "normal"), strings.Index(files["r.bnet"], "normal"))
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	var l diag.List
	p := check.Check(check.Load("n.bnet", read, stdlib.FS, &l), compiler.Tables(), &l)
	require.NotNil(t, p, l.String())
	draws := map[int]string{}
	var walk func(e *check.Expr)
	walk = func(e *check.Expr) {
		if e.Op == check.Normal {
			require.Empty(t, draws[e.Draw], "of %s", e.Span)
			draws[e.Draw] = e.Span.String()
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	for _, v := range append(p.Values, p.Measures...) {
		walk(v.Expr)
	}
	require.Len(t, draws, 6)
}
