package dataset

import (
	"fmt"
	"sync"
)

// A record of a CIFAR-10 file is a label and then the red, the green and the blue plane of a picture, row-major.
const (
	cifarSide   = 32
	cifarPlane  = cifarSide * cifarSide
	cifarRecord = 1 + 3*cifarPlane

	cifarRecords = 10000 // of each file, as published
)

var cifarClasses = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

// openCIFAR10 reads the binary version of CIFAR-10. Its files have no header, so that one which ends between two records may be a selection or cut short: with
// Strict each has all the records that were published.
func openCIFAR10(spec Spec, dir string) (*Data, error) {
	paths, err := find("cifar10", dir, []string{"cifar-10-batches-bin", "cifar10"}, []string{"data_batch_1.bin", "data_batch_2.bin",
		"data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}, nil, "https://www.cs.toronto.edu/~kriz/cifar.html (binary version)")
	if err != nil {
		return nil, err
	}
	pixels, labels, errs := make([][]byte, len(paths)), make([][]int32, len(paths)), make([]error, len(paths))
	var all sync.WaitGroup
	for i, path := range paths {
		all.Go(func() {
			raw, err := readFile(path)
			if err != nil {
				errs[i] = err
				return
			}
			if want := cifarRecords * cifarRecord; spec.Strict && len(raw) != want {
				errs[i] = &Error{What: "reading", File: path, Expected: fmt.Sprintf("%d bytes, %d records (strict)", want, cifarRecords),
					Found: fmt.Sprintf("%d bytes", len(raw)), Remedy: "fetch the file again, or leave `strict` out"}
				return
			}
			pixels[i], labels[i], errs[i] = parseCIFAR(path, raw)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	data, last := &Data{Name: spec.Name}, len(paths)-1
	join := func(training bool, from, to int) (*Split, error) {
		m, classes := &memory{units: 3 * cifarPlane, bytes: pixels[from]}, labels[from]
		for i := from + 1; i < to; i++ {
			m.bytes, classes = append(m.bytes, pixels[i]...), append(classes, labels[i]...)
		}
		m.n = len(classes)
		return split(spec, training, m, cifarSide, cifarSide, 3, cifarClasses, classes, nil)
	}
	if data.Train, err = join(true, 0, last); err != nil {
		return nil, err
	}
	data.Test, err = join(false, last, last+1)
	return data, err
}

// parseCIFAR takes the records of a file apart: pictures channels last, and their labels.
func parseCIFAR(path string, raw []byte) ([]byte, []int32, error) {
	n := len(raw) / cifarRecord
	if rest := len(raw) % cifarRecord; rest != 0 || n == 0 {
		return nil, nil, &Error{What: "reading", File: path, Where: fmt.Sprintf("record %d, byte %d", n, n*cifarRecord),
			Expected: fmt.Sprintf("a record of %d bytes", cifarRecord), Found: fmt.Sprintf("%d bytes to the end of the file", rest), Remedy: "fetch the file again"}
	}
	labels, err := byteLabels(path, raw, 0, cifarRecord, len(cifarClasses))
	if err != nil {
		return nil, nil, err
	}
	pixels := inLargePages(make([]byte, n*3*cifarPlane))
	for i := range n {
		planes, picture := raw[i*cifarRecord+1:][:3*cifarPlane], pixels[i*3*cifarPlane:][:3*cifarPlane]
		red, green, blue := planes[:cifarPlane], planes[cifarPlane:2*cifarPlane], planes[2*cifarPlane:]
		for p := range cifarPlane {
			picture[3*p], picture[3*p+1], picture[3*p+2] = red[p], green[p], blue[p]
		}
	}
	return pixels, labels, nil
}
