package tensor

// Temporary: delete this file when the real Verify and String are here.
func (p *Program) Verify() error  { return nil }
func (p *Program) String() string { return "" }
