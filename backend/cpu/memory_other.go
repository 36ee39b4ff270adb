//go:build !linux

package cpu

// installed gives 0: not known on this system, whose own refusal must do.
func installed() int { return 0 }

func adviseHuge([]byte) {}
