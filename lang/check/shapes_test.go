package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shapes is what the checker infers of a network's layers: each layer's shape, its parameters, and the padding of its window.
func shapes(t *testing.T, input string, layers ...string) (lines []string) {
	t.Helper()
	text := "network n {\n  input " + input + "\n"
	for i, l := range layers {
		text += fmt.Sprintf("  layer l%d = %s\n", i+1, l)
	}
	text += "  output y = all -> 2, softmax\n}\n\nlearn bp { forward sgd(lr = 0.1) }\n"
	p, diagnostics := checked("n.bnet", text)
	require.NotNil(t, p, diagnostics)
	for _, l := range p.Layers[:len(layers)] {
		line := l.Shape.Text()
		window := l.Pool
		if l.F != nil {
			window = l.F.Conn.Field
			line += fmt.Sprintf(" W%v b%v", l.F.WeightShape, l.F.BiasShape)
		}
		if window.KH > 0 {
			line += fmt.Sprintf(" pad %d %d %d %d", window.PadTop, window.PadBottom, window.PadLeft, window.PadRight)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestShapes(t *testing.T) {
	for _, c := range []struct{ input, layer, want string }{
		{"784", "all -> 256", "256 W[256 784] b[256]"},
		{"image 28x28x1", "all -> 256, no_bias", "256 W[256 784] b[]"},
		// LEARNING.md section 1: same is ceil(in / stride), the smaller half of the padding before.
		{"image 28x28x1", "field 3x3 stride 2 same -> 32, untied", "14x14x32 W[14 14 32 3 3 1] b[14 14 32] pad 0 1 0 1"},
		{"image 28x28x1", "field 3x3 stride 2 -> 32, shared", "14x14x32 W[32 3 3 1] b[32] pad 0 1 0 1"},
		{"image 28x28x1", "field 5x5 -> 3", "28x28x3 W[28 28 3 5 5 1] b[28 28 3] pad 2 2 2 2"},
		{"image 28x28x1", "field 4x4 -> 3, shared", "28x28x3 W[3 4 4 1] b[3] pad 1 2 1 2"},
		{"image 224x224x3", "field 9x9 stride 4 -> 48", "56x56x48 W[56 56 48 9 9 3] b[56 56 48] pad 2 3 2 3"},
		// Strides that do not divide; height and width apart.
		{"image 7x5x2", "field 3x2 stride 2x3 -> 4, shared", "4x2x4 W[4 3 2 2] b[4] pad 1 1 0 0"},
		{"image 7x5x2", "field 3x2 stride 2x3 valid -> 4, shared", "3x2x4 W[4 3 2 2] b[4] pad 0 0 0 0"},
		{"image 8x5x2", "field 3x3 stride 2 valid -> 4, shared", "3x2x4 W[4 3 3 2] b[4] pad 0 0 0 0"},
		// A 1x1 field; one that skips locations; one larger than its input, padded.
		{"image 7x5x2", "field 1x1 -> 4, untied", "7x5x4 W[7 5 4 1 1 2] b[7 5 4] pad 0 0 0 0"},
		{"image 7x5x2", "field 1x1 stride 3 -> 4, untied", "3x2x4 W[3 2 4 1 1 2] b[3 2 4] pad 0 0 0 0"},
		{"image 3x3x2", "field 5x5 -> 4, shared", "3x3x4 W[4 5 5 2] b[4] pad 2 2 2 2"},
		// With one location a layer is kept in the layout of its word.
		{"image 3x4x2", "field 3x4 valid -> 4, untied", "4 W[1 1 4 3 4 2] b[1 1 4] pad 0 0 0 0"},
		{"image 3x4x2", "field 3x4 valid -> 4, shared", "4 W[4 3 4 2] b[4] pad 0 0 0 0"},
		{"image 3x4x2", "field 3x4 valid -> 4, share tile 2x2", "4 W[4 3 4 2] b[4] pad 0 0 0 0"},
		// Padding by the side: all, height and width, top bottom left right.
		{"image 7x5x2", "field 3x3 pad 2 -> 4, shared", "9x7x4 W[4 3 3 2] b[4] pad 2 2 2 2"},
		{"image 7x5x2", "field 3x3 pad 1x0 -> 4, shared", "7x3x4 W[4 3 3 2] b[4] pad 1 1 0 0"},
		{"image 7x5x2", "field 3x3 stride 2 pad 1x0x2x1 -> 4, shared", "3x3x4 W[4 3 3 2] b[4] pad 1 0 2 1"},
		// Dilation widens the window, groups narrow the weights.
		{"image 9x9x2", "field 3x3 dilation 2 valid -> 4, shared", "5x5x4 W[4 3 3 2] b[4] pad 0 0 0 0"},
		{"image 9x9x2", "field 3x3 dilation 2x1 -> 4, shared", "9x9x4 W[4 3 3 2] b[4] pad 2 2 1 1"},
		{"image 8x8x6", "field 3x3 groups 3 -> 9, shared", "8x8x9 W[9 3 3 2] b[9] pad 1 1 1 1"},
		// Tiles: ragged ones, one of everything, one of nothing.
		{"image 7x5x2", "field 3x3 -> 4, share tile 2x2", "7x5x4 W[4 3 4 3 3 2] b[4] pad 1 1 1 1"},
		{"image 7x5x2", "field 3x3 -> 4, share tile 3", "7x5x4 W[3 2 4 3 3 2] b[4] pad 1 1 1 1"},
		{"image 7x5x2", "field 3x3 -> 4, share tile 9x9", "7x5x4 W[4 3 3 2] b[4] pad 1 1 1 1"},
		{"image 7x5x2", "field 3x3 -> 4, share tile 1x1", "7x5x4 W[7 5 4 3 3 2] b[7 5 4] pad 1 1 1 1"},
		// Pooling stands side by side and is not padded, where nothing is said.
		{"image 7x5x2", "pool max 2x2", "3x2x2 pad 0 0 0 0"},
		{"image 7x5x2", "pool average 3x2 stride 1", "5x4x2 pad 0 0 0 0"},
		{"image 7x5x2", "pool max 3x3 stride 2 same", "4x3x2 pad 1 1 1 1"},
		{"image 7x5x2", "pool max 2x2 pad 1x0x0x1", "4x3x2 pad 1 0 0 1"},
		{"image 7x5x2", "flatten", "70"},
		{"image 7x5x2", "dropout 0.5", "7x5x2"},
	} {
		require.Equal(t, []string{c.want}, shapes(t, c.input, c.layer), "%s on %s", c.layer, c.input)
	}
}

// TestShapesFollow: each layer starts from what the one below gives, of whatever kind.
func TestShapesFollow(t *testing.T) {
	require.Equal(t, []string{
		"14x14x4 W[4 5 5 3] b[4] pad 1 2 1 2",
		"7x7x4 pad 0 0 0 0",
		"7x7x4",
		"7x7x6 W[7 7 6 3 3 4] b[7 7 6] pad 1 1 1 1",
		"294",
		"294",
		"12 W[12 294] b[12]",
	}, shapes(t, "image 28x28x3", "field 5x5 stride 2 -> 4, shared, relu", "pool max 2x2", "dropout 0.1", "field 3x3 -> 6, tanh", "flatten", "dropout 0.2", "all -> 12, tanh"))
}

// TestInverses: what each kind of inverse has for parameters.
func TestInverses(t *testing.T) {
	for _, c := range []struct{ layer, want string }{
		{"field 3x3 stride 2 -> 6, untied, tanh", "V[4 3 6 3 3 2] c[7 5 2]"},
		{"field 3x3 stride 2 -> 6, shared, tanh", "V[6 3 3 2] c[2]"},
		{"field 3x3 stride 2 -> 6, share tile 2x2, tanh", "V[2 2 6 3 3 2] c[2]"},
		{"field 7x5 valid -> 6, untied, tanh", "V[1 1 6 7 5 2] c[7 5 2]"},
		{"field 7x5 valid -> 6, shared, tanh", "V[6 7 5 2] c[2]"},
		{"field 7x5 valid -> 6, shared, tanh, inverse field 9x7 pad 1", "V[6 9 7 2] c[2]"},
		{"field 3x3 stride 2 -> 6, untied, tanh, inverse mirrored", "V[4 3 6 3 3 2] c[7 5 2]"},
		{"field 3x3 stride 2 -> 6, untied, tanh, inverse field 5x5 stride 2", "V[4 3 6 5 5 2] c[7 5 2]"},
		{"field 3x3 stride 2 -> 6, shared, tanh, inverse field 1x1 stride 2", "V[6 1 1 2] c[2]"},
		{"field 3x3 stride 2 -> 6, untied, tanh, inverse all", "V[70 72] c[7 5 2]"},
		{"all -> 6, tanh", "V[70 6] c[7 5 2]"},
		{"all -> 6, tanh, inverse exact", ""},
		{"pool average 2x2", ""},
	} {
		p, diagnostics := checked("n.bnet", "network n {\n  input image 7x5x2\n  layer l0 = field 1x1 -> 2, tanh\n  layer l1 = "+c.layer+"\n  output y = all -> 2, softmax\n}\n\n"+
			"learn sdtp { forward sgd(lr = 0.1)  inverse sgd(lr = 0.1) }\n")
		require.NotNil(t, p, diagnostics)
		got := ""
		if m := p.Layers[1].G; !m.Exact {
			got = fmt.Sprintf("V%v c%v", m.WeightShape, m.BiasShape)
		}
		require.Equal(t, c.want, got, c.layer)
	}
}

// A map that a rule declares may be larger than the layers it connects.
func TestFeedbackTooLarge(t *testing.T) {
	_, diagnostics := checked("n.bnet", `network n {
  input 4
  layer l1 = all -> 16777216, tanh
  layer l2 = all -> 4, tanh
  output y = all -> 131072, softmax
}

learn dfa { forward sgd(lr = 0.1) }
`)
	require.Contains(t, diagnostics, "error[layer-too-large]: B[l1] has more weights than can be computed with")
	require.Equal(t, 1, strings.Count(diagnostics, "error["), diagnostics)
}
