// Package check gives a syntax tree its meaning: names, shapes and spaces, the rule instantiated for these layers, and
// the plausibility report. It does not know tensors or kernels, nor how anything is computed.
package check

import "bnetc/lang/diag"

// A Program is a network and its learning rule, instantiated layer by layer: what the compiler lowers.
type Program struct {
	Name          string
	Rule          string
	Input         Shape
	Layers        []*Layer // Layers[l-1] is layer l; the last is the output
	Loss          Loss
	TargetIsInput bool     // `target input`: the label is the input itself
	Maps          []*Map   // every f[l], g[l] and feedback map with parameters, in creation order
	Values        []*Value // equation instances that something uses, in dependency order
	Goals         []*Goal
	Measures      []*Value // scalar per sample; reported as the mean over the evaluated split
	Schedule      Schedule
	Forward       Optimizer
	Inverse       Optimizer // Name "" where no inverse is learned
	Params        []Setting // the rule's parameters with the values in force: {"noise", 0.1}
	Train         Train
	Report        *Plausibility

	source source
	at     struct{ input, output, data diag.Span } // where they are declared
}

// A Shape of activities, channels last. A layer of units without locations is 1x1xC. Flat is what `flatten` gives: H·W·C units in one row, channels
// fastest, then columns, then rows. That is how they lie in any case, so nothing moves; but there are no locations that a window could go over.
type Shape struct {
	H, W, C int
	Flat    bool
}

// Units is H·W·C.
func (s Shape) Units() int { return s.H * s.W * s.C }

// Loss is the task loss per sample (LEARNING.md section 2).
type Loss uint8

const (
	CrossEntropy Loss = iota // with a softmax output
	SquaredError
)

// Schedule says which updates a step makes.
type Schedule uint8

const (
	Parallel    Schedule = iota // every update in every step
	Alternating                 // an epoch of inverse updates, then an epoch of forward updates
)

// A Layer's activities.
type Layer struct {
	Name     string
	Index    int   // 1-based
	Shape    Shape // of h[l] (without auxiliary units)
	Kind     LayerKind
	Function Function
	F        *Map    // the forward map; nil for pooling, flatten and dropout
	G        *Map    // the inverse the rule declared, or nil
	Aux      *Aux    // of a composite output
	Pool     Field   // the window, of pooling layers
	Rate     float64 // of dropout
	Span     diag.Span
}

// A LayerKind says what a layer does besides its map.
type LayerKind uint8

const (
	Affine LayerKind = iota // σ(A(W)h + b)
	MaxPool
	AveragePool
	Flatten
	Dropout
)

// Aux is the auxiliary part z of a composite output [o, z]: units computed from h[L-1] by fixed random weights.
type Aux struct {
	Units    int
	Function Function
	F        *Map // <layer>.Wz, <layer>.bz
}

// A Function is a nonlinearity by name with its arguments: {"leaky_relu", [0.1]}. "identity" where none was written.
type Function struct {
	Name string
	Args []float64
}

// A MapKind says whose parameters a Map has.
type MapKind uint8

const (
	ForwardMap     MapKind = iota // f[l]: layer l-1 -> l
	AuxMap                        // the auxiliary part of f[last]
	InverseMap                    // g[l]: layer l -> l-1
	FeedbackLike                  // B[l] like f[l]: an operator l-1 -> l with its own weights, used transposed
	FeedbackDirect                // B[l] from j to l: a dense operator from layer j to layer l
)

// A Map is an affine operator between two spaces with its own parameters.
type Map struct {
	Kind  MapKind
	Name  string // "f[l2]", as diagnostics and reports show it
	Layer *Layer // whose map it is: l of f[l], g[l], B[l]
	From  int    // of FeedbackDirect: the layer it reads, 0 for the input
	// Conn relates ConnIn to ConnOut by its weights. The map applies it from ConnIn to ConnOut, or, where Transposed, from ConnOut to
	// ConnIn (a mirrored inverse of a field: same field, own weights).
	Conn                   Connectivity
	Transposed             bool
	Exact                  bool   // an inverse without parameters: g(u) = transpose of f's Jacobian at the current activities, applied to u
	Fixed                  bool   // never trained, meant so
	Stem                   string // what its tensors are named by: "l2", and "l2.k" of a further family k
	Weight                 string // "l2.V"; "" where Exact
	Bias                   string // "l2.c"; "" where there is none
	WeightShape, BiasShape []int  // layouts of LEARNING.md section 1; a composite output's V is [in, classes+aux]
	Init                   Init
	Span                   diag.Span
}

// Init is an initialization of weights: glorot, he, lecun, normal(σ), zero.
type Init struct {
	Scheme string
	Scale  float64
}

// Connectivity is a receptive field and its sharing. Dense connects all of In to all of Out.
type Connectivity struct {
	Dense   bool
	In, Out Shape
	Field   Field
	// A tile of TileH x TileW output locations uses one copy of the weights: 1x1 is untied, the whole output is shared. Where there is one location
	// the two compute the same, and Untied says in which layout the weights are kept.
	TileH, TileW int
	Untied       bool
}

// A Field is a window over image activities.
type Field struct {
	KH, KW, StrideH, StrideW, PadTop, PadBottom, PadLeft, PadRight, DilH, DilW, Groups int
}

// Overlaps tells whether an input can lie in the windows of two outputs.
func (f Field) Overlaps() bool {
	return f.StrideH < (f.KH-1)*f.DilH+1 || f.StrideW < (f.KW-1)*f.DilW+1
}

// A SpaceKind says what sort of value an expression has.
type SpaceKind uint8

