package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// whole is a split as one batch.
func whole(t testing.TB, s *Split, training bool, epoch int) *Batch {
	for b, err := range s.Batches(context.Background(), Pass{Batch: s.Len(), Training: training, Epoch: epoch}) {
		require.NoError(t, err)
		return b
	}
	return nil
}

// over255 are bytes as pixels.
func over255(b ...byte) []float32 {
	x := make([]float32, len(b))
	for i, v := range b {
		x[i] = float32(v) / 255
	}
	return x
}

func TestMNISTRows(t *testing.T) {
	data, err := Open(wantMNIST, folder(t, tinyMNIST))
	require.NoError(t, err)
	b := whole(t, data.Train, false, 0)
	require.Equal(t, over255(ramp(18)...), b.X)
	require.Equal(t, []float32{0, 0, 0, 0, 0, 0, 0, 1, 0, 0 /**/, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 /**/, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, b.Label)
	require.Len(t, data.Train.classes, 10)
	require.Equal(t, "7", data.Train.classes[7])

	flat := wantMNIST
	flat.H, flat.W, flat.C, flat.Outputs = 1, 1, 6, 0 // an autoencoder of flat rows
	data, err = Open(flat, folder(t, tinyMNIST))
	require.NoError(t, err)
	b = whole(t, data.Test, false, 0)
	require.Equal(t, over255(ramp(12)...), b.X)
	require.Empty(t, b.Label)
	require.Empty(t, data.Test.classes)
}

func TestCIFARRows(t *testing.T) {
	data, err := Open(wantCIFAR, folder(t, tinyCIFAR))
	require.NoError(t, err)
	require.Equal(t, 6, data.Train.Len())
	require.Equal(t, 1, data.Test.Len())
	raw := cifarFile(0, 1)[cifarRecord:]
	b := whole(t, data.Train, false, 0)
	for _, p := range []int{0, 1, 33, 1023} { // pixel p of picture 1: planes in the file, channels last in a row
		require.Equal(t, over255(raw[1+p], raw[1+1024+p], raw[1+2048+p]), b.X[3072+3*p:3072+3*p+3])
	}
	require.Equal(t, float32(1), b.Label[10+1])
	require.Equal(t, float32(1), b.Label[50+5])
	require.Equal(t, "truck", data.Test.classes[9])
}

func TestNPYRows(t *testing.T) {
	data, err := Open(wantNPY, folder(t, tinyNPY))
	require.NoError(t, err)
	require.Equal(t, 6, data.Train.Len())
	require.Equal(t, over255(ramp(12)...), whole(t, data.Train, false, 0).X)
	b := whole(t, data.Test, false, 0)
	require.Equal(t, over255(12, 13), b.X)
	require.Equal(t, []float32{0, 1, 0}, b.Label)
}

// TestNPYTypes: every element type, byte order and version gives the same numbers.
func TestNPYTypes(t *testing.T) {
	values := []int64{0, 1, 2, 2, 1, 0, 100}
	for dtype, data := range map[string]any{
		"|u1": []uint8{0, 1, 2, 2, 1, 0, 100}, "|i1": []int8{0, 1, 2, 2, 1, 0, 100}, "<u2": []uint16{0, 1, 2, 2, 1, 0, 100}, "<i2": []int16{0, 1, 2, 2, 1, 0, 100},
		"<u4": []uint32{0, 1, 2, 2, 1, 0, 100}, "<i4": []int32{0, 1, 2, 2, 1, 0, 100}, "<u8": []uint64{0, 1, 2, 2, 1, 0, 100}, "<i8": values,
		">i4": []int32{0, 1, 2, 2, 1, 0, 100}, "<f4": []float32{0, 1, 2, 2, 1, 0, 100}, "<f8": []float64{0, 1, 2, 2, 1, 0, 100}, ">f8": []float64{0, 1, 2, 2, 1, 0, 100},
	} {
		var order binary.ByteOrder = binary.LittleEndian
		if dtype[0] == '>' {
			order = binary.BigEndian
		}
		raw, err := binary.Append(nil, order, data)
		require.NoError(t, err)
		file := npy(dtype, "(7,)", raw)
		a, err := parseNPY("x", bytes.NewReader(file), int64(len(file)), npySamples)
		require.NoError(t, err, dtype)
		for i, want := range values {
			switch {
			case a.bytes != nil:
				require.EqualValues(t, want, a.bytes[i], dtype)
			case a.integers != nil:
				require.EqualValues(t, want, a.integers[i], dtype)
			default:
				require.EqualValues(t, want, a.floats[i], dtype)
			}
		}
	}
	text := `{"shape": (2,3 ), "fortran_order": False, "descr": "<f4"}   ` + "\n"
	v2 := append([]byte("\x93NUMPY\x02\x00"), byte(len(text)), 0, 0, 0)
	v2 = append(append(v2, text...), float32s(1, 2, 3, 4, 5, float32(math.Pi))...)
	a, err := parseNPY("x", bytes.NewReader(v2), int64(len(v2)), npySamples)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, a.dims)
	require.Equal(t, float32(math.Pi), a.floats[5])
}

