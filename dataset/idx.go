package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"github.com/klauspost/compress/gzip" // a quarter faster than the standard library's at inflating pictures
)

// An idxArray is an IDX file of bytes: http://yann.lecun.com/exdb/mnist, at the foot of the page.
type idxArray struct {
	dims []int
	data []byte
}

// header is the length of its header in bytes, which is where item 0 starts.
func (a idxArray) header() int { return 4 + 4*len(a.dims) }

// gzipRatio is more than gzip can expand its input: 258 bytes from two bits.
const gzipRatio = 1032

// readIDX reads an IDX file of bytes with the given number of dimensions, unpacked if its name ends in .gz.
func readIDX(path string, dims int) (idxArray, error) {
	f, size, err := openFile(path)
	if err != nil {
		return idxArray{}, err
	}
	defer f.Close()
	if !strings.HasSuffix(path, ".gz") {
		return parseIDX(path, f, size, dims)
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return idxArray{}, &Error{What: "reading", File: path, Expected: "a gzip file", Err: err, Remedy: "fetch the file again"}
	}
	return parseIDX(path, z, size*gzipRatio, dims)
}

// parseIDX reads an IDX array from r, which holds no more than most bytes: no header makes it allocate more.
func parseIDX(path string, r io.Reader, most int64, dims int) (idxArray, error) {
	fault := func(at int64, expected, found string) error {
		return &Error{What: "reading", File: path, Where: fmt.Sprintf("byte %d", at), Expected: expected, Found: found, Remedy: "fetch the file again"}
	}
	head := make([]byte, 4+4*dims)
	n, err := io.ReadFull(r, head)
	if err != nil {
		return idxArray{}, fault(int64(n), fmt.Sprintf("an IDX header of %d bytes", len(head)), ending(err))
	}
	if head[0] != 0 || head[1] != 0 {
		return idxArray{}, fault(0, "the two zero bytes that begin an IDX file", fmt.Sprintf("%#02x %#02x", head[0], head[1]))
	}
	if head[2] != 0x08 {
		return idxArray{}, fault(2, "type 0x08 (bytes)", fmt.Sprintf("%#02x", head[2]))
	}
	if int(head[3]) != dims {
		return idxArray{}, fault(3, fmt.Sprintf("%d dimensions", dims), fmt.Sprint(head[3]))
	}
	a, total := idxArray{dims: make([]int, dims)}, uint64(1)
	for i := range dims {
		b := head[4+4*i:]
		extent := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
		a.dims[i] = int(extent)
		high, low := bits.Mul64(total, extent)
		if extent == 0 || high != 0 || low > uint64(most) {
			return idxArray{}, fault(int64(4+4*i), fmt.Sprintf("an extent of at least 1 that a file of its size can hold (at most %d bytes)", most),
				fmt.Sprint(extent))
		}
		total = low
	}
	a.data = inLargePages(make([]byte, total))
	n, err = io.ReadFull(r, a.data)
	if err != nil {
		return idxArray{}, fault(int64(len(head)+n), fmt.Sprintf("%d bytes in all, as the header says (%s)", uint64(len(head))+total, times(a.dims)), ending(err))
	}
	switch extra, err := io.CopyN(io.Discard, r, 1); {
	case extra > 0:
		return idxArray{}, fault(int64(len(head)+n), fmt.Sprintf("the end of the file, as the header says (%s)", times(a.dims)), "more bytes")
	case !errors.Is(err, io.EOF):
		return idxArray{}, fault(int64(len(head)+n), "the end of the file", ending(err))
	}
	return a, nil
}

// ending is why a reader stopped.
func ending(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the end of the file"
	}
	return err.Error()
}

func times(dims []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(dims), "[]"), " ", "x")
}
