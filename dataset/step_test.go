package dataset

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// words is a generator that gives the same words for every counter.
func words(w ...uint32) Rand {
	return func([4]uint32) (r [4]uint32) { copy(r[:], w); return r }
}

const heads, tails = 1 << 31, 0

func TestSteps(t *testing.T) {
	dir := folder(t, map[string][]byte{ // a training picture of 2x3, and one to test
		"x.npy": npy("|u1", "(2, 2, 3)", []byte{10, 20, 30, 40, 50, 60, 1, 2, 3, 4, 5, 6}),
		"f.npy": npy("<f4", "(2, 2, 3)", float32s(10, 20, 30, 40, 50, 60, 1, 2, 3, 4, 5, 6)),
	})
	for _, c := range []struct {
		name  string
		steps []Step
		rand  Rand
		want  []float32 // before the division by 255
	}{
		{"none", nil, nil, []float32{10, 20, 30, 40, 50, 60}},
		{"flip", []Step{{Name: "flip"}}, words(heads), []float32{30, 20, 10, 60, 50, 40}},
		{"no flip", []Step{{Name: "flip"}}, words(tails), []float32{10, 20, 30, 40, 50, 60}},
		{"flip(vertical)", []Step{{Name: "flip", Word: "vertical"}}, words(heads), []float32{40, 50, 60, 10, 20, 30}},
		{"crop, top left", []Step{{Name: "crop", Args: []float64{1}}}, words(0, 0), []float32{0, 0, 0, 0, 10, 20}},
		{"crop, bottom right", []Step{{Name: "crop", Args: []float64{1}}}, words(1<<32-1, 1<<32-1), []float32{50, 60, 0, 0, 0, 0}},
		{"crop, middle", []Step{{Name: "crop", Args: []float64{1}}}, words(1<<31, 1<<31), []float32{10, 20, 30, 40, 50, 60}},
		{"flip, crop", []Step{{Name: "flip"}, {Name: "crop", Args: []float64{1}}}, words(1<<31, 0), []float32{0, 30, 20, 0, 60, 50}},
		{"crop, flip", []Step{{Name: "crop", Args: []float64{1}}, {Name: "flip"}}, words(1<<31, 0), []float32{20, 10, 0, 50, 40, 0}},
	} {
		for _, file := range []string{"x.npy", "f.npy"} {
			spec := Spec{Name: "npy", Files: []string{file}, H: 2, W: 3, C: 1, Steps: c.steps, Augment: c.rand}
			data, err := Open(spec, dir)
			require.NoError(t, err)
			want, test := slices.Clone(c.want), []float32{1, 2, 3, 4, 5, 6}
			if file == "x.npy" {
				for i := range want {
					want[i], test[i] = want[i]/255, test[i]/255
				}
			}
			require.Equal(t, want, whole(t, data.Train, true, 0).X, c.name)
			require.Equal(t, test, whole(t, data.Test, true, 0).X, "%s, testing", c.name)
			if c.rand != nil {
				require.NotEqual(t, c.name != "no flip" && c.name != "crop, middle", slices.Equal(want, whole(t, data.Train, false, 0).X), "an evaluation moves nothing")
			}
		}
	}
}

func TestNormalize(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"x.npy": npy("|u1", "(2, 1, 2, 2)", []byte{0, 255, 51, 102, 255, 255, 0, 0}),
		"f.npy": npy("<f4", "(2, 1, 2, 2)", float32s(0, 1, 0.2, 0.4, 1, 1, 0, 0)),
	})
	norm := func(args ...float64) Step { return Step{Name: "normalize", Args: args} }
	for _, file := range []string{"x.npy", "f.npy"} {
		spec := Spec{Name: "npy", Files: []string{file}, H: 1, W: 2, C: 2, Steps: []Step{norm(0.5, 0.25)}}
		data, err := Open(spec, dir)
		require.NoError(t, err)
		require.InDeltaSlice(t, []float32{-2, 2, -1.2, -0.4}, whole(t, data.Train, true, 0).X, 1e-6)
		require.InDeltaSlice(t, []float32{2, 2, -2, -2}, whole(t, data.Test, false, 0).X, 1e-6)
		spec.Steps = []Step{norm(0.5, 0, 0.25, 2), norm(1, 2)}
		data, err = Open(spec, dir)
		require.NoError(t, err)
		require.InDeltaSlice(t, []float32{-1.5, -0.25, -1.1, -0.4}, whole(t, data.Train, true, 0).X, 1e-6)
	}
	// What a crop takes from outside is a pixel of 0, normalized where normalize comes after.
	files := folder(t, map[string][]byte{"x.npy": npy("|u1", "(2, 2, 2, 1)", ramp(8))})
	crop := Step{Name: "crop", Args: []float64{1}}
	for _, c := range []struct {
		steps []Step
		want  float32
	}{{[]Step{crop, norm(0.5, 0.25)}, -2}, {[]Step{norm(0.5, 0.25), crop}, 0}} {
		data, err := Open(Spec{Name: "npy", Files: []string{"x.npy"}, H: 2, W: 2, C: 1, Steps: c.steps, Augment: words(0, 0)}, files)
		require.NoError(t, err)
		require.Equal(t, c.want, whole(t, data.Train, true, 0).X[0])
	}
}

