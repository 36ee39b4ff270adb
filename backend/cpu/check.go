package cpu

import (
	"fmt"

	"bnetc/ir"
	"bnetc/ir/kernel"
)

// check refuses what the printer has no C for, before it is asked.
func check(plan *kernel.Plan) error {
	settings := false
	for _, b := range plan.Buffers {
		settings = settings || b.Kind == kernel.Setting
		for _, d := range b.Shape {
			if d < 1 {
				return fmt.Errorf("buffer %s of plan %s has the shape %v", b.Name, plan.Name, b.Shape)
			}
		}
	}
	for _, l := range plan.Lists {
		for _, s := range l.Steps {
			if s.Kernel < 0 || s.Kernel >= len(plan.Kernels) {
				return fmt.Errorf("list %s of plan %s runs kernel %d of %d", l.Name, plan.Name, s.Kernel, len(plan.Kernels))
			}
		}
	}
	for _, k := range plan.Kernels {
		var err error
		kernel.Walk(k.Body, func(s kernel.Stmt) {
			if v := kernel.ValueOf(s); v != nil && err == nil {
				err = refused(v.Expr, map[*ir.Expr]bool{})
			}
			if l, ok := s.(*kernel.Loop); ok && l.Mark == kernel.Vector && err == nil {
				switch l.Extent {
				case 1, 2, 4, 8, 16:
				default:
					err = fmt.Errorf("vector loop %s has %d lanes; 1, 2, 4, 8 and 16 can be printed", l.Var, l.Extent)
				}
			}
		})
		if draws(k.Body) && !settings && err == nil {
			err = fmt.Errorf("it draws noise, but the plan has no settings to hold the seed")
		}
		if err != nil {
			return fmt.Errorf("kernel %s of plan %s: %w", k.Name, plan.Name, err)
		}
	}
	return nil
}

// refused walks an expression, whose subtrees may be shared, once.
func refused(e *ir.Expr, seen map[*ir.Expr]bool) error {
	if seen[e] {
		return nil
	}
	seen[e] = true
	if e.Op == ir.OpPow {
		return fmt.Errorf("a power is for settings, which the host computes, not for kernels")
	}
	for _, a := range e.Args {
		if err := refused(a, seen); err != nil {
			return err
		}
	}
	return nil
}
