package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// train reads the training block over its defaults.
func (c *checker) train(t *lang.Train) {
	c.p.Train.Data, c.p.Train.Span = t.Data.Text, t.Span
	c.p.at.data = t.Data.Span
	var names []string
	for _, d := range dataSets {
		names = append(names, d.name)
	}
	if !slices.Contains(names, t.Data.Text) {
		c.unknown(diag.UnknownName, t.Data, "no data set is named "+quote(t.Data.Text), names, "data sets")
	}
	for _, f := range t.Files {
		if f.Value.String == nil {
			c.list.Error(diag.NotAFile, f.Span, "what a data set reads is named in quotes").Found(quote(f.Span.Text())).Hint(t.Data.Text + `("train", "test")`)
			continue
		}
		c.p.Train.Files = append(c.p.Train.Files, *f.Value.String)
	}
	c.dataFiles(t)
	seen := map[string]diag.Span{}
	for _, s := range t.Settings {
		if c.once(seen, s.Word) {
			c.setting(s)
		}
	}
}

// dataFiles holds the files of a data set against those that it takes.
func (c *checker) dataFiles(t *lang.Train) {
	for _, d := range dataSets {
		if d.name == t.Data.Text && !slices.Contains(d.files, len(t.Files)) {
			takes := "takes no files"
			if d.files[0] > 0 {
				takes = "reads files of your own"
			}
			c.list.Error(diag.BadSetting, t.Data.Span, quote(d.name)+" "+takes).Found(counted(len(t.Files), "file")).Hint("train on " + d.example + " { … }")
		}
	}
}

// once reports a name that was given before, and tells whether it was not.
func (c *checker) once(seen map[string]diag.Span, n lang.Name) bool {
	first, ok := seen[n.Text]
	if ok {
		c.list.Error(diag.DuplicateSetting, n.Span, quote(n.Text)+" is set twice").Also(first, "the first")
	} else {
		seen[n.Text] = n.Span
	}
	return !ok
}

// trainNumbers are the settings that are a whole number, with the least and the most that they may be.
var trainNumbers = []struct {
	word  string
	least uint64
	most  uint64
	put   func(*Train, uint64)
}{
	{"batch", 1, 1 << 30, func(t *Train, v uint64) { t.Batch = int(v) }},
	{"epochs", 0, 1 << 30, func(t *Train, v uint64) { t.Epochs = int(v) }},
	{"seed", 0, math.MaxUint64, func(t *Train, v uint64) { t.Seed = v }},
	{"log_every", 0, 1 << 30, func(t *Train, v uint64) { t.LogEvery = int(v) }},
}

// trainFlags are the settings that are said, or not.
var trainFlags = []struct {
	word string
	of   func(*Train) *bool
}{
	{"keep_last", func(t *Train) *bool { return &t.KeepLast }},
	{"strict", func(t *Train) *bool { return &t.Strict }},
}

