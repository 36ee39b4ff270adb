package programs

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend/backendtest"
	"bnetc/backend/cpu"
)

// Whatever network, rule and target the bytes make: if the language takes it, it compiles, and the C backend agrees with the reference.
func FuzzAgree(f *testing.F) {
	f.Setenv("BNETC_CACHE", f.TempDir())
	for _, p := range All()[:20] {
		f.Add([]byte(p.Text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, target := Random(data)
		if _, err := p.Check(); err != nil {
			t.Skip("the language refuses it")
		}
		c, err := p.Compile(target)
		require.NoError(t, err)
		defer func() {
			if t.Failed() {
				t.Logf("target %+v\n%s", target, p.Text)
			}
		}()
		backendtest.Agree(t, &cpu.Backend{Threads: target.Workers}, Case(c))
		require.NoError(t, os.RemoveAll(os.Getenv("BNETC_CACHE")))
	})
}
