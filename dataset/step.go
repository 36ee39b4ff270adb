package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// steps are a program's flip, crop and normalize, made ready for samples of one shape: moves of pixels, and a map of values.
type steps struct {
	moves []move
	// Of each channel: the value of a byte, that of a pixel that a crop took from outside, and the normalizations of floats.
	byte    [][256]float32
	outside []float32
	scale   [][]meanStd
}

type move struct {
	kind moveKind
	pad  int
	step uint32 // the place of the step in the program, 1 the first: part of its random counter
}

type moveKind uint8

const (
	flipHorizontal moveKind = iota
	flipVertical
	cropPad
)

type meanStd struct{ mean, std float32 }

// fault is a mistake in a step.
func (s Step) fault(expected, found string) *Error {
	return &Error{What: "step " + s.String() + " of the data", Expected: expected, Found: found, Step: true}
}

// String is the step as a program has it.
func (s Step) String() string {
	var args []string
	if s.Word != "" {
		args = append(args, s.Word)
	}
	for _, a := range s.Args {
		args = append(args, fmt.Sprint(a))
	}
	if args == nil {
		return s.Name
	}
	return s.Name + "(" + strings.Join(args, ", ") + ")"
}

// prepare makes a program's steps ready for samples of h×w×c. Without training there are no moves.
func prepare(program []Step, h, w, c int, training bool) (steps, error) {
	ready := steps{byte: make([][256]float32, c), outside: make([]float32, c), scale: make([][]meanStd, c)}
	for k, s := range program {
		at := uint32(k + 1)
		switch s.Name {
		case "flip", "crop":
			if h*w == 1 {
				return steps{}, s.fault("pictures", fmt.Sprintf("samples of %s", shape(h, w, c)))
			}
			m := move{step: at}
			switch {
			case s.Name == "crop":
				if len(s.Args) != 1 || s.Args[0] != float64(int(s.Args[0])) || s.Args[0] < 0 || s.Word != "" {
					return steps{}, s.fault("a whole number of pixels, 0 or more, as in crop(4)", s.String())
				}
				if m.kind, m.pad = cropPad, int(s.Args[0]); m.pad >= min(h, w) {
					return steps{}, s.fault("fewer pixels than the picture has, "+shape(h, w, c), fmt.Sprint(m.pad))
				}
				clear(ready.outside)
			case s.Word == "vertical":
				m.kind = flipVertical
			case s.Word != "" && s.Word != "horizontal" || len(s.Args) > 0:
				return steps{}, s.fault("flip, flip(horizontal) or flip(vertical)", s.String())
			}
			if training {
				ready.moves = append(ready.moves, m)
			}
		case "normalize":
			if s.Word != "" || len(s.Args) != 2 && len(s.Args) != 2*c {
				return steps{}, s.fault(fmt.Sprintf("normalize(mean, std), or %d means and then %d standard deviations, one for each channel", c, c),
					fmt.Sprintf("%d numbers", len(s.Args)))
			}
			means, stds := s.Args[:len(s.Args)/2], s.Args[len(s.Args)/2:]
			for i := range c {
				n := meanStd{float32(means[i%len(means)]), float32(stds[i%len(stds)])}
				if !(n.std > 0) {
					return steps{}, s.fault("standard deviations above 0", fmt.Sprint(n.std))
				}
				ready.scale[i] = append(ready.scale[i], n)
				ready.outside[i] = n.of(ready.outside[i])
			}
		default:
			return steps{}, s.fault("one of flip, crop, normalize", s.Name)
		}
	}
	for i := range c {
		for v := range 256 {
			x := float32(v) / 255
			for _, n := range ready.scale[i] {
				x = n.of(x)
			}
			ready.byte[i][v] = x
		}
	}
	if !slices.ContainsFunc(ready.scale, func(n []meanStd) bool { return n != nil }) {
		ready.scale = nil
	}
	return ready, nil
}

func (n meanStd) of(x float32) float32 { return (x - n.mean) / n.std }

// An axis says where pixel p of the result comes from: sign·p + offset.
type axis struct{ sign, offset int }

func (a axis) flip(extent int) axis { return axis{-a.sign, a.offset + a.sign*(extent-1)} }
func (a axis) shift(by int) axis    { return axis{a.sign, a.offset + a.sign*by} }

