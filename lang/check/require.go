package check

import (
	"slices"

	"bnetc/lang"
	"bnetc/lang/diag"
)

// A requirement is a word of `require`, and the columns of the plausibility report that it forbids.
type requirement struct {
	word    string
	forbids []column
}

// singlePhase forbids what the report says below its table.
const singlePhase = "single_phase"

// requirementWords are what `require` takes.
func requirementWords() []requirement {
	list := []requirement{{"local", []column{transport, errors, nonLocal, taskGradient}}, {singlePhase, nil}}
	for i, c := range columns {
		list = append(list, requirement{c.require, []column{column(i)}})
	}
	return list
}

// requirements holds the report against every `require` of the rule and of `learn`.
func (in *instance) requirements() {
	all := slices.Clone(in.learn.Requires)
	for _, s := range in.rule.Statements {
		if s.Kind == lang.Require {
			all = append(all, &lang.Requirement{Word: s.Word, Span: s.Span})
		}
	}
	var names []string
	for _, w := range requirementWords() {
		names = append(names, w.word)
	}
	var told []diag.Span
	for _, r := range all {
		i := slices.Index(names, r.Word.Text)
		if i < 0 {
			in.unknown(diag.UnknownRequirement, r.Word, "no requirement is named "+quote(r.Word.Text), names, "requirements")
			continue
		}
		if r.Word.Text == singlePhase && in.p.Report.SeparatePhases {
			in.fail(diag.SeparatePhases, r.Span, "inverse and forward learning happen in separate phases").Also(in.learn.Rule.Span, "alternates").Hint("schedule = parallel")
		}
		for _, c := range requirementWords()[i].forbids {
			in.breaks(r, c, &told)
		}
	}
}

// breaks reports the expressions that a requirement forbids: each once, by the first column that shows it.
func (in *instance) breaks(r *lang.Requirement, c column, told *[]diag.Span) {
	for i := range in.p.Report.Rows {
		for _, e := range *columns[c].of(&in.p.Report.Rows[i]) {
			if slices.Contains(*told, e.Span) {
				continue
			}
			*told = append(*told, e.Span)
			d := in.fail(columns[c].code, e.Span, in.rule.Name.Text+" is declared "+r.Word.Text+", and "+columns[c].says).Label(e.Label).Also(r.Span, "forbids it").Hint(columns[c].hint)
			for _, l := range e.Also {
				d.Also(l.Span, l.Text)
			}
		}
	}
}
