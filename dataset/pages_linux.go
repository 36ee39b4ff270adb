package dataset

import "syscall"

// inLargePages asks the system for large pages behind bytes just allocated, so many that Go begins them at a page: the first touch of each small one costs
// a fault, and those of MNIST together as much as its inflating. It is advice; a refusal costs speed only.
func inLargePages(b []byte) []byte {
	const hugePages, enough = 14, 4 << 20 // MADV_HUGEPAGE; bytes that hold a large page wherever they begin
	if len(b) > enough {
		_ = syscall.Madvise(b, hugePages)
	}
	return b
}
