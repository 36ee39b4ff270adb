package kernel

import (
	"fmt"
	"slices"

	"bnetc/ir"
)

// Loops marked Matrix multiply what a machine multiplies at once: two of them, one straight within the other, are the rows and the columns of matrices, and each
// one within those is the depth of products.
//
//	matrix m in 8
//	  matrix n in 8
//	    let s = 0
//	    serial i in 98
//	      matrix k in 8
//	        s += l1.W.f16[784*m+8*i+k] * x.lanes[nb, 8*i+k, n]
//	    store tile[m, n] = s
//
// Variables start at 0 there, gain products of a left matrix, [m, k], and a right one, [k, n], and are stored. Beside that there are serial loops, and conditions that hold for
// the matrices as a whole. The elements of a matrix lie side by side in memory along one of its two loops, in runs that begin at multiples of 16 bytes, or of a shorter run's length.

// A MatrixProduct is such a product: Rows×Depth numbers of a type by Depth×Columns of them, added up in float32.
type MatrixProduct struct {
	Rows    int  `json:"rows"`
	Columns int  `json:"columns"`
	Depth   int  `json:"depth"`
	Of      Type `json:"of"`
}

// String is the product as tables show it: 16x8x16 f16.
func (m MatrixProduct) String() string {
	return fmt.Sprintf("%dx%dx%d %s", m.Rows, m.Columns, m.Depth, m.Of)
}

// Factors are the left and the right matrix of a statement within a depth loop.
func (a *Assign) Factors() (left, right Operand) {
	args := a.Value.Expr.Args
	return a.Value.Operands[args[0].Input], a.Value.Operands[args[1].Input]
}

// matrices checks the form of loops over rows and columns, whose positions and names have been verified.
func (v *verifier) matrices(rows *Loop) error {
	if len(rows.Body) == 1 {
		if columns, ok := rows.Body[0].(*Loop); ok && columns.Mark == Matrix {
			return v.matrixBody(rows, columns, columns.Body, map[string]bool{})
		}
	}
	return fmt.Errorf("matrix loop %s holds no loop over columns, or more than that", rows.Var)
}

