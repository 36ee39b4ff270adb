package ir

import (
	"fmt"
	"math"
)

// An Initial says how a tensor starts (LEARNING.md section 1, Initialization).
type Initial struct {
	Kind          string  // a row of Initials
	Scale         float64 // of "normal": the standard deviation, 1 if 0
	FanIn, FanOut int     // of the whole tensor of the file
	Stream        uint32
	// Own, Columns and Offset place a part in a tensor of the file: the part holds columns Offset … Offset+Own-1 of its Columns
	// (last axis). A draw belongs to an element of the whole tensor, so a tensor cut into parts has the numbers of the uncut one.
	// Columns 0 is a tensor by itself.
	Own, Columns, Offset int
}

// An InitialKind is one way to start: a row of Initials. Exactly one of Range and Deviation is set where numbers are drawn.
type InitialKind struct {
	Name      string
	Range     func(i *Initial) float64 // uniform in [-range, range)
	Deviation func(i *Initial) float64 // normal
	Value     float32                  // of all elements, where nothing is drawn
	Does      string
}

// Initials is the table of initializations.
var Initials = []InitialKind{
	{Name: "glorot", Range: func(i *Initial) float64 { return math.Sqrt(6 / float64(i.FanIn+i.FanOut)) }, Does: "uniform, range √(6 / (fan_in + fan_out))"},
	{Name: "he", Range: func(i *Initial) float64 { return math.Sqrt(6 / float64(i.FanIn)) }, Does: "uniform, range √(6 / fan_in)"},
	{Name: "lecun", Range: func(i *Initial) float64 { return math.Sqrt(3 / float64(i.FanIn)) }, Does: "uniform, range √(3 / fan_in)"},
	{Name: "normal", Deviation: func(i *Initial) float64 {
		if i.Scale == 0 {
			return 1
		}
		return i.Scale
	}, Does: "normal with the given standard deviation"},
	{Name: "zero", Does: "0"},
	{Name: "one", Value: 1, Does: "1"},
}

// FindInitial is the row of a name; "" is zero.
func FindInitial(name string) (*InitialKind, bool) {
	for i := range Initials {
		if Initials[i].Name == name || name == "" && Initials[i].Name == "zero" {
			return &Initials[i], true
		}
	}
	return nil, false
}

// FillInit fills a tensor, row-major, with its initial values. Element e of a tensor of the file is, with u the Uniform of word e%4 of Philox at
// counter [e/4, 0, 0, 0], range·(2u - 1) in float32 for a uniform kind, and deviation·Normals(seed, stream, 0, 0, e/4)[e%4] for a normal one.
func FillInit(dst []float32, seed uint64, i Initial) error {
	kind, ok := FindInitial(i.Kind)
	if !ok {
		return fmt.Errorf("no initialization %q", i.Kind)
	}
	var draw func(block uint32) [4]float32
	switch {
	case kind.Range != nil:
		r, key := float32(kind.Range(&i)), PhiloxKey(seed, i.Stream)
		draw = func(block uint32) (out [4]float32) {
			for k, w := range Philox(key, [4]uint32{block, 0, 0, 0}) {
				out[k] = times(r, times(2, Uniform(w))-1)
			}
			return out
		}
	case kind.Deviation != nil:
		d := float32(kind.Deviation(&i))
		draw = func(block uint32) [4]float32 {
			out := Normals(seed, i.Stream, 0, 0, block)
			for k := range out {
				out[k] = times(d, out[k])
			}
			return out
		}
	default:
		for k := range dst {
			dst[k] = kind.Value
		}
		return nil
	}
	block, four := -1, [4]float32{}
	for k := range dst {
		e := k
		if i.Columns > 0 {
			e = k/i.Own*i.Columns + i.Offset + k%i.Own
		}
		if e/4 != block {
			block = e / 4
			four = draw(uint32(block))
		}
		dst[k] = four[e%4]
	}
	return nil
}
