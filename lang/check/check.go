package check

import (
	"fmt"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// Check gives meaning to a program: the first file's blocks, what it uses, and the rules among all files. Mistakes go to the list; the
// program is nil where there are any.
func Check(files []*lang.File, opts Options, l *diag.List) *Program {
	c := &checker{opts: opts, list: l, set: parseOverrides(opts.Set, l), p: &Program{}, layerAt: map[string]diag.Span{}, inverses: map[*Layer]*lang.Option{}}
	if len(files) == 0 {
		return nil
	}
	networks, learns, trains := gather(files)
	for _, f := range files {
		c.measureList = append(c.measureList, f.Measures...)
	}
	where := diag.Span{File: files[0].Source}
	one := func(kind string, spans []diag.Span, needed bool, hint string) bool {
		if len(spans) > 1 {
			c.report("duplicate-block", spans[1], "a program has one `"+kind+"`").Also(spans[0], "the first")
		}
		if len(spans) == 0 && needed {
			c.report(diag.Code("missing-"+kind), where, "this program has no `"+kind+"` block").Hint(hint)
		}
		return len(spans) > 0
	}
	hasNetwork := one("network", heads(networks, func(n *lang.Network) diag.Span { return n.Name.Span }), true, "network NAME { input image 28x28x1  layer l1 = all -> 256, tanh  output y = all -> 10, softmax }")
	hasLearn := one("learn", heads(learns, func(n *lang.Learn) diag.Span { return n.Rule.Span }), true, "learn sdtp { forward adam(lr = 1e-4)  inverse adam(lr = 1e-3) }")
	hasTrain := one("train", heads(trains, func(n *lang.Train) diag.Span { return n.Data.Span }), false, "")
	if hasNetwork {
		c.network(networks[0])
	}
	if hasTrain {
		c.train(trains[0])
	} else {
		c.trainDefaults()
	}
	if hasNetwork && !c.broken {
		c.taskLoss(networks[0])
	}
	c.duplicateRules(files)
	if hasLearn {
		c.learn(learns[0], files)
	}
	if !c.broken && !l.HasErrors() {
		c.set.unknown(l)
	}
	if l.HasErrors() {
		return nil
	}
	return c.p
}

func gather(files []*lang.File) (n []*lang.Network, l []*lang.Learn, t []*lang.Train) {
	for _, f := range files {
		n, l, t = append(n, f.Networks...), append(l, f.Learns...), append(t, f.Trains...)
	}
	return n, l, t
}

func heads[T any](list []T, at func(T) diag.Span) (spans []diag.Span) {
	for _, x := range list {
		spans = append(spans, at(x))
	}
	return spans
}

type checker struct {
	opts     Options
	list     *diag.List
	set      *overrides
	p        *Program
	broken   bool // the network has mistakes: what depends on shapes is left unchecked
	inputAt  diag.Span
	layerAt  map[string]diag.Span
	inverses map[*Layer]*lang.Option // what a layer says of its inverse
	dataAt   diag.Span

	measureList []*lang.Measure
}

// A report builds one diagnostic; it is in the list from the first word on.
type report struct {
	list *diag.List
	d    diag.Diagnostic
	at   int
}

func (c *checker) report(code diag.Code, at diag.Span, message string) *report {
	r := &report{list: c.list, d: diag.Diagnostic{Code: code, Message: message, At: diag.Label{Span: at}}}
	r.at = c.list.Put(r.d)
	return r
}

func (r *report) put() *report { r.list.Replace(r.at, r.d); return r }

func (r *report) Message(s string) *report  { r.d.Message = s; return r.put() }
func (r *report) Label(s string) *report    { r.d.At.Text = s; return r.put() }
func (r *report) Expected(s string) *report { r.d.Expected = s; return r.put() }
func (r *report) Found(s string) *report    { r.d.Found = s; return r.put() }
func (r *report) Hint(s string) *report     { r.d.Hint = s; return r.put() }
func (r *report) Warning() *report          { r.d.Severity = diag.Warning; return r.put() }
func (r *report) Also(at diag.Span, text string) *report {
	r.d.Also = append(r.d.Also, diag.Label{Span: at, Text: text})
	return r.put()
}

func quote(s string) string { return "`" + s + "`" }

// unknownName reports a word that is not among the names there are, with the nearest of them.
func (c *checker) unknownName(n lang.Name, message string, names []string, kind string) *report {
	r := c.report("unknown-name", n.Span, message)
	list := fmt.Sprintf("%s: %s", kind, strings.Join(names, ", "))
	if near := diag.Nearest(n.Text, names); near != "" {
		return r.Hint("did you mean " + quote(near) + "? (" + list + ")")
	}
	return r.Hint(list)
}

// taskLoss settles the loss from the output, and holds the data against the network.
func (c *checker) taskLoss(n *lang.Network) {
	last := c.p.Layers[len(c.p.Layers)-1]
	c.p.Loss = SquaredError
	if last.Function.Name == "softmax" {
		c.p.Loss = CrossEntropy
	}
	decl := n.Layers[len(n.Layers)-1]
	if c.p.TargetIsInput {
		if last.Shape.Units() != c.p.Input.Units() {
			c.report("target-shape", decl.Kind.Span, "an autoencoder gives back its input, and the output has another size").Also(c.inputAt, "the input").
				Expected(fmt.Sprintf("%d units", c.p.Input.Units())).Found(fmt.Sprintf("%d units", last.Shape.Units()))
		}
		if c.p.Loss == CrossEntropy {
			c.report("target-softmax", decl.Span, "`target input` needs an output that can be any numbers, and softmax gives a distribution").Hint("output y = all -> " + fmt.Sprint(c.p.Input.Units()) + ", sigmoid")
		}
	}
	for _, d := range dataSets {
		if d.name != c.p.Train.Data || d.classes == 0 {
			continue
		}
		if c.p.Input != d.shape && !(c.p.Input.H == 1 && c.p.Input.W == 1 && c.p.Input.C == d.shape.Units()) {
			c.report("data-shape", c.dataAt, d.name+" does not fit the input of network "+c.p.Name).Label(fmt.Sprintf("images of %s, %d classes", d.shape.Text(), d.classes)).
				Also(c.inputAt, "declared here").Expected(c.p.Input.Text()).Found(d.shape.Text()).Hint("`input image " + d.shape.Text() + "`")
		}
		if !c.p.TargetIsInput && last.Shape.Units() != d.classes {
			c.report("data-classes", c.dataAt, d.name+" has another number of classes than the output "+last.Name).Also(decl.Span, fmt.Sprintf("%d units", last.Shape.Units())).
				Expected(fmt.Sprintf("%d classes", last.Shape.Units())).Found(fmt.Sprintf("%d classes", d.classes)).Hint(fmt.Sprintf("`all -> %d`", d.classes))
		}
	}
}

// dataSets are the data sets whose shape is known before anything is read.
var dataSets = []struct {
	name    string
	shape   Shape
	classes int
}{
	{"mnist", Shape{28, 28, 1}, 10},
	{"digits", Shape{28, 28, 1}, 10},
	{"cifar10", Shape{32, 32, 3}, 10},
	{"images", Shape{}, 0},
	{"npy", Shape{}, 0},
}
