package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// file is a header and data as they stand in a file.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

var sample = []Tensor{
	{"l1.W", []int{2, 3}, []float32{1, -2.5, float32(math.Pi), 0, float32(math.Inf(-1)), math.SmallestNonzeroFloat32}},
	{"l1.b", []int{2}, []float32{7, 8}},
	{"a \"quoted\" é", []int{}, []float32{9}},
	{"none", []int{0, 4}, []float32{}},
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.safetensors")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	require.NoError(t, Write(path, sample, map[string]string{"format": "bnetc", "step": "468"}))
	got, err := Read(path)
	require.NoError(t, err)
	require.ElementsMatch(t, sample, got.Tensors)
	require.Equal(t, []string{"l1.W", "l1.b"}, []string{got.Tensors[0].Name, got.Tensors[1].Name})
	require.Equal(t, map[string]string{"format": "bnetc", "step": "468"}, got.Metadata)
	require.Equal(t, float32(8), got.Tensor("l1.b").Data[1])
	require.Nil(t, got.Tensor("l2.b"))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file stays")

	large := []Tensor{{"x", []int{300, 1001}, make([]float32, 300*1001)}} // several pieces
	for i := range large[0].Data {
		large[0].Data[i] = float32(i) / 3
	}
	require.NoError(t, Write(path, large, nil))
	got, err = Read(path)
	require.NoError(t, err)
	require.Equal(t, large, got.Tensors)
	require.Empty(t, got.Metadata)
}

// TestBytes: the file is the one that every other program reads.
func TestBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.safetensors")
	require.NoError(t, Write(path, []Tensor{{"b", []int{1}, []float32{1}}}, nil))
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "\x38\x00\x00\x00\x00\x00\x00\x00"+`{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  `+"\x00\x00\x80\x3f", string(raw))
}

