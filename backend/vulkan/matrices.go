package vulkan

import (
	"fmt"
	"slices"

	"bnetc/backend"
	"bnetc/backend/vulkan/spirv"
	"bnetc/ir/kernel"
)

// Loops marked matrix become cooperative matrices, which the invocations of a subgroup hold together: a variable is a matrix of sums, a statement over the depth
// loads two and adds their product. A workgroup is one subgroup there.

// A sheet is the rows and columns of the matrices that are being lowered.
type sheet struct{ rows, columns *kernel.Loop }

// supported tells why a kernel's products of matrices cannot run within the limits, if they cannot.
func supported(p *kernel.Plan, k *kernel.Kernel, windows map[int][]window, l Limits) error {
	products := p.Products(k)
	for _, m := range products {
		if !slices.Contains(l.Matrices, m) {
			return &backend.Missing{What: fmt.Sprintf("kernel %s multiplies matrices of %s, and the device does not", k.Name, m), Remedy: anew}
		}
	}
	if lanes := widest(k.Body); len(products) > 0 && lanes > l.Subgroup {
		return &backend.Missing{What: fmt.Sprintf("kernel %s multiplies matrices in vectors of %d lanes, and the device's subgroups have %d", k.Name, lanes, l.Subgroup), Remedy: anew}
	}
	read, written := k.Buffers()
	for _, b := range append(read, written...) {
		if len(products) > 0 && len(windows[b]) > 1 {
			return &backend.Missing{What: fmt.Sprintf("kernel %s multiplies matrices, and %s is longer than a storage buffer of the device", k.Name, p.Buffers[b].Name), Remedy: anew}
		}
	}
	return nil
}

const anew = "compile the program for this device (--device), tune it anew (bench --tune), or use --set train.precision=f32"

// matrices lowers the two loops over rows and columns.
func (w *lowering) matrices(rows *kernel.Loop, instances []instance, later bool) {
	w.hazards.meet(w, rows, later)
	w.sheet = &sheet{rows, rows.Body[0].(*kernel.Loop)}
	for _, in := range instances {
		in.at[rows.Var], in.at[w.sheet.columns.Var] = position{}, position{}
	}
	w.body(w.sheet.columns.Body, instances)
	w.sheet = nil
}

// matrix is the type of a matrix of a use.
func (w *lowering) matrix(t kernel.Type, rows, columns *kernel.Loop, use spirv.Use) spirv.ID {
	of := map[kernel.Type]func() spirv.ID{kernel.F32: w.m.Float, kernel.F16: w.m.Half, kernel.BF16: w.m.BFloat}[t]
	return w.m.Matrix(of(), rows.Extent, columns.Extent, use)
}

// sums is the type of the sheet's variables.
func (w *lowering) sums() spirv.ID {
	return w.matrix(kernel.F32, w.sheet.rows, w.sheet.columns, spirv.Sum)
}

// multiply lowers a loop over the depth.
func (w *lowering) multiply(depth *kernel.Loop, instances []instance) {
	for _, s := range depth.Body {
		a := s.(*kernel.Assign)
		left, right := a.Factors()
		for _, in := range instances {
			in.at[depth.Var] = position{}
			c := in.vars[a.Var]
			c.value = w.emit(spirv.OpCooperativeMatrixMulAdd, w.sums(), w.factor(left, w.sheet.rows, depth, spirv.Left, in), w.factor(right, depth, w.sheet.columns, spirv.Right, in), c.value)
		}
	}
}

// factor loads a matrix, as far out as its place is known and its loading safe.
func (w *lowering) factor(o kernel.Operand, rows, columns *kernel.Loop, use spirv.Use, in instance) spirv.ID {
	least := 0
	for i, l := range w.levels {
		if l.guard || w.stored[o.Buffer] {
			least = i
		}
	}
	at := w.index(w.inReach(o.Buffer, w.flat(o.Buffer, o.Index, in)))
	byColumns, stride := w.apart(o.Buffer, o.Index, rows, columns)
	typ := w.matrix(w.plan.Buffers[o.Buffer].Type, rows, columns, use)
	return w.share(fmt.Sprint("matrix ", o.Buffer, " ", at, typ, byColumns, stride, " version ", w.version[o.Buffer]), least, []spirv.ID{at}, func(b *spirv.Block) spirv.ID {
		return b.LoadMatrix(typ, w.address(b, o.Buffer, at), byColumns, stride)
	})
}

// keep stores a matrix of sums.
func (w *lowering) keep(s *kernel.Store, in instance) {
	at := w.index(w.inReach(s.Buffer, w.flat(s.Buffer, s.Index, in)))
	byColumns, stride := w.apart(s.Buffer, s.Index, w.sheet.rows, w.sheet.columns)
	b := w.top().block
	b.StoreMatrix(w.address(b, s.Buffer, at), in.vars[s.Value.Operands[s.Value.Expr.Input].Var].value, byColumns, stride)
}

// apart tells along which of its loops a matrix lies side by side, and how far apart it is along the other.
func (w *lowering) apart(buffer int, index []kernel.Index, rows, columns *kernel.Loop) (byColumns bool, stride int) {
	b := &w.plan.Buffers[buffer]
	if down := b.Stride(index, rows.Var); down != 1 {
		return false, down
	}
	return true, b.Stride(index, columns.Var)
}

// inReach is the place of an element behind the begin of what it is reached through: the one window of its buffer, or local memory.
func (w *lowering) inReach(buffer int, at affine) affine {
	if w.plan.Buffers[buffer].Kind != kernel.Local {
		x := w.windows[buffer][0]
		at.constant += x.at - x.from
	}
	return at
}

// address is that of an element of such a buffer.
func (w *lowering) address(b *spirv.Block, buffer int, at spirv.ID) spirv.ID {
	if w.plan.Buffers[buffer].Kind == kernel.Local {
		return b.At(spirv.Workgroup, w.m.Float(), w.own(buffer), at)
	}
	return w.element(b, buffer, w.windows[buffer][0].reach, at)
}

// own is the memory of a workgroup that a buffer is.
func (w *lowering) own(buffer int) spirv.ID {
	v, ok := w.locals[buffer]
	if !ok {
		v = w.m.Workgroup(w.plan.Buffers[buffer].Name, w.plan.Buffers[buffer].Elements())
		w.locals[buffer] = v
	}
	return v
}
