package cpu

import "syscall"

// installed gives the machine's memory in bytes.
func installed() int {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	return int(uint64(info.Totalram) * uint64(info.Unit))
}

// adviseHuge asks for large pages: a kernel that walks down a wide weight touches a page a row. It is advice; a refusal costs speed only.
func adviseHuge(b []byte) {
	const hugePages = 14 // MADV_HUGEPAGE
	if len(b) > 2*hugePage {
		_ = syscall.Madvise(b, hugePages)
	}
}
