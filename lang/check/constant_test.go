package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDoubling: a number that is made of the one before it twice, a hundred times over, is looked at a hundred times, not 2^100.
func TestDoubling(t *testing.T) {
	var b strings.Builder
	b.WriteString("network n {\n  input 4\n  output y = all -> 2\n}\nlearn r { forward sgd }\nrule r {\n  x0 = 1\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  x%d = x%d + x%d\n", i+1, i, i)
	}
	text := b.String() + "  descend f[l] along outer(h[l] / (x100 - 2 * x99), h[l-1])   for every l\n}\n"
	_, diagnostics := checked("n.bnet", text)
	require.Contains(t, diagnostics, "error[not-finite]: a division by zero")
}
