package dataset

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// bounded runs f on an input, and fails if it allocated much more than the input's size: no header may make a reader reserve memory.
func bounded(t *testing.T, input []byte, f func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	// 512 kB: for buffers; 64 times: a byte of an npy file becomes at most 8, of its text a few more.
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(512<<10+64*len(input)); used > most {
		t.Fatalf("%d bytes made the reader allocate %d", len(input), used)
	}
}

func FuzzIDX(f *testing.F) {
	f.Add(idx(ramp(18), 3, 2, 3))
	f.Add(idx([]byte{7, 0, 9}, 3))
	f.Add(idx(nil, 0xffffffff, 0xffffffff, 0xffffffff))
	f.Fuzz(func(t *testing.T, raw []byte) {
		bounded(t, raw, func() {
			for _, dims := range []int{1, 3} {
				a, err := parseIDX("fuzz", bytes.NewReader(raw), int64(len(raw)), dims)
				if (err == nil) != (a.header()+len(a.data) == len(raw) && len(raw) > 0 && a.data != nil) {
					t.Fatalf("%d bytes: header %d and data %d, error %v", len(raw), a.header(), len(a.data), err)
				}
			}
		})
	})
}

func FuzzNPY(f *testing.F) {
	f.Add(npy("|u1", "(7, 2)", ramp(14)))
	f.Add(npy("<f4", "(2, 2)", ramp(16)))
	f.Add(npy(">i8", "(2,)", ramp(16)))
	f.Add(npyText("{'descr': '<f8', 'fortran_order': True, 'shape': (4611686018427387904, 4611686018427387904), }", nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		bounded(t, raw, func() {
			a, err := parseNPY("fuzz", bytes.NewReader(raw), int64(len(raw)), npySamples)
			if err != nil {
				return
			}
			n := a.dims[0] * a.row()
			if n == 0 || len(a.bytes)+len(a.floats)+len(a.integers) != n || a.header+n*a.width != len(raw) {
				t.Fatalf("%d elements in %d bytes: %+v", n, len(raw), a)
			}
		})
	})
}

func FuzzCIFAR(f *testing.F) {
	f.Add(cifarFile(3, 9))
	f.Add(cifarFile(255))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, raw []byte) {
		bounded(t, raw, func() {
			pixels, labels, err := parseCIFAR("fuzz", raw)
			if err == nil && (len(labels) == 0 || len(pixels)+len(labels) != len(raw)) {
				t.Fatalf("%d pixels and %d labels in %d bytes", len(pixels), len(labels), len(raw))
			}
		})
	})
}

// FuzzPicture: whatever decodes becomes a raster that a sample can be cut from.
func FuzzPicture(f *testing.F) {
	f.Add(asPNG(picture(8, 6, 3)))
	f.Add(asJPEG(picture(5, 40, 3)))
	f.Add(asPNG(image.NewGray16(image.Rect(0, 0, 1, 9))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if head, _, err := image.DecodeConfig(bytes.NewReader(raw)); err == nil && head.Width*head.Height > 1<<16 {
			return // for speed
		}
		img, err := decode(raw)
		if err != nil {
			return
		}
		for _, c := range []int{1, 3} {
			p := &pictures{h: 8, w: 6, c: c}
			r := p.raster(img, new(scratch))
			if r.h < p.h || r.w < p.w || len(r.pixels) != r.h*r.w*c {
				t.Fatalf("%v becomes %dx%d with %d bytes", img.Bounds(), r.h, r.w, len(r.pixels))
			}
		}
	})
}

// FuzzGzip: the same through gzip and the file system.
func FuzzGzip(f *testing.F) {
	f.Add(zip(idx(ramp(18), 3, 2, 3)))
	f.Add(zip(idx(nil, 1000, 1000, 1000)))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "x.gz")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if a, err := readIDX(path, 3); err == nil && len(a.data) > gzipRatio*len(raw) {
			t.Fatalf("%d bytes from %d", len(a.data), len(raw))
		}
	})
}
