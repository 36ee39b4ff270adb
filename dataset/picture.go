package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // registers the decoders of what images are stored as
	_ "image/png"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/image/draw"
)

// pictures is a source of files. A picture of exactly the wanted size is taken as it is; any other is scaled so that its shorter side is 8/7 of the
// wanted one (256 for 224), and a part of the wanted size is cut out: at random in training, the middle one in testing. What fits into
// memory is decoded once.
type pictures struct {
	root    string
	files   []string
	h, w, c int
	kept    []atomic.Pointer[raster]
	room    atomic.Int64 // bytes that may still be kept

	mu  sync.Mutex
	bad map[int]*Error
}

// damage is a file that was read and is no picture.
type damage struct{ is *Error }

func (d *damage) Error() string { return d.is.Error() }

func (d *damage) Unwrap() error { return d.is }

// A raster is a decoded picture, scaled, its channels last.
type raster struct {
	h, w   int
	pixels []byte
}

const (
	keepBytes  = 512 << 20 // of a split's decoded pictures: CIFAR-10's take 154 MB, ImageNet's 330 GB
	mostPixels = 1 << 26   // of a picture; a header that claims more is damaged, and would only take memory
	margin     = 8.0 / 7   // how much larger than wanted a picture is before it is cropped
	mostAspect = 4         // how many times the wanted proportions a picture's may be; of a longer one the middle is taken
)

func (p *pictures) prepare() {
	p.bad = map[int]*Error{}
	p.kept = make([]atomic.Pointer[raster], len(p.files))
	p.room.Store(keepBytes)
}

func (p *pictures) size() int { return len(p.files) }

// slow is false once every good picture is kept.
func (p *pictures) slow() bool {
	for i := range p.kept {
		if p.kept[i].Load() == nil && p.fault(i) == nil {
			return true
		}
	}
	return false
}

// fixed is true where all pictures are kept, and of the wanted size, so that nothing is cut off.
func (p *pictures) fixed() bool {
	for i := range p.kept {
		if r := p.kept[i].Load(); r == nil || r.h != p.h || r.w != p.w {
			return false
		}
	}
	return true
}

// load decodes the pictures, by parallel workers, unless memory cannot hold them all.
func (p *pictures) load(ctx context.Context, workers int) error {
	if len(p.files)*p.h*p.w*p.c > keepBytes {
		return nil
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			sc := new(scratch)
			for i := int(next.Add(1)) - 1; i < len(p.files) && ctx.Err() == nil && p.room.Load() > 0; i = int(next.Add(1)) - 1 {
				_, err := p.picture(i, sc)
				if damaged := (*damage)(nil); err != nil && !errors.As(err, &damaged) { // damage is noted
					fail(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (p *pictures) damaged() []*Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*Error
	for i := range p.files {
		if e := p.bad[i]; e != nil {
			list = append(list, e)
		}
	}
	return list
}

// fault is why picture i is known to be damaged, or nil.
func (p *pictures) fault(i int) *Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bad[i]
}

func (p *pictures) sample(i int, place func() [4]uint32, sc *scratch) (view, error) {
	r, err := p.picture(i, sc)
	if err != nil {
		return view{}, err
	}
	y, x := (r.h-p.h)/2, (r.w-p.w)/2
	if place != nil {
		words := place()
		y, x = below(words[0], r.h-p.h+1), below(words[1], r.w-p.w+1)
	}
	return view{bytes: r.pixels[(y*r.w+x)*p.c:], stride: r.w * p.c}, nil
}

// picture is picture i, kept or decoded.
func (p *pictures) picture(i int, sc *scratch) (*raster, error) {
	if r := p.kept[i].Load(); r != nil {
		return r, nil
	}
	if bad := p.fault(i); bad != nil {
		return nil, &damage{bad}
	}
	path := filepath.Join(p.root, p.files[i])
	raw, err := readFile(path)
	if err != nil {
		return nil, err // perhaps not of the next open: no damage
	}
	img, err := decode(raw)
	if err != nil {
		bad := &Error{What: "reading", File: path, Expected: "a JPEG or PNG picture", Err: err, Remedy: "replace or delete it"}
		p.mu.Lock()
		p.bad[i] = bad
		p.mu.Unlock()
		return nil, &damage{bad}
	}
	r := p.raster(img, sc)
	if size := int64(len(r.pixels)); p.room.Add(-size) < 0 || !p.kept[i].CompareAndSwap(nil, r) {
		p.room.Add(size)
	}
	return r, nil
}

// raster scales a picture.
func (p *pictures) raster(img image.Image, sc *scratch) *raster {
	from := img.Bounds()
	h, w := from.Dy(), from.Dx()
	if h != p.h || w != p.w {
		from = middle(from, p.h, p.w)
		scale := max(float64(p.h)/float64(from.Dy()), float64(p.w)/float64(from.Dx())) * margin
		h, w = int(float64(from.Dy())*scale+0.5), int(float64(from.Dx())*scale+0.5)
	}
	sc.rgba = image.RGBA{Pix: slices.Grow(sc.rgba.Pix[:0], 4*h*w)[:4*h*w], Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}
	if h == from.Dy() && w == from.Dx() {
		draw.Draw(&sc.rgba, sc.rgba.Rect, img, from.Min, draw.Src)
	} else {
		draw.BiLinear.Scale(&sc.rgba, sc.rgba.Rect, img, from, draw.Src, nil)
	}
	r := &raster{h: h, w: w, pixels: make([]byte, h*w*p.c)}
	channels(r.pixels, sc.rgba.Pix, p.c)
	return r
}

// middle is all of a picture, or the middle part of one that is too long for its breadth.
func middle(from image.Rectangle, h, w int) image.Rectangle {
	dy, dx := from.Dy(), from.Dx()
	dy, dx = min(dy, max(1, mostAspect*dx*h/w)), min(dx, max(1, mostAspect*dy*w/h))
	corner := from.Min.Add(image.Pt((from.Dx()-dx)/2, (from.Dy()-dy)/2))
	return image.Rectangle{corner, corner.Add(image.Pt(dx, dy))}
}

// channels takes red, green and blue, or their luminance (the weights of JPEG and of image/color), from pixels of four bytes.
func channels(into, rgba []byte, c int) {
	if c == 3 {
		for ; len(rgba) >= 4 && len(into) >= 3; rgba, into = rgba[4:], into[3:] {
			into[0], into[1], into[2] = rgba[0], rgba[1], rgba[2]
		}
		return
	}
	for i := range into {
		q := rgba[4*i:][:3]
		into[i] = byte((19595*uint32(q[0]) + 38470*uint32(q[1]) + 7471*uint32(q[2]) + 1<<15) >> 16)
	}
}

func decode(raw []byte) (image.Image, error) {
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
