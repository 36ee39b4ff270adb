package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"
	"strings"
)

// Read reads a file whole. F64, F16 and BF16 become float32. Damage is an *Error: a header that is no such header, an unknown element type, a
// name twice, tensors that overlap or leave holes, a file that is shorter or longer than its header says.
func Read(path string) (*File, error) {
	r, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.all()
}

// A Reader reads a file tensor by tensor: its File names them, without their data.
type Reader struct {
	File
	from    io.Reader
	close   func() error
	path    string
	entries []entry // of the tensors not yet read
	data    int64   // the byte of the file where data begin
	piece   []byte  // of data as they lie in the file
}

// Open reads a file's header, and finds there what Read finds wrong with one. The caller closes the Reader.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading parameters: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("reading parameters: %w", err)
	}
	r, err := open(path, f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	r.close = f.Close
	return r, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.close() }

// Next reads the data of the next tensor in the order of File.Tensors, into the given slice if it is large enough.
func (r *Reader) Next(into []float32) ([]float32, error) {
	e := r.entries[0]
	r.entries = r.entries[1:]
	data, got, err := r.readData(e, into)
	if err != nil {
		return nil, &Error{File: r.path, Byte: r.data + int64(e.begin) + int64(got), Tensor: e.name, Expected: "data", Found: ending(err)}
	}
	return data, nil
}

func (r *Reader) all() (*File, error) {
	for i := range r.Tensors {
		data, err := r.Next(nil)
		if err != nil {
			return nil, err
		}
		r.Tensors[i].Data = data
	}
	return &r.File, nil
}

// An entry is a tensor's line in the header.
type entry struct {
	name       string
	dtype      string
	shape      []int
	begin, end uint64 // in the data
	at         int64  // byte of the file where the header speaks of it
}

// open reads the header of a file of a known size. No header makes it, or reading all data, allocate more than a few times that.
func open(path string, r io.Reader, size int64) (*Reader, error) {
	fault := func(at int64, tensor, expected, found string) error {
		return &Error{File: path, Byte: at, Tensor: tensor, Expected: expected, Found: found}
	}
	var first [8]byte
	if n, err := io.ReadFull(r, first[:]); err != nil {
		return nil, fault(int64(n), "", "the 8 bytes of the header's length", ending(err))
	}
	length := binary.LittleEndian.Uint64(first[:])
	if length > mostHeader || length > uint64(size-8) {
		return nil, fault(0, "", fmt.Sprintf("the length of a header within %d bytes", min(size-8, mostHeader)), fmt.Sprint(length))
	}
	text := make([]byte, length)
	if n, err := io.ReadFull(r, text); err != nil {
		return nil, fault(8+int64(n), "", fmt.Sprintf("a header of %d bytes", length), ending(err))
	}
	entries, metadata, err := parseHeader(path, text)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		switch {
		case a.begin != b.begin && a.begin < b.begin, a.begin == b.begin && a.end < b.end:
			return -1
		case a.begin == b.begin && a.end == b.end:
			return 0
		}
		return 1
	})
	data := uint64(size) - 8 - length
	at := uint64(0)
	for _, e := range entries {
		if e.begin != at {
			what := "a hole"
			if e.begin < at {
				what = "an overlap"
			}
			return nil, fault(e.at, e.name, fmt.Sprintf("data from %d on, where the tensor before ends", at), fmt.Sprintf("%d (%s)", e.begin, what))
		}
		at = e.end
		kind, ok := dtypes[e.dtype]
		if !ok {
			return nil, fault(e.at, e.name, "dtype F32, F64, F16 or BF16", e.dtype)
		}
		want := uint64(kind.width)
		for _, d := range e.shape {
			high, low := bits.Mul64(want, uint64(d))
			if high != 0 {
				low = ^uint64(0)
			}
			want = low
		}
		if e.end < e.begin || e.end-e.begin != want {
			return nil, fault(e.at, e.name, fmt.Sprintf("%d bytes for %s of shape %v", want, e.dtype, e.shape), fmt.Sprintf("data_offsets [%d, %d]", e.begin, e.end))
		}
		if e.end > data {
			return nil, fault(8+int64(length+data), e.name, fmt.Sprintf("data up to byte %d", 8+length+e.end), "the end of the file")
		}
	}
	if at != data {
		return nil, fault(8+int64(length+at), "", "the end of the file, where the last tensor ends", fmt.Sprintf("%d more bytes", data-at))
	}
	out := &Reader{File: File{Metadata: metadata}, from: r, path: path, entries: entries, data: 8 + int64(length)}
	for _, e := range entries {
		out.Tensors = append(out.Tensors, Tensor{Name: e.name, Shape: e.shape})
	}
	return out, nil
}