func TestStepFaults(t *testing.T) {
	for _, c := range []struct {
		step Step
		want string
	}{
		{Step{Name: "crop"}, "step crop of the data: expected a whole number of pixels, 0 or more, as in crop(4), found crop"},
		{Step{Name: "crop", Args: []float64{1.5}}, "found crop(1.5)"},
		{Step{Name: "crop", Args: []float64{-1}}, "found crop(-1)"},
		{Step{Name: "crop", Args: []float64{2}}, "step crop(2) of the data: expected fewer pixels than the picture has, 2x3x1, found 2"},
		{Step{Name: "flip", Word: "sideways"}, "step flip(sideways) of the data: expected flip, flip(horizontal) or flip(vertical)"},
		{Step{Name: "normalize", Args: []float64{1}}, "expected normalize(mean, std), or 1 means and then 1 standard deviations, one for each channel, found 1 numbers"},
		{Step{Name: "normalize", Args: []float64{0, 0}}, "expected standard deviations above 0, found 0"},
		{Step{Name: "rotate"}, "step rotate of the data: expected one of flip, crop, normalize, found rotate"},
	} {
		spec := wantMNIST
		spec.Steps, spec.Augment = []Step{c.step}, words(0)
		_, err := Open(spec, folder(t, tinyMNIST))
		var fault *Error
		require.True(t, errors.As(err, &fault))
		require.Contains(t, err.Error(), c.want)
	}
	_, err := Open(Spec{Name: "npy", Files: []string{"x.npy"}, H: 1, W: 1, C: 2, Steps: []Step{{Name: "flip"}}, Augment: words(0)}, folder(t, tinyNPY))
	require.ErrorContains(t, err, "step flip of the data: expected pictures, found samples of 2")
}

// TestMoves: every flip and shift of a picture of two channels, against the definition pixel by pixel.
func TestMoves(t *testing.T) {
	const h, w, c = 3, 5, 2
	ready, err := prepare([]Step{{Name: "normalize", Args: []float64{0.5, 0.25, 2, 3}}}, h, w, c, true)
	require.NoError(t, err)
	bytes, floats := ramp(h*w*c), make([]float32, h*w*c)
	ready.outside = []float32{-7, -9}
	for i, v := range bytes {
		floats[i] = float32(v) / 255
	}
	got, same := make([]float32, h*w*c), make([]float32, h*w*c)
	for _, rows := range []axis{{1, 0}, {1, 2}, {1, -2}, {1, 4}, {-1, h - 1}, {-1, 0}, {-1, h}} {
		for _, columns := range []axis{{1, 0}, {1, 3}, {1, -4}, {1, 5}, {1, -6}, {-1, w - 1}, {-1, 1}, {-1, w + 2}, {-1, -1}, {-1, 2 * w}} {
			ready.write(got, view{bytes: bytes}, h, w, c, rows, columns, new(scratch))
			ready.write(same, view{floats: floats}, h, w, c, rows, columns, new(scratch))
			require.Equal(t, got, same)
			for i := range got {
				y, x := rows.sign*(i/c/w)+rows.offset, columns.sign*(i/c%w)+columns.offset
				want := ready.outside[i%c]
				if y >= 0 && y < h && x >= 0 && x < w {
					want = ready.byte[i%c][bytes[(y*w+x)*c+i%c]]
				}
				require.Equal(t, want, got[i], "rows %v columns %v element %d", rows, columns, i)
			}
		}
	}
}

