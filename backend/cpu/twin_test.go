package cpu

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/ir/kernel"
)

// twoLayers are two kernels of layers of one shape: other buffers, other names of variables.
const twoLayers = `plan two batch 4
settings lr rate

buffer settings setting [2]
buffer l1.W weight [4, 4]
buffer l2.W weight [4, 4]
buffer x temp [1, 4, 4]
buffer h1 temp [1, 4, 4] at 64
buffer h2 temp [1, 4, 4] at 128
buffer wide temp [1, 5, 4] at 192

kernel h1(l1.W, x, settings -> h1) by batch
  parallel nb in 1
    serial c in 4
      vector lane in 4
        let s1 = 0
        serial i in 4
          s1 += l1.W[c, i] * x[nb, i, lane]
        let t1 = 0.5 * s1
        store h1[nb, c, lane] = s1 - t1*settings[0]

kernel h2(l2.W, h1, settings -> h2) by batch
  parallel nb in 1
    serial o in 4
      vector lane in 4
        let s7 = 0
        serial i in 4
          s7 += l2.W[o, i] * h1[nb, i, lane]
        let h2_t = 0.5 * s7
        store h2[nb, o, lane] = s7 - h2_t*settings[0]
`

func TestTwin(t *testing.T) {
	p, err := kernel.Parse(twoLayers)
	require.NoError(t, err)
	require.NoError(t, p.Verify())
	of := func(name string) int { return p.Buffer(name) }
	buffers, ok := twin(p, p.Kernels[0], p.Kernels[1])
	assert.True(t, ok)
	assert.Equal(t, map[int]int{of("settings"): of("settings"), of("l1.W"): of("l2.W"), of("x"): of("h1"), of("h1"): of("h2")}, buffers)
	_, ok = twin(p, p.Kernels[1], p.Kernels[0])
	assert.True(t, ok)
}

// Whatever differs in more than buffers and names makes other code.
func TestNoTwin(t *testing.T) {
	for what, change := range map[string][2]string{
		"a number":                        {"0.5 * s7", "0.25 * s7"},
		"an operation":                    {"let h2_t = 0.5 * s7", "let h2_t = 0.5 + s7"},
		"a variable":                      {"= s7 - h2_t*settings[0]", "= h2_t - s7*settings[0]"},
		"a setting":                       {"h2_t*settings[0]", "h2_t*settings[1]"},
		"a mark":                          {"serial o in 4", "unrolled o in 4"},
		"a position":                      {"l2.W[o, i]", "l2.W[i, o]"},
		"a shape":                         {"store h2[nb, o", "store wide[nb, o"},
		"two buffers that are one":        {"* h1[nb, i, lane]", "* h2[nb, i, lane]"},
		"a statement more":                {"        let h2_t", "        s7 += 1\n        let h2_t"},
		"how it combines":                 {"store h2[nb, o, lane] =", "store h2[nb, o, lane] +="},
		"whose blocks it runs over":       {"-> h2) by batch", "-> h2)"},
		"a number where a buffer is read": {"* h1[nb, i, lane]", "* 2"},
	} {
		t.Run(what, func(t *testing.T) {
			text := strings.Replace(twoLayers, change[0], change[1], 1)
			assert.NotEqual(t, twoLayers, text)
			i := strings.Index(text, "kernel h2(")
			head, rest, _ := strings.Cut(text[i:], ")") // the parameters are read from the body
			text = text[:i] + head[:strings.Index(head, "(")] + rest
			p, err := kernel.Parse(text)
			require.NoError(t, err)
			_, ok := twin(p, p.Kernels[0], p.Kernels[1])
			assert.False(t, ok)
		})
	}
}

// Noise is drawn from streams, each kernel's its own.
func TestDrawsAreNoTwins(t *testing.T) {
	text := strings.NewReplacer("let s1 = 0", "draw s1 e1 e2 e3 = stream 0x1 row lane block c", "let s7 = 0", "draw s7 e1 e2 e3 = stream 0x2 row lane block o").Replace(twoLayers)
	text = strings.NewReplacer("vector lane", "serial lane", "s1 += ", "let z = ", "s7 += ", "let z = ").Replace(text)
	p, err := kernel.Parse(text)
	require.NoError(t, err)
	_, ok := twin(p, p.Kernels[0], p.Kernels[1])
	assert.False(t, ok)
}
