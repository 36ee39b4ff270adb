package runtime

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCurves: curves stand in the order of the layers, measures of one name together, and what belongs to no layer before them.
func TestCurves(t *testing.T) {
	rows := []EpochRow{{Epoch: 1, Measures: map[string]float64{"size.l1": 1, "size.a": 2, "recon.y": 3, "recon.l1": 4, "recon.a": 5}}, {Epoch: 2, Measures: map[string]float64{"all": 6, "recon.y": 7}}}
	var names []string
	for _, c := range curves(rows, func(r *EpochRow) map[string]float64 { return r.Measures }, []string{"l1", "a", "y"}) {
		names = append(names, c.name)
	}
	require.Equal(t, []string{"all", "recon.l1", "recon.a", "recon.y", "size.l1", "size.a"}, names)
}

// TestChart: the axes have their names, and no two of two dozen curves look alike; the dots of a long run would be a thick line.
func TestChart(t *testing.T) {
	lines := make([]curve, len(colours)*len(strokes))
	for i := range lines {
		lines[i] = curve{name: "l", x: []float64{1, 2}, y: []float64{0, float64(i)}}
	}
	text := string(chart("loss", lines))
	require.Contains(t, text, ">epoch</text>")
	require.NotContains(t, text, "crowd")
	looks := map[string]bool{}
	for _, part := range strings.Split(text, "<g ")[1:] {
		look, _, _ := strings.Cut(part, "points=")
		looks[look] = true
	}
	require.Len(t, looks, len(lines))
	long := curve{name: "l", x: make([]float64, crowd+1), y: make([]float64, crowd+1)}
	require.Contains(t, string(chart("loss", []curve{long})), "class=crowd")
}
