package dataset

import (
	"math"
	"runtime"
	"sync"
)

// The sizes of digits.
const (
	digitSide  = 28
	digitTrain = 10000
	digitTest  = 2000
)

// openDigits draws hand-written-like digits: the same ones for everybody, whatever the seed of a run (on another architecture a
// pixel may differ by a level of grey). Sample i is a digit i%10.
func openDigits(spec Spec, _ string) (*Data, error) {
	pixels := make([]byte, (digitTrain+digitTest)*digitSide*digitSide)
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for k := range workers {
		all.Go(func() {
			for i := k; i < digitTrain+digitTest; i += workers {
				drawDigit(pixels[i*digitSide*digitSide:][:digitSide*digitSide], uint64(i), i%10)
			}
		})
	}
	all.Wait()
	labels := make([]int32, digitTrain+digitTest)
	for i := range labels {
		labels[i] = int32(i % 10)
	}
	data := &Data{Name: spec.Name}
	for i, s := range []**Split{&data.Train, &data.Test} {
		from, to := 0, digitTrain
		if i == 1 {
			from, to = digitTrain, digitTrain+digitTest
		}
		m := &memory{n: to - from, units: digitSide * digitSide, bytes: pixels[from*digitSide*digitSide : to*digitSide*digitSide]}
		var err error
		if *s, err = split(spec, i == 0, m, digitSide, digitSide, 1, numerals(10), labels[from:to], nil); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// A hand is the random choices of a writer: SplitMix64 (Steele, Lea and Flood 2014), seeded by the sample's number alone.
type hand uint64

func (h *hand) uniform(low, high float64) float64 {
	*h += 0x9e3779b97f4a7c15
	z := uint64(*h)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return low + (high-low)*float64((z^z>>31)>>11)*0x1p-53
}

// around is near 0, about normal with the given standard deviation: a sum of four uniform numbers.
func (h *hand) around(deviation float64) float64 {
	sum := 0.0
	for range 4 {
		sum += h.uniform(-1, 1)
	}
	return sum * deviation * 0.8660254037844386 // the sum's variance is 4/3
}

// drawDigit draws sample number seed: one of the digit's glyphs, its points displaced, turned, slanted and stretched, written with a pen
// of some width and pressure, blurred, with a little grain.
func drawDigit(pixels []byte, seed uint64, digit int) {
	h := hand(seed*0x632be59bd9b4e019 + 0x2545f4914f6cdd1d)
	ways := glyphs[digit]
	way := ways[int(h.uniform(0, float64(len(ways))))]

	turn, slant := h.around(0.10), h.around(0.17)+0.06
	sin, cos := math.Sincos(turn)
	high := h.uniform(16.8, 20.5)
	wide := high * h.uniform(0.68, 1)
	middle := point{float64(digitSide)/2 + h.around(0.85), float64(digitSide)/2 + h.around(0.85)}
	tremble := h.uniform(0.012, 0.04)
	bendX, bendY := h.around(0.07), h.around(0.07)
	place := func(p point) point {
		x, y := p.x-0.5+h.around(tremble), p.y-0.5+h.around(tremble)
		x, y = x+bendX*(1-6*y*y), y+bendY*(1-6*x*x) // a bow over the whole digit
		x, y = (x-slant*y)*wide, y*high
		return point{middle.x + cos*x - sin*y, middle.y + sin*x + cos*y}
	}

	var ink canvas
	pen, taper := h.uniform(0.75, 1.75), h.uniform(-0.25, 0.25)
	for _, stroke := range way {
		points := make([]point, len(stroke))
		for i, p := range stroke {
			if i > 0 && p == stroke[i-1] {
				points[i] = points[i-1]
				continue
			}
			points[i] = place(p)
		}
		// A stroke may begin late or end early.
		begin, end := max(0, h.around(0.035)), 1-max(0, h.around(0.035))
		ink.stroke(points, begin, end, func(t float64) float64 { return pen * (1 + taper*(2*t-1)) })
	}
	if h.uniform(0, 1) < 0.1 { // a slip of the pen elsewhere
		at := point{h.uniform(3, digitSide-3), h.uniform(3, digitSide-3)}
		to := point{at.x + h.around(1.5), at.y + h.around(1.5)}
		ink.segment(at, to, 0.5, 0.5)
	}
	ink.blur(h.uniform(0.02, 0.16))
	strength, grain := h.uniform(0.75, 1.1), h.uniform(0, 0.10)
	for i, v := range ink {
		v *= strength * (1 + h.around(grain))
		if v > 0.02 {
			pixels[i] = byte(min(v, 1)*255 + 0.5)
		}
	}
}

// A canvas is how much ink lies on each pixel, 0 to 1.
type canvas [digitSide * digitSide]float64

// stroke draws the part from begin to end (0 to 1) of the Catmull-Rom spline through points, with a pen whose radius depends on
// the place. Two equal points are a corner: the curve neither enters nor leaves it smoothly.
func (c *canvas) stroke(points []point, begin, end float64, radius func(t float64) float64) {
	const pieces = 8 // of each span, at most 2 pixels long
	spans := len(points) - 1
	var last point
	pen := false
	for s := range spans {
		p1, p2 := points[s], points[s+1]
		if p1 == p2 {
			continue
		}
		p0, p3 := points[max(0, s-1)], points[min(spans, s+2)]
		for k := range pieces + 1 {
			t := float64(k) / pieces
			along := (float64(s) + t) / float64(spans)
			if along < begin || along > end {
				continue
			}
			next := point{spline(p0.x, p1.x, p2.x, p3.x, t), spline(p0.y, p1.y, p2.y, p3.y, t)}
			if pen {
				r := radius(along)
				c.segment(last, next, r, r)
			}
			last, pen = next, true
		}
	}
}

// spline is the Catmull-Rom cubic from b to c at t.
func spline(a, b, c, d, t float64) float64 {
	return b + 0.5*t*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}

// segment draws a line with round ends; a pixel has the ink of the darkest line over it, with an edge one pixel wide.
func (c *canvas) segment(p, q point, r0, r1 float64) {
	r := max(r0, r1) + 0.5
	x0, x1 := max(0, int(min(p.x, q.x)-r)), min(digitSide-1, int(max(p.x, q.x)+r))
	y0, y1 := max(0, int(min(p.y, q.y)-r)), min(digitSide-1, int(max(p.y, q.y)+r))
	dx, dy := q.x-p.x, q.y-p.y
	length := dx*dx + dy*dy
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			ex, ey := float64(x)+0.5-p.x, float64(y)+0.5-p.y
			t := 0.0
			if length > 0 {
				t = min(1, max(0, (ex*dx+ey*dy)/length))
			}
			ex, ey = ex-t*dx, ey-t*dy
			ink := r0 + t*(r1-r0) + 0.5 - math.Sqrt(ex*ex+ey*ey)
			if at := y*digitSide + x; ink > c[at] {
				c[at] = min(1, ink)
			}
		}
	}
}

// blur lets part of each pixel's ink run into its neighbours, along rows and then columns.
func (c *canvas) blur(part float64) {
	for _, step := range []int{1, digitSide} {
		from := *c
		for i := digitSide; i < len(c)-digitSide; i++ {
			c[i] = (1-2*part)*from[i] + part*(from[i-step]+from[i+step])
		}
	}
}
