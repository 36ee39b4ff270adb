// Package dataset reads what a network trains on, from files or drawn by itself, and hands it out in batches of plain float32 rows. It
// knows file formats and pictures. It must not know networks, rules or the generator of random numbers: it imports nothing of bnetc,
// and asks a function for its random words.
package dataset

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// A Rand gives four random words for a counter, the same ones whenever it is asked: a counter-based generator with its key inside.
type Rand func(counter [4]uint32) [4]uint32

// A Spec says what a program wants to train on.
type Spec struct {
	Name    string   // a row of the table sources: mnist, cifar10, images, npy, digits
	Files   []string // of npy("x.npy", "y.npy") and images("train", "val")
	H, W, C int      // the network's input; 1x1xC where it is flat, which takes data of any shape with C values
	// Outputs is the width of a label row, the network's output units. 0 where labels are not wanted, as for an autoencoder.
	Outputs int
	// Distributions says that targets are to be probabilities, whose sum is 1.
	Distributions bool
	Steps         []Step
	Strict        bool // a damaged picture is an error rather than skipped, and so is a file without all the samples that its name promises
	Augment       Rand // of flips and crops; needed only where there are some, or pictures to crop
	Workers       int  // goroutines that decode pictures ahead of the training step; 0: one per processor
}

// A Step changes samples on their way: flip, flip(vertical), crop(pad), normalize(mean, std), in the order of the program. Flips and
// crops are of training alone.
type Step struct {
	Name string
	Args []float64
	Word string // "vertical"
}

// Data is a data set, open.
type Data struct {
	Name        string
	Train, Test *Split
}

// A Split is the training or the test samples. It may be read by several goroutines.
type Split struct {
	h, w, c int // the shape of a sample in the data, which flips and crops go by
	outputs int
	classes []string  // nil where labels are no classes
	labels  []int32   // the class of each sample, or
	targets []float32 // its target, a row of outputs
	source  source
	steps   steps
	draw    Rand
	strict  bool
	workers int
}

// A source has the samples of a split before any step.
type source interface {
	size() int
	// sample is sample i, which is only read. place, where not nil, gives random words for where to cut it out. One that is damaged is a *damage.
	sample(i int, place func() [4]uint32, sc *scratch) (view, error)
	slow() bool  // worth doing ahead, by parallel workers
	fixed() bool // each sample is there, and the same wherever it is cut out
	load(ctx context.Context, workers int) error
	damaged() []*Error
}

// A view is a sample in its source's memory, channels last, as bytes (255 is a pixel of 1) or as floats.
type view struct {
	bytes  []byte
	floats []float32
	stride int // values from one row of pixels to the next; 0: rows follow each other
}

// Len is the number of samples.
func (s *Split) Len() int { return s.source.size() }

// Fixed says that a sample is the same in every epoch, but for where it moves, and that none can be damaged.
func (s *Split) Fixed() bool { return s.source.fixed() }

// Shape is the shape of a sample in the data, which flips and crops go by.
func (s *Split) Shape() (h, w, c int) { return s.h, s.w, s.c }

// Moves tells how samples move in an epoch of training, nil where the program has no flips and crops: of each, sign and offset of its rows, sign and offset of its
// columns, and the pixel that stands outside of it. Row y of a moved sample is row sign·y + offset, and columns alike.
func (s *Split) Moves(samples []int, epoch int) []float32 {
	if len(s.steps.moves) == 0 {
		return nil
	}
	moves := make([]float32, 0, len(samples)*(4+s.c))
	for _, i := range samples {
		rows, columns := s.steps.drawn(s.h, s.w, s.draw, i, epoch)
		moves = append(moves, float32(rows.sign), float32(rows.offset), float32(columns.sign), float32(columns.offset))
		moves = append(moves, s.steps.outside...)
	}
	return moves
}

// Units is the number of values of a sample, H·W·C.
func (s *Split) Units() int { return s.h * s.w * s.c }

// Load decodes the pictures of a set that memory can hold, once and for all; of any other they are decoded ahead of training. It may be left out.
func (d *Data) Load(ctx context.Context) error {
	return cmp.Or(d.Train.load(ctx), d.Test.load(ctx))
}

// Open reads a data set from the folder dir ("" is the current one), or, of pictures, the list of its files. What is wrong with the data is
// an *Error.
func Open(spec Spec, dir string) (*Data, error) {
	if dir == "" {
		dir = "."
	}
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.name
		if s.name == spec.Name {
			return s.open(spec, dir)
		}
	}
	return nil, &Error{What: fmt.Sprintf("opening data set %q", spec.Name), Expected: "one of " + strings.Join(names, ", "), Found: spec.Name}
}

// sources is the table of data sets.
var sources = []struct {
	name string
	open func(Spec, string) (*Data, error)
}{
	{"mnist", openMNIST},
	{"cifar10", openCIFAR10},
	{"images", openImages},
	{"npy", openNPY},
	{"digits", openDigits},
}
