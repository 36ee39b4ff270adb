package ref

import (
	"fmt"
	"slices"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

// A TensorMachine runs a tensor program by its definition, node by node, in float64. It holds the params; the host gives inputs, settings and
// the step with every run.
type TensorMachine struct {
	program *tensor.Program
	seed    uint64
	params  map[string][]float64
	updates map[string]int          // of each param so far; the next one's t is one more
	idle    map[*tensor.Node][]bool // of an Update's param: what only meets padding, and is never updated
	values  map[*tensor.Node][]float64
}

// NewTensorMachine makes a machine for a program that verifies. Params start as they say (in float32, as on every backend).
func NewTensorMachine(p *tensor.Program, seed uint64) (*TensorMachine, error) {
	if err := p.Verify(); err != nil {
		return nil, err
	}
	m := &TensorMachine{program: p, seed: seed, params: map[string][]float64{}, updates: map[string]int{}, idle: map[*tensor.Node][]bool{}}
	for _, n := range p.Nodes {
		if n.Op == tensor.Update {
			m.idle[n] = idle(n.Args[1])
		}
		if n.Op != tensor.Param {
			continue
		}
		start := make([]float32, n.Type.Units())
		if err := ir.FillInit(start, seed, initial(n)); err != nil {
			return nil, fmt.Errorf("starting %s: %w", n.Name, err)
		}
		v := make([]float64, len(start))
		for i, x := range start {
			v[i] = float64(x)
		}
		m.params[n.Name] = v
	}
	return m, nil
}

// idle tells which weights get no update from a gradient, since they only ever meet padding; nil if the gradient is not by weights.
func idle(gradient *tensor.Node) []bool {
	switch {
	case gradient.Type.Batch:
		return nil
	case gradient.Op == tensor.Linear:
		return gradient.Rel.Idle()
	case gradient.Op == tensor.Map: // scaled, or several summed
		for _, a := range gradient.Args {
			if i := idle(a); i != nil {
				return i
			}
		}
	}
	return nil
}

func initial(n *tensor.Node) ir.Initial {
	i := n.Param
	out := ir.Initial{Kind: i.Init, Scale: i.Scale, FanIn: i.FanIn, FanOut: i.FanOut, Stream: i.Stream}
	if i.Part.Of != "" {
		out.Own, out.Columns, out.Offset = n.Type.Shape[len(n.Type.Shape)-1], i.Part.Columns, i.Part.Offset
	}
	return out
}

// Set fills a param, row-major.
func (m *TensorMachine) Set(name string, v []float64) error {
	p, ok := m.params[name]
	if !ok {
		return fmt.Errorf("program %s has no param %s", m.program.Name, name)
	}
	if len(v) != len(p) {
		return fmt.Errorf("param %s holds %d numbers, not %d", name, len(p), len(v))
	}
	copy(p, v)
	return nil
}

// Get is a copy of a param, nil if there is none of that name.
func (m *TensorMachine) Get(name string) []float64 { return slices.Clone(m.params[name]) }

// Value is what the last run computed for a node, [N, units] where it has a batch; nil for what the run did not need. A param's is its
// present one. The caller must not change it.
func (m *TensorMachine) Value(n *tensor.Node) []float64 {
	if n.Op == tensor.Param {
		return m.params[n.Name]
	}
	return m.values[n]
}

// lists says which groups of updates a run makes; the names are a plan's.
var lists = map[string][]string{
	"step": {"forward", "inverse"}, "step inverse": {"inverse"}, "step forward": {"forward"}, "evaluate": {"evaluate"},
}

// Run makes the updates of a list: "step", "step inverse", "step forward" or "evaluate", whatever the program's schedule. All of them
// read the params as they are before; then all are written. inputs are [N, units] by name; settings by name hold the rule's parameters and
// the optimizers' hyperparameters ("forward.lr"), which have defaults. step numbers the noise.
func (m *TensorMachine) Run(list string, inputs map[string][]float64, settings map[string]float64, step uint64) error {
	groups, ok := lists[list]
	if !ok {
		return fmt.Errorf("no list %q", list)
	}
	r := &tensorRun{TensorMachine: m, inputs: inputs, settings: settings, step: step}
	m.values = map[*tensor.Node][]float64{}
	needed := map[*tensor.Node]bool{}
	for _, n := range slices.Backward(m.program.Nodes) {
		if n.Op == tensor.Update && slices.Contains(groups, n.Group) {
			if n.Minimize {
				return fmt.Errorf("the update of %s minimizes a loss; it has no gradient before it is differentiated", n.Args[0].Name)
			}
			needed[n] = true
		}
		if needed[n] {
			for _, a := range n.Args {
				needed[a] = true
			}
		}
	}
	next := map[string][]float64{}
	for _, n := range m.program.Nodes {
		var err error
		switch {
		case !needed[n]:
		case n.Op == tensor.Update:
			r.update(n, next)
		default:
			m.values[n], err = r.node(n)
		}
		if err != nil {
			return err
		}
	}
	for name, v := range next {
		m.params[name] = v
		m.updates[name]++
	}
	return nil
}

// A tensorRun is one run of a list.
type tensorRun struct {
	*TensorMachine
	inputs   map[string][]float64
	settings map[string]float64
	step     uint64
}

// update computes the next values of a param and its states.
func (r *tensorRun) update(n *tensor.Node, next map[string][]float64) {
	row, _ := ir.FindOptimizer(n.Optimizer)
	hyper := make([]float64, len(row.Hyper))
	for i, h := range row.Hyper {
		hyper[i] = h.Default
		if v, ok := r.settings[n.Group+"."+h.Name]; ok {
			hyper[i] = v
		}
	}
	param := n.Args[0]
	gradient := r.values[n.Args[1]]
	old := [][]float64{r.params[param.Name]}
	for _, s := range n.Args[2:] {
		old = append(old, r.params[s.Name])
	}
	skip := r.idle[n]
	fresh := make([][]float64, len(old))
	for i := range fresh {
		fresh[i] = make([]float64, len(old[0]))
	}
	in := append(make([]float64, 1+len(old)), row.Scalars(hyper, r.updates[param.Name]+1)...)
	for e := range old[0] {
		in[0], in[1] = old[0][e], gradient[min(e, len(gradient)-1)] // one number stands for all
		for i, s := range old[1:] {
			in[2+i] = s[e]
		}
		for i, x := range row.Next {
			fresh[i][e] = old[i][e]
			if skip == nil || !skip[e] {
				fresh[i][e] = x.Eval(in)
			}
		}
	}
	next[param.Name] = fresh[0]
	for i, s := range n.Args[2:] {
		next[s.Name] = fresh[1+i]
	}
}
