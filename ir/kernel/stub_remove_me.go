package kernel

// Temporary: delete this file when the real Verify is here.
func (p *Plan) Verify() error  { return nil }
