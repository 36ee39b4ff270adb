package dataset

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var wantImages = Spec{Name: "images", Files: []string{"train", "val"}, H: 8, W: 6, C: 3, Outputs: 2, Augment: testRand(1)}

// testRand is some function from counters to words.
func testRand(seed uint64) Rand {
	return func(counter [4]uint32) (words [4]uint32) {
		h := hand(seed)
		for _, c := range counter {
			h = hand(uint64(h)*31 + uint64(c) + 1)
			h.uniform(0, 1)
		}
		for i := range words {
			words[i] = uint32(h.uniform(0, 1<<32))
		}
		return words
	}
}

// picture is red to the right, green downwards, with the blue given.
func picture(h, w int, blue uint8) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(255 * x / w), uint8(255 * y / h), blue, 255})
		}
	}
	return m
}

func asPNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func asJPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// tree is n training pictures in each of two classes, of the wanted size, and two to test.
func tree(n int) map[string][]byte {
	files := map[string][]byte{"val/cat/1.png": asPNG(picture(8, 6, 0)), "val/dog/1.JPEG": asJPEG(picture(80, 60, 255)), "train/.hidden/x.png": {1}, "train/cat/notes.txt": {1}}
	for i := range n {
		files[fmt.Sprintf("train/cat/%02d.png", i)] = asPNG(picture(8, 6, uint8(i)))
		files[fmt.Sprintf("train/dog/%02d.jpg", i)] = asJPEG(picture(8, 6, 255))
	}
	return files
}

func TestImages(t *testing.T) {
	data, err := Open(wantImages, folder(t, tree(5)))
	require.NoError(t, err)
	require.Equal(t, 10, data.Train.Len())
	require.Equal(t, "dog", data.Test.classes[1])
	for range 2 { // the second time they are kept
		b := whole(t, data.Train, true, 3)
		for i := range 5 { // as they are
			require.Equal(t, over255(uint8(255*2/6), uint8(255*3/8), uint8(i)), b.X[i*144+3*(3*6+2):][:3])
			require.Equal(t, []float32{1, 0}, b.Label[2*i:2*i+2])
		}
		require.Equal(t, []float32{0, 1}, b.Label[18:20])
	}
	b := whole(t, data.Test, false, 0) // the middle 7/8 of the large one, scaled
	large := b.X[144:]
	require.InDelta(t, 1, large[2], 0.02)
	require.InDelta(t, 0.5, (large[0]+large[3*5])/2, 0.08) // half a pixel off: 8x6 of 9x7
	require.InDelta(t, 1.0/14, large[0], 0.02)

	grey := wantImages
	grey.C = 1
	data, err = Open(grey, folder(t, tree(1)))
	require.NoError(t, err)
	require.InDelta(t, 0.587*3/8+0.299*2/6, whole(t, data.Test, false, 0).X[3*6+2], 0.01)
}

// TestImagesCrop: random in training, the same for the same epoch, the middle in testing, of any proportions.
func TestImagesCrop(t *testing.T) {
	files := tree(1)
	files["train/cat/00.png"] = asPNG(picture(300, 200, 9))
	files["train/dog/00.jpg"] = asPNG(picture(3, 500, 9)) // and its ending lies
	data, err := Open(wantImages, folder(t, files))
	require.NoError(t, err)
	row := func(training bool, epoch int) []float32 { return whole(t, data.Train, training, epoch).X }
	require.Equal(t, row(true, 1), row(true, 1))
	require.NotEqual(t, row(true, 1), row(true, 2))
	require.Equal(t, row(false, 1), row(false, 2))
}

// TestRaster: pictures of every size become at least as large as wanted, by 8/7 if they were not just so, and none absurdly so.
// TestFixed: pictures are the same in every epoch once all are kept, none of them damaged, and of the size that is wanted.
func TestFixed(t *testing.T) {
	data, err := Open(wantImages, folder(t, tree(2)))
	require.NoError(t, err)
	require.False(t, data.Train.Fixed(), "not decoded yet")
	require.NoError(t, data.Load(t.Context()))
	require.True(t, data.Train.Fixed())
	require.False(t, data.Test.Fixed(), "one is larger, and cut out")
	files := tree(2)
	files["train/cat/00.png"] = []byte("no picture")
	data, err = Open(wantImages, folder(t, files))
	require.NoError(t, err)
	require.NoError(t, data.Load(t.Context()))
	require.False(t, data.Train.Fixed(), "one is damaged")
}

