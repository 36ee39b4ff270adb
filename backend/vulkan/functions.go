package vulkan

import (
	"fmt"

	"bnetc/backend/vulkan/spirv"
)

// The functions of scalar arithmetic, by the same formulas as backend/cpu/rt: what drivers give for them by themselves may be wrong from the
// twelfth bit on.

func (w *lowering) extended(f spirv.GLSL, a ...spirv.ID) spirv.ID {
	return w.share(fmt.Sprint(f, a), 0, a, func(b *spirv.Block) spirv.ID { return b.Extended(f, w.m.Float(), a...) })
}

func (w *lowering) f(op spirv.Op, a, b spirv.ID) spirv.ID { return w.emit(op, w.m.Float(), a, b) }

// fma is a*b + c, rounded once where the device can.
func (w *lowering) fma(a, b, c spirv.ID) spirv.ID { return w.extended(spirv.Fma, a, b, c) }

// horner is the polynomial at x: ((c0·x + c1)·x + c2)·x + …
func (w *lowering) horner(x spirv.ID, coefficients ...float64) spirv.ID {
	y := w.float(coefficients[0])
	for _, c := range coefficients[1:] {
		y = w.fma(y, x, w.float(c))
	}
	return y
}

func (w *lowering) choose(condition, a, b spirv.ID) spirv.ID {
	return w.emit(spirv.OpSelect, w.m.TypeOf(a), condition, a, b)
}

func (w *lowering) compare(op spirv.Op, a, b spirv.ID) spirv.ID {
	return w.emit(op, w.m.Bool(), a, b)
}

// either is a where the comparison of a and b holds or a is no number, else b.
func (w *lowering) either(op spirv.Op, a, b spirv.ID) spirv.ID {
	return w.choose(w.emit(spirv.OpLogicalOr, w.m.Bool(), w.compare(op, a, b), w.compare(spirv.OpFUnordNotEqual, a, a)), a, b)
}

// largest and smallest are NaN where one argument is.
func (w *lowering) largest(a, b spirv.ID) spirv.ID  { return w.either(spirv.OpFOrdGreaterThan, a, b) }
func (w *lowering) smallest(a, b spirv.ID) spirv.ID { return w.either(spirv.OpFOrdLessThan, a, b) }

func (w *lowering) sign(a spirv.ID) spirv.ID {
	one, zero := w.float(1), w.float(0)
	above := w.choose(w.compare(spirv.OpFOrdGreaterThan, a, zero), one, zero)
	return w.f(spirv.OpFSub, above, w.choose(w.compare(spirv.OpFOrdLessThan, a, zero), one, zero))
}

// bits and asFloat read the same bits as another type.
func (w *lowering) bits(a spirv.ID) spirv.ID    { return w.emit(spirv.OpBitcast, w.m.Uint(), a) }
func (w *lowering) asFloat(a spirv.ID) spirv.ID { return w.emit(spirv.OpBitcast, w.m.Float(), a) }

func (w *lowering) u(op spirv.Op, a spirv.ID, b uint32) spirv.ID {
	return w.emit(op, w.m.Uint(), a, w.m.UintConst(b))
}

// magic is 1.5·2²³: adding it rounds to an integer, held in the low bits.
const (
	magic     = 12582912
	magicBits = 0x4b400000
)

// expRest is e^r - 1 for |r| <= ½·log 2.
func (w *lowering) expRest(r spirv.ID) spirv.ID {
	p := w.horner(r, 1.381451730e-3, 8.368755691e-3, 4.166839272e-2, 1.666651964e-1, 4.999999404e-1)
	return w.fma(p, w.f(spirv.OpFMul, r, r), r)
}

// exp: x = n log 2 + r, a polynomial for e^r, and 2^n in two factors, so that results round once.
func (w *lowering) exp(x spirv.ID) spirv.ID {
	y := w.choose(w.compare(spirv.OpFOrdGreaterThan, x, w.float(89)), w.float(89), w.choose(w.compare(spirv.OpFOrdLessThan, x, w.float(-104)), w.float(-104), x))
	t := w.rounded(w.fma(y, w.float(1.44269504), w.float(magic)))
	n := w.emit(spirv.OpBitcast, w.m.Int(), w.u(spirv.OpISub, w.bits(t), magicBits))
	t = w.rounded(w.f(spirv.OpFSub, t, w.float(magic)))
	r := w.fma(t, w.float(-0.693359375), y)
	r = w.fma(t, w.float(2.12194440e-4), r)
	p := w.f(spirv.OpFAdd, w.expRest(r), w.float(1))
	half := w.emit(spirv.OpShiftRightArith, w.m.Int(), n, w.m.UintConst(1))
	power := func(n spirv.ID) spirv.ID {
		biased := w.emit(spirv.OpIAdd, w.m.Uint(), w.emit(spirv.OpBitcast, w.m.Uint(), n), w.m.UintConst(127))
		return w.asFloat(w.u(spirv.OpShiftLeft, biased, 23))
	}
	p = w.f(spirv.OpFMul, p, power(half))
	return w.f(spirv.OpFMul, p, power(w.emit(spirv.OpISub, w.m.Int(), n, half)))
}

