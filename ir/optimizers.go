package ir

import "math"

// A Hyper is a named number with a default: a hyperparameter of an optimizer, a parameter of a function.
type Hyper struct {
	Name    string
	Default float64
}

// A Scalar is a number that the host computes before a step.
type Scalar struct {
	Name string
	Expr *Expr
}

// An Optimizer is how a parameter moves: a row of Optimizers.
//
// PerStep are computed by the host, in float64, before each step: expressions over the hyperparameters in order (lr after its decay),
// then t = 1, 2, …, which counts the updates. Next are the new values of the parameter, then of each state, over Inputs. All of them are
// written over the old values: where the parameter moves by a new state, its expression contains that state's.
type Optimizer struct {
	Name    string
	Hyper   []Hyper
	State   []string
	PerStep []Scalar
	Next    []*Expr
}

// Inputs names the inputs of Next in order: theta, g, the states, the hyperparameters, the scalars per step.
func (o *Optimizer) Inputs() []string {
	names := append([]string{"theta", "g"}, o.State...)
	for _, h := range o.Hyper {
		names = append(names, h.Name)
	}
	for _, s := range o.PerStep {
		names = append(names, s.Name)
	}
	return names
}

// Scalars computes the settings of one step, hyperparameters first, then PerStep: the values of Inputs from the states on.
// hyper are the hyperparameters in the row's order, t counts updates from 1.
func (o *Optimizer) Scalars(hyper []float64, t int) []float64 {
	in := append(append([]float64{}, hyper...), float64(t))
	out := append([]float64{}, hyper...)
	for _, s := range o.PerStep {
		out = append(out, s.Expr.Eval(in))
	}
	return out
}

// optimizerRow is an Optimizer as text.
type optimizerRow struct {
	name    string
	hyper   []Hyper
	perStep [][2]string // name, expression over the hyperparameters and t
	states  [][2]string // name, next value over the old ones
	theta   string      // over theta, g, hyperparameters, scalars per step, and the NEW states
}

var (
	lr    = func(v float64) Hyper { return Hyper{"lr", v} }
	decay = [2]string{"decay", "lr * weight_decay"} // decoupled from the gradient
)

// optimizerRows: LEARNING.md section 5. Moving averages are written m + (1-β)(g - m), and whatever is the same for all parameters is
// computed by the host, in float64: an update is bound by memory, and shall stay so.
var optimizerRows = []optimizerRow{
	{name: "sgd", hyper: []Hyper{lr(0.01), {"weight_decay", 0}}, perStep: [][2]string{decay},
		theta: "theta - (decay * theta + lr * g)"},
	{name: "momentum", hyper: []Hyper{lr(0.01), {"momentum", 0.9}, {"weight_decay", 0}}, perStep: [][2]string{decay},
		states: [][2]string{{"m", "momentum * m + g"}},
		theta:  "theta - (decay * theta + lr * m)"},
	{name: "nesterov", hyper: []Hyper{lr(0.01), {"momentum", 0.9}, {"weight_decay", 0}}, perStep: [][2]string{decay},
		states: [][2]string{{"m", "momentum * m + g"}},
		theta:  "theta - (decay * theta + lr * (g + momentum * m))"},
	{name: "rmsprop", hyper: []Hyper{lr(1e-3), {"rho", 0.9}, {"eps", 1e-8}, {"weight_decay", 0}},
		perStep: [][2]string{{"a2", "1 - rho"}, decay},
		states:  [][2]string{{"v", "v + a2 * (g * g - v)"}},
		theta:   "theta - (decay * theta + lr * g / (sqrt(v) + eps))"},
	{name: "adam", hyper: []Hyper{lr(1e-3), {"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}, {"weight_decay", 0}},
		perStep: [][2]string{{"a1", "1 - beta1"}, {"a2", "1 - beta2"}, {"c1", "lr / (1 - pow(beta1, t))"}, {"c2", "1 / (1 - pow(beta2, t))"}, decay},
		states:  [][2]string{{"m", "m + a1 * (g - m)"}, {"v", "v + a2 * (g * g - v)"}},
		theta:   "theta - (decay * theta + c1 * m / (sqrt(v * c2) + eps))"},
	{name: "sum", theta: "theta + g"}, // running sums: metrics
}

// Optimizers are the rows, read.
var Optimizers = func() []*Optimizer {
	var all []*Optimizer
	for _, r := range optimizerRows {
		all = append(all, r.read())
	}
	return all
}()

func (r *optimizerRow) read() *Optimizer {
	o := &Optimizer{Name: r.name, Hyper: r.hyper}
	var host []string
	for _, h := range r.hyper {
		host = append(host, h.Name)
	}
	host = append(host, "t")
	for _, s := range r.perStep {
		o.PerStep = append(o.PerStep, Scalar{s[0], MustParseExpr(s[1], host...).Simplify()})
	}
	for _, s := range r.states {
		o.State = append(o.State, s[0])
	}
	names := o.Inputs()
	values := make([]*Expr, len(names)) // theta's inputs, with the new states
	for i := range values {
		values[i] = In(i)
	}
	for i, s := range r.states {
		values[2+i] = MustParseExpr(s[1], names...).Simplify()
	}
	o.Next = append([]*Expr{MustParseExpr(r.theta, names...).Substitute(values).Simplify()}, values[2:2+len(r.states)]...)
	return o
}

// FindOptimizer is the row of a name.
func FindOptimizer(name string) (*Optimizer, bool) {
	for _, o := range Optimizers {
		if o.Name == name {
			return o, true
		}
	}
	return nil, false
}

// A LearningDecay is a schedule of the learning rate: the factor on lr, given how much of the training is done (epochs finished / epochs).
type LearningDecay struct {
	Name   string
	Does   string
	Factor func(progress float64) float64
}

// Decays are the schedules of the learning rate.
var Decays = []LearningDecay{
	{"constant", "the rate as given", func(float64) float64 { return 1 }},
	{"step", "a tenth from half of the epochs on, a hundredth from three quarters on", func(p float64) float64 {
		switch {
		case p < 0.5:
			return 1
		case p < 0.75:
			return 0.1
		}
		return 0.01
	}},
	{"exponential", "falls evenly by powers to a hundredth at the end", func(p float64) float64 { return math.Pow(0.01, p) }},
	{"cosine", "half a cosine, from the rate as given to 0 at the end", func(p float64) float64 { return 0.5 * (1 + math.Cos(math.Pi*p)) }},
}

// FindDecay is the row of a name; "" is constant.
func FindDecay(name string) (*LearningDecay, bool) {
	for i := range Decays {
		if Decays[i].Name == name || name == "" {
			return &Decays[i], true
		}
	}
	return nil, false
}
