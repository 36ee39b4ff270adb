// Package safetensors reads and writes named tensors in the safetensors format (https://github.com/huggingface/safetensors): eight bytes
// that say how long the header is, a JSON header, and the data. It knows files and shapes; it must not know what the tensors mean.
package safetensors

import (
	"fmt"
	"strings"
)

// A Tensor is an array of float32, row-major. A Shape without extents is a single value.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

func (t *Tensor) elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// A File is what a safetensors file holds.
type File struct {
	Tensors  []Tensor // in the order of their data; names are unique
	Metadata map[string]string
}

// Tensor is the one of that name, or nil.
func (f *File) Tensor(name string) *Tensor {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	return nil
}

// An Error is a fault of a file's contents.
type Error struct {
	File     string
	Byte     int64
	Tensor   string // the tensor that it is about, or ""
	Expected string
	Found    string
}

// Error is the file, the byte, the tensor, what was expected and found.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "reading %s: byte %d: ", e.File, e.Byte)
	if e.Tensor != "" {
		fmt.Fprintf(&b, "tensor %q: ", e.Tensor)
	}
	fmt.Fprintf(&b, "expected %s, found %s", e.Expected, e.Found)
	return b.String()
}

const (
	// mostHeader is the format's limit.
	mostHeader = 100_000_000
	// alignment of the data, by spaces after the header, as the format's own library writes it.
	alignment   = 8
	metadataKey = "__metadata__"
)

// dtypes is the table of element types that are read, all to float32; F32 is what is written.
var dtypes = map[string]struct {
	width int
	value func([]byte) float32
}{
	"F32":  {4, fromF32},
	"F64":  {8, fromF64},
	"F16":  {2, fromF16},
	"BF16": {2, fromBF16},
}
