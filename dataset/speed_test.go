package dataset

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkFill is the cost of a sample of CIFAR-10's size that lies in memory: as it is, moved, normalized, and both.
func BenchmarkFill(b *testing.B) {
	flip, crop, norm := Step{Name: "flip"}, Step{Name: "crop", Args: []float64{4}}, Step{Name: "normalize", Args: []float64{0.4, 0.5, 0.6, 0.2, 0.3, 0.4}}
	const n = 1280
	for _, steps := range [][]Step{nil, {flip, crop}, {norm}, {flip, crop, norm}} {
		b.Run(fmt.Sprint(len(steps), steps), func(b *testing.B) {
			spec := Spec{Name: "cifar10", H: cifarSide, W: cifarSide, C: 3, Outputs: 10, Steps: steps, Augment: words(heads, 1<<29)}
			s, err := split(spec, true, &memory{n: n, units: 3 * cifarPlane, bytes: ramp(n * 3 * cifarPlane)}, cifarSide, cifarSide, 3, cifarClasses, make([]int32, n), nil)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for _, err := range s.Batches(context.Background(), Pass{Batch: 128, Training: true}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/sample")
		})
	}
}
