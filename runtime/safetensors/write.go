package safetensors

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"bnetc/runtime/replace"
)

// Write writes tensors as F32 in their order, and replaces the file at path whole.
func Write(path string, tensors []Tensor, metadata map[string]string) error {
	for _, t := range tensors {
		if t.elements() != len(t.Data) {
			return fmt.Errorf("writing %s: tensor %q: a shape of %v, but %d values", path, t.Name, t.Shape, len(t.Data))
		}
	}
	return WriteEach(path, tensors, metadata, func(i int) ([]float32, error) { return tensors[i].Data, nil })
}

// WriteEach is Write for data that need not be in memory all at once: data gives those of the i-th tensor, in the order of the tensors, and may give the
// same slice every time.
func WriteEach(path string, tensors []Tensor, metadata map[string]string, data func(i int) ([]float32, error)) error {
	header, err := makeHeader(tensors, metadata)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return replace.File(path, func(w io.Writer) error { return encode(w, header, tensors, data) })
}

// makeHeader is the length and the JSON of the header, padded with spaces. It refuses a name that stands twice.
func makeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	text := []byte{0, 0, 0, 0, 0, 0, 0, 0, '{'}
	add := func(name string, value any) error {
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		body, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if len(text) > 9 {
			text = append(text, ',')
		}
		text = append(append(append(text, key...), ':'), body...)
		return nil
	}
	if len(metadata) > 0 {
		if err := add(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	seen, at := map[string]bool{metadataKey: true}, 0
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %q: the name stands twice, or is reserved", t.Name)
		}
		seen[t.Name] = true
		n, shape := t.elements(), append([]int{}, t.Shape...)
		err := add(t.Name, struct {
			Dtype   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{"F32", shape, [2]int{at, at + 4*n}})
		if err != nil {
			return nil, err
		}
		at += 4 * n
	}
	text = append(text, '}')
	for len(text)%alignment != 0 {
		text = append(text, ' ')
	}
	if len(text)-8 > mostHeader {
		return nil, fmt.Errorf("a header of %d bytes is longer than the format's %d", len(text)-8, mostHeader)
	}
	binary.LittleEndian.PutUint64(text, uint64(len(text)-8))
	return text, nil
}

// encode writes the header and the data.
func encode(w io.Writer, header []byte, tensors []Tensor, data func(i int) ([]float32, error)) error {
	out := bufio.NewWriterSize(w, 1<<18)
	if _, err := out.Write(header); err != nil {
		return err
	}
	var piece [4096]byte
	for k, t := range tensors {
		all, err := data(k)
		if err != nil {
			return err
		}
		if len(all) != t.elements() {
			return fmt.Errorf("tensor %q: a shape of %v, but %d values", t.Name, t.Shape, len(all))
		}
		for at := 0; at < len(all); {
			part := all[at:min(at+len(piece)/4, len(all))]
			for i, x := range part {
				binary.LittleEndian.PutUint32(piece[4*i:], math.Float32bits(x))
			}
			if _, err := out.Write(piece[:4*len(part)]); err != nil {
				return err
			}
			at += len(part)
		}
	}
	return out.Flush()
}
