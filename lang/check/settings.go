package check

import (
	"fmt"
	"strconv"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

func (c *checker) trainDefaults() {
	c.p.Train = Train{Batch: 128, Epochs: 10, Seed: 1}
	c.setTrain()
}

// train reads the training block over its defaults: batch 128, epochs 10, seed 1.
func (c *checker) train(t *lang.Train) {
	c.p.Train = Train{Data: t.Data.Text, Batch: 128, Epochs: 10, Seed: 1, Span: t.Span}
	c.dataAt = t.Data.Span
	var names []string
	known := false
	for _, d := range dataSets {
		names = append(names, d.name)
		known = known || d.name == t.Data.Text
	}
	if !known {
		c.unknownName(t.Data, "no data set is named "+quote(t.Data.Text), names, "data sets")
	}
	for _, f := range t.Files {
		if f.Value.String == nil {
			c.report("not-a-file", f.Span, "what a data set reads is named in quotes").Hint(`npy("x.npy", "y.npy")`)
			continue
		}
		c.p.Train.Files = append(c.p.Train.Files, *f.Value.String)
	}
	seen := map[string]diag.Span{}
	for _, s := range t.Settings {
		if first, ok := seen[s.Word.Text]; ok {
			c.report("duplicate-setting", s.Word.Span, quote(s.Word.Text)+" is set twice").Also(first, "the first")
		}
		seen[s.Word.Text] = s.Word.Span
		c.setting(s)
	}
	c.setTrain()
}

// trainNumbers are the settings that are a whole number, with the least they may be.
var trainNumbers = map[string]struct {
	least float64
	put   func(*Train, float64)
}{
	"batch":     {1, func(t *Train, v float64) { t.Batch = int(v) }},
	"epochs":    {0, func(t *Train, v float64) { t.Epochs = int(v) }},
	"seed":      {0, func(t *Train, v float64) { t.Seed = uint64(v) }},
	"log_every": {0, func(t *Train, v float64) { t.LogEvery = int(v) }},
}

func (c *checker) setting(s *lang.Setting) {
	word := s.Word.Text
	if n, ok := trainNumbers[word]; ok {
		if len(s.Values) != 1 || s.Values[0].Number == nil {
			c.report("not-a-number", s.Span, quote(word)+" needs a number").Hint(word + " 128")
			return
		}
		v := s.Values[0].Number.Value
		if v != float64(int64(v)) || v < n.least {
			c.report("bad-setting", s.Values[0].Span, fmt.Sprintf("%s is a whole number of at least %g", quote(word), n.least)).Found(s.Values[0].Number.Text)
			return
		}
		n.put(&c.p.Train, v)
		return
	}
	switch word {
	case "keep_last":
		c.p.Train.KeepLast = true
	case "strict":
		c.p.Train.Strict = true
	case "target":
		if len(s.Values) == 1 && s.Values[0].Word == "input" {
			c.p.TargetIsInput = true
		} else {
			c.report("bad-setting", s.Span, "the target is the label, or `target input`")
		}
	case "augment", "normalize":
		c.steps(s)
	default:
		words := []string{"batch", "epochs", "seed", "keep_last", "target", "augment", "log_every", "strict"}
		c.unknownName(s.Word, "no setting of training is named "+quote(word), words, "settings")
	}
}

func (c *checker) steps(s *lang.Setting) {
	for _, st := range s.Steps {
		step := DataStep{Name: st.Name.Text}
		for _, a := range st.Args {
			if a.Value.Number != nil {
				step.Args = append(step.Args, a.Value.Number.Value)
			} else {
				step.Word = a.Value.Word
			}
		}
		switch {
		case step.Name == "flip" && len(step.Args) == 0 && (step.Word == "" || step.Word == "horizontal" || step.Word == "vertical"):
		case step.Name == "crop" && len(step.Args) == 1 && step.Args[0] >= 1:
		case step.Name == "normalize" && len(step.Args) >= 2 && len(step.Args)%2 == 0:
		case diagIndex([]string{"flip", "crop", "normalize"}, step.Name) >= 0:
			c.report("bad-step", st.Span, quote(step.Name)+" does not take this").Hint("flip, flip(vertical), crop(4), or normalize(0.5, 0.25)")
		default:
			c.unknownName(st.Name, "no step is named "+quote(step.Name), []string{"flip", "crop", "normalize"}, "steps")
		}
		c.p.Train.Steps = append(c.p.Train.Steps, step)
	}
}

// setTrain applies --set train.….
func (c *checker) setTrain() {
	for word, n := range trainNumbers {
		if v, ok := c.set.take("train." + word); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || f != float64(int64(f)) || f < n.least {
				c.badSet("train."+word, v, fmt.Sprintf("a whole number of at least %g", n.least))
				continue
			}
			n.put(&c.p.Train, f)
		}
	}
}

