package compiler

// A Target is what the compiler knows of the machine that a plan is for: sizes, not instructions.
type Target struct {
	Name      string
	Vector    int   // floats in a vector register, or invocations that run together
	Registers int   // vector registers that a kernel may hold accumulators in
	Cache     int64 // bytes of weights that stay close to a worker while it walks its batch blocks
	L2        int64 // bytes of the cache that a worker has for itself; 0: nothing is known of caches
	Workers   int   // workers that share a kernel's outermost loop
	// BatchLocal says that worker k of a kernel over batch blocks is worker k of the next one, so that no barrier is needed between them.
	BatchLocal bool
}

// together is how many blocks of the batch a worker takes at once: two, so that each weight read serves two vectors, unless that
// would leave a worker with less to do than another.
func (t *Target) together(blocks int) int {
	if blocks%(2*max(1, t.Workers)) == 0 {
		return 2
	}
	return 1
}

// accumulators is how many of a kernel's registers hold running sums: the rest hold operands.
func (t *Target) accumulators() int {
	if t.Registers >= 32 {
		return 24
	}
	return 12
}

// line is the bytes that move between caches together.
const line = 64

// linesAt is how many lines at a stride of bytes stay in the worker's cache: a stride with a high power of two in it meets few of the cache's sets.
func (t *Target) linesAt(stride int) int {
	const ways = 16
	lines := int(t.L2) / line
	return lines / min(max(1, (stride&-stride)/line), lines/ways)
}
