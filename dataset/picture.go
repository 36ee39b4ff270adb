package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // registers the decoders of what images are stored as
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/image/draw"
)

// pictures is a source that decodes a file when it is asked for. A picture of exactly the wanted size is taken as it is. Of any other, the largest
// part of the wanted proportions is scaled so that the picture's shorter side would get 8/7 of the wanted one (256 for 224): a
// random part of that size in training, the middle one in testing.
type pictures struct {
	root    string
	files   []string
	h, w, c int
	kept    []atomic.Pointer[[]byte] // pictures of the wanted size, decoded; nil where they would take too much memory

	mu  sync.Mutex
	bad map[int]*Error
}

const (
	keepBytes  = 512 << 20 // of decoded pictures: CIFAR-10 takes 150 MB, ImageNet 190 GB
	mostPixels = 1 << 26   // of a picture; a header that claims more is damaged, and would only take memory
	margin     = 8.0 / 7   // how much larger than wanted a picture is before it is cropped
)

func (p *pictures) prepareCache() {
	p.bad = map[int]*Error{}
	if len(p.files)*p.h*p.w*p.c <= keepBytes {
		p.kept = make([]atomic.Pointer[[]byte], len(p.files))
	}
}

func (p *pictures) size() int  { return len(p.files) }
func (p *pictures) slow() bool { return true }

func (p *pictures) damaged() []*Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var numbers []int
	for i := range p.bad {
		numbers = append(numbers, i)
	}
	slices.Sort(numbers)
	list := make([]*Error, len(numbers))
	for k, i := range numbers {
		list[k] = p.bad[i]
	}
	return list
}

func (p *pictures) sample(i int, place func() [4]uint32, sc *scratch) ([]byte, []float32, error) {
	if p.kept != nil {
		if kept := p.kept[i].Load(); kept != nil {
			return *kept, nil, nil
		}
	}
	p.mu.Lock()
	known := p.bad[i]
	p.mu.Unlock()
	if known != nil {
		return nil, nil, known
	}
	path := filepath.Join(p.root, p.files[i])
	img, err := decode(path)
	if err != nil {
		bad := &Error{What: "reading", File: path, Expected: "a JPEG or PNG picture", Err: err, Remedy: "replace or delete it"}
		p.mu.Lock()
		p.bad[i] = bad
		p.mu.Unlock()
		return nil, nil, bad
	}
	exact := img.Bounds().Dx() == p.w && img.Bounds().Dy() == p.h
	if sc.rgba == nil || sc.rgba.Rect.Dx() != p.w || sc.rgba.Rect.Dy() != p.h {
		sc.rgba = image.NewRGBA(image.Rect(0, 0, p.w, p.h))
	}
	if exact {
		draw.Draw(sc.rgba, sc.rgba.Rect, img, img.Bounds().Min, draw.Src)
	} else {
		var words [4]uint32
		if place != nil {
			words = place()
		}
		draw.BiLinear.Scale(sc.rgba, sc.rgba.Rect, img, part(img.Bounds(), p.h, p.w, place != nil, words), draw.Src, nil)
	}
	if !exact || p.kept == nil {
		sc.bytes = slices.Grow(sc.bytes[:0], p.h*p.w*p.c)[:p.h*p.w*p.c]
		channels(sc.bytes, sc.rgba.Pix, p.c)
		return sc.bytes, nil, nil
	}
	keep := make([]byte, p.h*p.w*p.c)
	channels(keep, sc.rgba.Pix, p.c)
	p.kept[i].Store(&keep)
	return keep, nil, nil
}

// part is the part of a picture that is scaled to h×w: of those proportions, the middle one or one at random.
func part(from image.Rectangle, h, w int, random bool, words [4]uint32) image.Rectangle {
	scale := min(float64(from.Dy())/float64(h), float64(from.Dx())/float64(w)) / margin
	dy := min(max(1, int(scale*float64(h)+0.5)), from.Dy())
	dx := min(max(1, int(scale*float64(w)+0.5)), from.Dx())
	y, x := (from.Dy()-dy)/2, (from.Dx()-dx)/2
	if random {
		y, x = below(words[0], from.Dy()-dy+1), below(words[1], from.Dx()-dx+1)
	}
	corner := from.Min.Add(image.Pt(x, y))
	return image.Rectangle{corner, corner.Add(image.Pt(dx, dy))}
}

// channels takes red, green and blue, or their luminance (the weights of JPEG and of image/color), from pixels of four bytes.
func channels(into, rgba []byte, c int) {
	for i, o := 0, 0; i < len(rgba); i, o = i+4, o+c {
		if c == 3 {
			into[o], into[o+1], into[o+2] = rgba[i], rgba[i+1], rgba[i+2]
		} else {
			into[o] = byte((19595*uint32(rgba[i]) + 38470*uint32(rgba[i+1]) + 7471*uint32(rgba[i+2]) + 1<<15) >> 16)
		}
	}
}

func decode(path string) (image.Image, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, errors.New("the file is empty")
	}
	head, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if head.Width < 1 || head.Height < 1 || head.Width > mostPixels/head.Height {
		return nil, fmt.Errorf("its header says %dx%d pixels, above %d", head.Height, head.Width, mostPixels)
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	return img, err
}
