package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// idx is an IDX file of bytes.
func idx(data []byte, dims ...uint32) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, data...)
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// npy is a NumPy file, version 1.
func npy(descr, shape string, data []byte) []byte {
	return npyText(fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape), data)
}

func npyText(text string, data []byte) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
	return append(append(b, text...), data...)
}

// files are written to a new folder.
func folder(t testing.TB, files map[string][]byte) string {
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, b, 0o644))
	}
	return dir
}

// with is a copy of files with some replaced; nil removes.
func with(files map[string][]byte, changes map[string][]byte) map[string][]byte {
	all := map[string][]byte{}
	for name, b := range files {
		all[name] = b
	}
	for name, b := range changes {
		if all[name] = b; b == nil {
			delete(all, name)
		}
	}
	return all
}

func ramp(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// Three pictures of 2x3 to train on, two to test.
var tinyMNIST = map[string][]byte{
	"train-images-idx3-ubyte": idx(ramp(18), 3, 2, 3), "train-labels-idx1-ubyte": idx([]byte{7, 0, 9}, 3),
	"t10k-images-idx3-ubyte": idx(ramp(12), 2, 2, 3), "t10k-labels-idx1-ubyte": idx([]byte{1, 2}, 2),
}

func cifarFile(labels ...byte) (b []byte) {
	for i, l := range labels {
		r := ramp(cifarRecord)
		r[0] = l
		r[1] = byte(i)
		b = append(b, r...)
	}
	return b
}

var tinyCIFAR = map[string][]byte{
	"data_batch_1.bin": cifarFile(0, 1), "data_batch_2.bin": cifarFile(2), "data_batch_3.bin": cifarFile(3), "data_batch_4.bin": cifarFile(4),
	"data_batch_5.bin": cifarFile(5), "test_batch.bin": cifarFile(9),
}

// Seven samples of 2 values; the last sixth of them is one.
var tinyNPY = map[string][]byte{
	"x.npy": npy("|u1", "(7, 2)", ramp(14)),
	"y.npy": npy("<i8", "(7,)", int64s(0, 1, 2, 2, 1, 0, 1)),
}

func int64s(v ...int64) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, uint64(x))
	}
	return b
}

func float32s(v ...float32) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, v)
	return b
}

var (
	wantMNIST = Spec{Name: "mnist", H: 2, W: 3, C: 1, Outputs: 10}
	wantCIFAR = Spec{Name: "cifar10", H: 32, W: 32, C: 3, Outputs: 10}
	wantNPY   = Spec{Name: "npy", Files: []string{"x.npy", "y.npy"}, H: 1, W: 1, C: 2, Outputs: 3}
)

