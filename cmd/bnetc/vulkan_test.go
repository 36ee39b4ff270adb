package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend/vulkan"
	"bnetc/runtime"
)

// A GPU learns as the processor does: the sums are in another order, the noise is the same.
func TestVulkanTrainsAsTheProcessorDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on MNIST twice")
	}
	if _, err := vulkan.Devices(); err != nil {
		t.Skip(err)
	}
	data := "../../../shared/data"
	if _, err := os.Stat(data); err != nil {
		t.Skip("no MNIST in " + data)
	}
	testError := func(target string) float64 {
		dir := filepath.Join(t.TempDir(), target)
		status := run([]string{"run", "../../examples/mnist_fc_sdtp_parallel.bnet", "--target", target, "--data", data, "--epochs", "2", "--seed", "1", "--out", dir})
		require.Equal(t, statusDone, status)
		text, err := os.ReadFile(filepath.Join(dir, runtime.MetricsFile))
		require.NoError(t, err)
		lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
		var row runtime.EpochRow
		require.NoError(t, json.Unmarshal(lines[len(lines)-1], &row))
		require.Equal(t, 2, row.Epoch)
		return *row.TestError
	}
	cpu, gpu := testError("cpu"), testError("vulkan")
	t.Logf("test error after 2 epochs: cpu %.2f, vulkan %.2f", cpu, gpu)
	require.InDelta(t, cpu, gpu, 0.3)
}
