//go:build !linux

package cpu

// Memory gives 0: not known on this system, whose own refusal must do.
func Memory() int { return 0 }

func adviseHuge([]byte) {}
