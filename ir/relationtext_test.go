package ir

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oneAxis is a relation whose last axis runs backwards through the input, past both of its ends, in steps of 2.
var oneAxis = &Relation{
	Axes: []Axis{{"o", 3}, {"k", 6}}, OutShape: []int{3}, InShape: []int{5}, WShape: []int{6},
	Out: []Index{{0, []int{1, 0}}}, In: []Index{{7, []int{-1, -2}}}, W: []Index{{0, []int{0, 1}}},
}

// Spans are the points of the definition, in its order: every point of the loops whose input and output exist.
func TestSpansAreTheDefinition(t *testing.T) {
	all := cases()
	all["backwards"] = oneAxis
	all["point"] = &Relation{OutShape: []int{1}, InShape: []int{2}, WShape: []int{1},
		Out: []Index{{0, []int{}}}, In: []Index{{1, []int{}}}, W: []Index{{0, []int{}}}}
	for name, r := range all {
		require.NoError(t, r.Verify(), name)
		flat := func(idx []Index, shape, point []int) (int, bool) {
			o := 0
			for i, x := range idx {
				v := x.At(point)
				if v < 0 || v >= shape[i] {
					return 0, false
				}
				o = o*shape[i] + v
			}
			return o, true
		}
		var want, got [][3]int
		point := make([]int, len(r.Axes))
		var walk func(int)
		walk = func(d int) {
			if d < len(r.Axes) {
				for point[d] = 0; point[d] < r.Axes[d].Extent; point[d]++ {
					walk(d + 1)
				}
				return
			}
			out, a := flat(r.Out, r.OutShape, point)
			in, b := flat(r.In, r.InShape, point)
			if w, _ := flat(r.W, r.WShape, point); a && b {
				want = append(want, [3]int{out, in, w})
			}
		}
		walk(0)
		r.Each(func(out, in, w int) { got = append(got, [3]int{out, in, w}) })
		require.Equal(t, want, got, name)
	}
}

func TestRelationTextReadsBack(t *testing.T) {
	all := cases()
	all["backwards"] = oneAxis
	for name, r := range all {
		back, err := ParseRelation(r.String())
		require.NoError(t, err, "%s: %s", name, r)
		assert.Equal(t, r, back, name)
		assert.True(t, r.Equal(back), name)
	}
	w := Window{3, 1, 2, 1, 1, 0, 1, 1, 1}
	assert.Equal(t, "{ axes ty 4, ry 1, tx 1, rx 1, g 1, co 2, ky 3, kx 1, ci 1; out [ty+ry, tx+rx, 2*g+co]; in [2*ty+2*ry+ky-1, tx+rx+kx, g+ci]; "+
		"w [ty, tx, 2*g+co, ky, kx, ci]; shapes [4, 1, 2] [7, 1, 1] [4, 1, 2, 3, 1, 1] }", Field(7, 1, 1, 4, 1, 2, w, Sharing{1, 1}).String())
	changed := *oneAxis
	changed.In = []Index{{6, []int{-1, -2}}}
	assert.False(t, oneAxis.Equal(&changed))
}

func TestRelationErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{ axes o 3; out [o]; in [0]; w [o]; shapes [3] [1] [2] }":                      "w[0] = o lies in 0..2, outside its extent 2",
		"{ axes o 3, o 4; out [o]; in [0]; w [o]; shapes [3] [1] [3] }":                 "two axes are named o",
		"{ axes o 0; out [o]; in [0]; w [o]; shapes [3] [1] [3] }":                      "axis o has extent 0",
		"{ axes o 3; out [o, 0]; in [0]; w [o]; shapes [3] [1] [3] }":                   "out has 2 indices for 1 dimensions",
		"{ axes o 3; out [o]; in [0]; w [o]; shapes [3] [0] [3] }":                      "in: shape [0] is empty or too large",
		"{ axes o 3; out [p]; in [0]; w [o]; shapes [3] [0] [3] }":                      `expected an axis, found "p]; in [0]; " at column 18`,
		"{ axes o 3; out [o]; in [99999999999*o]; w [o]; shapes [3] [1] [3] }":          "in[0] = 99999999999*o reaches too far",
		"{ axes o 3; out [o]; in [0]; w [o]; shapes [3] [1] [3] } x":                    "expected the end of the relation",
		"{ axes o 3; out [o]; in [0]; w [o]; shapes [3] [1] [99999999999, 999999999] }": "w has 1 indices for 2 dimensions",
	} {
		_, err := ParseRelation(text)
		assert.ErrorContains(t, err, want)
	}
}