func TestRaster(t *testing.T) {
	p := &pictures{h: 8, w: 6, c: 3}
	for _, c := range []struct{ h, w, wantH, wantW int }{
		{8, 6, 8, 6}, {16, 12, 9, 7}, {300, 200, 10, 7}, {200, 300, 9, 14}, {1, 1, 9, 9}, {9, 7, 9, 7}, {8, 7, 9, 8}, {3, 5000, 9, 27}, {60000, 1, 34, 7},
	} {
		r := p.raster(picture(c.h, c.w, 7), new(scratch))
		require.Equal(t, [3]int{c.wantH, c.wantW, c.wantH * c.wantW * 3}, [3]int{r.h, r.w, len(r.pixels)}, "of %dx%d", c.h, c.w)
		for i := 2; i < len(r.pixels); i += 3 {
			require.EqualValues(t, 7, r.pixels[i])
		}
	}
	require.Equal(t, image.Rect(5, 8, 15, 34), middle(image.Rect(5, 0, 15, 43), 2, 3))
}

// TestPictureKinds: whatever a file's pixels are, they become red, green and blue, or grey.
func TestPictureKinds(t *testing.T) {
	at := image.Rect(3, 4, 6, 6) // 2x3, not at the origin
	kinds := map[string]draw.Image{
		"gray": image.NewGray(at), "gray16": image.NewGray16(at), "rgba": image.NewRGBA(at), "nrgba": image.NewNRGBA(at), "rgba64": image.NewRGBA64(at), "nrgba64": image.NewNRGBA64(at),
		"cmyk": image.NewCMYK(at), "paletted": image.NewPaletted(at, color.Palette{color.Black, color.Gray{100}, color.White}),
	}
	for name, m := range kinds {
		for x := range 3 {
			for y := range 2 {
				m.Set(at.Min.X+x, at.Min.Y+y, color.Gray{[]uint8{0, 100, 255}[x]})
			}
		}
		for _, c := range []int{1, 3} {
			p := &pictures{h: 2, w: 3, c: c}
			var want []byte
			for range 2 {
				for _, v := range []byte{0, 100, 255} {
					want = append(want, slices.Repeat([]byte{v}, c)...)
				}
			}
			require.Equal(t, want, p.raster(m, new(scratch)).pixels, name)
		}
	}
	clear := image.NewNRGBA(at) // transparent: black
	require.Equal(t, make([]byte, 6), (&pictures{h: 2, w: 3, c: 1}).raster(clear, new(scratch)).pixels)
}

// TestKept: results are the same whether memory holds all pictures, some or none, and once it holds all, no worker is needed.
func TestKept(t *testing.T) {
	files := tree(4)
	files["train/cat/01.png"] = asPNG(picture(30, 20, 9))
	files["train/cat/02.png"] = []byte("damaged")
	dir := folder(t, files)
	var want [][]float32
	for _, room := range []int64{keepBytes, 500, 0} {
		for _, load := range []bool{false, true} {
			data, err := Open(wantImages, dir)
			require.NoError(t, err)
			p := data.Train.source.(*pictures)
			p.room.Store(room)
			require.True(t, p.slow())
			if load {
				require.NoError(t, data.Load(context.Background()))
				require.Equal(t, room != keepBytes, p.slow())
			}
			var got [][]float32
			for epoch := range 2 {
				got = append(got, slices.Clone(whole(t, data.Train, true, epoch).X), slices.Clone(whole(t, data.Train, false, epoch).X))
			}
			if want == nil {
				want = got
			}
			require.Equal(t, want, got)
			require.Equal(t, room != keepBytes, p.slow())
			require.GreaterOrEqual(t, p.room.Load(), int64(0))
			require.Len(t, data.Train.Damaged(), 1)
		}
	}
	strict := wantImages
	strict.Strict = true
	data, err := Open(strict, dir)
	require.NoError(t, err)
	require.ErrorContains(t, data.Load(context.Background()), "train/cat/02.png: expected a JPEG or PNG picture")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	data, err = Open(wantImages, dir)
	require.NoError(t, err)
	require.ErrorIs(t, data.Load(ctx), context.Canceled)
}

