package vulkan

import (
	"bnetc/backend/vulkan/spirv"
	"bnetc/ir/kernel"
)

// Elements of 16 bits are integers to a shader, which makes floats of them itself: so nothing is asked of a device but that they may lie in storage buffers; a
// store rounds to the nearest, ties to even, and a load keeps the least numbers, whatever the driver's own conversions do.

// widen makes a float of an element as it was loaded, by the same formulas as backend/cpu/rt.
func (w *lowering) widen(t kernel.Type, x spirv.ID) spirv.ID {
	switch t {
	case kernel.BF16:
		return w.asFloat(w.u(spirv.OpShiftLeft, x, 16))
	case kernel.F16:
		m := w.u(spirv.OpBitwiseAnd, x, 0x7fff)
		top := w.choose(w.compare(spirv.OpULessThan, m, w.m.UintConst(0x7c00)), w.m.UintConst(112<<23), w.m.UintConst(224<<23)) // the exponent of infinity is the largest, too
		wide := w.add(w.u(spirv.OpShiftLeft, m, 13), top)
		tiny := w.bits(w.f(spirv.OpFMul, w.emit(spirv.OpConvertUToF, w.m.Float(), m), w.float(0x1p-24)))
		r := w.choose(w.compare(spirv.OpULessThan, m, w.m.UintConst(0x400)), tiny, wide)
		return w.asFloat(w.emit(spirv.OpBitwiseOr, w.m.Uint(), r, w.u(spirv.OpShiftLeft, w.u(spirv.OpBitwiseAnd, x, 0x8000), 16)))
	}
	return x
}

// narrow gives the element to be stored for a float, by the same formulas as backend/cpu/rt. What is no number stays none.
func (w *lowering) narrow(t kernel.Type, x spirv.ID) spirv.ID {
	if t == kernel.F32 {
		return x
	}
	b, nan := w.bits(x), w.compare(spirv.OpFUnordNotEqual, x, x)
	if t == kernel.BF16 {
		up := w.u(spirv.OpIAdd, w.u(spirv.OpBitwiseAnd, w.u(spirv.OpShiftRightLogical, b, 16), 1), 0x7fff)
		near := w.u(spirv.OpShiftRightLogical, w.add(b, up), 16)
		return w.choose(nan, w.u(spirv.OpBitwiseOr, w.u(spirv.OpShiftRightLogical, b, 16), 0x40), near)
	}
	m := w.u(spirv.OpBitwiseAnd, b, 0x7fffffff)
	up := w.u(spirv.OpIAdd, w.u(spirv.OpBitwiseAnd, w.u(spirv.OpShiftRightLogical, m, 13), 1), 0xfff)
	near := w.u(spirv.OpShiftRightLogical, w.add(w.u(spirv.OpISub, m, 112<<23), up), 13)
	tiny := w.u(spirv.OpISub, w.bits(w.rounded(w.f(spirv.OpFAdd, w.asFloat(m), w.float(0.5)))), 126<<23) // the sum rounds to multiples of the least number
	r := w.choose(w.compare(spirv.OpULessThan, m, w.m.UintConst(0x38800000)), tiny, near)
	beyond := w.choose(nan, w.m.UintConst(0x7e00), w.m.UintConst(0x7c00))
	r = w.choose(w.compare(spirv.OpUGreaterThanEqual, m, w.m.UintConst(0x47800000)), beyond, r)
	return w.emit(spirv.OpBitwiseOr, w.m.Uint(), r, w.u(spirv.OpBitwiseAnd, w.u(spirv.OpShiftRightLogical, b, 16), 0x8000))
}
