// Package tensor is the first IR: a graph of seven operations over whole tensors, grouped in passes (forward,
// inverse, target, update, evaluate). It knows relations and scalar expressions; not loops, memory or devices.
package tensor

import "bnetc/ir"

// An Op says what a Node computes. There are seven.
type Op uint8

const (
	Param  Op = iota // a tensor that lives as long as the run: weights, biases, optimizer state, metric sums
	Input            // given by the host at every step: x, label, weight, or a scalar setting
	Linear           // a Relation in one Role: apply(W, in), transpose(W, out), outer(out, in)
	Map              // a scalar expression, element by element, operands broadcast
	Reduce           // sum, max or argmax over units, sum over the batch, max over a relation's window
	Random           // standard normal numbers from the counter-based generator
	Update           // writes a Param: an optimizer over (param, gradient), or a running sum
)

// A Type is the shape of one sample's value, and whether there is one for each sample of the batch.
// Activities are {true, [H W C]} or {true, [units]}; a bias {false, [units]}; a per-sample loss {true, []};
// a setting {false, []}. Maps broadcast: Batch is or-ed, Shapes are aligned at the right, extent 1 stretches.
type Type struct {
	Batch bool
	Shape []int
}

// A ReduceKind says what a Reduce does.
type ReduceKind uint8

const (
	SumUnits      ReduceKind = iota // {true, S} -> {true, []}
	MaxUnits                        // {true, S} -> {true, []}
	ArgMaxUnits                     // {true, S} -> {true, []}: flat index of the largest, ties to the lowest
	SumBatch                        // {true, S} -> {false, S}
	MaxWindow                       // {true, in} -> {true, out}: the largest input of each window of Rel, in whose padding are zeros
	SumTrailing                     // {true, [.. C]} -> {true, Type.Shape}: sum over leading (location) axes, for shared biases
	ToMaxWindow                     // (in, out, adjoint of out) -> {true, in}: the adjoint of MaxWindow
	FromMaxWindow                   // (in, out, like in) -> {true, out}: of each window the sum over those inputs that are the largest, the adjoint of ToMaxWindow
)

// Windowed tells whether a reduction is over the windows of a relation.
func (k ReduceKind) Windowed() bool { return k == MaxWindow || k == ToMaxWindow || k == FromMaxWindow }

// A Node is one value. Args are earlier nodes of the same Program.
type Node struct {
	ID   int
	Op   Op
	Args []*Node
	Type Type
	Pass string // forward, inverse, target, update, evaluate
	// Name is set for params, inputs, and every value that an equation of the rule names (h1, target_l2). Differentiation
	// holds named values constant.
	Name string
	From string // "sdtp.bnet:5": the line that asked for it

	Rel  *ir.Relation // of Linear and of a Reduce over windows
	Role ir.Role      // of Linear
	Expr *ir.Expr     // of Map: over Args
	Kind ReduceKind   // of Reduce

	Stream uint32 // of Random: the Philox stream

	// Of Update: Args[0] is the Param written; Args[1] is the gradient, or the per-sample loss whose gradient is to be
	// taken while Minimize holds; further Args are the optimizer's state Params, in the order of the optimizer's row.
	Optimizer string
	Minimize  bool
	Group     string // settings prefix of the optimizer: "forward" or "inverse"

	Param *ParamInfo // of Param
	Fuse  string     // the kernel this node was fused into, by the fuse pass; "" before it
}

// ParamInfo says where a Param comes from and how it starts.
type ParamInfo struct {
	Kind   ParamKind
	Init   string  // "glorot", "he", "lecun", "normal", "zero"
	Scale  float64 // of "normal": its standard deviation
	FanIn  int
	FanOut int
	Stream uint32 // Philox stream of its draw
	// Part places this Param in a larger tensor of the parameter file: it holds columns [Offset, Offset+own) of Of,
	// which has Columns in all. Zero where the Param is a tensor of the file by itself.
	Part Part
}

// A Part is a range of columns (the last axis) of a tensor of the parameter file.
type Part struct {
	Of              string
	Offset, Columns int
}

// A ParamKind says what a Param is for.
type ParamKind uint8

const (
	Weight   ParamKind = iota // saved in parameter files, initialized by Init
	State                     // optimizer state: starts at zero, saved in checkpoints
	Metric                    // a running sum, reset by the host
	Constant                  // filled once by Init, never changed
)

// A Program is the graph in creation order: every Arg stands before its user.
type Program struct {
	Name  string
	Batch int
	Nodes []*Node
	// Alternating says that inverse and forward updates run in lists of their own (LEARNING.md section 4, schedules).
	Alternating bool
	// Pass and From are stamped on nodes as they are added: the pass of the graph, and the line of the program.
	Pass, From string
}
