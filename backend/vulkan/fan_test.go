package vulkan

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Runs part constants: each is in one run, at the run's distances, and no run is longer than a subgroup.
func TestRunsPartConstants(t *testing.T) {
	for range 2000 {
		seen, most := map[int]bool{}, 1+rand.IntN(9)
		for range 1 + rand.IntN(40) {
			seen[4*rand.IntN(60)] = true
		}
		var constants []int
		for c := range seen {
			constants = append(constants, c)
		}
		slices.Sort(constants)
		runs := runsOf(constants, most)
		require.Len(t, runs, len(constants))
		for c, r := range runs {
			require.True(t, r.count == 1 && r.from == c || r.stride > 0 && (c-r.from)%r.stride == 0 && c >= r.from && (c-r.from)/r.stride < r.count, "%d in %+v", c, r)
			require.LessOrEqual(t, r.count, most)
			for i := range r.count {
				require.Equal(t, r, runs[r.from+i*r.stride])
			}
		}
	}
}

// Two neighbours of each of eight rows are two runs of eight, not eight of two.
func TestRunsAreLong(t *testing.T) {
	var constants []int
	for row := range 8 {
		constants = append(constants, 256*row, 256*row+4)
	}
	runs := runsOf(constants, 8)
	require.Equal(t, run{0, 256, 8}, runs[512])
	require.Equal(t, run{4, 256, 8}, runs[516])
}

// A quad that nobody has announced is in no run, whatever else of its buffer was announced.
func TestUnexpectedQuadsAreInNoRun(t *testing.T) {
	f := fans{}
	f.add(1, affine{constant: 4})
	f.add(1, affine{constant: 8})
	require.Equal(t, run{4, 4, 2}, f.run(1, affine{constant: 8}, 8))
	require.Zero(t, f.run(1, affine{constant: 12}, 8))
	require.Zero(t, f.run(2, affine{constant: 8}, 8))
}
