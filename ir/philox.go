package ir

import "math"

// Random numbers are a function, not a sequence: of the seed, a stream for each use, the step and the element (LEARNING.md section 7).
// Any worker of any backend may ask for any of them, in any order, and gets the same bits.

// Stream is the number of a use of randomness, from a text such as "init l1.W", "noise 3 l2", "shuffle" or "augment": FNV-1a of 32 bits.
// Since it depends on the text alone, a new layer does not shift the others' numbers.
func Stream(use string) uint32 {
	h := uint32(2166136261)
	for i := range len(use) {
		h = (h ^ uint32(use[i])) * 16777619
	}
	return h
}

// PhiloxKey is the generator's key for a seed and a stream.
func PhiloxKey(seed uint64, stream uint32) [2]uint32 {
	return [2]uint32{uint32(seed), uint32(seed>>32) ^ stream}
}

// Philox's constants: two multipliers, and what is added to the key after each of the ten rounds.
const (
	PhiloxM0, PhiloxM1 = 0xD2511F53, 0xCD9E8D57
	PhiloxW0, PhiloxW1 = 0x9E3779B9, 0xBB67AE85
	PhiloxRounds       = 10
)

// Philox is Philox4x32-10 (Salmon et al. 2011): four words from a key and a counter.
func Philox(key [2]uint32, ctr [4]uint32) [4]uint32 {
	for range PhiloxRounds {
		p0, p1 := uint64(PhiloxM0)*uint64(ctr[0]), uint64(PhiloxM1)*uint64(ctr[2])
		ctr = [4]uint32{uint32(p1>>32) ^ ctr[1] ^ key[0], uint32(p1), uint32(p0>>32) ^ ctr[3] ^ key[1], uint32(p0)}
		key[0], key[1] = key[0]+PhiloxW0, key[1]+PhiloxW1
	}
	return ctr
}

// Uniform turns a word into one of the 2^24 numbers k·2^-24 in [0, 1), exactly.
func Uniform(u uint32) float32 { return float32(u>>8) * 0x1p-24 }

// The polynomials of Normals, highest power first, as the bits of float32 numbers. (S. Moshier, Cephes, logf, sinf, cosf.)
var (
	// NormalLog is P in log(1+f) = f + (P(f)·f·f² - ½·f²), for 1+f in [√½, √2).
	NormalLog = [9]uint32{0x3d9021bb, 0xbdebd1b8, 0x3def251a, 0xbdfe5d4f, 0x3e11e9bf, 0xbe2aae50, 0x3e4cceac, 0xbe7ffffc, 0x3eaaaaaa}
	// NormalSin is P in sin(z) = P(z²)·z²·z + z, for |z| <= π/4.
	NormalSin = [3]uint32{0xb94ca1f9, 0x3c08839e, 0xbe2aaaa3}
	// NormalCos is P in cos(z) = P(z²)·z²·z² - ½·z² + 1, for |z| <= π/4.
	NormalCos = [3]uint32{0x37ccf5ce, 0xbab6061a, 0x3d2aaaa5}
)

// More bits of float32 numbers in Normals.
const (
	NormalRootHalf  = 0x3f3504f3 // √½
	NormalLn2       = 0x3f317218 // ln 2
	NormalHalfPi    = 0x3fc90fdb // π/2
	NormalRootGuess = 0x5f3759df // 1/√x is near the number of bits NormalRootGuess - (bits of x >> 1)
)

// Normals is four independent standard normal numbers: those of units 4·block … 4·block+3 of a sample (row) at a step. They are bit for bit
// the same on every backend. The counter is [block, row, low 32 bits of step, high 32 bits of step]; words 0 and 1 of Philox make
// numbers 0 and 1, words 2 and 3 make 2 and 3. Of a pair of words a, b (Box and Muller):
//
//	k = (a>>8)|1                                    an odd number below 2^24; u = k·2^-24 lies in (0, 1)
//	e = int32(bits(float(k)) - NormalRootHalf) >> 23    arithmetic shift
//	f = float of bits(float(k)) - (e<<23), less 1
//	L = float(e-24)·ln2 + (f + (P·f·f² - ½·f²))     the logarithm of u
//	x = -2·L                                        in [2^-23, 33.3]
//	y = float of NormalRootGuess - (bits(x)>>1), then three times y = y·(1.5 - (½x·y)·y)
//	r = x·y                                         the root of x
//	z = ((float((b>>6) & 0xffffff) - 2^23)·2^-24)·(π/2)     in [-π/4, π/4)
//	s, c = sin z, cos z
//	q = b>>30: number 0 is r·(c, -s, -c, s)[q], number 1 is r·(s, c, -s, -c)[q]
//
// Every operation is a sum, difference or product of float32 numbers rounded to nearest, in the order of the parentheses and of
// normalPair below, and never fused: a product is rounded before it is added to. No number on the way is denormal, infinite or NaN.
func Normals(seed uint64, stream uint32, step uint64, row, block uint32) [4]float32 {
	w := Philox(PhiloxKey(seed, stream), [4]uint32{block, row, uint32(step), uint32(step >> 32)})
	n0, n1 := normalPair(w[0], w[1])
	n2, n3 := normalPair(w[2], w[3])
	return [4]float32{n0, n1, n2, n3}
}

// times is a product that the Go compiler must round: the language lets it fuse x*y + z, but not across a conversion.
func times(x, y float32) float32 { return float32(x * y) }

func normalPair(a, b uint32) (float32, float32) {
	// The logarithm of u.
	bits := math.Float32bits(float32(int32(a>>8 | 1)))
	e := int32(bits-NormalRootHalf) >> 23
	f := math.Float32frombits(bits-uint32(e)<<23) - 1
	f2 := times(f, f)
	p := times(times(horner(NormalLog[:], f), f), f2)
	log := times(float32(e-24), math.Float32frombits(NormalLn2)) + (f + (p - times(0.5, f2)))
	// The radius, by Newton's iteration for 1/√x.
	x := times(-2, log)
	y := math.Float32frombits(NormalRootGuess - math.Float32bits(x)>>1)
	half := times(0.5, x)
	for range 3 {
		y = times(y, 1.5-times(times(half, y), y))
	}
	r := times(x, y)
	// The angle: a quarter turn from the two high bits, the place within it from the next 24.
	z := times(times(float32(int32(b>>6&0xffffff))-0x1p23, 0x1p-24), math.Float32frombits(NormalHalfPi))
	z2 := times(z, z)
	sin := times(times(horner(NormalSin[:], z2), z2), z) + z
	cos := (times(times(horner(NormalCos[:], z2), z2), z2) - times(0.5, z2)) + 1
	switch b >> 30 {
	case 1:
		sin, cos = cos, -sin
	case 2:
		sin, cos = -sin, -cos
	case 3:
		sin, cos = -cos, sin
	}
	return times(r, cos), times(r, sin)
}

// horner is the polynomial at x: ((c0·x + c1)·x + c2)·x + …
func horner(coefficients []uint32, x float32) float32 {
	y := math.Float32frombits(coefficients[0])
	for _, c := range coefficients[1:] {
		y = times(y, x) + math.Float32frombits(c)
	}
	return y
}