// TestDistributions: targets of a softmax output are distributions, of floats of any width or 0 and 1; what is none is named by its file and row.
func TestDistributions(t *testing.T) {
	spec := Spec{Name: "npy", Files: []string{"x.npy", "y.npy", "x.npy", "y.npy"}, H: 1, W: 1, C: 1, Outputs: 2, Distributions: true}
	try := func(targets []byte) error {
		_, err := Open(spec, folder(t, map[string][]byte{"x.npy": npy("|u1", "(2, 1)", []byte{0, 1}), "y.npy": targets}))
		return err
	}
	for _, good := range [][]byte{npy("<f4", "(2, 2)", float32s(0.25, 0.75, 1, 0)), npy("<f4", "(2, 2)", float32s(0.3, 0.7003, 1, 0)), npy("|u1", "(2, 2)", []byte{0, 1, 1, 0})} {
		require.NoError(t, try(good))
	}
	for _, bad := range []struct {
		file []byte
		says string
	}{
		{npy("<f4", "(2, 2)", float32s(0, 1, 1.5, -0.5)), "y.npy: record 1, byte 81: expected a probability, as softmax is trained to give, found -0.5"},
		{npy("<f4", "(2, 2)", float32s(0, 1, 0.5, 0.25)), "y.npy: record 1, byte 77: expected probabilities whose sum is 1, as softmax is trained to give, found a sum of 0.75"},
		{npy("|u1", "(2, 2)", []byte{1, 1, 1, 0}), "y.npy: record 0, byte 69: expected probabilities whose sum is 1"},
	} {
		require.ErrorContains(t, try(bad.file), bad.says)
	}
	spec.Distributions = false
	require.NoError(t, try(npy("<f4", "(2, 2)", float32s(0, 1, 1.5, -0.5))))
}

func TestNPYTargetsAndPairs(t *testing.T) {
	files := map[string][]byte{
		"x.npy": npy("<f4", "(2, 1, 2, 1)", float32s(-3, 0.5, 7, 1e6)), "y.npy": npy("<f4", "(2, 3)", float32s(1, 2, 3, 4, 5, 6)),
		"tx.npy": npy("|u1", "(1, 2)", []byte{255, 51}), "ty.npy": npy("|u1", "(1, 3)", []byte{0, 1, 0}),
	}
	spec := Spec{Name: "npy", Files: []string{"x.npy", "y.npy", "tx.npy", "ty.npy"}, H: 1, W: 2, C: 1, Outputs: 3}
	data, err := Open(spec, folder(t, files))
	require.NoError(t, err)
	b := whole(t, data.Train, false, 0)
	require.Equal(t, []float32{-3, 0.5, 7, 1e6}, b.X)
	require.Equal(t, []float32{1, 2, 3, 4, 5, 6}, b.Label)
	require.Empty(t, data.Train.classes)
	b = whole(t, data.Test, false, 0)
	require.Equal(t, []float32{1, 0.2}, b.X)
	require.Equal(t, []float32{0, 1, 0}, b.Label)

	spec.Files, spec.Outputs = []string{"x.npy"}, 0
	data, err = Open(spec, folder(t, files))
	require.NoError(t, err)
	require.Equal(t, 1, data.Test.Len())
}
