package lang

import "bnetc/lang/diag"

// Format is being written.
func Format(src *diag.File, l *diag.List) (string, bool) { return src.Text, true }