// TestDrawsAreKeyed: a sample's draws depend on its number and the epoch, not on its row or what came before.
func TestDrawsAreKeyed(t *testing.T) {
	spec := wantCIFAR
	spec.Steps, spec.Augment = []Step{{Name: "flip"}, {Name: "crop", Args: []float64{4}}}, testRand(7)
	data, err := Open(spec, folder(t, tinyCIFAR))
	require.NoError(t, err)
	b := whole(t, data.Train, true, 5)
	for c := range data.Train.Batches(t.Context(), Pass{Batch: 4, Index: []int{3, 1}, Epoch: 5, Training: true}) {
		require.Equal(t, b.X[3*3072:4*3072], c.X[:3072])
		require.Equal(t, b.X[3072:2*3072], c.X[3072:2*3072])
		require.Equal(t, []float32{1, 1, 0, 0}, c.Weight)
		require.Equal(t, 2, c.N)
	}
	require.NotEqual(t, b.X, whole(t, data.Train, true, 6).X)
}

// TestMovesSayWhatABatchHas: the samples of an evaluation, moved as Moves says, are those of training, bit by bit.
func TestMovesSayWhatABatchHas(t *testing.T) {
	spec := wantCIFAR
	spec.Steps, spec.Augment = []Step{{Name: "crop", Args: []float64{4}}, {Name: "normalize", Args: []float64{0.1, 0.2, 0.3, 2, 3, 4}}, {Name: "flip"}}, testRand(7)
	data, err := Open(spec, folder(t, tinyCIFAR))
	require.NoError(t, err)
	require.True(t, data.Train.Fixed())
	require.Nil(t, data.Test.Moves([]int{0}, 1))
	h, w, c := data.Train.Shape()
	require.Equal(t, []int{32, 32, 3}, []int{h, w, c})
	still := whole(t, data.Train, false, 0).X
	for epoch := range 3 {
		samples := []int{3, 1, 2}
		moves, want := data.Train.Moves(samples, epoch), []float32(nil)
		for k, n := range samples {
			m := moves[k*(4+c):][:4+c]
			for i := range h * w * c {
				y, x := int(m[0])*(i/c/w)+int(m[1]), int(m[2])*(i/c%w)+int(m[3])
				if y < 0 || y >= h || x < 0 || x >= w {
					want = append(want, m[4+i%c])
				} else {
					want = append(want, still[((n*h+y)*w+x)*c+i%c])
				}
			}
		}
		for b, err := range data.Train.Batches(t.Context(), Pass{Batch: 3, Index: samples, Epoch: epoch, Training: true}) {
			require.NoError(t, err)
			require.Equal(t, want, b.X)
		}
	}
}

func TestShuffle(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 1000} {
		a := Shuffle(n, 3, testRand(1))
		require.Equal(t, a, Shuffle(n, 3, testRand(1)))
		sorted := slices.Clone(a)
		slices.Sort(sorted)
		for i, v := range sorted {
			require.Equal(t, i, v)
		}
		if n > 2 {
			require.NotEqual(t, a, Shuffle(n, 4, testRand(1)))
			require.NotEqual(t, a, Shuffle(n, 3, testRand(2)))
		}
	}
	var places [5][5]int // every number in every place equally often
	for epoch := range 10000 {
		for at, v := range Shuffle(5, epoch, testRand(9)) {
			places[at][v]++
		}
	}
	for at := range places {
		for v, n := range places[at] {
			require.InDelta(t, 2000, n, 200, "%d in place %d", v, at)
		}
	}
}

func TestPassBatches(t *testing.T) {
	for _, c := range []struct {
		pass  Pass
		n     int
		want  int
		short int // rows of the last
	}{
		{Pass{Batch: 2}, 3, 2, 1}, {Pass{Batch: 3}, 3, 1, 3}, {Pass{Batch: 2, Index: []int{2}}, 3, 1, 1},
		{Pass{Batch: 2, Index: []int{}}, 3, 0, 0},
	} {
		data, err := Open(wantMNIST, folder(t, tinyMNIST))
		require.NoError(t, err)
		require.Equal(t, c.want, c.pass.Batches(c.n))
		got, last := 0, 0
		for b, err := range data.Train.Batches(t.Context(), c.pass) {
			require.NoError(t, err)
			got, last = got+1, b.N
		}
		require.Equal(t, []int{c.want, c.short}, []int{got, last})
	}
}