// TestFaults: whatever is wrong with a file, the message names the file, the place, and both what was expected and found.
func TestFaults(t *testing.T) {
	flatten := func(s Spec, c int) Spec { s.H, s.W, s.C = 1, 1, c; return s }
	for _, c := range []struct {
		name  string
		spec  Spec
		files map[string][]byte
		want  string // DIR stands for the folder
	}{
		{"nothing there", wantMNIST, nil,
			"opening mnist in DIR or DIR/mnist: expected train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (or with .gz), found none of them; get the files from http://yann.lecun.com/exdb/mnist and name the folder with --data DIR or BNET_DATA"},
		{"one missing", wantMNIST, with(tinyMNIST, map[string][]byte{"t10k-labels-idx1-ubyte": nil}), "found all but t10k-labels-idx1-ubyte; get"},
		{"another format", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": []byte("<html> not found </html>")}),
			"reading DIR/train-images-idx3-ubyte: byte 0: expected the two zero bytes that begin an IDX file, found 0x3c 0x68; fetch the file again"},
		{"short header", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": {0, 0, 8}}), "byte 3: expected an IDX header of 16 bytes, found the end of the file"},
		{"floats", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": {0, 0, 0x0d, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0}}), "byte 2: expected type 0x08 (bytes), found 0x0d"},
		{"pictures as labels", wantMNIST, with(tinyMNIST, map[string][]byte{"train-labels-idx1-ubyte": idx(ramp(18), 3, 2, 3)}), "reading DIR/train-labels-idx1-ubyte: byte 3: expected 1 dimensions, found 3"},
		{"truncated", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": idx(ramp(17), 3, 2, 3)}), "byte 33: expected 34 bytes in all, as the header says (3x2x3), found the end of the file"},
		{"truncated gzip", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": nil, "train-images-idx3-ubyte.gz": zip(idx(ramp(18), 3, 2, 3))[:30]}),
			"reading DIR/train-images-idx3-ubyte.gz: byte "},
		{"no gzip", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": nil, "train-images-idx3-ubyte.gz": idx(ramp(18), 3, 2, 3)}),
			"reading DIR/train-images-idx3-ubyte.gz: expected a gzip file: gzip: invalid header; fetch the file again"},
		{"corrupt gzip", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": nil, "train-images-idx3-ubyte.gz": func() []byte {
			z := zip(idx(ramp(18), 3, 2, 3))
			z[len(z)-8] ^= 1 // the checksum
			return z
		}()}), "byte 34: expected the end of the file, found gzip: invalid checksum"},
		{"too long", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": idx(ramp(19), 3, 2, 3)}), "byte 34: expected the end of the file, as the header says (3x2x3), found more bytes"},
		{"absurd", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": idx(ramp(18), 0xffffffff, 2, 3)}), "byte 4: expected an extent of at least 1 that a file of its size can hold (at most 34 bytes), found 4294967295"},
		{"absurd product", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": idx(ramp(18), 30, 30, 3)}), "byte 8: expected an extent"},
		{"empty", wantMNIST, with(tinyMNIST, map[string][]byte{"train-images-idx3-ubyte": idx(nil, 0, 2, 3)}), "byte 4: expected an extent of at least 1"},
		{"mislabelled", wantMNIST, with(tinyMNIST, map[string][]byte{"train-labels-idx1-ubyte": idx([]byte{7, 10, 9}, 3)}),
			"reading DIR/train-labels-idx1-ubyte: record 1, byte 9: expected a label from 0 to 9, found 10"},
		{"fewer labels", wantMNIST, with(tinyMNIST, map[string][]byte{"train-labels-idx1-ubyte": idx([]byte{7, 1}, 2)}),
			"reading DIR/train-labels-idx1-ubyte: byte 4: expected 3 labels, one for each picture of DIR/train-images-idx3-ubyte, found 2"},
		{"shape", Spec{Name: "mnist", H: 28, W: 28, C: 1, Outputs: 10}, tinyMNIST, "data set mnist: expected samples of 28x28x1, 10 classes, as the network has them, found 2x3x1, 10 classes"},
		{"flat shape", flatten(wantMNIST, 7), tinyMNIST, "expected samples of 7, 10 classes, as the network has them, found 2x3x1"},
		{"classes", Spec{Name: "mnist", H: 2, W: 3, C: 1, Outputs: 12}, tinyMNIST, "expected samples of 2x3x1, 12 classes, as the network has them, found 2x3x1, 10 classes"},

		{"no cifar", wantCIFAR, nil, "opening cifar10 in DIR or DIR/cifar-10-batches-bin or DIR/cifar10: expected data_batch_1.bin, data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, test_batch.bin, found none of them; get the files from https://www.cs.toronto.edu/~kriz/cifar.html (binary version) and name"},
		{"cifar truncated", wantCIFAR, with(tinyCIFAR, map[string][]byte{"data_batch_1.bin": cifarFile(1, 2)[:5000]}),
			"reading DIR/data_batch_1.bin: record 1, byte 3073: expected a record of 3073 bytes, found 1927 bytes to the end of the file; fetch the file again"},
		{"cifar too long", wantCIFAR, with(tinyCIFAR, map[string][]byte{"test_batch.bin": append(cifarFile(1), 0)}), "record 1, byte 3073: expected a record of 3073 bytes, found 1 bytes"},
		{"cifar empty", wantCIFAR, with(tinyCIFAR, map[string][]byte{"test_batch.bin": {}}), "record 0, byte 0: expected a record"},
		{"cifar mislabelled", wantCIFAR, with(tinyCIFAR, map[string][]byte{"data_batch_1.bin": cifarFile(1, 77)}), "reading DIR/data_batch_1.bin: record 1, byte 3073: expected a label from 0 to 9, found 77"},
		{"cifar cut between records", func() Spec { s := wantCIFAR; s.Strict = true; return s }(), tinyCIFAR,
			"reading DIR/data_batch_1.bin: expected 30730000 bytes, 10000 records (strict), found 6146 bytes; fetch the file again, or leave `strict` out"},
		{"cifar into mnist", Spec{Name: "cifar10", H: 28, W: 28, C: 1, Outputs: 10}, tinyCIFAR, "data set cifar10: expected samples of 28x28x1, 10 classes, as the network has them, found 32x32x3"},

		{"no npy", wantNPY, nil, "opening npy in DIR: expected x.npy, y.npy, found no x.npy; name the folder"},
		{"npy names", Spec{Name: "npy", Files: []string{"x.npy"}, H: 1, W: 1, C: 2, Outputs: 3}, tinyNPY, `opening npy: expected npy("x.npy", "y.npy") or npy("x.npy", "y.npy", "test_x.npy", "test_y.npy"), found 1 files`},
		{"npy short", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": []byte("\x93NUM")}), "reading DIR/x.npy: byte 4: expected a NumPy file's header, found the end of the file; write it again with numpy.save"},
		{"npy magic", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": []byte("PK\x03\x04 an archive")}), `byte 0: expected "\x93NUMPY", found "PK\x03\x04 a"`},
		{"npy version", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": []byte("\x93NUMPY\x09\x00\x00\x00")}), "byte 6: expected format version 1, 2 or 3, found 9"},
		{"npy header length", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{")}), "byte 8: expected a header within the file's 13 bytes, found a length of 4294967295"},
		{"npy header", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npyText("{'descr': [('a', '<f4')]}", nil)}), "byte 10: expected {'descr': …, 'fortran_order': …, 'shape': …}, found"},
		{"npy dtype", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("<c8", "(7, 2)", ramp(112))}), `expected samples of uint8 (255 is 1), float32 or float64, found dtype "<c8"; convert it with x.astype('float32')`},
		{"npy integers as samples", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("<i2", "(7, 2)", ramp(28))}), "reading DIR/x.npy: expected samples of uint8 (255 is 1), float32 or float64, found integers of 2 bytes"},
		{"npy fortran", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npyText("{'descr': '|u1', 'fortran_order': True, 'shape': (7, 2), }", ramp(14))}), "expected rows in C order, found 'fortran_order': True; save numpy.ascontiguousarray(x)"},
		{"npy truncated", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("|u1", "(7, 2)", ramp(13))}), "byte 82: expected 14 bytes of data, as the header says ([7, 2] of |u1), found 13"},
		{"npy too long", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("|u1", "(7, 2)", ramp(15))}), "byte 83: expected 14 bytes of data, as the header says ([7, 2] of |u1), found 15"},
		{"npy absurd", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("|u1", "(4611686018427387903, 4)", ramp(14))}), "found 4611686018427387903, the extent 1 of [4611686018427387903, 4]"},
		{"npy empty", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("|u1", "(0, 2)", nil)}), "expected extents of at least 1"},
		{"npy single value", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("|u1", "()", ramp(1))}), "expected an array [N, …], found a single value"},
		{"npy not finite", wantNPY, with(tinyNPY, map[string][]byte{"x.npy": npy("<f4", "(2, 2)", []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0x7f})}), "record 1, byte 81: expected a finite number, found NaN"},
		{"npy one sample", wantNPY, map[string][]byte{"x.npy": npy("|u1", "(1, 2)", ramp(2)), "y.npy": npy("|u1", "(1,)", ramp(1))}, "expected at least 2 samples, of which the last sixth are for testing, found 1"},
		{"npy mislabelled", wantNPY, with(tinyNPY, map[string][]byte{"y.npy": npy("<i8", "(7,)", int64s(0, 1, 3, 2, 1, 0, 1))}), "reading DIR/y.npy: record 2, byte 83: expected a label from 0 to 2, found 3"},
		{"npy negative label", wantNPY, with(tinyNPY, map[string][]byte{"y.npy": npy("<i8", "(7,)", int64s(0, 1, 2, 2, 1, 0, -1))}), "record 6, byte 115: expected a label from 0 to 2, found -1"},
		{"npy fewer labels", wantNPY, with(tinyNPY, map[string][]byte{"y.npy": npy("<i8", "(2,)", int64s(0, 1))}), "reading DIR/y.npy: expected 7 labels, one for each sample of DIR/x.npy, found 2"},
		{"npy targets", wantNPY, with(tinyNPY, map[string][]byte{"y.npy": npy("<f4", "(7, 1)", ramp(28))}), "reading DIR/y.npy: expected integer labels [7], or targets [7, 3] (the network's outputs), found [7, 1] of floats"},
		{"npy pixels as targets", wantNPY, with(tinyNPY, map[string][]byte{"y.npy": npy("|u1", "(7, 3)", ramp(21))}), "record 0, byte 71: expected targets of float32, or 0 and 1 as uint8, found 2; convert pixels with y.astype('float32') / 255"},
		{"npy shape", flatten(wantNPY, 5), tinyNPY, "data set npy: expected samples of 5, 3 classes, as the network has them, found 2, 3 classes"},
		{"npy shape of pictures", flatten(wantNPY, 5), with(tinyNPY, map[string][]byte{"x.npy": npy("|u1", "(7, 1, 2, 3)", ramp(42))}), "found 1x2x3, 3 classes"},

		{"no pictures", wantImages, nil, "opening images in DIR/train: expected a folder for each class: open DIR/train: no such file or directory; name the folder"},
		{"no classes", wantImages, map[string][]byte{"train/a.png": {1}}, "opening images in DIR/train: expected a folder of pictures for each class, found no folder"},
		{"no pictures in a class", wantImages, map[string][]byte{"train/a/readme": {1}}, "opening images in DIR/train/a: expected JPEG or PNG files, found none"},
		{"another class", wantImages, map[string][]byte{"train/a/1.png": {1}, "train/c/1.png": {1}, "val/b/1.png": {1}}, "opening images in DIR/val: expected the classes of the training pictures, found the folder b"},
		{"number of classes", wantImages, map[string][]byte{"train/a/1.png": {1}, "val/a/1.png": {1}}, "data set images: expected samples of 8x6x3, 2 classes, as the network has them, found 8x6x3, 1 classes"},
		{"flat pictures", flatten(wantImages, 12), map[string][]byte{"train/a/1.png": {1}, "val/a/1.png": {1}}, "expected a network whose input is an image of 1 channel (grey) or 3 (red, green, blue), found 12"},

		{"no such set", Spec{Name: "mnits"}, nil, `opening data set "mnits": expected one of mnist, cifar10, images, npy, digits, found mnits`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, c.files)
			_, err := Open(c.spec, dir)
			require.Error(t, err)
			var fault *Error
			var misfit *Misfit
			require.True(t, errors.As(err, &fault) || errors.As(err, &misfit), "%T", err)
			require.Contains(t, strings.ReplaceAll(err.Error(), dir, "DIR"), c.want)
		})
	}
}

// TestPlaces: every place that a set may lie in.
func TestPlaces(t *testing.T) {
	under := func(sub, ending string, files map[string][]byte) map[string][]byte {
		moved := map[string][]byte{}
		for name, b := range files {
			if ending != "" {
				b = zip(b)
			}
			moved[filepath.Join(sub, name+ending)] = b
		}
		return moved
	}
	for _, c := range []struct {
		spec  Spec
		files map[string][]byte
	}{
		{wantMNIST, tinyMNIST}, {wantMNIST, under("mnist", "", tinyMNIST)}, {wantMNIST, under(".", ".gz", tinyMNIST)}, {wantMNIST, under("mnist", ".gz", tinyMNIST)},
		{wantCIFAR, tinyCIFAR}, {wantCIFAR, under("cifar10", "", tinyCIFAR)}, {wantCIFAR, under("cifar-10-batches-bin", "", tinyCIFAR)},
	} {
		_, err := Open(c.spec, folder(t, c.files))
		require.NoError(t, err)
	}
}
