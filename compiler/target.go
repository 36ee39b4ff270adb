package compiler

import "bnetc/ir/kernel"

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
	// Wide says that there are more workers than batch blocks, so that all loops over results are shared out: blocks, units and weights.
	Wide bool
	// Fours says that loads and stores of four neighbours cost what one costs: a block of the batch is then four vectors, and the four samples of a lane lie
	// side by side.
	Fours bool
	// Columns is how many vectors of columns a gradient's tile has; 0 is 2.
	Columns int
	// Longest is how many terms a worker adds up in one kernel at most; 0: any number. Positions is how many parallel positions keep the workers busy.
	Longest, Positions int
	// Strided says that lanes may load fours from anywhere at that cost: gradients then read activities as they lie, and nothing is packed for them.
	Strided bool
	// Matrices are the products of 16-bit matrices that the lanes of a vector compute together, best first. Plain says that sums of single numbers are faster all the same.
	Matrices []kernel.MatrixProduct
	Plain    bool
	// Join is how many buffers a kernel may touch that is made of several small ones, where starting a kernel costs more than small work; 0: none are made. Noise
	// is then drawn for all layers at once.
	Join int
}

// Schedules of devices with many workers, by class. Software devices (lavapipe) load fours from anywhere at one cost, and store little: their tiles are large,
// and nothing is packed. On a GPU a tile must leave room for many others, and fours are fast side by side. On all of them small kernels are joined, as far as
// a kernel of the class may have buffers (with the settings, 32 on lavapipe and 16 on any GPU): more would have to lie close together to be seen as one.
var (
	Software   = Target{Name: "software", Vector: 8, Registers: 172, Columns: 8, Workers: 1, Longest: 65000, Positions: 4, Wide: true, Fours: true, Strided: true, Plain: true, Join: 31}
	NVIDIA     = Target{Name: "nvidia", Vector: 32, Registers: 22, Columns: 4, Workers: 1, Positions: 512, Wide: true, Fours: true, Join: 15}
	Subgroup32 = Target{Name: "subgroup 32", Vector: 32, Registers: 22, Columns: 4, Workers: 1, Positions: 128, Wide: true, Fours: true, Join: 15}
	Subgroup64 = Target{Name: "subgroup 64", Vector: 64, Registers: 22, Columns: 4, Workers: 1, Positions: 128, Wide: true, Fours: true, Join: 15}
)

// shared is the mark of a loop that workers share where there are more of them than blocks of the batch.
func (t *Target) shared() kernel.Mark {
	if t.Wide {
		return kernel.Parallel
	}
	return kernel.Serial
}

// lanes is how many samples a block of the batch has: a vector of them; with Fours four vectors, or what the batch needs.
func (t *Target) lanes(batch int) int {
	if t.Fours {
		return t.Vector * min(4, (batch+t.Vector-1)/t.Vector)
	}
	return t.Vector
}

// partsOf is into how many parts of one size an extent is cut where others have so few positions that workers would have nothing to do.
func (t *Target) partsOf(extent, positions int) int {
	parts := 1
	for t.Wide && parts < extent && (positions*parts < t.Positions || extent%parts != 0) {
		parts++
	}
	return parts
}

// columns is how many vectors of columns a gradient's tile has.
func (t *Target) columns() int {
	if t.Columns > 0 {
		return t.Columns
	}
	return 2
}

// together is how many blocks of the batch a worker takes at once: two, so that each weight read serves two vectors, unless that
// would leave a worker with less to do than another.
func (t *Target) together(blocks int) int {
	if !t.Wide && blocks%(2*max(1, t.Workers)) == 0 {
		return 2
	}
	return 1
}

// accumulators is how many of a kernel's registers hold running sums: the rest hold operands.
func (t *Target) accumulators() int { return t.Registers * 3 / 4 }

// line is the bytes that move between caches together.
const line = 64

// linesAt is how many lines at a stride of bytes stay in the worker's cache: a stride with a high power of two in it meets few of the cache's sets.
func (t *Target) linesAt(stride int) int {
	const ways = 16
	lines := int(t.L2) / line
	return lines / min(max(1, (stride&-stride)/line), lines/ways)
}
