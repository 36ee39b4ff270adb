package check_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/lang/check"
)

// TestInverseOfASharedNetwork: what a network in a file of its own says of inverses holds for the rules that have some, and is no mistake under one that has
// none; it is no part of the program that is kept. --set says it of this run.
func TestInverseOfASharedNetwork(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
		return file
	}
	write("net.bnet", "network n {\n  input 4\n  layer l1 = all -> 3, tanh\n  layer l2 = all -> 3, tanh, inverse exact\n  output y = all -> 2, softmax\n}\n")
	none := write("none.bnet", "use \"net.bnet\"\n\nlearn bp { forward sgd(lr = 0.1) }\n")
	some := write("some.bnet", "use \"net.bnet\"\n\nlearn sdtp { forward sgd(lr = 0.1)  inverse sgd(lr = 0.1) }\n")

	p, diagnostics := loaded(none)
	require.Empty(t, diagnostics)
	require.NotContains(t, check.Source(p), "inverse exact")
	p, diagnostics = loaded(some)
	require.Empty(t, diagnostics)
	require.Contains(t, check.Source(p), "inverse exact")
	_, diagnostics = loaded(none, "l2.inverse=all")
	require.Contains(t, diagnostics, "--set l2.inverse")
	require.Contains(t, diagnostics, "warning[unused-inverse]")
	_, diagnostics = loaded(some, "l2.inverse=all")
	require.Empty(t, diagnostics)
}
