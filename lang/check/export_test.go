package check

// Visits is how often the plausibility report of a program comes to an expression.
func Visits(p *Program) int {
	t := newTracer(&instance{checker: &checker{p: p}, constants: map[*Expr]folded{}})
	t.trace()
	return t.visits
}
