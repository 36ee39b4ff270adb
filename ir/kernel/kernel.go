// Package kernel is the second IR: loop nests with explicit marks over buffers, and the plan that runs them.
// It knows buffers, not layers, not rules, and neither C nor SPIR-V. Backends print it and decide nothing.
package kernel

import "bnetc/ir"

// A Plan is everything a machine needs to run a program.
type Plan struct {
	Name      string
	Batch     int
	Precision Type // that the program asks for, of what travels between kernels
	Buffers   []Buffer
	Settings  []string // names of the scalars in the buffer of kind Setting, in its order
	Kernels   []*Kernel
	Lists     []List // "step" or "step inverse" and "step forward"; "evaluate"
}

// A List is the kernels that one call of Machine.Run executes.
type List struct {
	Name  string
	Steps []Step
}

// A Step runs one kernel. Steps of one Level need no barrier between them; a barrier stands between levels. Steps of one level
// are still executed in list order by each worker: kernels whose outermost parallel loop runs over the batch blocks (Kernel.ByBatch) and whose extents agree
// give worker k the same blocks every time, so what it reads of them it wrote itself.
type Step struct {
	Kernel int // index into Plan.Kernels
	Level  int
}

// A BufferKind says who fills a buffer and how long it lives.
type BufferKind uint8

const (
	Temp     BufferKind = iota // written and read within one list; may share memory with others (Offset)
	Weight                     // a parameter, natural row-major layout
	State                      // optimizer state, natural layout
	Metric                     // running sums, reset by the host
	Input                      // written by the host before a run, natural layout, batch outermost
	Setting                    // scalars, written by the host
	Constant                   // filled once by Init, never changed, not saved
	Local                      // of one kernel; each turn of its parallel loops has one for itself, close to the worker, and leaves nothing in it for the next
)

// A Buffer is a dense row-major array. Shape is physical: blocked layouts appear here and in the indices alone.
type Buffer struct {
	Name   string
	Kind   BufferKind
	Type   Type // of its elements; other than F32 of Temp alone: what the host sees is float32
	Shape  []int
	Offset int   // of Temp: first float within the shared arena (multiple of 64), where no buffer lies that is needed at once
	Init   *Init // of Weight
}

// Init says how a Weight starts and where it stands in a parameter file.
type Init struct {
	Kind          string // "glorot", "he", "lecun", "normal", "zero", "one"
	Scale         float64
	FanIn, FanOut int
	Stream        uint32
	Of            string // name of the file's tensor if the buffer is a part of it, else ""
	Offset        int    // first column (last axis) within it
	Columns       int    // columns of it in all
	Shape         []int  // of the tensor, or of the part of it; the buffer itself is flat
}

// A Kernel is one loop nest or several in a row, without a barrier inside.
type Kernel struct {
	Name    string
	From    string // "target[l1] = h[l1] - …, sdtp.bnet:5"
	ByBatch bool   // the outermost parallel loops run over batch blocks
	Body    []Stmt
	Flops   int64 // arithmetic of one run
	Bytes   int64 // bytes that must move at least once
}

// A Stmt is a statement: *Loop, *Where, *Seek, *Let, *Assign, *Store, *Draw or *Prefetch.
type Stmt interface{ stmt() }

// A Mark says how a Loop is executed. Any mark may be executed serially with the same result.
type Mark uint8

const (
	Serial    Mark = iota // one after the other
	Parallel              // in any order, by different workers; outermost loops only
	Vector                // together, as the lanes of a vector; contains no Loop other than Serial
	Unrolled              // replicated and jammed: each statement of the body for all values before the next statement
	Staggered             // in any order, by one worker, which begins where no other does: so no two ask for the same memory at once
	Matrix                // together, as the rows, the columns or the depth of a machine's matrices: see Matrices
)

// anyOrder tells whether a loop's turns may go in any order, so that none may depend on another.
func (m Mark) anyOrder() bool { return m == Parallel || m == Staggered }

// A Loop binds Var to 0 … Extent-1.
type Loop struct {
	Var    string
	Extent int
	Mark   Mark
	Body   []Stmt
}

// Where binds Var to Num/Div, and executes Body where the division is exact (or, with Floor, rounds down) and 0 <= Var < Extent.
// With Div 1 it is a bounds check that gives the position a name. Num does not depend on a Vector loop's variable.
type Where struct {
	Var    string
	Num    Index
	Div    int
	Floor  bool
	Extent int
	Body   []Stmt
}

// Seek binds Var, within the rest of the enclosing body, to a position that data gives: Value without its fraction, or the nearest of 0 … Extent-1 where that
// is none of them. What lies there is only read: no Store, and no Draw, stands at a position that depends on it. So a kernel gathers.
type Seek struct {
	Var    string
	Extent int
	Value  Value
}

// Let defines a scalar variable, assignable within the rest of the enclosing body.
type Let struct {
	Var   string
	Value Value
}

// Assign changes a variable: Set, or accumulate by sum or maximum.
type Assign struct {
	Var   string
	How   How
	Value Value
}

// How an Assign or a Store combines.
type How uint8

const (
	Set     How = iota // =
	Sum                // +=
	Largest            // = max(old, new)
)

// Store writes one element of a buffer, or adds to it.
type Store struct {
	Buffer int // index into Plan.Buffers
	Index  []Index
	How    How
	Value  Value
}

// Draw defines four variables with independent standard normal numbers: ir.Normals(seed, Stream, step, row, block). The seed
// is read from the settings seed0 … seed3 (16 bits each, lowest first) and the step from step0 and step1.
type Draw struct {
	Vars   [4]string
	Stream uint32
	Row    Index // the sample within the batch
	Block  Index // four consecutive units
}

// Prefetch says that an element, and what lies beside it, will be wanted soon. It computes nothing: a machine may pass it over, and the element may lie
// outside its buffer, as the one behind the last does.
type Prefetch struct {
	Buffer int
	Index  []Index
	Own    bool // it will be stored to, and may lie in other workers' caches, which give it up
}

func (*Loop) stmt()     {}
func (*Where) stmt()    {}
func (*Seek) stmt()     {}
func (*Let) stmt()      {}
func (*Assign) stmt()   {}
func (*Store) stmt()    {}
func (*Draw) stmt()     {}
func (*Prefetch) stmt() {}

// A Value is a scalar expression over operands.
type Value struct {
	Expr     *ir.Expr
	Operands []Operand
}

// An Operand is an element of a buffer, a variable, or a loop position as a number.
type Operand struct {
	Kind   OperandKind
	Buffer int     // of Load
	Index  []Index // of Load; of Position one index
	Var    string  // of Variable
}

// An OperandKind says what an Operand is.
type OperandKind uint8

const (
	Load     OperandKind = iota // Buffers[Buffer][Index...]
	Variable                    // a Let or Draw variable
	Position                    // Index[0] as a float
)

// An Index is an affine position: Const + Σ Coef·Var over loop variables.
type Index struct {
	Const int
	Terms []Term
}

// A Term is Coef·Var.
type Term struct {
	Var  string
	Coef int
}
