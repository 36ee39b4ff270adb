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

// onHost is a split that cannot be left on a device.
type onHost struct{ runtime.Split }

// fetching is a machine that counts the rows that it fetches of data sets, moved or not.
type fetching struct {
	*vulkan.Machine
	moved, still int
}

func (m *fetching) Fetch(set int, rows []int, moves []float32) error {
	if moves != nil {
		m.moved += len(rows)
	} else {
		m.still += len(rows)
	}
	return m.Machine.Fetch(set, rows, moves)
}

// A data set on the device gives what the host would: flipped, cropped and shuffled there, a run ends in the same parameters, with the same metrics, as one
// whose batches come from the host.
func TestResidentRunsAreTheSame(t *testing.T) {
	if _, err := vulkan.Devices(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	const n, h, w, c, epochs = 43, 4, 9, 2, 2
	pixels, labels := make([]byte, n*h*w*c), make([]byte, n)
	for i := range pixels {
		pixels[i] = byte(i * i / 7)
	}
	for i := range labels {
		labels[i] = byte(i % 3)
	}
	require.NoError(t, writeArray(filepath.Join(dir, "x.npy"), "|u1", []int{n, h, w, c}, pixels))
	require.NoError(t, writeArray(filepath.Join(dir, "y.npy"), "|u1", []int{n}, labels))
	for name, text := range map[string]string{
		"pictures": `network pictures {
  input image 4x9x2
  layer l1 = field 3x3 stride 2 -> 4, tanh
  output y = all -> 3, softmax
}
learn bp { forward adam(lr = 0.01) }
train on npy("x.npy", "y.npy") { batch 8  epochs 2  keep_last  log_every 2  augment flip, crop(2), normalize(0.4, 0.5, 0.2, 0.3) }
`,
		"flat": `network flat {
  input 72
  layer l1 = all -> 8, tanh
  output y = all -> 72, sigmoid
}
learn bp { forward adam(lr = 0.01) }
train on npy("x.npy") { batch 8  epochs 2  target input  augment crop(3), flip(vertical) }
`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name+".bnet")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
			train := func(wrap func(runtime.Split) runtime.Split) (metrics []map[string]any, parameters []byte, fetched *fetching) {
				p, err := load(file, nil)
				require.NoError(t, err)
				s, err := start(t.Context(), p, file, aim{Target: "vulkan"}, dir)
				require.NoError(t, err)
				require.NoError(t, s.keepLast(t.Context()))
				defer s.close()
				fetched = &fetching{Machine: s.engine.Machine().(*vulkan.Machine)}
				e, err := runtime.NewEngine(t.Context(), runnable(p), s.engine.Plan(), fetched)
				require.NoError(t, err)
				out := filepath.Join(t.TempDir(), "out")
				_, err = runtime.Train(t.Context(), e, runtime.Options{Short: s.short, Moves: s.moves(), Target: "vulkan", Dir: out, Command: "{}", Save: out + ".safetensors", Shuffle: shuffler(p.Train.Seed),
					Train: wrap(split{s.data.Train}), Test: wrap(split{s.data.Test}), Log: newProgress(os.Stderr)})
				require.NoError(t, err)
				rows, err := os.ReadFile(filepath.Join(out, runtime.MetricsFile))
				require.NoError(t, err)
				for line := range bytes.Lines(rows) {
					row := map[string]any{}
					require.NoError(t, json.Unmarshal(line, &row))
					delete(row, "seconds")
					delete(row, "samples_per_second")
					metrics = append(metrics, row)
				}
				parameters, err = os.ReadFile(out + ".safetensors")
				require.NoError(t, err)
				return metrics, parameters, fetched
			}
			metrics, parameters, fetched := train(func(s runtime.Split) runtime.Split { return s })
			require.Equal(t, []int{epochs * 32, epochs * n}, []int{fetched.moved, fetched.still}, "whole batches of training, and all of both evaluations")
			hostMetrics, hostParameters, _ := train(func(s runtime.Split) runtime.Split { return onHost{s} })
			require.Equal(t, hostMetrics, metrics)
			require.True(t, bytes.Equal(hostParameters, parameters))
		})
	}
}

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
