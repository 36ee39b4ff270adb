package diag

// A Record is a diagnostic as --json prints it. Lines and columns count from 1, columns in characters; the end is behind the last character.
// A diagnostic without a place (of --set) has no file and zeros.
type Record struct {
	Code     string  `json:"code"`
	Severity string  `json:"severity"`
	Message  string  `json:"message"`
	At       Place   `json:"at"`
	Also     []Place `json:"also,omitempty"`
	Expected string  `json:"expected,omitempty"`
	Found    string  `json:"found,omitempty"`
	Hint     string  `json:"hint,omitempty"`
}

// A Place is a label as --json prints it.
type Place struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text,omitempty"`
}

// JSON is the diagnostic as --json prints it.
func (d *Diagnostic) JSON() any {
	r := Record{Code: string(d.code), Severity: d.severity.String(), Message: d.message, At: d.at.place(), Expected: d.expected, Found: d.found, Hint: d.hint}
	for _, l := range d.also {
		r.Also = append(r.Also, l.place())
	}
	return r
}

func (l Label) place() Place {
	p := Place{Text: l.Text}
	if f := l.Span.File; f != nil {
		p.File = f.Name
		p.Line, p.Column = f.Position(l.Span.Start)
		p.EndLine, p.EndColumn = f.Position(l.Span.End)
	}
	return p
}
