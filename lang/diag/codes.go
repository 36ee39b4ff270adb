package diag

// A Code names a kind of mistake: "field-too-large". It is also its anchor in docs/diagnostics.md and the name of its golden file,
// testdata/diag/CODE.txtar. The constants below are the one list of them; a test holds the golden files and the page to it.
type Code string

// Text.
const (
	// UnexpectedCharacter is a character that the language does not have.
	UnexpectedCharacter Code = "unexpected-character"
	// NotText is a file that holds something else than text in UTF-8. The byte order mark that some editors begin it with is no mistake.
	NotText Code = "not-text"
	// UnclosedString is a text in quotes that does not end on its line.
	UnclosedString Code = "unclosed-string"
	// Syntax is a place from which a declaration, a statement or a setting cannot be read on. The others of the file are read all the same.
	Syntax Code = "syntax"
	// BadNumber is a number that no float64 holds.
	BadNumber Code = "bad-number"
	// BadDimensions are dimensions that are not whole, below 1 or above 16777216, or more of them than their place takes.
	BadDimensions Code = "bad-dimensions"
	// UnknownBlock is text at the top of a file that begins no block.
	UnknownBlock Code = "unknown-block"
	// MissingBlock is a head without its block in braces.
	MissingBlock Code = "missing-block"
	// UnclosedBlock is a block whose closing brace is missing.
	UnclosedBlock Code = "unclosed-block"
	// UnknownStatement is an item of a block that begins with none of the block's words.
	UnknownStatement Code = "unknown-statement"
	// UnreadableFile is a file that `use` names and that cannot be read.
	UnreadableFile Code = "unreadable-file"
	// UseCycle is a file that, by way of others or at once, uses itself.
	UseCycle Code = "use-cycle"
)

// Programs.
const (
	// DuplicateBlock is a second `network`, `learn` or `train` in one program, its used files included.
	DuplicateBlock Code = "duplicate-block"
	// MissingNetwork is a program without a network.
	MissingNetwork Code = "missing-network"
	// MissingLearn is a program that does not say how its network learns.
	MissingLearn Code = "missing-learn"
	// BadSet is a --set that is not PATH=VALUE, or a value that does not fit its path.
	BadSet Code = "bad-set"
	// UnknownSetting is a --set of a path that the program does not have.
	UnknownSetting Code = "unknown-setting"
)

// Networks.
const (
	// MissingInput is a network without an input.
	MissingInput Code = "missing-input"
	// DuplicateInput is a second input of one network.
	DuplicateInput Code = "duplicate-input"
	// BadInput is an input that is neither a number of units nor an image of height, width and channels.
	BadInput Code = "bad-input"
	// MissingOutput is a network without an output.
	MissingOutput Code = "missing-output"
	// OutputNotLast is a layer behind the output.
	OutputNotLast Code = "output-not-last"
	// DuplicateLayer is a name that two layers have.
	DuplicateLayer Code = "duplicate-layer"
	// ReservedName is a layer's name that means something else in a rule, in --set or in what a run reports.
	ReservedName Code = "reserved-name"
	// UnknownName is a word that is not among those that its place takes: a kind of layer, a nonlinearity, a data set, a name in a rule.
	UnknownName Code = "unknown-name"
	// WindowWithoutField is a stride, padding or size where there is no window.
	WindowWithoutField Code = "window-without-field"
	// BadUnits is a number of units or channels that is not whole or below 1.
	BadUnits Code = "bad-units"
	// MissingSize is a field or a pooling without its height and width.
	MissingSize Code = "missing-size"
	// FieldTooLarge is a window larger than what it looks at.
	FieldTooLarge Code = "field-too-large"
	// LayerTooLarge is a layer, or a map of one, with more units or weights than can be computed with.
	LayerTooLarge Code = "layer-too-large"
	// FieldOfFlat is a window behind `flatten`, which leaves no locations to go over.
	FieldOfFlat Code = "field-of-flat"
	// BadPadding is a `pad` that takes neither one, two nor four numbers.
	BadPadding Code = "bad-padding"
	// GroupsDivide is a number of groups that does not divide the channels below and above.
	GroupsDivide Code = "groups-divide"
	// BadPool is pooling that is neither `max` nor `average`.
	BadPool Code = "bad-pool"
	// BadRate is a dropout that does not say the share of units it silences, from 0 to below 1.
	BadRate Code = "bad-rate"
	// OptionWithoutWeights is an option about weights on a layer that has none.
	OptionWithoutWeights Code = "option-without-weights"
	// SharingWithoutField is `shared`, `untied` or `share tile` on a layer that has no locations.
	SharingWithoutField Code = "sharing-without-field"
	// DuplicateOption is a property of a layer that is given twice.
	DuplicateOption Code = "duplicate-option"
	// BadInverse is an `inverse` option that names no kind of inverse.
	BadInverse Code = "bad-inverse"
	// BadInit is an initialization without what it needs.
	BadInit Code = "bad-init"
	// BadAux is an auxiliary part without a number of units.
	BadAux Code = "bad-aux"
	// AuxNotOutput is an auxiliary part of a layer that is not the output.
	AuxNotOutput Code = "aux-not-output"
	// SoftmaxNotLast is a softmax before the output.
	SoftmaxNotLast Code = "softmax-not-last"
	// ShapeMismatch is a learned inverse that does not give back the shape of what is below its layer.
	ShapeMismatch Code = "shape-mismatch"
)

