package dataset

import (
	"fmt"
	"sync"
)

// openMNIST reads MNIST, or what is published in its form and under its names.
func openMNIST(spec Spec, dir string) (*Data, error) {
	paths, err := find("mnist", dir, []string{"mnist"}, []string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
		"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}, []string{".gz"}, "http://yann.lecun.com/exdb/mnist")
	if err != nil {
		return nil, err
	}
	var arrays [4]idxArray
	var errs [4]error
	var all sync.WaitGroup
	for i, path := range paths {
		all.Go(func() { arrays[i], errs[i] = readIDX(path, 3-2*(i%2)) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	data := &Data{Name: spec.Name}
	for i, s := range []**Split{&data.Train, &data.Test} {
		images, labels := arrays[2*i], arrays[2*i+1]
		n, h, w := images.dims[0], images.dims[1], images.dims[2]
		if labels.dims[0] != n {
			return nil, &Error{What: "reading", File: paths[2*i+1], Where: "byte 4", Expected: fmt.Sprintf("%d labels, one for each picture of %s", n, paths[2*i]),
				Found: fmt.Sprint(labels.dims[0]), Remedy: "take both files from the same set"}
		}
		classes, err := byteLabels(paths[2*i+1], labels.data, labels.header(), 1, 10)
		if err != nil {
			return nil, err
		}
		*s, err = split(spec, i == 0, &memory{n: n, units: h * w, bytes: images.data}, h, w, 1, numerals(10), classes, nil)
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// byteLabels are the labels that stand in a file every stride bytes from byte start; each must be below classes.
func byteLabels(path string, data []byte, start, stride, classes int) ([]int32, error) {
	labels := make([]int32, (len(data)+stride-1)/stride)
	for i := range labels {
		v := data[i*stride]
		if int(v) >= classes {
			return nil, &Error{What: "reading", File: path, Where: fmt.Sprintf("record %d, byte %d", i, start+i*stride),
				Expected: fmt.Sprintf("a label from 0 to %d", classes-1), Found: fmt.Sprint(v), Remedy: "fetch the file again"}
		}
		labels[i] = int32(v)
	}
	return labels, nil
}
