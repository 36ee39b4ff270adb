package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bnetc/runtime/safetensors"
)

// TestErrors: loss, top-1 and top-5 error over whole splits that no batch divides, of outputs that tie (the lowest wins) and of outputs so far apart
// that soft-max rounds most of them to 0, against a count by hand.
func TestErrors(t *testing.T) {
	const units, classes, batch, trains, tests = 6, 12, 16, 53, 21
	dir := t.TempDir()
	r := rand.New(rand.NewSource(3))
	w, b := make([]float32, classes*units), make([]float32, classes)
	for i := range w {
		w[i] = float32(r.NormFloat64() * 200)
	}
	copy(w[7*units:8*units], w[3*units:4*units]) // 3 and 7 tie
	err := safetensors.Write(filepath.Join(dir, "init.safetensors"), []safetensors.Tensor{{Name: "y.W", Shape: []int{classes, units}, Data: w}, {Name: "y.b", Shape: []int{classes}, Data: b}}, nil)
	want := map[string]float64{}
	for split, n := range map[string]int{"train": trains, "test": tests} {
		x, label := make([]float32, n*units), make([]byte, n)
		for i := range x {
			x[i] = r.Float32()
		}
		var wrong, wrong5, loss float64
		for s := range n {
			label[s] = byte(r.Intn(classes))
			var a [classes]float64
			best, sum := 0, 0.0
			for k := range a {
				for u := range units {
					a[k] += float64(w[k*units+u]) * float64(x[s*units+u])
				}
				if a[k] > a[best] {
					best = k
				}
			}
			if s%5 == 0 {
				label[s] = byte(best)
			}
			larger := 0
			for _, v := range a {
				sum += math.Exp(v - a[best])
				if v > a[label[s]] {
					larger++
				}
			}
			loss += a[best] + math.Log(sum) - a[label[s]]
			if best != int(label[s]) {
				wrong++
			}
			if larger >= 5 {
				wrong5++
			}
		}
		want[split+"_error"], want[split+"_top5_error"], want[split+"_loss"] = 100*wrong/float64(n), 100*wrong5/float64(n), loss/float64(n)
		err = errors.Join(err, writeArray(filepath.Join(dir, split+"x.npy"), "<f4", []int{n, units}, x), writeArray(filepath.Join(dir, split+"y.npy"), "|u1", []int{n}, label))
	}
	program := filepath.Join(dir, "net.bnet")
	err = errors.Join(err, os.WriteFile(program, fmt.Appendf(nil, `network errors {
  input %d
  output y = all -> %d, softmax
}
learn bp { forward sgd(lr = 0) }
train on npy("trainx.npy", "trainy.npy", "testx.npy", "testy.npy") { batch %d  epochs 1  keep_last }
`, units, classes, batch), 0o666))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"reference", "cpu"} {
		out := filepath.Join(dir, target)
		if got := run([]string{"run", program, "--target", target, "--data", dir, "--init", filepath.Join(dir, "init.safetensors"), "--out", out}); got != statusDone {
			t.Fatalf("status %d", got)
		}
		metrics, err := os.ReadFile(filepath.Join(out, "metrics.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(strings.TrimSpace(string(metrics)), "\n")
		var got map[string]any
		if err := json.Unmarshal([]byte(rows[len(rows)-1]), &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if v, _ := got[name].(float64); math.Abs(v-value) > 1e-5*value {
				t.Errorf("%s: %s is %v, by hand %v", target, name, got[name], value)
			}
		}
	}
}
