package check

import (
	"slices"

	"fmt"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// Check gives meaning to a program: the first file's blocks, what it uses, and the rules among all files. Mistakes go to the list; the
// program is nil where there are any. What depends on something that could not be read is left unsaid.
func Check(files []*lang.File, opts Options, l *diag.List) *Program {
	if len(files) == 0 {
		return nil
	}
	c := &checker{opts: opts, list: l, set: parseOverrides(opts.Set, l), p: &Program{}, layerAt: map[string]diag.Span{}, how: map[string]string{}, inverses: map[*Layer]*lang.Option{}}
	incomplete := false
	for _, f := range files {
		c.measureList = append(c.measureList, lang.Blocks[*lang.Measure](f)...)
		incomplete = incomplete || f.Lost
	}
	where := diag.Span{File: files[0].Source}
	network, train, learn := only[*lang.Network](c, files, "network"), only[*lang.Train](c, files, "train"), only[*lang.Learn](c, files, "learn")
	switch {
	case incomplete:
	case network == nil:
		c.list.Error(diag.MissingNetwork, where, "this program has no `network`").Hint("network NAME { input image 28x28x1  layer l1 = all -> 256, tanh  output y = all -> 10, softmax }")
	case learn == nil:
		c.list.Error(diag.MissingLearn, where, "this program does not say how it learns").Hint("learn RULE { forward adam(lr = 1e-3) }")
	}
	if network != nil {
		c.network(network)
	}
	c.p.Train = Train{Batch: 128, Epochs: 10, Seed: 1, Precision: c.opts.Precisions[0]}
	if train != nil {
		c.train(train)
	}
	c.setTrain()
	if network != nil && !c.broken {
		c.taskLoss(network)
	}
	c.duplicateRules(files)
	if learn != nil && network != nil {
		c.learn(learn, files)
	}
	if network != nil && learn != nil && !slices.ContainsFunc(l.Items(), inText) {
		c.set.unknown(l)
	}
	if l.HasErrors() || c.p.source.rule == nil {
		return nil
	}
	c.p.source.network, c.p.source.measures, c.p.source.requires, c.p.source.inverses = network, c.measureList, learn.Requires, c.inverses
	return c.p
}

// inText tells a mistake of the program's text, which hides settings that there would be without it, from one of --set.
func inText(d *diag.Diagnostic) bool {
	return d.Severity() == diag.Error && d.Code() != diag.BadSet
}

// only is the block of a kind that a program may have once; the zero value where it has none.
func only[B lang.Block](c *checker, files []*lang.File, kind string) (first B) {
	n := 0
	for _, f := range files {
		for _, b := range lang.Blocks[B](f) {
			if n++; n == 1 {
				first = b
				continue
			}
			c.list.Error(diag.DuplicateBlock, b.Where(), "a program has one "+quote(kind)).Also(first.Where(), "the first")
		}
	}
	return first
}

type checker struct {
	opts     Options
	list     *diag.List
	set      *overrides
	p        *Program
	broken   bool // the network has mistakes: shapes are unknown, and what depends on them is left unchecked
	unread   bool // a layer has an option that nobody knows: which it was to be is unknown
	layerAt  map[string]diag.Span
	how      map[string]string       // how a layer's height came about
	inverses map[*Layer]*lang.Option // what a layer says of its inverse

	measureList []*lang.Measure
}

func quote(s string) string { return "`" + s + "`" }

// unknown reports a word that is not among the names there are, with the nearest of them.
func (c *checker) unknown(code diag.Code, n lang.Name, message string, names []string, kind string) *diag.Diagnostic {
	return c.list.Error(code, n.Span, message).Nearest(n.Text, names, kind+": "+strings.Join(names, ", "))
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
			c.list.Error(diag.TargetShape, decl.Kind.Span, "an autoencoder gives back its input, and the output has another size").Also(c.p.at.input, "the input").
				Expected(counted(c.p.Input.Units(), "unit")).Found(counted(last.Shape.Units(), "unit")).Hint(fmt.Sprintf("output %s = all -> %d, sigmoid", last.Name, c.p.Input.Units()))
		}
		if c.p.Loss == CrossEntropy {
			c.list.Error(diag.TargetSoftmax, decl.Span, "`target input` needs an output that can be any numbers, and softmax gives a distribution").
				Hint(fmt.Sprintf("output %s = all -> %d, sigmoid", last.Name, c.p.Input.Units()))
		}
	}
	c.p.at.output = decl.Span
	for _, d := range dataSets {
		if d.name == c.p.Train.Data && d.classes > 0 {
			c.p.Fits(d.shape, d.classes, c.list)
		}
	}
}