// rounded keeps the driver from simplifying (x + magic) - magic.
func (w *lowering) rounded(x spirv.ID) spirv.ID { return w.exact(x) }

// exact decorates a value once.
func (w *lowering) exact(x spirv.ID) spirv.ID {
	return w.share(fmt.Sprint("exact ", x), 0, []spirv.ID{x}, func(*spirv.Block) spirv.ID { return w.m.Exact(x) })
}

// log: x = 2^n m with m in [√½, √2), a polynomial in m - 1. Denormals are scaled up first.
func (w *lowering) log(x spirv.ID) spirv.ID {
	tiny := w.compare(spirv.OpFOrdLessThan, x, w.float(1.17549435e-38))
	bits := w.u(spirv.OpISub, w.bits(w.choose(tiny, w.f(spirv.OpFMul, x, w.float(8388608)), x)), 0x3f3504f3)
	f := w.f(spirv.OpFSub, w.asFloat(w.u(spirv.OpIAdd, w.u(spirv.OpBitwiseAnd, bits, 0x007fffff), 0x3f3504f3)), w.float(1))
	n := w.emit(spirv.OpShiftRightArith, w.m.Int(), w.emit(spirv.OpBitcast, w.m.Int(), bits), w.m.UintConst(23))
	e := w.f(spirv.OpFSub, w.emit(spirv.OpConvertSToF, w.m.Float(), n), w.choose(tiny, w.float(23), w.float(0)))
	z := w.f(spirv.OpFMul, f, f)
	p := w.horner(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
		-2.4999993993e-1, 3.3333331174e-1)
	p = w.fma(e, w.float(-2.12194440e-4), w.f(spirv.OpFMul, w.f(spirv.OpFMul, p, f), z))
	p = w.fma(z, w.float(-0.5), p)
	r := w.fma(e, w.float(0.693359375), w.f(spirv.OpFAdd, f, p))
	r = w.choose(w.compare(spirv.OpFOrdGreaterThan, x, w.float(3.40282347e38)), x, r) // infinity
	r = w.choose(w.compare(spirv.OpFOrdEqual, x, w.float(0)), w.m.FloatBits(minusInfinity), r)
	no := w.emit(spirv.OpLogicalOr, w.m.Bool(), w.compare(spirv.OpFOrdLessThan, x, w.float(0)), w.compare(spirv.OpFUnordNotEqual, x, x))
	return w.choose(no, w.m.FloatBits(0x7fc00000), r)
}

// tanh: E / (E + 2), where E = e^2|x| - 1 = 2^n (e^r - 1) + (2^n - 1). Nothing cancels: for small x, n is 0. From 9.2 on the quotient rounds to 1.
func (w *lowering) tanh(x spirv.ID) spirv.ID {
	a := w.extended(spirv.FAbs, x)
	a = w.choose(w.compare(spirv.OpFOrdGreaterThan, a, w.float(9.2)), w.float(9.2), a)
	y := w.f(spirv.OpFAdd, a, a)
	t := w.rounded(w.fma(y, w.float(1.44269504), w.float(magic))) // n = y / log 2, rounded
	n := w.u(spirv.OpShiftLeft, w.bits(t), 23)                    // in the place of an exponent: the bits of 1.5·2²³ leave at the top
	t = w.rounded(w.f(spirv.OpFSub, t, w.float(magic)))
	p := w.expRest(w.fma(t, w.float(-0.693147182), y))
	scale := w.asFloat(w.emit(spirv.OpIAdd, w.m.Uint(), n, w.bits(w.float(1))))
	e := w.fma(p, scale, w.f(spirv.OpFSub, scale, w.float(1)))
	// NaN stays; the sign is that of x, of zeros too
	result := w.f(spirv.OpFDiv, e, w.f(spirv.OpFAdd, e, w.float(2)))
	return w.asFloat(w.emit(spirv.OpBitwiseOr, w.m.Uint(), w.bits(result), w.u(spirv.OpBitwiseAnd, w.bits(x), 0x80000000)))
}
