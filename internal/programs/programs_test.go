package programs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every program is one that the language takes, under a name of its own.
func TestProgramsCheck(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Full() {
		require.False(t, names[p.Name], p.Name)
		names[p.Name] = true
	}
	for _, p := range All() {
		require.True(t, names[p.Name], "%s is not in the product", p.Name)
		_, err := p.Check()
		require.NoError(t, err)
	}
}
