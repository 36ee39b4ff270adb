package compiler

import (
	"slices"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// Moves gives a plan that flips and crops: of each input of a name, pictures of h×w×c, its list moves what NAME.still holds into NAME. The input `moves` has a
// row for each sample: sign and offset of its rows, sign and offset of its columns, and the pixel that stands outside of a picture. Row y of the result is row
// sign·y + offset, and columns alike.
//
// It is a plan beside the program's, since a picture's shape is the data's: a program may see it as flat.
func Moves(t Target, batch int, inputs []string, h, w, c int) *kernel.Plan {
	p := &kernel.Plan{Name: "moves", Batch: batch, Buffers: []kernel.Buffer{{Name: "moves", Kind: kernel.Input, Shape: []int{batch, 4 + c}}}, Lists: []kernel.List{{Name: "move"}}}
	end := 0
	for i, name := range inputs {
		still := len(p.Buffers)
		moved := kernel.Buffer{Name: name, Kind: kernel.Temp, Shape: []int{batch, h, w, c}, Offset: end}
		end = (end + moved.Elements() + 63) / 64 * 64
		p.Buffers = append(p.Buffers, kernel.Buffer{Name: name + ".still", Kind: kernel.Input, Shape: moved.Shape}, moved)
		k := &kernel.Kernel{Name: "move_" + name, From: name + ", flipped and cropped", Bytes: int64(2 * 4 * moved.Elements())}
		n, y := v("n"), v("y")
		body := append(sought("y", y, h, n, 0), t.moveRow(still, w, c)...)
		lines := kernel.Loop{Var: "y", Extent: h}
		if batch < t.Positions { // than keep the workers busy
			lines.Mark = kernel.Parallel
		}
		k.Body = nest([]kernel.Loop{{Var: "n", Extent: batch, Mark: kernel.Parallel}, lines}, body)
		p.Kernels = append(p.Kernels, k)
		p.Lists[0].Steps = append(p.Lists[0].Steps, kernel.Step{Kernel: i})
	}
	return p
}

// sought finds where a row or a column of the result comes from: from.y, a number, and the position at.y, the same unless that lies outside.
func sought(name string, position kernel.Index, extent int, n kernel.Index, sign int) []kernel.Stmt {
	from := kernel.Value{Expr: ir.MustParseExpr("$0*$1 + $2"), Operands: []kernel.Operand{load(0, n, at(sign)), {Kind: kernel.Position, Index: []kernel.Index{position}}, load(0, n, at(sign+1))}}
	return []kernel.Stmt{
		&kernel.Let{Var: "from." + name, Value: from},
		&kernel.Seek{Var: "at." + name, Extent: extent, Value: only(variable("from." + name))},
	}
}

// moveRow moves a row of pixels: lanes are pixels, or four neighbours each, down to what a row leaves over.
func (t *Target) moveRow(still, w, c int) []kernel.Stmt {
	var widths []int
	if t.Fours {
		widths = append(widths, 4*t.Vector)
	}
	for lanes := t.Vector; lanes > 0; lanes /= 2 {
		widths = append(widths, lanes)
	}
	n, y, channel := v("n"), v("y"), v("c")
	value := ir.MustParseExpr("select(equal($0, $1) * equal($2, $3), $4, $5)")
	var all []kernel.Stmt
	for _, cut := range cuts(w, widths) {
		lanes, x := min(cut.width, t.Vector), plus(at(cut.from), v("x"), cut.width)
		loops := []kernel.Loop{{Var: "x", Extent: cut.count}}
		if four := cut.width / lanes; four > 1 {
			loops = append(loops, kernel.Loop{Var: "v", Extent: four, Mark: kernel.Unrolled})
			x = plus(plus(x, v("v"), 1), v("lane"), four)
		} else if lanes > 1 {
			x = plus(x, v("lane"), 1)
		}
		body := []kernel.Stmt{&kernel.Store{Buffer: still + 1, Index: []kernel.Index{n, y, x, channel}, Value: kernel.Value{Expr: value, Operands: []kernel.Operand{
			variable("from.y"), {Kind: kernel.Position, Index: []kernel.Index{v("at.y")}}, variable("from.x"), {Kind: kernel.Position, Index: []kernel.Index{v("at.x")}},
			load(still, n, v("at.y"), v("at.x"), channel), load(0, n, plus(channel, at(4), 1))}}}}
		channels := kernel.Loop{Var: "c", Extent: c}
		if c <= 4 { // few enough to have one after the other in registers, and fours among them
			channels.Mark = kernel.Unrolled
			loops = append(loops, channels)
		} else {
			body = nest([]kernel.Loop{channels}, body)
		}
		if lanes > 1 {
			loops = append(loops, kernel.Loop{Var: "lane", Extent: lanes, Mark: kernel.Vector})
		}
		all = append(all, nest(loops, slices.Concat(sought("x", x, w, n, 2), body))...)
	}
	return all
}