// Training.
const (
	// DataShape is a data set whose samples do not fit the network's input.
	DataShape Code = "data-shape"
	// DataClasses is a data set with another number of classes than the output has units.
	DataClasses Code = "data-classes"
	// TargetShape is an autoencoder whose output is not as large as its input.
	TargetShape Code = "target-shape"
	// TargetSoftmax is an autoencoder whose output is a distribution.
	TargetSoftmax Code = "target-softmax"
	// NotAFile is a file of a data set that is not named in quotes.
	NotAFile Code = "not-a-file"
	// DuplicateSetting is a setting or a parameter that is given twice.
	DuplicateSetting Code = "duplicate-setting"
	// BadSetting is a setting whose value does not fit.
	BadSetting Code = "bad-setting"
	// BadStep is a step of `augment` with arguments that do not fit.
	BadStep Code = "bad-step"
)

// Learning.
const (
	// UnknownRule is a rule that neither the program nor the library has.
	UnknownRule Code = "unknown-rule"
	// DuplicateRule is a name that two rules of a program have.
	DuplicateRule Code = "duplicate-rule"
	// BadParameter is a parameter of a rule without a number as its default.
	BadParameter Code = "bad-parameter"
	// UnknownParameter is an argument that the rule does not have.
	UnknownParameter Code = "unknown-parameter"
	// BadSchedule is a schedule that is neither `parallel` nor `alternating`.
	BadSchedule Code = "bad-schedule"
	// NotANumber is something else where a number is needed.
	NotANumber Code = "not-a-number"
	// UnnamedArgument is an argument without its name where names are needed.
	UnnamedArgument Code = "unnamed-argument"
	// ArgumentCount is a function with more or fewer arguments than it takes.
	ArgumentCount Code = "argument-count"
	// UnknownOptimizer is an optimizer that does not exist.
	UnknownOptimizer Code = "unknown-optimizer"
	// DuplicateOptimizer is a second optimizer of one group of parameters.
	DuplicateOptimizer Code = "duplicate-optimizer"
	// UnknownHyperparameter is a hyperparameter that the optimizer does not have.
	UnknownHyperparameter Code = "unknown-hyperparameter"
	// BadHyperparameter is a value that its hyperparameter cannot take.
	BadHyperparameter Code = "bad-hyperparameter"
	// MissingOptimizer is a group of parameters that a rule trains and no optimizer moves.
	MissingOptimizer Code = "missing-optimizer"
	// UnusedOptimizer is an optimizer of parameters that no statement trains.
	UnusedOptimizer Code = "unused-optimizer"
	// UnusedInverse is an `inverse` of a layer, in the file of the `learn` block or by --set, of which the rule declares none. A network in a file of its own
	// serves several rules, and is not held to any.
	UnusedInverse Code = "unused-inverse"
)

