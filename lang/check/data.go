package check

import (
	"fmt"

	"bnetc/lang/diag"
)

// dataSets are the data sets there are: how many files of the user's own they read, and, where it is known before anything is read, the
// shape of a sample and the number of classes.
var dataSets = []struct {
	name    string
	files   []int
	example string
	shape   Shape
	classes int
}{
	{"mnist", []int{0}, "mnist", Shape{H: 28, W: 28, C: 1}, 10},
	{"digits", []int{0}, "digits", Shape{H: 28, W: 28, C: 1}, 10},
	{"cifar10", []int{0}, "cifar10", Shape{H: 32, W: 32, C: 3}, 10},
	{"images", []int{2}, `images("train", "val")`, Shape{}, 0},
	{"npy", []int{2, 4, 1}, `npy("x.npy", "y.npy")`, Shape{}, 0},
}

// Fits reports data that the network cannot be trained on: samples of another shape than its input, or another number of classes than its outputs.
// The classes are 0 where they are not known, or labels are none. A data set whose shape is known beforehand is held against it by Check, any
// other once it is open.
func (p *Program) Fits(sample Shape, classes int, l *diag.List) {
	last := p.Layers[len(p.Layers)-1]
	if p.Input != sample && p.Input != row(sample.Units()) {
		kind, hint := "images", "`input image "+sample.Text()+"`"
		if sample.H == 1 && sample.W == 1 {
			kind, hint = "samples", "`input "+sample.Text()+"`"
		}
		for _, o := range dataSets {
			if o.shape == p.Input {
				hint += ", or `train on " + o.name + "`"
				break
			}
		}
		label := kind + " of " + sample.Text()
		if classes > 0 {
			label += ", " + counted(classes, "class")
		}
		l.Error(diag.DataShape, p.at.data, p.Train.Data+" does not fit the input of network "+p.Name).Label(label).
			Also(p.at.input, "declared here").Expected(p.Input.Text()).Found(sample.Text()).Hint(hint)
	}
	if classes > 0 && !p.TargetIsInput && last.Shape.Units() != classes {
		l.Error(diag.DataClasses, p.at.data, p.Train.Data+" has another number of classes than the output "+last.Name).Label(counted(classes, "class")).
			Also(p.at.output, counted(last.Shape.Units(), "unit")).Expected(counted(last.Shape.Units(), "class")).Found(counted(classes, "class")).
			Hint(fmt.Sprintf("output %s = all -> %d, softmax", last.Name, classes))
	}
}
