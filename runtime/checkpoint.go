package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"bnetc/backend"
	"bnetc/ir/kernel"
	"bnetc/runtime/safetensors"
)

// A position is where a run stands between two steps: with the tensors of a checkpoint, everything that a resumed run needs to go on as if it
// had never stopped.
type position struct {
	Step    uint64         `json:"step"`  // updates made
	Epoch   int            `json:"epoch"` // epochs finished
	InEpoch int            `json:"in_epoch"`
	Samples int            `json:"samples"` // of the epoch under way
	Seconds float64        `json:"seconds"` // that its updates took
	Batch   int            `json:"batch"`
	Updates map[string]int `json:"updates"` // by optimizer group
	Seed    uint64         `json:"seed"`
	Best    float64        `json:"best"`    // the least test error so far; negative before the first
	Metrics int64          `json:"metrics"` // bytes of metrics.jsonl that belong to this position
	Data    string         `json:"data"`    // what is trained on; "" in checkpoints of before it was kept
}

// flaw is the field of a position that no run can have, as the checkpoint has it; "" if there is none.
func (at *position) flaw(groups []Group) string {
	switch {
	case at.Epoch < 0 || uint64(at.Epoch) > at.Step: // each epoch makes an update
		return fmt.Sprintf("epoch %d behind step %d", at.Epoch, at.Step)
	case at.InEpoch < 0 || uint64(at.InEpoch) > at.Step:
		return fmt.Sprintf("in_epoch %d behind step %d", at.InEpoch, at.Step)
	case at.Batch < 1:
		return fmt.Sprintf("batch %d", at.Batch)
	case at.Samples < 0 || at.InEpoch > 0 && at.Samples > at.InEpoch*at.Batch:
		return fmt.Sprintf("samples %d of %d batches of %d", at.Samples, at.InEpoch, at.Batch)
	case at.Seconds < 0:
		return fmt.Sprintf("seconds %v", at.Seconds)
	case at.Metrics < 0:
		return fmt.Sprintf("metrics %d", at.Metrics)
	case at.Updates == nil:
		return "no updates"
	}
	for _, g := range groups {
		if n := at.Updates[g.Name]; n < 0 || uint64(n) > at.Step {
			return fmt.Sprintf("updates %d of %s behind step %d", n, g.Name, at.Step)
		}
	}
	return ""
}

// A checkpoint is one file, and replaced by a rename: whatever moment a run dies at, there is the old one or the new one.
func checkpointPath(dir, which string) string {
	return filepath.Join(dir, checkpoints, which+".safetensors")
}

const (
	latest = "latest"
	best   = "best"
)

// The metadata of a checkpoint: its position, and the names of those of its tensors that are parameters.
const (
	positionKey   = "bnetc.position"
	parametersKey = "bnetc.parameters"
)

// writeCheckpoint saves parameters, optimizer states and running sums with the position. It keeps none that is not finite.
func writeCheckpoint(path string, p *kernel.Plan, m backend.Machine, at position) error {
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range fileTensors(p, kernel.Weight) {
		names = append(names, t.name)
	}
	parameters, err := json.Marshal(names)
	if err != nil {
		return err
	}
	err = saveTensors(path, p, checkpointTensors(p), m, map[string]string{positionKey: string(text), parametersKey: string(parameters)}, func(name string, data []float32) error {
		return checkTensor(name, data, at.Step)
	})
	var bad *NotFinite
	if errors.As(err, &bad) {
		return bad // not about the file
	}
	return err
}

// checkpointTensors are what a checkpoint holds: parameters, optimizer states and running sums.
func checkpointTensors(p *kernel.Plan) []*fileTensor {
	return slices.Concat(fileTensors(p, kernel.Weight), fileTensors(p, kernel.State), fileTensors(p, kernel.Metric))
}

// passedOver tells the tensors of a file that are no parameters: the optimizer states and sums of a checkpoint. Older checkpoints do not name their parameters, and
// what else they hold is known where they are of this program.
func passedOver(f *safetensors.File, p *kernel.Plan) (func(name string) bool, error) {
	if _, ok := f.Metadata[positionKey]; !ok {
		return func(string) bool { return false }, nil
	}
	if text, ok := f.Metadata[parametersKey]; ok {
		var names []string
		err := json.Unmarshal([]byte(text), &names)
		return func(name string) bool { return !slices.Contains(names, name) }, err
	}
	var others []string
	for _, t := range slices.Concat(fileTensors(p, kernel.State), fileTensors(p, kernel.Metric)) {
		others = append(others, t.name)
	}
	return func(name string) bool { return slices.Contains(others, name) }, nil
}

// readCheckpoint restores a machine and gives the position.
func readCheckpoint(path string, p *kernel.Plan, m backend.Machine) (position, error) {
	var at position
	f, err := safetensors.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return at, &ParamError{fmt.Sprintf("%s: there is no checkpoint to resume from", path)}
	}
	if err != nil {
		return at, err
	}
	defer f.Close()
	if err := json.Unmarshal([]byte(f.Metadata[positionKey]), &at); err != nil {
		return at, &ParamError{fmt.Sprintf("%s: not a checkpoint: its metadata holds no position (%v)", path, err)}
	}
	wanted := map[string]*fileTensor{}
	for _, t := range checkpointTensors(p) {
		if have := f.Tensor(t.name); have == nil || !sameShape(have.Shape, t.shape) {
			return at, &ParamError{fmt.Sprintf("%s: the checkpoint is of another program: %s should have shape %v", path, t.name, t.shape)}
		}
		wanted[t.name] = t
	}
	room, giveBack := borrow(p)
	defer giveBack()
	for _, have := range f.Tensors {
		data, err := f.Next(room)
		if err != nil {
			return at, err
		}
		if t := wanted[have.Name]; t != nil {
			if err := t.write(m, data); err != nil {
				return at, err
			}
		}
	}
	return at, nil
}

// LoadBest writes the parameters of a run's best checkpoint into a machine, or those of its latest where no epoch was finished.
func LoadBest(dir string, p *kernel.Plan, m backend.Machine) error {
	path := checkpointPath(dir, best)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = checkpointPath(dir, latest)
	}
	_, err := readCheckpoint(path, p, m)
	return err
}
