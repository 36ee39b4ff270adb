package check

// Source is the program's text. (Being written: the whole program with every default.)
func Source(p *Program) string { return "" }
