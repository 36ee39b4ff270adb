package kernel

import (
	"fmt"
	"math"

	"bnetc/ir"
)

// A Type is how a buffer's elements are stored. Kernels compute in float32 whatever it is: a load widens an element, a store rounds it to the nearest one
// that the type holds, to the one with an even last bit where two are as near.
type Type uint8

const (
	F32  Type = iota // IEEE 754 binary32
	F16              // IEEE 754 binary16: 11 significant bits, up to 65504
	BF16             // the upper half of an F32: 8 significant bits, its range
)

// Types are all there are, the default first.
var Types = []Type{F32, F16, BF16}

// formats are the types by their value: the word in the text form, bytes, significant bits, and exponents of the least number and of the first one that is too large.
var formats = []struct {
	word           string
	bytes          int
	bits           int
	least, largest int
}{
	F32:  {"f32", 4, 24, -149, 128},
	F16:  {"f16", 2, 11, -24, 16},
	BF16: {"bf16", 2, 8, -133, 128},
}

// String is the type's word in the text form, and in the language.
func (t Type) String() string {
	if int(t) < len(formats) {
		return formats[t].word
	}
	return ir.WordOf(nil, t)
}

// MarshalText writes the type's word, and UnmarshalText reads it.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

func (t *Type) UnmarshalText(text []byte) error {
	for _, known := range Types {
		if known.String() == string(text) {
			*t = known
			return nil
		}
	}
	return fmt.Errorf("no type is named %q", text)
}

// Bytes is what an element takes.
func (t Type) Bytes() int { return formats[t].bytes }

// Epsilon is how far, relative to a number, the rounding of a store may take it: half the distance of neighbours above 1.
func (t Type) Epsilon() float64 { return math.Ldexp(1, -formats[t].bits) }

// Round is what a store of a number leaves of it.
func (t Type) Round(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	f := formats[t]
	_, exponent := math.Frexp(x)
	last := max(exponent-f.bits, f.least) // exponent of the last bit that is kept
	x = math.Ldexp(math.RoundToEven(math.Ldexp(x, -last)), last)
	if math.Abs(x) >= math.Ldexp(1, f.largest) {
		return math.Inf(int(math.Copysign(1, x)))
	}
	return x
}
