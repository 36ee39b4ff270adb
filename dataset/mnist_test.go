package dataset

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// realData is the folder of published data sets, or skips the test where there is none.
func realData(t testing.TB, file string) string {
	dir := os.Getenv("BNET_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		t.Skipf("no %s in %s; set BNET_DATA to a folder with the published data", file, dir)
	}
	return dir
}

func TestMNISTItself(t *testing.T) {
	dir := realData(t, "mnist/train-images-idx3-ubyte.gz")
	start := time.Now()
	data, err := Open(Spec{Name: "mnist", H: 28, W: 28, C: 1, Outputs: 10}, dir)
	require.NoError(t, err)
	t.Logf("read in %v", time.Since(start))
	require.Equal(t, 60000, data.Train.Len())
	require.Equal(t, 10000, data.Test.Len())
	for b, err := range data.Train.Batches(context.Background(), Pass{Batch: 2}) {
		require.NoError(t, err)
		require.Equal(t, []float32{0, 0, 0, 0, 0, 1, 0, 0, 0, 0 /**/, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, b.Label) // a five and a zero
		require.Equal(t, float32(3)/255, b.X[5*28+12])
		break
	}
	var sum float64
	for b, err := range data.Train.Batches(context.Background(), Pass{Batch: 128}) {
		require.NoError(t, err)
		for _, x := range b.X {
			sum += float64(x)
		}
	}
	require.InDelta(t, 0.1306604762738429, sum/60000/784, 1e-7) // the mean that everyone knows
}
