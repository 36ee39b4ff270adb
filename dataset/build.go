package dataset

import (
	"fmt"
	"runtime"
)

// split joins samples of h×w×c and their labels to what the program wants, and refuses what does not fit it.
func split(spec Spec, training bool, source source, h, w, c int, classes []string, labels []int32, targets []float32) (*Split, error) {
	if spec.Outputs == 0 {
		classes, labels, targets = nil, nil, nil
	}
	flat := spec.H*spec.W == 1
	if flat && spec.C != h*w*c || !flat && (spec.H != h || spec.W != w || spec.C != c) || classes != nil && len(classes) != spec.Outputs {
		return nil, &Misfit{Spec: spec, H: h, W: w, C: c, Classes: len(classes)}
	}
	ready, err := prepare(spec.Steps, h, w, c, training)
	if err != nil {
		return nil, err
	}
	if training && len(ready.moves) > 0 && spec.Augment == nil {
		panic("bug: flips and crops without a generator of random numbers")
	}
	workers := spec.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	s := &Split{h: h, w: w, c: c, outputs: spec.Outputs, classes: classes, labels: labels, targets: targets,
		source: source, steps: ready, draw: spec.Augment, strict: spec.Strict, workers: workers}
	return s, nil
}

// numerals names the classes "0" to "n-1".
func numerals(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names
}