// whole reads a whole number, also one like 1e3.
func whole(text string) (uint64, bool) {
	if v, err := strconv.ParseUint(text, 10, 64); err == nil {
		return v, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return uint64(f), err == nil && f >= 0 && f < 1<<53 && f == math.Trunc(f)
}

// number reads a number, and no infinity.
func number(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// trainWords are all settings of training.
var trainWords = func() (words []string) {
	for _, n := range trainNumbers {
		words = append(words, n.word)
	}
	for _, f := range trainFlags {
		words = append(words, f.word)
	}
	return append(words, "target", "augment", "precision")
}()

func (c *checker) setting(s *lang.Setting) {
	word := s.Word.Text
	for _, n := range trainNumbers {
		if n.word != word {
			continue
		}
		if len(s.Values) != 1 || s.Values[0].Number == nil {
			c.list.Error(diag.NotANumber, s.Span, quote(word)+" needs a number").Hint(word + " 128")
			return
		}
		v, ok := whole(s.Values[0].Number.Text)
		if !ok || v < n.least || v > n.most {
			c.list.Error(diag.BadSetting, s.Values[0].Span, fmt.Sprintf("%s is a whole number from %d to %d", quote(word), n.least, n.most)).Found(s.Values[0].Number.Text)
			return
		}
		n.put(&c.p.Train, v)
		return
	}
	for _, f := range trainFlags {
		if f.word != word {
			continue
		}
		if len(s.Values) > 0 {
			c.list.Error(diag.BadSetting, s.Span, quote(word)+" takes no value").Hint(word)
		}
		*f.of(&c.p.Train) = true
		return
	}
	switch word {
	case "target":
		if len(s.Values) != 1 || s.Values[0].Word != "input" {
			c.list.Error(diag.BadSetting, s.Span, "the target is the label, where nothing is said, or the input").Hint("target input")
			return
		}
		c.p.TargetIsInput = true
	case "augment":
		c.steps(s)
	case "precision":
		if len(s.Values) != 1 || s.Values[0].Word == "" {
			c.list.Error(diag.BadSetting, s.Span, "`precision` is one of "+strings.Join(c.opts.Precisions, ", ")).Hint("precision " + c.opts.Precisions[0])
			return
		}
		v := s.Values[0]
		if !slices.Contains(c.opts.Precisions, v.Word) {
			c.unknown(diag.UnknownName, lang.Name{Text: v.Word, Span: v.Span}, "no precision is named "+quote(v.Word), c.opts.Precisions, "precisions")
			return
		}
		c.p.Train.Precision = v.Word
	default:
		c.unknown(diag.UnknownName, s.Word, "no setting of training is named "+quote(word), trainWords, "settings")
	}
}

// dataSteps are what `augment` may do to a picture, in the order in which it says so.
var dataSteps = []struct {
	word    string
	example string
	fits    func(DataStep) bool
}{
	{"flip", "flip, or flip(vertical)", func(s DataStep) bool {
		return len(s.Args) == 0 && slices.Contains([]string{"", "horizontal", "vertical"}, s.Word)
	}},
	{"crop", "crop(4)", func(s DataStep) bool {
		return s.Word == "" && len(s.Args) == 1 && s.Args[0] >= 1 && s.Args[0] == float64(int(s.Args[0]))
	}},
	{"normalize", "normalize(0.5, 0.25), or a mean and a standard deviation for each channel", func(s DataStep) bool {
		n := len(s.Args)
		return s.Word == "" && n >= 2 && n%2 == 0 && slices.Min(s.Args[n/2:]) > 0
	}},
}

func (c *checker) steps(s *lang.Setting) {
	if len(s.Values) == 0 {
		c.list.Error(diag.BadStep, s.Span, "`augment` needs its steps").Hint("augment flip, crop(4)")
	}
	var words []string
	for _, d := range dataSteps {
		words = append(words, d.word)
	}
	for _, v := range s.Values {
		step := DataStep{Name: v.Word}
		for _, a := range v.Args {
			if a.Value.Number != nil {
				step.Args = append(step.Args, a.Value.Number.Value)
			} else {
				step.Word = a.Value.Span.Text()
			}
		}
		i := slices.Index(words, step.Name)
		switch {
		case i < 0:
			c.unknown(diag.UnknownName, lang.Name{Text: v.Word, Span: v.Span}, "no step is named "+quote(v.Span.Text()), words, "steps")
		case !dataSteps[i].fits(step):
			at := v.Span
			if n := len(v.Args); n > 0 {
				at = at.Union(v.Args[n-1].Span)
			}
			c.list.Error(diag.BadStep, at, quote(step.Name)+" does not take this").Hint(dataSteps[i].example)
		}
		c.p.Train.Steps = append(c.p.Train.Steps, step)
	}
}

// setTrain applies --set train.…: `true` or `false` for what is said or not, `label` and `none` for what is so where nothing is said.
func (c *checker) setTrain() {
	for _, n := range trainNumbers {
		if v, ok := c.set.take("train." + n.word); ok {
			w, ok := whole(v)
			if !ok || w < n.least || w > n.most {
				c.badSet("train."+n.word, v, fmt.Sprintf("a whole number from %d to %d", n.least, n.most))
				continue
			}
			n.put(&c.p.Train, w)
		}
	}
	for _, f := range trainFlags {
		if v, ok := c.set.take("train." + f.word); ok {
			on, err := strconv.ParseBool(v)
			if err != nil {
				c.badSet("train."+f.word, v, "true or false")
			}
			*f.of(&c.p.Train) = on
		}
	}
	if v, ok := c.set.take("train.precision"); ok {
		if !slices.Contains(c.opts.Precisions, v) {
			c.badSet("train.precision", v, strings.Join(c.opts.Precisions, ", "))
		}
		c.p.Train.Precision = v
	}
	if v, ok := c.set.take("train.target"); ok {
		if v != "input" && v != "label" {
			c.badSet("train.target", v, "input or label")
		}
		c.p.TargetIsInput = v == "input"
	}
	if v, ok := c.set.take("train.augment"); ok {
		c.p.Train.Steps = nil
		if v != "none" {
			c.setSteps(v)
		}
	}
}

// setSteps reads steps as `augment` has them.
func (c *checker) setSteps(text string) {
	src := diag.Framed("--set train.augment", "train on x { augment ", text, " }")
	for _, t := range lang.Blocks[*lang.Train](lang.Parse(src, c.list)) {
		for _, s := range t.Settings {
			c.setting(s)
		}
	}
}

func (c *checker) badSet(path, value, want string) {
	c.list.Error(diag.BadSet, diag.Span{}, fmt.Sprintf("--set %s=%s does not fit", path, value)).Expected(want)
}

// optimizer reads one optimizer of a learn block, or of --set.
func (c *checker) optimizer(o *lang.Optimizer) Optimizer {
	out := Optimizer{Name: o.Name.Text, Decay: c.opts.Decays[0], Span: o.Span}
	var names []string
	for _, row := range c.opts.Optimizers {
		names = append(names, row.Name)
	}
	i := slices.Index(names, o.Name.Text)
	if i < 0 {
		c.unknown(diag.UnknownOptimizer, o.Name, "no optimizer is named "+quote(o.Name.Text), names, "optimizers")
		return out
	}
	out.Hyper = slices.Clone(c.opts.Optimizers[i].Hyper)
	seen := map[string]diag.Span{}
	for i, a := range o.Args {
		switch {
		case a.Name.Text == "":
			c.list.Error(diag.UnnamedArgument, a.Span, "an optimizer's arguments have names").Hint(cmp.Or(withDecimal(out.Name, o.Args, i), out.Name+"(lr = "+a.Value.Span.Text()+")"))
		case !c.once(seen, a.Name):
		case a.Name.Text != "decay":
			c.hyper(&out, a)
		case slices.Contains(c.opts.Decays, a.Value.Word):
			out.Decay = a.Value.Word
		default:
			c.unknown(diag.UnknownName, lang.Name{Text: a.Value.Span.Text(), Span: a.Value.Span}, "no schedule of the learning rate is named "+quote(a.Value.Span.Text()), c.opts.Decays, "schedules")
		}
	}
	return out
}

// withDecimal is an argument of what is called name, as it was meant where a decimal comma has made another of its fraction, the i-th; else "".
func withDecimal(name string, args []*lang.Arg, i int) string {
	if i > 0 {
		if n := lang.Decimal(args[i-1].Value.Span, args[i].Span); n != "" {
			return name + "(" + args[i-1].Name.Text + " = " + n + ")"
		}
	}
	return ""
}

// decimal is a hint at the number that was meant where a decimal comma has made two arguments of it; "" where none has.
func decimal(args ...diag.Span) string {
	for i := 0; i+1 < len(args); i++ {
		if n := lang.Decimal(args[i], args[i+1]); n != "" {
			return "did you mean " + quote(n) + "?"
		}
	}
	return ""
}

// spans are where arguments stand.
func spans(args []*lang.Arg) (list []diag.Span) {
	for _, a := range args {
		list = append(list, a.Value.Span)
	}
	return list
}

func (c *checker) hyper(out *Optimizer, a *lang.Arg) {
	var names []string
	for i, h := range out.Hyper {
		names = append(names, h.Name)
		if h.Name != a.Name.Text {
			continue
		}
		if a.Value.Number == nil {
			c.list.Error(diag.NotANumber, a.Value.Span, quote(h.Name)+" is a number").Found(quote(a.Value.Span.Text()))
			return
		}
		out.Hyper[i].Value = a.Value.Number.Value
		if takes := outside(h.Name, a.Value.Number.Value); takes != "" {
			c.list.Error(diag.BadHyperparameter, a.Value.Span, quote(h.Name)+" is "+takes).Found(a.Value.Number.Text)
		}
		return
	}
	c.unknown(diag.UnknownHyperparameter, a.Name, out.Name+" has no hyperparameter "+quote(a.Name.Text), append(names, "decay"), "hyperparameters")
}

// outside is the number that a hyperparameter takes, where a value is not one.
func outside(name string, v float64) string {
	switch {
	case (name == "lr" || name == "weight_decay") && v < 0:
		return "a number of at least 0"
	case (strings.HasPrefix(name, "beta") || name == "rho" || name == "momentum") && (v < 0 || v >= 1):
		return "a number from 0 to below 1"
	case name == "eps" && v <= 0:
		return "a number above 0"
	}
	return ""
}

// setOptimizer applies --set learn.GROUP=… and learn.GROUP.NAME=….
func (c *checker) setOptimizer(group string, o *Optimizer) {
	if v, ok := c.set.take("learn." + group); ok {
		src := diag.Framed("--set learn."+group, "learn x { "+group+" ", v, " }")
		for _, l := range lang.Blocks[*lang.Learn](lang.Parse(src, c.list)) {
			for _, parsed := range l.Optimizers {
				*o = c.optimizer(parsed)
			}
		}
	}
	for i, h := range o.Hyper {
		path := "learn." + group + "." + h.Name
		if v, ok := c.set.take(path); ok {
			f, ok := number(v)
			if takes := outside(h.Name, f); !ok || takes != "" {
				c.badSet(path, v, cmp.Or(takes, "a number"))
				continue
			}
			o.Hyper[i].Value = f
		}
	}
	if v, ok := c.set.take("learn." + group + ".decay"); ok {
		if !slices.Contains(c.opts.Decays, v) {
			c.badSet("learn."+group+".decay", v, strings.Join(c.opts.Decays, ", "))
			return
		}
		o.Decay = v
	}
}
