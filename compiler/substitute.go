package compiler

import (
	"slices"

	"bnetc/ir/kernel"
)

// substitute puts an index in place of a variable.
func substitute(x kernel.Index, name string, by kernel.Index) kernel.Index {
	out := kernel.Index{Const: x.Const}
	for _, t := range x.Terms {
		if t.Var == name {
			out = plus(out, by, t.Coef)
		} else {
			out = plus(out, v(t.Var), t.Coef)
		}
	}
	return out
}

// replaceVar substitutes an index for a variable throughout statements.
func replaceVar(body []kernel.Stmt, name string, by kernel.Index) []kernel.Stmt {
	index := func(list []kernel.Index) []kernel.Index {
		out := make([]kernel.Index, len(list))
		for i, x := range list {
			out[i] = substitute(x, name, by)
		}
		return out
	}
	val := func(x kernel.Value) kernel.Value {
		out := kernel.Value{Expr: x.Expr, Operands: slices.Clone(x.Operands)}
		for i := range out.Operands {
			if out.Operands[i].Index != nil {
				out.Operands[i].Index = index(out.Operands[i].Index)
			}
		}
		return out
	}
	var out []kernel.Stmt
	for _, s := range body {
		switch s := s.(type) {
		case *kernel.Loop:
			c := *s
			c.Body = replaceVar(s.Body, name, by)
			out = append(out, &c)
		case *kernel.Where:
			c := *s
			c.Num, c.Body = substitute(s.Num, name, by), replaceVar(s.Body, name, by)
			out = append(out, &c)
		case *kernel.Seek:
			out = append(out, &kernel.Seek{Var: s.Var, Extent: s.Extent, Value: val(s.Value)})
		case *kernel.Let:
			out = append(out, &kernel.Let{Var: s.Var, Value: val(s.Value)})
		case *kernel.Assign:
			out = append(out, &kernel.Assign{Var: s.Var, How: s.How, Value: val(s.Value)})
		case *kernel.Store:
			out = append(out, &kernel.Store{Buffer: s.Buffer, Index: index(s.Index), How: s.How, Value: val(s.Value)})
		case *kernel.Prefetch:
			out = append(out, &kernel.Prefetch{Buffer: s.Buffer, Index: index(s.Index), Own: s.Own})
		case *kernel.Draw:
			c := *s
			c.Row, c.Block = substitute(s.Row, name, by), substitute(s.Block, name, by)
			out = append(out, &c)
		}
	}
	return out
}
