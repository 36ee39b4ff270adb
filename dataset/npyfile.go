package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// An npyArray is a NumPy file in C order; one of bytes (of uint8), floats and integers (of all other widths) is set.
type npyArray struct {
	path     string
	dims     []int
	width    int // bytes of an element in the file
	header   int // where element 0 starts
	bytes    []byte
	floats   []float32
	integers []int64
}

// fault is an error at element i.
func (a *npyArray) fault(i int, expected, found string) *Error {
	return &Error{What: "reading", File: a.path, Where: fmt.Sprintf("record %d, byte %d", i/a.row(), a.header+i*a.width), Expected: expected, Found: found}
}

// row is the number of elements of a sample.
func (a *npyArray) row() int {
	n := 1
	for _, d := range a.dims[1:] {
		n *= d
	}
	return n
}

// npyTypes is the table of element types that are read, by the letters of a dtype after its byte order.
var npyTypes = map[string]struct {
	width   int
	integer func(uint64) int64 // of the element's bits; nil of floats
}{
	"u1": {1, func(u uint64) int64 { return int64(u) }},
	"i1": {1, func(u uint64) int64 { return int64(int8(u)) }},
	"u2": {2, func(u uint64) int64 { return int64(u) }},
	"i2": {2, func(u uint64) int64 { return int64(int16(u)) }},
	"u4": {4, func(u uint64) int64 { return int64(u) }},
	"i4": {4, func(u uint64) int64 { return int64(int32(u)) }},
	"u8": {8, func(u uint64) int64 { return int64(min(u, math.MaxInt64)) }},
	"i8": {8, func(u uint64) int64 { return int64(u) }},
	"f4": {4, nil},
	"f8": {8, nil},
}

// What arrays may hold, by their use.
const (
	npySamples = "samples of uint8 (255 is 1), float32 or float64"
	npyLabels  = "integer labels, or targets of float32 or float64"
)

// readNPY reads an array; holds is what it may hold.
func readNPY(path, holds string) (*npyArray, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseNPY(path, f, size, holds)
}

// parseNPY reads a NumPy file of a known size, versions 1 to 3 of the format: no header makes it allocate more than a few times that.
func parseNPY(path string, r io.Reader, size int64, holds string) (*npyArray, error) {
	fault := func(at int, expected, found, remedy string) error {
		return &Error{What: "reading", File: path, Where: fmt.Sprintf("byte %d", at), Expected: expected, Found: found, Remedy: remedy}
	}
	const save = "write it again with numpy.save"
	head := make([]byte, 10)
	if n, err := io.ReadFull(r, head); err != nil {
		return nil, fault(n, "a NumPy file's header", ending(err), save)
	}
	if string(head[:6]) != "\x93NUMPY" {
		return nil, fault(0, `"\x93NUMPY"`, strconv.Quote(string(head[:6])), save)
	}
	length, start := int64(binary.LittleEndian.Uint16(head[8:])), 10
	switch head[6] {
	case 1:
	case 2, 3:
		more := make([]byte, 2)
		if n, err := io.ReadFull(r, more); err != nil {
			return nil, fault(10+n, "a NumPy file's header", ending(err), save)
		}
		length, start = length|int64(binary.LittleEndian.Uint16(more))<<16, 12
	default:
		return nil, fault(6, "format version 1, 2 or 3", fmt.Sprint(head[6]), save)
	}
	if length > size-int64(start) {
		return nil, fault(8, fmt.Sprintf("a header within the file's %d bytes", size), fmt.Sprintf("a length of %d", length), save)
	}
	text := make([]byte, length)
	if n, err := io.ReadFull(r, text); err != nil {
		return nil, fault(start+n, fmt.Sprintf("a header of %d bytes", length), ending(err), save)
	}
	dtype, fortran, dims, err := npyHeader(string(text))
	if err != nil {
		return nil, fault(start, "{'descr': …, 'fortran_order': …, 'shape': …}", err.Error(), save)
	}
	a := &npyArray{path: path, dims: dims, header: start + int(length)}
	var order binary.ByteOrder = binary.LittleEndian
	letters := strings.TrimLeft(dtype, "<>|=")
	if strings.HasPrefix(dtype, ">") {
		order = binary.BigEndian
	}
	kind, known := npyTypes[letters]
	if !known || len(dtype) > 3 {
		return nil, fault(start, holds, "dtype "+strconv.Quote(dtype), "convert it with x.astype('float32')")
	}
	a.width = kind.width
	total, long := uint64(1), 0
	for i, d := range dims {
		if d > 1 {
			long++
		}
		high, low := bits.Mul64(total, uint64(d))
		if d == 0 || high != 0 || low > uint64(size) {
			return nil, fault(start, fmt.Sprintf("extents of at least 1 that a file of %d bytes can hold", size), fmt.Sprintf("%d, the %s of %s", d, ordinal(i), npyShape(dims)), "")
		}
		total = low
	}
	if len(dims) == 0 {
		return nil, fault(start, "an array [N, …]", "a single value", "")
	}
	if fortran && long > 1 {
		return nil, fault(start, "rows in C order", "'fortran_order': True", "save numpy.ascontiguousarray(x)")
	}
	if want, have := total*uint64(a.width), uint64(size)-uint64(a.header); want != have {
		return nil, fault(int(min(uint64(size), uint64(a.header)+want)), fmt.Sprintf("%d bytes of data, as the header says (%s of %s)", want, npyShape(dims), dtype),
			fmt.Sprint(have), save)
	}
	return a, a.read(r, int(total), order, kind.integer)
}

