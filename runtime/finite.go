package runtime

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"bnetc/ir/kernel"
)

// A NotFinite error names what became infinite or not a number, by its layer, and the update after which it was found.
type NotFinite struct {
	Step uint64   // 0 outside a run
	What []string // "the inverse loss of layer l2 is NaN", "parameter l2.V has NaN at 17"
	// Remedies are the settings that make it less likely when they are smaller.
	Remedies []string
}

func (e *NotFinite) Error() string {
	what := strings.Join(e.What, ", ")
	if e.Step == 0 {
		return what
	}
	text := fmt.Sprintf("step %d: %s; the last checkpoint stands", e.Step, what)
	if len(e.Remedies) > 0 {
		text += fmt.Sprintf(". A smaller learning rate (--set %s) may help", strings.Join(e.Remedies, ", "))
	}
	return text
}

// rates are the paths of a program's learning rates, as --set takes them.
func (p *Program) rates() (paths []string) {
	for _, g := range p.Groups {
		if slices.ContainsFunc(g.Hyper, func(h Setting) bool { return h.Name == "lr" }) {
			paths = append(paths, "learn."+g.Name+".lr=…")
		}
	}
	return paths
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// lossOf words the name of a sum: "the inverse loss of layer l2". The task loss is the output layer's.
func (p *Program) lossOf(name string) string {
	kind, layer, _ := strings.Cut(name, ".")
	switch name {
	case "train.loss", "loss":
		kind, layer = "task_loss", p.Output
	}
	return fmt.Sprintf("the %s of layer %s", strings.ReplaceAll(kind, "_", " "), layer)
}

// checkLosses names the update that made a loss infinite or not a number, among those whose losses are known; with wait, among all.
func (t *trainer) checkLosses(e *Engine, wait bool) error {
	updates, err := e.results(true, wait)
	if err != nil {
		return err
	}
	for _, u := range updates {
		var what []string
		for _, l := range u.sums {
			if !finite(l.value) {
				what = append(what, fmt.Sprintf("%s is %v", t.prog.lossOf(l.name), l.value))
			}
		}
		if what != nil {
			return &NotFinite{Step: u.step, What: what}
		}
	}
	return nil
}

// checkParameters stops a run whose parameters became infinite or not a number, though no loss did.
func (t *trainer) checkParameters() error {
	room, giveBack := borrow(t.main.plan)
	defer giveBack()
	for _, p := range fileTensors(t.main.plan, kernel.Weight) {
		data, err := p.read(t.main.machine, room)
		if err != nil {
			return err
		}
		if err := checkTensor(p.name, data, t.at.Step); err != nil {
			return err
		}
	}
	return nil
}

// checkTensor refuses a tensor that is not finite after an update.
func checkTensor(name string, data []float32, step uint64) error {
	if what := notFinite(name, data); what != nil {
		return &NotFinite{Step: step, What: what}
	}
	return nil
}

// notFinite says where a tensor is not finite, nil if it is.
func notFinite(name string, data []float32) []string {
	for i, v := range data {
		if v-v != 0 { // of infinities and NaN alone
			return []string{fmt.Sprintf("parameter %s has %v at %d", name, v, i)}
		}
	}
	return nil
}