const (
	Scalar    SpaceKind = iota // one number: a setting, a literal
	PerSample                  // one number for each sample: a loss
	Activity                   // of Layer (0 is the input)
	Composite                  // of the output layer with its auxiliary units, [o, z]
	Weights                    // shaped like the parameters (weights and biases) of Map
)

// A Space is where a value lives. A linear map takes one space to another; sums need equal spaces; a Scalar goes anywhere.
type Space struct {
	Kind  SpaceKind
	Layer int
	Map   *Map
}

// A Value is an equation for one layer: target[l2] = ….
type Value struct {
	Name  string // "target"
	Layer int    // 2; -1 where it has no index
	Expr  *Expr
	Span  diag.Span
	From  string // "sdtp.bnet:5"
	Text  string // "target[l2] = h[l2] - g[y](h[y]) + g[y](target[y])"
}

// A Goal is a `minimize` or `descend` for one layer.
type Goal struct {
	Over     *Map
	Inverse  bool  // in the inverse group of optimizers
	Minimize *Expr // per sample (meaned over the batch), or
	Along    *Expr // in Over's Weights space
	Span     diag.Span
	What     diag.Span // `over f[l]`, `descend f[l]`
	From     string
	Text     string
}

// An Op is an operation of a checked expression.
type Op uint8

const (
	Const      Op = iota // Number
	Param                // the rule parameter Name
	Activities           // h[Layer] (Layer 0: the input x); for a composite output the pair [o, z]
	Pre                  // a[Layer]: the pre-activity
	Label                // the label distribution, space of the output's classes
	AuxPart              // aux: z, the auxiliary part of the current output
	List                 // [Args[0], Args[1]]: a composite value of classes and auxiliary units
	Ref                  // Value, defined by an equation
	Add                  // Args[0] + Args[1]; a Scalar stretches
	Sub
	Mul
	Div
	Neg
	Power         // Args[0] ^ Number (a constant)
	Call          // element-wise function Name of Args (a nonlinearity, or exp log sqrt abs sign max min)
	Apply         // f[l](Args[0]) or g[l](Args[0]): affine map and nonlinearity; Layer and Map say which. Also pooling (Map nil, Layer)
	Operate       // Map's linear operator (no bias, no nonlinearity) on Args[0]: B[l](x)
	Transpose     // transpose(Map)(Args[0])
	SignOperate   // sign(Map)(Args[0]): the operator with the signs of the weights
	SignTranspose // transpose(sign(Map))(Args[0])
	Derivative    // derivative(f[Layer]): σ'(a[Layer]) at the current pre-activity
	GradLoss      // gradient(loss, h[Layer]) of the task loss per sample; with Name "a": by a[Layer]
	Normal        // normal(Args[0]): noise of standard deviation Args[0] in Space, a fresh draw at each place it is written
	Outer         // outer(Args[0], Args[1]): gradient-shaped product, mean over the batch, in Weights space of Map; a Scalar argument stretches
	ParamsOf      // weights(f[l]): the parameters themselves, in Weights space
	NormSquared   // |Args[0]|^2: sum over units, PerSample
	Dot           // dot(Args[0], Args[1]): sum over units of the product, PerSample
	TaskLoss      // loss, per sample
)

// An Expr is a typed expression of one equation instance.
type Expr struct {
	Op     Op
	Args   []*Expr
	Number float64
	Name   string
	Layer  int
	Map    *Map
	Value  *Value // of Ref
	Space  Space
	Span   diag.Span
	Fn     diag.Span // of a map applied: the map alone
	Index  string    // of a map applied: its layer, as written
	// Draw numbers the Normals of a program: equal text at one place for one layer is one draw.
	Draw int
}

// A Setting is a named number.
type Setting struct {
	Name  string
	Value float64
}

// An Optimizer with the hyperparameters that were written; the rest are the optimizer's defaults.
type Optimizer struct {
	Name  string
	Hyper []Setting
	Decay string // constant, step, exponential, cosine: of the learning rate over epochs
	Span  diag.Span
}

// Train is the training block with its defaults filled in.
type Train struct {
	Data     string // mnist, cifar10, images, npy, digits; "" where the program has no train block
	Files    []string
	Batch    int
	Epochs   int
	Seed     uint64
	KeepLast bool
	Strict   bool
	LogEvery int // metrics rows of kind "step" every so many steps; 0: none
	Steps    []DataStep
	// Precision is how values are stored that travel between kernels: a name of Options.Precisions.
	Precision string
	Span      diag.Span
}

// A DataStep is flip, crop(4), normalize(mean, std), in the order of the program.
type DataStep struct {
	Name string
	Args []float64
	Word string // flip(vertical)
}

// Plausibility is what the dataflow says about biology (docs/writing-a-rule.md), a row for each layer.
type Plausibility struct {
	Rows           []LayerPlausibility
	SeparatePhases bool // inverse and forward updates alternate
}

// LayerPlausibility lists, for one layer, what makes its learning implausible; empty slices where nothing does.
type LayerPlausibility struct {
	Layer            string
	WeightTransport  []Evidence // a signal goes back through weights that are learned elsewhere
	TransportedError []Evidence // an error signal of a higher layer reaches this layer's update
	NonLocal         []Evidence // the update reads what is not at the layer's own synapses
	WeightSharing    []Evidence // one weight serves several locations
	TaskGradient     []Evidence // the gradient of the task loss below the output layer
}

// Evidence is the offending expression.
type Evidence struct {
	Span  diag.Span
	Text  string       // "transpose(f[l+1])(delta[l+1]) reads the weights of y"
	Label string       // the same in the words of the statement, without the expression: "reads the weights of layer l+1"
	Also  []diag.Label // other places that have to do with it
}
