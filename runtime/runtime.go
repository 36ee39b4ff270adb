// Package runtime feeds batches to a machine, evaluates, and keeps what a run leaves behind: metrics, checkpoints, reports. It knows plans and
// settings by name; no rule, no layer kind, and no backend beyond the interface.
package runtime

import (
	"context"
	"iter"
	"time"

	"bnetc/ir/kernel"
)

// The files of a run folder that others than the runtime look for.
const (
	SourceFile  = "program.bnet" // the program with every default written out; a bundle has it too
	MetricsFile = "metrics.jsonl"
	ReportFile  = "report.html"
	CommandFile = "checkpoint/command.json" // Options.Command
)

// A Batch is rows of samples: X [rows, units], Label [rows, outputs], Weight [rows] (1 for a sample, 0 for padding), the first N of them samples.
type Batch struct {
	X, Label, Weight []float32
	N                int

	set   int       // on the device, of which
	rows  []int     // this is, where not nil; X, Label and Weight are nothing then
	moves []float32 // of those rows, nil where they stay as they are
}

// A Split is samples that can be visited in any order.
type Split interface {
	Len() int
	// Batches visits index in batches of the given size; the last one may be short. epoch and training steer augmentation.
	Batches(ctx context.Context, index []int, batch, epoch int, training bool) iter.Seq2[*Batch, error]
}

// A Still split may be one whose samples are the same in every epoch, but for where their pixels move.
type Still interface {
	Split
	Fixed() bool // it is one
	// Moves tells how samples move in an epoch of training, as Options.Moves has it in its input of that name; nil where they stay as they are.
	Moves(samples []int, epoch int) []float32
}

// A Setting is a named number.
type Setting struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// A Group is the parameters that one optimizer moves: "forward" or "inverse".
type Group struct {
	Name      string
	Optimizer string
	Hyper     []Setting
	Decay     string
}

// A Program is what a run needs to know of a compiled program.
type Program struct {
	Name        string    // of the network
	Output      string    // its last layer, whose loss the task loss is
	Source      string    // the program's text with every default written out
	Hash        string    // of the source and the target's code
	Params      []Setting // the rule's parameters
	Groups      []Group
	Alternating bool
	LabelIsX    bool
	Epochs      int
	Seed        uint64
	KeepLast    bool
	LogEvery    int
	Notes       []Note // for the report: plausibility and the like
}

// A Note is a titled text of the report.
type Note struct{ Title, Text string }

// Options are what a command says of one run.
type Options struct {
	Target    string // for the record: cpu, reference
	Device    string
	Dir       string // the run folder
	Init      string // a safetensors file of initial parameters, or ""
	NoShuffle bool
	Steps     int // stop after so many updates; 0: none
	Resume    bool
	Command   string // what else the command said, kept for the one that resumes
	Save      string // where the final parameters go besides the checkpoint
	Shuffle   func(n, epoch int) []int
	Train     Split
	Test      Split
	Short     *Engine      // for the incomplete last batch of an epoch; nil where there is none, or it is dropped
	Moves     *kernel.Plan // moves samples of a Still split on the device; nil where they stay as they are
	Log       Log
	// CheckpointEvery bounds what a run that is killed in a long epoch loses; 0 is five minutes.
	CheckpointEvery time.Duration
}

// A Log is told what happens.
type Log interface {
	Start(epoch, epochs, steps, done int) // an epoch of so many steps begins, or goes on
	Step(done int)
	Epoch(row *EpochRow)
	Say(text string)
}