// TestDamagedPictures are skipped, counted and reported, or an error under strict.
func TestDamagedPictures(t *testing.T) {
	files := tree(4)
	files["train/cat/01.png"] = files["train/cat/01.png"][:60]
	files["train/cat/02.png"] = []byte("not a picture")
	files["train/dog/03.jpg"] = nil
	files["val/cat/1.png"] = append([]byte(nil), files["val/cat/1.png"]...)
	copy(files["val/cat/1.png"][16:], []byte{0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff}) // an absurd size
	dir := folder(t, files)
	data, err := Open(wantImages, dir)
	require.NoError(t, err)
	b := whole(t, data.Train, true, 0)
	require.Equal(t, []float32{1, 1, 1, 1, 1, 1, 1, 1}, b.Weight)
	three := b.X[3*144 : 4*144]
	require.Equal(t, three, b.X[1*144:2*144], "the next good one takes the place of a damaged one")
	require.Equal(t, three, b.X[2*144:3*144])
	require.Equal(t, b.X[:144], b.X[7*144:])
	require.Equal(t, []float32{1, 0}, b.Label[14:16])
	damaged := data.Train.Damaged()
	require.Len(t, damaged, 3)
	require.Equal(t, filepath.Join(dir, "train/cat/01.png"), damaged[0].File)
	require.Contains(t, damaged[1].Error(), "train/cat/02.png: expected a JPEG or PNG picture: image: unknown format; replace or delete it")
	require.Contains(t, damaged[2].Error(), "the file is empty")

	b = whole(t, data.Train, false, 0)
	require.Equal(t, []float32{1, 0, 0, 1, 1, 1, 1, 0}, b.Weight, "an evaluation counts no picture twice")
	require.Equal(t, make([]float32, 2*144), b.X[144:3*144])
	require.Equal(t, []float32{0, 0}, b.Label[2:4])
	require.Len(t, data.Train.Damaged(), 3)
	require.Equal(t, []float32{0, 1}, whole(t, data.Test, false, 0).Weight)

	strict := wantImages
	strict.Strict = true
	data, err = Open(strict, dir)
	require.NoError(t, err)
	count := 0
	for _, err = range data.Train.Batches(context.Background(), Pass{Batch: 1}) {
		count++
	}
	require.Equal(t, 2, count)
	require.ErrorContains(t, err, "train/cat/01.png")

	for name := range files {
		if files[name] = []byte("x"); name[:3] == "val" {
			files[name] = asPNG(picture(8, 6, 0))
		}
	}
	data, err = Open(wantImages, folder(t, files))
	require.NoError(t, err)
	for _, err = range data.Train.Batches(context.Background(), Pass{Batch: 2, Training: true}) {
	}
	require.ErrorContains(t, err, "all of them damaged")
}

// TestOnlyFiles: what is no regular file is no picture and is never opened, for a pipe would wait; a link is what it leads to. As any other file of a set it is refused.
func TestOnlyFiles(t *testing.T) {
	dir := folder(t, tree(2))
	class := filepath.Join(dir, "train", "cat")
	require.NoError(t, syscall.Mkfifo(filepath.Join(class, "zz.png"), 0o644))
	require.NoError(t, os.Symlink("zz.png", filepath.Join(class, "zzz.png")))
	require.NoError(t, os.Symlink("00.png", filepath.Join(class, "linked.png")))
	data, err := Open(wantImages, dir)
	require.NoError(t, err)
	require.NoError(t, data.Load(t.Context()))
	require.Equal(t, 5, data.Train.Len())
	require.Empty(t, data.Train.Damaged())

	for file, spec := range map[string]struct {
		Spec
		files map[string][]byte
	}{"y.npy": {wantNPY, tinyNPY}, "t10k-labels-idx1-ubyte": {wantMNIST, tinyMNIST}, "data_batch_2.bin": {wantCIFAR, tinyCIFAR}} {
		dir := folder(t, spec.files)
		path := filepath.Join(dir, file)
		require.NoError(t, os.Remove(path))
		require.NoError(t, syscall.Mkfifo(path, 0o644))
		_, err := Open(spec.Spec, dir)
		require.ErrorContains(t, err, "reading "+path+": is no regular file")
	}
}

