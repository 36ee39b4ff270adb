package dataset

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
)

// npyTestPart is the part of a single pair of arrays that is the test split: its last sixth.
const npyTestPart = 6

// openNPY reads npy("x.npy", "y.npy"), whose last sixth is the test split, or npy("x.npy", "y.npy", "test_x.npy", "test_y.npy"). Samples are uint8
// (255 is 1) or floats, [N, H, W, C], [N, H, W] or [N, units]; labels are integers [N], or targets [N, outputs]. Where labels are not
// wanted their files are not read, and a single "x.npy" will do.
func openNPY(spec Spec, dir string) (*Data, error) {
	files := spec.Files
	if n := len(files); n != 2 && n != 4 && !(n == 1 && spec.Outputs == 0) {
		return nil, &Error{What: "opening npy", Expected: `npy("x.npy", "y.npy") or npy("x.npy", "y.npy", "test_x.npy", "test_y.npy")`, Found: fmt.Sprintf("%d files", n)}
	}
	var arrays [4]*npyArray
	for i, file := range files {
		path := file
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if i%2 == 1 && spec.Outputs == 0 {
			continue
		}
		if !exists(path) {
			return nil, &Error{What: "opening npy in " + dir, Expected: strings.Join(files, ", "), Found: "no " + file, Remedy: dataRemedy}
		}
		var err error
		if arrays[i], err = readNPY(path, [...]string{npySamples, npyLabels}[i%2]); err != nil {
			return nil, err
		}
	}
	x, y, n := arrays[0], arrays[1], arrays[0].dims[0]
	data, test := &Data{Name: spec.Name}, max(1, n/npyTestPart)
	var err error
	if len(files) == 4 {
		if data.Train, err = npySplit(spec, true, x, y, 0, n); err == nil {
			data.Test, err = npySplit(spec, false, arrays[2], arrays[3], 0, arrays[2].dims[0])
		}
		return data, err
	}
	if n < 2 {
		return nil, &Error{What: "reading", File: x.path, Expected: "at least 2 samples, of which the last sixth are for testing", Found: fmt.Sprint(n)}
	}
	if data.Train, err = npySplit(spec, true, x, y, 0, n-test); err == nil {
		data.Test, err = npySplit(spec, false, x, y, n-test, n)
	}
	return data, err
}

// npySplit is samples from to to-1 of the arrays x and y (nil where labels are not wanted).
func npySplit(spec Spec, training bool, x, y *npyArray, from, to int) (*Split, error) {
	if x.integers != nil {
		return nil, &Error{What: "reading", File: x.path, Expected: npySamples, Found: fmt.Sprintf("integers of %d bytes", x.width),
			Remedy: "convert them with x.astype('float32')"}
	}
	units := x.row()
	h, w, c := 1, 1, units
	switch {
	case len(x.dims) == 4:
		h, w, c = x.dims[1], x.dims[2], x.dims[3]
	case len(x.dims) == 3:
		h, w, c = x.dims[1], x.dims[2], 1
	case len(x.dims) == 2 && spec.H*spec.W*spec.C == units: // pictures, written out
		h, w, c = spec.H, spec.W, spec.C
	}
	m := &memory{n: to - from, units: units}
	if x.bytes != nil {
		m.bytes = x.bytes[from*units : to*units]
	} else {
		m.floats = x.floats[from*units : to*units]
	}
	if y == nil {
		return split(spec, training, m, h, w, c, nil, nil, nil)
	}
	if y.dims[0] != x.dims[0] {
		return nil, &Error{What: "reading", File: y.path, Expected: fmt.Sprintf("%d labels, one for each sample of %s", x.dims[0], x.path), Found: fmt.Sprint(y.dims[0])}
	}
	width := y.row()
	if width == 1 && y.floats == nil && spec.Outputs > 1 {
		labels, err := y.labels(spec.Outputs, from, to)
		if err != nil {
			return nil, err
		}
		return split(spec, training, m, h, w, c, numerals(spec.Outputs), labels, nil)
	}
	if width != spec.Outputs {
		return nil, &Error{What: "reading", File: y.path, Expected: fmt.Sprintf("integer labels [%d], or targets [%d, %d] (the network's outputs)", y.dims[0], y.dims[0], spec.Outputs),
			Found: npyShape(y.dims) + map[bool]string{true: " of floats", false: " of integers"}[y.floats != nil]}
	}
	targets, err := y.targets(from*width, to*width)
	if err != nil {
		return nil, err
	}
	if spec.Distributions {
		if err := y.distributions(targets, from*width); err != nil {
			return nil, err
		}
	}
	return split(spec, training, m, h, w, c, nil, nil, targets)
}

// distributions refuses targets, the array's elements from first on, of which a row is no distribution.
func (y *npyArray) distributions(targets []float32, first int) error {
	const remedy = "normalize the rows, or give the output another nonlinearity than softmax"
	width := y.row()
	for row := 0; row < len(targets); row += width {
		sum := 0.0
		for k, p := range targets[row : row+width] {
			if p < 0 {
				err := y.fault(first+row+k, "a probability, as softmax is trained to give", fmt.Sprint(p))
				err.Remedy = remedy
				return err
			}
			sum += float64(p)
		}
		if math.Abs(sum-1) > 1e-3 { // float16 rounds a tenth by so much, ten times
			err := y.fault(first+row, "probabilities whose sum is 1, as softmax is trained to give", fmt.Sprintf("a sum of %.6g", sum))
			err.Remedy = remedy
			return err
		}
	}
	return nil
}

// labels are the integers from to to-1 as classes.
func (y *npyArray) labels(classes, from, to int) ([]int32, error) {
	labels := make([]int32, to-from)
	for i := range labels {
		var v int64
		if y.bytes != nil {
			v = int64(y.bytes[from+i])
		} else {
			v = y.integers[from+i]
		}
		if v < 0 || v >= int64(classes) {
			return nil, y.fault(from+i, fmt.Sprintf("a label from 0 to %d", classes-1), fmt.Sprint(v))
		}
		labels[i] = int32(v)
	}
	return labels, nil
}

// targets are elements from to to-1 as floats. Bytes above 1 are refused: they may be pixels, but nothing says so.
func (y *npyArray) targets(from, to int) ([]float32, error) {
	if y.floats != nil {
		return y.floats[from:to], nil
	}
	values := make([]float32, to-from)
	for i := range values {
		switch {
		case y.bytes == nil:
			values[i] = float32(y.integers[from+i])
		case y.bytes[from+i] > 1:
			err := y.fault(from+i, "targets of float32, or 0 and 1 as uint8", fmt.Sprint(y.bytes[from+i]))
			err.Remedy = "convert pixels with y.astype('float32') / 255"
			return nil, err
		default:
			values[i] = float32(y.bytes[from+i])
		}
	}
	return values, nil
}