func (v *verifier) matrixBody(rows, columns *Loop, body []Stmt, sums map[string]bool) error {
	for _, s := range body {
		var err error
		switch s := s.(type) {
		case *Let:
			sums[s.Var] = true
			if s.Value.Expr.Op != ir.OpConst || s.Value.Expr.Const != 0 {
				err = fmt.Errorf("let %s: a matrix starts at 0", s.Var)
			}
		case *Where:
			if c := coefficients(s.Num); c[rows.Var] != 0 || c[columns.Var] != 0 {
				err = fmt.Errorf("where %s parts the matrix of %s and %s", s.Var, rows.Var, columns.Var)
			} else {
				err = v.matrixBody(rows, columns, s.Body, sums)
			}
		case *Loop:
			switch s.Mark {
			case Serial:
				err = v.matrixBody(rows, columns, s.Body, sums)
			case Matrix:
				err = v.products(rows, columns, s, sums)
			default:
				err = fmt.Errorf("%s loop %s within matrix loop %s", s.Mark, s.Var, columns.Var)
			}
		case *Store:
			x := s.Value
			if x.Expr.Op != ir.OpInput || x.Operands[x.Expr.Input].Kind != Variable || !sums[x.Operands[x.Expr.Input].Var] || s.How != Set || v.plan.Buffers[s.Buffer].Type != F32 {
				err = fmt.Errorf("of matrices, sums alone are stored, as they are and in float32")
			} else {
				err = v.isMatrix(s.Buffer, s.Index, rows, columns)
			}
		default:
			err = fmt.Errorf("%T is nothing that matrices do", s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// products checks what a loop over the depth adds up.
func (v *verifier) products(rows, columns, depth *Loop, sums map[string]bool) error {
	for _, s := range depth.Body {
		a, ok := s.(*Assign)
		if !ok || a.How != Sum || !sums[a.Var] || a.Value.Expr.Op != ir.OpMul || a.Value.Expr.Args[0].Op != ir.OpInput || a.Value.Expr.Args[1].Op != ir.OpInput {
			return fmt.Errorf("over the depth %s, products of two matrices alone are added to sums of the same loops", depth.Var)
		}
		left, right := a.Factors()
		if left.Kind != Load || right.Kind != Load || v.plan.Buffers[left.Buffer].Type != v.plan.Buffers[right.Buffer].Type {
			return fmt.Errorf("%s gains a product that is not of two elements of one type", a.Var)
		}
		if v.plan.Buffers[left.Buffer].Stride(left.Index, columns.Var) != 0 || v.plan.Buffers[right.Buffer].Stride(right.Index, rows.Var) != 0 {
			return fmt.Errorf("%s gains a product that is not of [%s, %s] and [%s, %s]", a.Var, rows.Var, depth.Var, depth.Var, columns.Var)
		}
		if err := v.isMatrix(left.Buffer, left.Index, rows, depth); err != nil {
			return err
		}
		if err := v.isMatrix(right.Buffer, right.Index, depth, columns); err != nil {
			return err
		}
	}
	return nil
}

// isMatrix checks that elements are a matrix in memory: neighbours along one of two loops, in runs that are aligned.
func (v *verifier) isMatrix(buffer int, index []Index, rows, columns *Loop) error {
	b := &v.plan.Buffers[buffer]
	down, along := b.Stride(index, rows.Var), b.Stride(index, columns.Var)
	run := columns
	if down == 1 {
		run = rows
	}
	if min(down, along) < 1 || down != 1 && along != 1 {
		return fmt.Errorf("%s%s is no matrix of rows %s and columns %s: they are %d and %d apart", b.Name, indicesText(index), rows.Var, columns.Var, down, along)
	}
	unit := min(alignment, run.Extent*b.Type.Bytes())
	for name, c := range b.flat(index) {
		if name != run.Var && c*b.Type.Bytes()%unit != 0 {
			return fmt.Errorf("%s%s is no matrix of rows %s and columns %s: its runs do not begin at multiples of %d bytes", b.Name, indicesText(index), rows.Var, columns.Var, unit)
		}
	}
	return nil
}

// alignment is what the runs of a matrix's elements begin at multiples of, in bytes.
const alignment = 16

// flat is a position as one number: the coefficients of its variables, and under "" the constant.
func (b *Buffer) flat(index []Index) map[string]int {
	sum := map[string]int{}
	for d, x := range index {
		for name := range sum {
			sum[name] *= b.Shape[d]
		}
		sum[""] += x.Const
		for _, t := range x.Terms {
			sum[t.Var] += t.Coef
		}
	}
	return sum
}

// Stride is how far elements lie apart when a variable of their position goes on by one.
func (b *Buffer) Stride(index []Index, name string) int { return b.flat(index)[name] }

// Products lists the products of matrices that a kernel computes, each once.
func (p *Plan) Products(k *Kernel) []MatrixProduct {
	var out []MatrixProduct
	var walk func(body []Stmt, around []*Loop)
	walk = func(body []Stmt, around []*Loop) {
		for _, s := range body {
			switch s := s.(type) {
			case *Where:
				walk(s.Body, around)
			case *Loop:
				if s.Mark == Matrix {
					walk(s.Body, append(around[:len(around):len(around)], s))
				} else {
					walk(s.Body, around)
				}
			case *Assign:
				if len(around) == 3 {
					left, _ := s.Factors()
					m := MatrixProduct{around[0].Extent, around[1].Extent, around[2].Extent, p.Buffers[left.Buffer].Type}
					if !slices.Contains(out, m) {
						out = append(out, m)
					}
				}
			}
		}
	}
	walk(k.Body, nil)
	return out
}
