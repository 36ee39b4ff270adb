package tensor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever text parses and verifies is printed to what gives the same program; nothing panics.
func FuzzIR(f *testing.F) {
	f.Add(everything)
	f.Add(everythingElse)
	f.Add(built().String())
	f.Add("program p batch 1\nforward:\n \"\\x00 \" = map \"nan*$0 - inf\" : []  # \"\"\n update update : []")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		printed := p.String()
		if p.Verify() != nil {
			return
		}
		back, err := Parse(printed)
		require.NoError(t, err, printed)
		require.NoError(t, back.Verify(), printed)
		assert.Equal(t, printed, back.String())
		require.Len(t, back.Nodes, len(p.Nodes))
		for i, n := range p.Nodes {
			m := *back.Nodes[i]
			if n.Expr != nil { // compared bit by bit: a NaN is not equal to itself
				assert.True(t, n.Expr.Equal(m.Expr), printed)
			}
			m.Expr = n.Expr
			m.Args = n.Args
			assert.Equal(t, n, &m, printed)
		}
	})
}