// readData reads a tensor's data, in pieces; where that fails, it says how many bytes it got.
func (r *Reader) readData(e entry, into []float32) (data []float32, got int, err error) {
	kind := dtypes[e.dtype]
	n := int(e.end-e.begin) / kind.width
	data = into
	if data == nil || cap(data) < n {
		data = make([]float32, n)
	}
	data = data[:n]
	if need := min(1<<16, n) * kind.width; len(r.piece) < need {
		r.piece = make([]byte, need)
	}
	for at := 0; at < n; {
		part := r.piece[:min(len(r.piece)/kind.width, n-at)*kind.width]
		if got, err := io.ReadFull(r.from, part); err != nil {
			return nil, at*kind.width + got, err
		}
		for k := 0; k < len(part); k += kind.width {
			data[at] = kind.value(part[k:])
			at++
		}
	}
	return data, 0, nil
}

// parseHeader reads the JSON object of a header by its tokens: a name that stands twice, which a map would hide, is an error.
func parseHeader(path string, text []byte) (entries []entry, metadata map[string]string, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	fault := func(tensor, expected, found string) error {
		return &Error{File: path, Byte: 8 + d.InputOffset(), Tensor: tensor, Expected: expected, Found: found}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, fault("", "a JSON object", beginning(text))
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, fault("", "a JSON object", err.Error())
		}
		name := key.(string) // a key of an object is a string, or Token fails
		if seen[name] {
			return nil, nil, fault(name, "every name once", "it twice")
		}
		seen[name] = true
		if name == metadataKey {
			if err := d.Decode(&metadata); err != nil {
				return nil, nil, fault("", "texts in "+metadataKey, err.Error())
			}
			continue
		}
		e := entry{name: name, at: 8 + d.InputOffset()}
		var fields struct {
			Dtype   *string  `json:"dtype"`
			Shape   []uint32 `json:"shape"`
			Offsets []uint64 `json:"data_offsets"`
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, nil, fault(name, "dtype, shape and data_offsets", err.Error())
		}
		strict := json.NewDecoder(bytes.NewReader(raw))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&fields); err != nil {
			return nil, nil, fault(name, "dtype, shape and data_offsets", err.Error())
		}
		if fields.Dtype == nil || fields.Shape == nil || len(fields.Offsets) != 2 {
			return nil, nil, fault(name, "dtype, shape and two data_offsets", string(raw[:min(len(raw), 80)]))
		}
		e.dtype, e.begin, e.end = *fields.Dtype, fields.Offsets[0], fields.Offsets[1]
		e.shape = make([]int, len(fields.Shape))
		for i, x := range fields.Shape {
			e.shape[i] = int(x)
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, fault("", "a JSON object", ending(err))
	}
	if rest := strings.Trim(string(text[d.InputOffset():]), " \x00\n"); rest != "" {
		return nil, nil, fault("", "spaces up to the data", beginning([]byte(rest)))
	}
	return entries, metadata, nil
}

func beginning(text []byte) string { return fmt.Sprintf("%q", text[:min(len(text), 20)]) }

// ending is why a reader stopped.
func ending(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the end of the file"
	}
	return err.Error()
}
