package vulkan

import (
	"bnetc/ir"
	"bnetc/ir/kernel"
)

// gatherPlan is the one plan that this package makes itself: its list fills inputs with rows of data sets, whose numbers its first buffer holds, and with
// zeros where a number is below 0. Of each input b there is the data set b.set and what is filled, b.
//
//	parallel n in batch, part in …
//	  let wanted = rows[n]
//	  seek row in count at wanted
//	    vector lane, unrolled v in 4
//	      store x[n, 4·lane + v + …] = select(equal(wanted, row), x.set[row, 4·lane + v + …], 0)
func gatherPlan(inputs []input, count, batch, lanes int) *kernel.Plan {
	p := &kernel.Plan{Name: "gather", Batch: batch, Buffers: []kernel.Buffer{{Name: "rows", Kind: kernel.Input, Shape: []int{batch}}}, Lists: []kernel.List{{Name: "gather"}}}
	end := 0
	for k, in := range inputs {
		units := int(in.row / 4)
		from, to := len(p.Buffers), len(p.Buffers)+1
		p.Buffers = append(p.Buffers, kernel.Buffer{Name: in.name + ".set", Kind: kernel.Input, Shape: []int{count, units}},
			kernel.Buffer{Name: in.name, Kind: kernel.Temp, Shape: []int{batch, units}, Offset: end})
		end += (batch*units + 63) / 64 * 64
		one := &kernel.Kernel{Name: "gather_" + in.name, From: in.name + " of a data set", Bytes: 8 * int64(batch*units)}
		first := 0
		for width := 4 * lanes; width > 0; width /= 2 { // of a workgroup: four neighbours for each lane, or what is left over
			if parts := (units - first) / width; parts > 0 {
				one.Body = append(one.Body, gatherUnits(from, to, batch, count, first, parts, width, min(width, lanes)))
				first += parts * width
			}
		}
		p.Kernels = append(p.Kernels, one)
		p.Lists[0].Steps = append(p.Lists[0].Steps, kernel.Step{Kernel: k})
	}
	return p
}

// gatherUnits gathers units of all rows, from the first on: so many parts of a width, shared among lanes.
func gatherUnits(from, to, batch, count, first, parts, width, lanes int) kernel.Stmt {
	position := func(name string) kernel.Index { return kernel.Index{Terms: []kernel.Term{{Var: name, Coef: 1}}} }
	load := func(buffer int, index ...kernel.Index) kernel.Operand {
		return kernel.Operand{Kind: kernel.Load, Buffer: buffer, Index: index}
	}
	number := func(o kernel.Operand) kernel.Value {
		return kernel.Value{Expr: ir.In(0), Operands: []kernel.Operand{o}}
	}
	n, row, wanted := position("n"), position("row"), kernel.Operand{Kind: kernel.Variable, Var: "wanted"}
	unit := kernel.Index{Const: first, Terms: []kernel.Term{{Var: "part", Coef: width}}}
	beside := width / lanes
	if lanes > 1 {
		unit.Terms = append(unit.Terms, kernel.Term{Var: "lane", Coef: beside})
	}
	if beside > 1 {
		unit.Terms = append(unit.Terms, kernel.Term{Var: "v", Coef: 1})
	}
	var body kernel.Stmt = &kernel.Store{Buffer: to, Index: []kernel.Index{n, unit}, Value: kernel.Value{Expr: ir.MustParseExpr("select(equal($0, $1), $2, 0)"),
		Operands: []kernel.Operand{wanted, {Kind: kernel.Position, Index: []kernel.Index{row}}, load(from, row, unit)}}}
	for _, l := range []kernel.Loop{{Var: "lane", Extent: lanes, Mark: kernel.Vector}, {Var: "v", Extent: beside, Mark: kernel.Unrolled}} {
		if l.Extent > 1 {
			l.Body = []kernel.Stmt{body}
			body = &l
		}
	}
	part := &kernel.Loop{Var: "part", Extent: parts, Mark: kernel.Parallel, Body: []kernel.Stmt{&kernel.Let{Var: "wanted", Value: number(load(0, n))},
		&kernel.Seek{Var: "row", Extent: count, Value: number(wanted)}, body}}
	return &kernel.Loop{Var: "n", Extent: batch, Mark: kernel.Parallel, Body: []kernel.Stmt{part}}
}
