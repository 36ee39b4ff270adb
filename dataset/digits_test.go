package dataset

import (
	"context"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"runtime"
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

// allRows is all samples of a split and their labels.
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
	require.InDelta(t, 27, nearest, 7)

	wrong = 0
	w := make([]float32, 10*len(x[0]))
	scores := func(row []float32) (p [10]float64, best int) {
		sum := 0.0
		for k := range p {
			s := float32(0)
			for j, v := range w[k*len(row):][:len(row)] {
				s += v * row[j]
			}
			p[k] = math.Exp(float64(s))
			sum += p[k]
			if p[k] > p[best] {
				best = k
			}
		}
		for k := range p {
			p[k] /= sum
		}
		return p, best
	}
	for pass := range 2 {
		for i, row := range x {
			p, _ := scores(row)
			p[class[i]]--
			for k, d := range p {
				d := float32(d) * 0.01 / float32(1+pass)
				for j, v := range row {
					w[k*len(row)+j] -= d * v
				}
			}
		}
	}
	for i, row := range tx {
		if _, best := scores(row); best != tclass[i] {
			wrong++
		}
	}
	linear := float64(wrong) / digitTest * 100
	t.Logf("linear, two epochs: %.1f %% wrong", linear)
	require.InDelta(t, 14, linear, 5) // 11 after eight epochs; 128 hidden units make 3 of it
}

func TestDigitsAreTheSameForEverybody(t *testing.T) {
	var a, b [digitSide * digitSide]byte
	drawDigit(a[:], 1234, 4)
	drawDigit(b[:], 1234, 4)
	require.Equal(t, a, b)
	if runtime.GOARCH != "amd64" {
		t.Skip("elsewhere a multiplication may be fused with an addition")
	}
	data, err := Open(wantDigits, "")
	require.NoError(t, err)
	h := fnv.New64a()
	h.Write(data.Train.source.(*memory).bytes)
	h.Write(data.Test.source.(*memory).bytes)
	require.Equal(t, "82a303b823356e9d", fmt.Sprintf("%x", h.Sum64()), "the digits changed: every result on them changes with them")
}