// TestUnreadPictures: a picture that cannot be opened is no damaged one, which training would do without ever after; it is an error, decoded once or ahead of training.
func TestUnreadPictures(t *testing.T) {
	dir := folder(t, tree(2))
	path := filepath.Join(dir, "train", "cat", "00.png")
	data, err := Open(wantImages, dir)
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, path+".away"))
	require.ErrorIs(t, data.Load(t.Context()), os.ErrNotExist)
	for _, training := range []bool{false, true} {
		for _, err = range data.Train.Batches(t.Context(), Pass{Batch: 4, Training: training}) {
		}
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	require.Empty(t, data.Train.Damaged())
	require.NoError(t, os.Rename(path+".away", path))
	require.NoError(t, data.Load(t.Context()), "and is read when it can be")
	require.Equal(t, []float32{1, 1, 1, 1}, whole(t, data.Train, false, 0).Weight)
}

// TestWorkers: batches come in order, whatever the number of workers; leaving the loop or ending the context leaves none behind.
func TestWorkers(t *testing.T) {
	dir := folder(t, tree(20))
	before := runtime.NumGoroutine()
	order := Shuffle(40, 1, testRand(3))
	var want [][]float32
	for _, workers := range []int{1, 3, 16} {
		spec := wantImages
		spec.Workers = workers
		data, err := Open(spec, dir)
		require.NoError(t, err)
		var got [][]float32
		for b, err := range data.Train.Batches(context.Background(), Pass{Batch: 7, Index: order, Training: true}) {
			require.NoError(t, err)
			require.Equal(t, order[len(got)*7:min(40, len(got)*7+7)], b.Index)
			got = append(got, append(append([]float32(nil), b.X...), append(b.Label, b.Weight...)...))
		}
		require.Len(t, got, 6)
		require.Equal(t, make([]float32, 2*144), got[5][5*144:7*144], "rows past the last sample")
		if want == nil {
			want = got
		}
		require.Equal(t, want, got)

		for range data.Train.Batches(context.Background(), Pass{Batch: 3}) {
			break
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		count := 0
		for _, err = range data.Train.Batches(ctx, Pass{Batch: 3}) {
			cancel()
			count++
		}
		require.ErrorIs(t, err, context.Canceled)
		require.LessOrEqual(t, count, 2+batchesAhead)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// BenchmarkJPEG is the cost of a picture of CIFAR-10's size, decoded, and once it is kept.
func BenchmarkJPEG(b *testing.B) {
	dir := b.TempDir()
	for _, class := range []string{"train/a", "train/b", "val/a", "val/b"} {
		if err := os.MkdirAll(filepath.Join(dir, class), 0o755); err != nil {
			b.Fatal(err)
		}
		for i := range 500 {
			if err := os.WriteFile(filepath.Join(dir, class, fmt.Sprintf("%03d.jpg", i)), asJPEG(picture(32, 32, uint8(i))), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	spec := Spec{Name: "images", Files: []string{"train", "val"}, H: 32, W: 32, C: 3, Outputs: 2, Augment: testRand(1), Steps: []Step{{Name: "flip"}, {Name: "crop", Args: []float64{4}}}}
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%v", kept), func(b *testing.B) {
			data, err := Open(spec, dir)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if !kept {
					data.Train.source.(*pictures).prepare()
				}
				for _, err := range data.Train.Batches(context.Background(), Pass{Batch: 64, Training: true}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/picture")
		})
	}
}