// drawn is how a sample's rows and columns move. The counter is [sample, epoch, step, 0]: word 0 decides a flip or a crop's rows,
// word 1 a crop's columns.
func (t steps) drawn(h, w int, draw Rand, sample, epoch int) (rows, columns axis) {
	rows, columns = axis{1, 0}, axis{1, 0}
	for _, m := range t.moves {
		word := draw([4]uint32{uint32(sample), uint32(epoch), m.step, 0})
		switch {
		case m.kind == cropPad:
			rows = rows.shift(below(word[0], 2*m.pad+1) - m.pad)
			columns = columns.shift(below(word[1], 2*m.pad+1) - m.pad)
		case word[0]>>31 == 0:
		case m.kind == flipVertical:
			rows = rows.flip(h)
		default:
			columns = columns.flip(w)
		}
	}
	return rows, columns
}

// below is a random word as a number from 0 to n-1.
func below(word uint32, n int) int { return int(uint64(word) * uint64(n) >> 32) }

// write puts a sample into a row of the batch: moved, then with its values mapped.
func (t steps) write(row []float32, v view, h, w, c int, rows, columns axis, sc *scratch) {
	width, stride := w*c, v.stride
	if stride == 0 {
		stride = width
	}
	// The columns that read from inside are x0 to x1-1 of the result and from to to-1 of the sample, the same of every row.
	x0, x1 := max(0, -columns.offset), min(w, w-columns.offset)
	if columns.sign < 0 {
		x0, x1 = max(0, columns.offset-w+1), min(w, columns.offset+1)
	}
	from, to := columns.sign*x0+columns.offset, columns.sign*(x1-1)+columns.offset+1
	if columns.sign < 0 {
		from, to = to-1, from+1
	}
	for y := range h {
		into, at := row[y*width:][:width], rows.sign*y+rows.offset
		if at < 0 || at >= h || x0 >= x1 { // two crops may leave nothing
			t.blank(into)
			continue
		}
		t.blank(into[:x0*c])
		t.blank(into[x1*c:])
		into = into[x0*c : x1*c]
		if v.bytes != nil {
			line := v.bytes[at*stride:][from*c : to*c]
			if columns.sign < 0 {
				line = flipped(sc, line, c)
			}
			t.bytes(into, line)
			continue
		}
		line := v.floats[at*stride:][from*c : to*c]
		if columns.sign > 0 {
			t.floats(into, line)
			continue
		}
		for x := 0; x < len(line); x += c {
			t.floats(into[x:x+c], line[len(line)-x-c:][:c])
		}
	}
}

// flipped is a row of pixels from right to left.
func flipped(sc *scratch, line []byte, c int) []byte {
	sc.line = slices.Grow(sc.line[:0], len(line))[:len(line)]
	to := sc.line
	switch c {
	case 1:
		for i, v := range line {
			to[len(to)-1-i] = v
		}
	case 3:
		for ; len(line) >= 3 && len(to) >= 3; line, to = line[3:], to[:len(to)-3] {
			end := to[len(to)-3:]
			end[0], end[1], end[2] = line[0], line[1], line[2]
		}
	default:
		for i := 0; i < len(line); i += c {
			copy(to[len(to)-i-c:], line[i:i+c])
		}
	}
	return sc.line
}

// blank fills pixels with what lies outside a picture.
func (t steps) blank(row []float32) {
	for i := 0; i < len(row); i += len(t.outside) {
		copy(row[i:], t.outside)
	}
}

// bytes maps the values of whole pixels.
func (t steps) bytes(row []float32, from []byte) {
	row = row[:len(from)]
	switch c := len(t.byte); {
	case c == 1 || t.scale == nil: // one table for all channels
		table := &t.byte[0]
		for i, v := range from {
			row[i] = table[v]
		}
	case c == 3:
		red, green, blue := &t.byte[0], &t.byte[1], &t.byte[2]
		for ; len(from) >= 3 && len(row) >= 3; from, row = from[3:], row[3:] {
			row[0], row[1], row[2] = red[from[0]], green[from[1]], blue[from[2]]
		}
	default:
		for i, v := range from {
			row[i] = t.byte[i%c][v]
		}
	}
}

// floats maps the values of whole pixels.
func (t steps) floats(row, from []float32) {
	if t.scale == nil {
		copy(row, from)
		return
	}
	for i, x := range from {
		for _, n := range t.scale[i%len(t.scale)] {
			x = n.of(x)
		}
		row[i] = x
	}
}

// shape is 28x28x1, and 784 of a flat sample.
func shape(h, w, c int) string {
	if h*w == 1 {
		return fmt.Sprint(c)
	}
	return fmt.Sprintf("%dx%dx%d", h, w, c)
}
