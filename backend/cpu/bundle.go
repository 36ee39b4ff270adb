package cpu

// A manifest says what a compiled library needs.
type manifest struct {
	ISA, Arch, OS  string
	Compiler, Hash string
}