func (c *checker) badSet(path, value, want string) {
	c.list.Add(diag.Diagnostic{Code: "bad-set", Message: fmt.Sprintf("--set %s=%s does not fit", path, value), Expected: want})
}

// optimizer reads one optimizer of a learn block, or of --set.
func (c *checker) optimizer(o *lang.Optimizer) Optimizer {
	out := Optimizer{Name: o.Name.Text, Span: o.Span}
	var info *OptimizerInfo
	var names []string
	for i := range c.opts.Optimizers {
		names = append(names, c.opts.Optimizers[i].Name)
		if c.opts.Optimizers[i].Name == o.Name.Text {
			info = &c.opts.Optimizers[i]
		}
	}
	if info == nil {
		r := c.unknownName(o.Name, "no optimizer is named "+quote(o.Name.Text), names, "optimizers")
		r.d.Code = "bad-optimizer"
		r.put()
		return out
	}
	out.Hyper = append(out.Hyper, info.Hyper...)
	for _, a := range o.Args {
		if a.Name.Text == "decay" {
			if diagIndex(c.opts.Decays, a.Value.Word) < 0 {
				c.unknownName(lang.Name{Text: a.Value.Word, Span: a.Value.Span}, "no schedule of the learning rate is named "+quote(a.Value.Word), c.opts.Decays, "schedules")
			}
			out.Decay = a.Value.Word
			continue
		}
		c.hyper(&out, info, a)
	}
	return out
}

func (c *checker) hyper(out *Optimizer, info *OptimizerInfo, a *lang.Arg) {
	var names []string
	for i, h := range info.Hyper {
		names = append(names, h.Name)
		if h.Name != a.Name.Text {
			continue
		}
		if a.Value.Number == nil {
			c.report("not-a-number", a.Value.Span, quote(h.Name)+" is a number")
			return
		}
		out.Hyper[i].Value = a.Value.Number.Value
		if why := badHyper(h.Name, a.Value.Number.Value); why != "" {
			c.report("bad-hyperparameter", a.Value.Span, quote(h.Name)+" "+why).Found(a.Value.Number.Text)
		}
		return
	}
	if a.Name.Text == "" {
		c.report("unnamed-argument", a.Span, "an optimizer's arguments have names").Hint(info.Name + "(lr = 1e-3)")
		return
	}
	r := c.unknownName(a.Name, info.Name+" has no hyperparameter "+quote(a.Name.Text), append(names, "decay"), "hyperparameters")
	r.d.Code = "unknown-hyperparameter"
	r.put()
}

// badHyper says what is wrong with a hyperparameter's value.
func badHyper(name string, v float64) string {
	switch {
	case name == "lr" && v < 0:
		return "is not negative"
	case (strings.HasPrefix(name, "beta") || name == "rho" || name == "momentum") && (v < 0 || v >= 1):
		return "lies from 0 to below 1"
	case name == "eps" && v <= 0:
		return "is larger than 0"
	}
	return ""
}

// setOptimizer applies --set learn.GROUP=… and learn.GROUP.NAME=….
func (c *checker) setOptimizer(group string, o *Optimizer) {
	if v, ok := c.set.take("learn." + group); ok {
		src := &diag.File{Name: "--set learn." + group, Text: "learn x { " + group + " " + v + " }"}
		f := lang.Parse(src, c.list)
		if len(f.Learns) == 1 && len(f.Learns[0].Optimizers) == 1 {
			*o = c.optimizer(f.Learns[0].Optimizers[0])
		}
	}
	for i, h := range o.Hyper {
		path := "learn." + group + "." + h.Name
		if v, ok := c.set.take(path); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || badHyper(h.Name, f) != "" {
				c.badSet(path, v, h.Name+" is a number that "+strings.TrimPrefix(badHyper(h.Name, f)+" ", "is "))
				continue
			}
			o.Hyper[i].Value = f
		}
	}
}