// Rules.
const (
	// UnknownLayer is an index that is neither a layer's name nor the variable of a `for`.
	UnknownLayer Code = "unknown-layer"
	// BadIndex is an index that is not a name, a whole number, or one plus or minus the other.
	BadIndex Code = "bad-index"
	// IndexOutOfRange is an index of a layer that the network does not have.
	IndexOutOfRange Code = "index-out-of-range"
	// MissingIndex is something that belongs to a layer, without saying to which.
	MissingIndex Code = "missing-index"
	// BadEquation is an equation that defines neither NAME[l] nor NAME.
	BadEquation Code = "bad-equation"
	// RedefinedName is an equation, declaration or parameter of a name that has a meaning already.
	RedefinedName Code = "redefined-name"
	// DuplicateCase is a second equation, declaration or measure of one name for one layer, or a measure that has layers here and none there.
	DuplicateCase Code = "duplicate-case"
	// MissingCase is a use of a layer's value or map that no equation or declaration covers.
	MissingCase Code = "missing-case"
	// CyclicEquations are equations that depend on each other in a circle.
	CyclicEquations Code = "cyclic-equations"
	// EmptyRange is a range of layers that ends before it begins, whatever the network.
	EmptyRange Code = "empty-range"
	// NotFinite is arithmetic whose numbers alone leave nothing finite: a division by zero, the root of what is negative.
	NotFinite Code = "not-finite"
	// NegativeNoise is noise with a standard deviation below zero.
	NegativeNoise Code = "negative-noise"
	// UnusedDeclaration is a parameter, feedback or a fixed inverse that nothing reads.
	UnusedDeclaration Code = "unused-declaration"
	// UnusedEquation is an equation that nothing reads.
	UnusedEquation Code = "unused-equation"
	// BadDeclaration is an inverse or feedback that is not declared of one layer.
	BadDeclaration Code = "bad-declaration"
	// InverseIndex is an inverse declared of another layer than its own index says.
	InverseIndex Code = "inverse-index"
	// NoInverse is an inverse of a layer that has none.
	NoInverse Code = "no-inverse"
	// WrongSpace is a value of one layer where one of another belongs.
	WrongSpace Code = "wrong-space"
	// NotAMap is something applied, transposed or differentiated that is not a map.
	NotAMap Code = "not-a-map"
	// MapAsValue is a map where a value belongs.
	MapAsValue Code = "map-as-value"
	// UnknownFunction is a function that does not exist.
	UnknownFunction Code = "unknown-function"
	// BareNorm is a norm that is not squared.
	BareNorm Code = "bare-norm"
	// NormOfNumber is a norm of something without units to sum over.
	NormOfNumber Code = "norm-of-number"
	// BadPower is a power whose exponent is not a number.
	BadPower Code = "bad-power"
	// BadList is a list that does not put a composite output together.
	BadList Code = "bad-list"
	// MissingAux is a rule that uses auxiliary output units in a network that has none.
	MissingAux Code = "missing-aux"
	// AuxUnused is an auxiliary part that the rule in use does not mention.
	AuxUnused Code = "aux-unused"
	// NotALayer is a derivative of something else than a layer's nonlinearity.
	NotALayer Code = "not-a-layer"
	// DerivativeOfSoftmax is the derivative, unit by unit, of a function that is not.
	DerivativeOfSoftmax Code = "derivative-of-softmax"
	// GradientTooDeep is a gradient of something else than the task loss through one layer.
	GradientTooDeep Code = "gradient-too-deep"
	// NoiseWithoutLayer is noise of no layer.
	NoiseWithoutLayer Code = "noise-without-layer"
	// OuterOutsideDescend is an outer product where no weights are trained.
	OuterOutsideDescend Code = "outer-outside-descend"
	// BadGoal is something to be trained that is not the map of one layer.
	BadGoal Code = "bad-goal"
	// TrainsFixed is a statement that trains what is fixed.
	TrainsFixed Code = "trains-fixed"
	// TrainedTwice is a map that two statements train.
	TrainedTwice Code = "trained-twice"
	// NothingToTrain is a loss that does not apply the map that it is to train.
	NothingToTrain Code = "nothing-to-train"
	// NeverTrained is a map that is used and keeps its random weights, without `fixed` to say that this is meant.
	NeverTrained Code = "never-trained"
)

// Plausibility: what a `require` forbids.
const (
	// UnknownRequirement is a `require` of a word that is none.
	UnknownRequirement Code = "unknown-requirement"
	// WeightTransport is a signal that goes back through weights learned on another path.
	WeightTransport Code = "weight-transport"
	// TransportedErrors is an error signal that reaches another layer.
	TransportedErrors Code = "transported-errors"
	// NonLocal is an update that reads what is not at its synapses.
	NonLocal Code = "non-local"
	// WeightSharing is a weight that serves several locations.
	WeightSharing Code = "weight-sharing"
	// TaskGradient is the gradient of the task loss below the output layer.
	TaskGradient Code = "task-gradient"
	// SeparatePhases is learning of inverses and layers in turns.
	SeparatePhases Code = "separate-phases"
)