func TestElementTypes(t *testing.T) {
	for _, c := range []struct {
		dtype string
		raw   []byte
		want  []float32
	}{
		{"F64", binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1)), []float32{0.1}},
		{"BF16", []byte{0x80, 0x3f, 0x80, 0xff}, []float32{1, float32(math.Inf(-1))}},
		// 1, -2, the smallest denormal, the largest denormal, 65504, -0, infinity
		{"F16", []byte{0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x03, 0xff, 0x7b, 0x00, 0x80, 0x00, 0x7c},
			[]float32{1, -2, 0x1p-24, 1023 * 0x1p-24, 65504, float32(math.Copysign(0, -1)), float32(math.Inf(1))}},
	} {
		raw := file(fmt.Sprintf(`{"x":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, c.dtype, len(c.want), len(c.raw)), 0)
		raw = append(raw, c.raw...)
		f, err := parseAll("x", bytes.NewReader(raw), int64(len(raw)))
		require.NoError(t, err)
		for i, want := range c.want {
			require.Equal(t, math.Float32bits(want), math.Float32bits(f.Tensors[0].Data[i]), "%s %v", c.dtype, want)
		}
	}
	require.True(t, math.IsNaN(float64(fromF16([]byte{0x01, 0x7e}))))
}

func TestFaults(t *testing.T) {
	tensor := func(name, fields string) string { return fmt.Sprintf("%q:{%s}", name, fields) }
	f32 := func(name string, n, begin int) string {
		return tensor(name, fmt.Sprintf(`"dtype":"F32","shape":[%d],"data_offsets":[%d,%d]`, n, begin, begin+4*n))
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "reading FILE: byte 0: expected the 8 bytes of the header's length, found the end of the file"},
		{"short", []byte{1, 2, 3}, "byte 3: expected the 8 bytes of the header's length, found the end of the file"},
		{"absurd length", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "byte 0: expected the length of a header within 2 bytes, found 18446744073709551615"},
		{"an HTML page", []byte("<html><body>not found</body></html>"), "byte 0: expected the length of a header within 27 bytes, found"},
		{"no JSON", file("hello", 0), `byte 8: expected a JSON object, found "hello"`},
		{"a list", file("[]", 0), `expected a JSON object, found "[]"`},
		{"cut", file(`{"a":{"dtype":"F32"`, 0), `tensor "a": expected dtype, shape and data_offsets, found`},
		{"not closed", file("{"+f32("a", 1, 0), 4), "byte 61: expected a JSON object, found the end of the file"},
		{"more JSON", file("{"+f32("a", 1, 0)+"}{}", 4), `byte 62: expected spaces up to the data, found "{}"`},
		{"twice", file("{"+f32("a", 1, 0)+","+f32("a", 1, 4)+"}", 8), `tensor "a": expected every name once, found it twice`},
		{"dtype", file("{"+tensor("a", `"dtype":"I64","shape":[1],"data_offsets":[0,8]`)+"}", 8), `byte 12: tensor "a": expected dtype F32, F64, F16 or BF16, found I64`},
		{"missing field", file("{"+tensor("a", `"dtype":"F32","shape":[1]`)+"}", 4), `tensor "a": expected dtype, shape and two data_offsets, found {"dtype":"F32","shape":[1]}`},
		{"unknown field", file("{"+tensor("a", `"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1`)+"}", 4), `json: unknown field "x"`},
		{"negative", file("{"+tensor("a", `"dtype":"F32","shape":[-1],"data_offsets":[0,4]`)+"}", 4), `tensor "a": expected dtype, shape and data_offsets, found json: cannot unmarshal number -1`},
		{"three offsets", file("{"+tensor("a", `"dtype":"F32","shape":[1],"data_offsets":[0,4,8]`)+"}", 4), "two data_offsets"},
		{"size", file("{"+tensor("a", `"dtype":"F32","shape":[2,3],"data_offsets":[0,20]`)+"}", 20), `byte 12: tensor "a": expected 24 bytes for F32 of shape [2 3], found data_offsets [0, 20]`},
		{"backwards", file("{"+tensor("a", `"dtype":"F32","shape":[1],"data_offsets":[0,4]`)+","+tensor("b", `"dtype":"F32","shape":[1],"data_offsets":[4,0]`)+"}", 4), `tensor "b": expected 4 bytes`},
		{"absurd shape", file("{"+tensor("a", `"dtype":"F32","shape":[4294967295,4294967295,4294967295],"data_offsets":[0,4]`)+"}", 4), "expected 18446744073709551615 bytes for F32 of shape"},
		{"overlap", file("{"+f32("a", 2, 0)+","+f32("b", 1, 4)+"}", 8), `tensor "b": expected data from 8 on, where the tensor before ends, found 4 (an overlap)`},
		{"hole", file("{"+f32("b", 1, 8)+","+f32("a", 1, 0)+"}", 12), `tensor "b": expected data from 4 on, where the tensor before ends, found 8 (a hole)`},
		{"truncated", file("{"+f32("a", 2, 0)+"}", 7), `byte 69: tensor "a": expected data up to byte 70, found the end of the file`},
		{"too long", file("{"+f32("a", 2, 0)+"}", 9), "byte 70: expected the end of the file, where the last tensor ends, found 1 more bytes"},
		{"metadata", file(`{"__metadata__":{"n":1}}`, 0), "expected texts in __metadata__, found json: cannot unmarshal number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.safetensors")
			require.NoError(t, os.WriteFile(path, c.raw, 0o644))
			_, err := Read(path)
			var fault *Error
			require.True(t, errors.As(err, &fault), "%v", err)
			require.Contains(t, strings.ReplaceAll(err.Error(), path, "FILE"), c.want)
		})
	}
	_, err := Read(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestWriteFaults: a failed write says why, and leaves the old file and no other.
func TestWriteFaults(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.safetensors")
	require.NoError(t, Write(path, sample, nil))
	for _, c := range []struct {
		tensors []Tensor
		want    string
	}{
		{[]Tensor{{"a", []int{1}, []float32{1}}, {"a", []int{1}, []float32{1}}}, `tensor "a": the name stands twice`},
		{[]Tensor{{"__metadata__", []int{1}, []float32{1}}}, "is reserved"},
		{[]Tensor{{"a", []int{2, 2}, []float32{1}}}, `tensor "a": a shape of [2 2], but 1 values`},
	} {
		require.ErrorContains(t, Write(path, c.tensors, nil), c.want)
	}
	require.Error(t, Write(filepath.Join(dir, "no", "folder"), sample, nil))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	require.Error(t, Write(filepath.Join(dir, "folder"), sample, nil), "a folder cannot be replaced")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
	_, err = Read(path)
	require.NoError(t, err)
}

// FuzzSafetensors: no input makes the reader panic, or allocate much more than its size; what it reads, it writes back the same.
func FuzzSafetensors(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"k":"v"}}  `, 8))
	f.Add(file(`{"a":{"dtype":"F16","shape":[2,1],"data_offsets":[8,12]},"b":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}`, 12))
	f.Add(file(`{"a":{"dtype":"BF16","shape":[4294967295,4294967295],"data_offsets":[0,18446744073709551615]}}`, 12))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := parseAll("fuzz", bytes.NewReader(raw), int64(len(raw)))
		runtime.ReadMemStats(&after)
		// 512 kB: for buffers; 256 times: a tensor's entry of 50 bytes becomes a JSON decoder of its own.
		if used, most := after.TotalAlloc-before.TotalAlloc, uint64(512<<10+256*len(raw)); used > most {
			t.Fatalf("%d bytes made the reader allocate %d", len(raw), used)
		}
		if err != nil {
			return
		}
		header, err := makeHeader(got.Tensors, got.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := encode(&b, header, got.Tensors, func(i int) ([]float32, error) { return got.Tensors[i].Data, nil }); err != nil {
			t.Fatal(err)
		}
		again, err := parseAll("fuzz", bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Tensors) != len(got.Tensors) || len(again.Metadata) != len(got.Metadata) {
			t.Fatalf("%+v written became %+v", got, again)
		}
		for _, x := range got.Tensors {
			y := again.Tensor(x.Name)
			if y == nil || fmt.Sprint(x.Shape) != fmt.Sprint(y.Shape) || len(x.Data) != len(y.Data) {
				t.Fatalf("%+v written became %+v", x, y)
			}
			for i := range x.Data {
				if math.Float32bits(x.Data[i]) != math.Float32bits(y.Data[i]) && x.Data[i] == x.Data[i] {
					t.Fatalf("%+v written became %+v", x, y)
				}
			}
		}
	})
}

// parseAll reads a file of a known size whole.
func parseAll(path string, r io.Reader, size int64) (*File, error) {
	f, err := open(path, r, size)
	if err != nil {
		return nil, err
	}
	return f.all()
}
