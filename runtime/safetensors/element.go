package safetensors

import (
	"encoding/binary"
	"math"
)

func fromF32(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }
func fromF64(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }

// fromBF16: the upper half of a float32.
func fromBF16(b []byte) float32 {
	return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
}

// fromF16: IEEE half precision, 5 bits of exponent and 10 of fraction.
func fromF16(b []byte) float32 {
	u := uint32(binary.LittleEndian.Uint16(b))
	sign, exponent, fraction := u>>15<<31, u>>10&31, u&1023
	switch exponent {
	case 0: // zero or denormal: fraction·2^-24, exact in float32
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31: // infinite, or not a number
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