// read reads n elements.
func (a *npyArray) read(r io.Reader, n int, order binary.ByteOrder, integer func(uint64) int64) error {
	const chunk = 1 << 15
	var at int
	next := func(into []byte) error {
		if got, err := io.ReadFull(r, into); err != nil {
			return &Error{What: "reading", File: a.path, Where: fmt.Sprintf("byte %d", a.header+at*a.width+got), Expected: "data", Found: ending(err)}
		}
		return nil
	}
	signed := integer != nil && integer(0xff) < 0 // asked of a single byte
	switch {
	case a.width == 1 && !signed:
		a.bytes = make([]byte, n)
		return next(a.bytes)
	case integer != nil:
		a.integers = make([]int64, n)
	default:
		a.floats = make([]float32, n)
	}
	buf := make([]byte, min(chunk, n)*a.width)
	for at < n {
		part := buf[:min(chunk, n-at)*a.width]
		if err := next(part); err != nil {
			return err
		}
		for k := 0; k < len(part); k, at = k+a.width, at+1 {
			var u uint64
			switch a.width {
			case 1:
				u = uint64(part[k])
			case 2:
				u = uint64(order.Uint16(part[k:]))
			case 4:
				u = uint64(order.Uint32(part[k:]))
			case 8:
				u = order.Uint64(part[k:])
			}
			switch {
			case integer != nil:
				a.integers[at] = integer(u)
				continue
			case a.width == 4:
				a.floats[at] = math.Float32frombits(uint32(u))
			default:
				a.floats[at] = float32(math.Float64frombits(u))
			}
			if x := a.floats[at]; x-x != 0 {
				return a.fault(at, "a finite number", fmt.Sprint(x))
			}
		}
	}
	return nil
}

// npyHeader reads the dictionary of a header: a Python literal with three entries in any order.
func npyHeader(text string) (dtype string, fortran bool, dims []int, err error) {
	rest := strings.TrimSpace(text)
	wrong := fmt.Errorf("%.80q", rest)
	skip := func(token string) bool {
		rest = strings.TrimLeft(rest, " \t\r\n")
		ok := strings.HasPrefix(rest, token)
		if ok {
			rest = rest[len(token):]
		}
		return ok
	}
	quoted := func() (string, bool) {
		mark := `'`
		if !skip(mark) {
			if mark = `"`; !skip(mark) {
				return "", false
			}
		}
		s, after, ok := strings.Cut(rest, mark)
		rest = after
		return s, ok
	}
	seen := map[string]bool{}
	if !skip("{") {
		return "", false, nil, wrong
	}
	for !skip("}") {
		key, ok := quoted()
		if !ok || seen[key] || !skip(":") {
			return "", false, nil, wrong
		}
		seen[key] = true
		switch key {
		case "descr":
			if dtype, ok = quoted(); !ok {
				return "", false, nil, wrong
			}
		case "fortran_order":
			if fortran = skip("True"); !fortran && !skip("False") {
				return "", false, nil, wrong
			}
		case "shape":
			if !skip("(") {
				return "", false, nil, wrong
			}
			for !skip(")") {
				end := strings.IndexAny(rest, ",)")
				if end < 0 || len(dims) == 32 {
					return "", false, nil, wrong
				}
				d, err := strconv.ParseUint(strings.TrimSpace(rest[:end]), 10, 62)
				if err != nil {
					return "", false, nil, wrong
				}
				dims, rest = append(dims, int(d)), rest[end:]
				skip(",")
			}
		default:
			return "", false, nil, wrong
		}
		if !skip(",") && !strings.HasPrefix(strings.TrimLeft(rest, " "), "}") {
			return "", false, nil, wrong
		}
	}
	if len(seen) != 3 || strings.TrimSpace(rest) != "" {
		return "", false, nil, wrong
	}
	return dtype, fortran, dims, nil
}

// npyShape is [60000, 28, 28], as NumPy's users write it.
func npyShape(dims []int) string {
	return strings.ReplaceAll(fmt.Sprint(dims), " ", ", ")
}

func ordinal(i int) string { return "extent " + strconv.Itoa(i+1) }
