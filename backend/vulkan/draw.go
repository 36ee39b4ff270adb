package vulkan

import (
	"fmt"
	"slices"

	"bnetc/backend/vulkan/spirv"
	"bnetc/ir"
	"bnetc/ir/kernel"
)

// draw defines four variables with normal numbers, as ir.Normals does, bit for bit: Philox in integers, then sums, differences and products that
// the driver must round one by one.
func (w *lowering) draw(s *kernel.Draw, in instance) {
	row, block := w.index(w.affine(s.Row, in)), w.index(w.affine(s.Block, in))
	seedLow, seedHigh, step := w.seedAndStep()
	word := w.philox([2]spirv.ID{seedLow, w.u(spirv.OpBitwiseXor, seedHigh, s.Stream)}, [4]spirv.ID{block, row, step, w.m.UintConst(0)})
	for pair := range 2 {
		n0, n1 := w.normalPair(word[2*pair], word[2*pair+1])
		in.vars[s.Vars[2*pair]], in.vars[s.Vars[2*pair+1]] = &cell{n0}, &cell{n1}
	}
}

// seedAndStep reads the two halves of the seed and the step from the settings, which hold 16 bits each.
func (w *lowering) seedAndStep() (low, high, step spirv.ID) {
	buffer := settingsOf(w.plan)
	word := func(lower, upper string) spirv.ID {
		half := func(name string) spirv.ID {
			x := w.load(buffer, affine{constant: slices.Index(w.plan.Settings, name)})
			return w.emit(spirv.OpConvertFToU, w.m.Uint(), x)
		}
		l, u := half(lower), half(upper)
		return w.emit(spirv.OpBitwiseOr, w.m.Uint(), l, w.u(spirv.OpShiftLeft, u, 16))
	}
	n := kernel.DrawSettings
	return word(n[0], n[1]), word(n[2], n[3]), word(n[4], n[5])
}

func (w *lowering) philox(key [2]spirv.ID, ctr [4]spirv.ID) [4]spirv.ID {
	xor := func(a, b spirv.ID) spirv.ID { return w.emit(spirv.OpBitwiseXor, w.m.Uint(), a, b) }
	product := func(m uint32, x spirv.ID) (low, high spirv.ID) {
		pair := w.emit(spirv.OpUMulExtended, w.m.Pair(w.m.Uint()), w.m.UintConst(m), x)
		part := func(i int) spirv.ID {
			return w.share(fmt.Sprint("part", pair, i), 0, []spirv.ID{pair}, func(b *spirv.Block) spirv.ID { return b.Extract(w.m.Uint(), pair, i) })
		}
		return part(0), part(1)
	}
	for range ir.PhiloxRounds {
		low0, high0 := product(ir.PhiloxM0, ctr[0])
		low1, high1 := product(ir.PhiloxM1, ctr[2])
		ctr = [4]spirv.ID{xor(xor(high1, ctr[1]), key[0]), low1, xor(xor(high0, ctr[3]), key[1]), low0}
		key = [2]spirv.ID{w.u(spirv.OpIAdd, key[0], ir.PhiloxW0), w.u(spirv.OpIAdd, key[1], ir.PhiloxW1)}
	}
	return ctr
}

// normalPair follows ir.Normals line by line.
func (w *lowering) normalPair(a, b spirv.ID) (n0, n1 spirv.ID) {
	times := func(x, y spirv.ID) spirv.ID { return w.exact(w.f(spirv.OpFMul, x, y)) }
	plus := func(x, y spirv.ID) spirv.ID { return w.exact(w.f(spirv.OpFAdd, x, y)) }
	minus := func(x, y spirv.ID) spirv.ID { return w.exact(w.f(spirv.OpFSub, x, y)) }
	horner := func(coefficients []uint32, x spirv.ID) spirv.ID {
		y := w.m.FloatBits(coefficients[0])
		for _, c := range coefficients[1:] {
			y = plus(times(y, x), w.m.FloatBits(c))
		}
		return y
	}
	toFloat := func(x spirv.ID) spirv.ID {
		return w.emit(spirv.OpConvertSToF, w.m.Float(), w.emit(spirv.OpBitcast, w.m.Int(), x))
	}
	// the logarithm of u
	bits := w.bits(toFloat(w.u(spirv.OpBitwiseOr, w.u(spirv.OpShiftRightLogical, a, 8), 1)))
	e := w.emit(spirv.OpShiftRightArith, w.m.Uint(), w.u(spirv.OpISub, bits, ir.NormalRootHalf), w.m.UintConst(23))
	f := minus(w.asFloat(w.emit(spirv.OpISub, w.m.Uint(), bits, w.u(spirv.OpShiftLeft, e, 23))), w.float(1))
	f2 := times(f, f)
	p := times(times(horner(ir.NormalLog[:], f), f), f2)
	log := plus(times(toFloat(w.u(spirv.OpISub, e, 24)), w.m.FloatBits(ir.NormalLn2)), plus(f, minus(p, times(w.float(0.5), f2))))
	// the radius, by Newton's iteration for 1/√x
	x := times(w.float(-2), log)
	y := w.asFloat(w.emit(spirv.OpISub, w.m.Uint(), w.m.UintConst(ir.NormalRootGuess), w.u(spirv.OpShiftRightLogical, w.bits(x), 1)))
	half := times(w.float(0.5), x)
	for range 3 {
		y = times(y, minus(w.float(1.5), times(times(half, y), y)))
	}
	r := times(x, y)
	// the angle: a quarter turn from the two high bits, the place within it from the next 24
	place := toFloat(w.u(spirv.OpBitwiseAnd, w.u(spirv.OpShiftRightLogical, b, 6), 0xffffff))
	z := times(times(minus(place, w.float(0x1p23)), w.float(0x1p-24)), w.m.FloatBits(ir.NormalHalfPi))
	z2 := times(z, z)
	sin := plus(times(times(horner(ir.NormalSin[:], z2), z2), z), z)
	cos := plus(minus(times(times(horner(ir.NormalCos[:], z2), z2), z2), times(w.float(0.5), z2)), w.float(1))
	// number 0 is r·(c, -s, -c, s), number 1 is r·(s, c, -s, -c), by the quarter
	quarter := w.u(spirv.OpShiftRightLogical, b, 30)
	odd := w.emit(spirv.OpINotEqual, w.m.Bool(), w.u(spirv.OpBitwiseAnd, quarter, 1), w.m.UintConst(0))
	signed := func(x, turns spirv.ID) spirv.ID {
		sign := w.u(spirv.OpShiftLeft, w.u(spirv.OpBitwiseAnd, turns, 2), 30)
		return w.asFloat(w.emit(spirv.OpBitwiseXor, w.m.Uint(), w.bits(x), sign))
	}
	n0 = times(r, signed(w.choose(odd, sin, cos), w.u(spirv.OpIAdd, quarter, 1)))
	n1 = times(r, signed(w.choose(odd, cos, sin), quarter))
	return n0, n1
}
