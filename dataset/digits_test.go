package dataset

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var wantDigits = Spec{Name: "digits", H: 28, W: 28, C: 1, Outputs: 10}

// TestDigitSheet writes a sheet of digits to the file named by DIGIT_SHEET, to be looked at.
func TestDigitSheet(t *testing.T) {
	path := os.Getenv("DIGIT_SHEET")
	if path == "" {
		t.Skip("set DIGIT_SHEET to a file for a PNG of 400 digits")
	}
	const columns, rows, gap = 30, 20, 2
	sheet := image.NewGray(image.Rect(0, 0, columns*(digitSide+gap), rows*(digitSide+gap)))
	var pixels [digitSide * digitSide]byte
	for k := range columns * rows {
		clear(pixels[:])
		drawDigit(pixels[:], uint64(k), k%10)
		for i, v := range pixels {
			sheet.SetGray(k%columns*(digitSide+gap)+i%digitSide, k/columns*(digitSide+gap)+i/digitSide, color.Gray{Y: 255 - v})
		}
	}
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, sheet))
	require.NoError(t, f.Close())
}

// rows are all samples of a split and their labels.
func allRows(t *testing.T, s *Split) (x [][]float32, class []int) {
	for b, err := range s.Batches(context.Background(), Pass{Batch: 100}) {
		require.NoError(t, err)
		for r := range b.N {
			x = append(x, append([]float32(nil), b.X[r*s.Units():(r+1)*s.Units()]...))
			for k, v := range b.Label[r*10 : r*10+10] {
				if v == 1 {
					class = append(class, k)
				}
			}
		}
	}
	return x, class
}

// TestDigitsNeedLearning: nearest mean and a linear classifier must leave much to a network.
func TestDigitsNeedLearning(t *testing.T) {
	start := time.Now()
	data, err := Open(wantDigits, "")
	require.NoError(t, err)
	t.Logf("drawn in %v", time.Since(start))
	require.Equal(t, digitTrain, data.Train.Len())
	require.Equal(t, digitTest, data.Test.Len())
	x, class := allRows(t, data.Train)
	tx, tclass := allRows(t, data.Test)

	var mean [10][]float32
	for k := range mean {
		mean[k] = make([]float32, len(x[0]))
	}
	for i, row := range x {
		for j, v := range row {
			mean[class[i]][j] += v * 10 / digitTrain
		}
	}
	wrong := 0
	for i, row := range tx {
		best, at := float32(1e9), -1
		for k := range mean {
			d := float32(0)
			for j, v := range row {
				d += (v - mean[k][j]) * (v - mean[k][j])
			}
			if d < best {
				best, at = d, k
			}
		}
		if at != tclass[i] {
			wrong++
		}
	}
	nearest := float64(wrong) / digitTest * 100
	t.Logf("nearest mean: %.1f %% wrong", nearest)
	require.InDelta(t, 25, nearest, 12)
}
