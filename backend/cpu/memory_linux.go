package cpu

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// limits are the files in which control groups of both versions say how much memory this process's container may take.
var limits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// Memory gives the bytes that this process may take: the machine's memory, or less where a container or ulimit -v allows less.
func Memory() int {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	most := info.Totalram * uint64(info.Unit)
	var space syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &space) == nil {
		most = min(most, space.Cur)
	}
	for _, file := range limits {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil { // else "max": no limit
			most = min(most, limit)
		}
	}
	return int(most)
}

// adviseHuge asks for large pages: a kernel that walks down a wide weight touches a page a row. It is advice; a refusal costs speed only.
func adviseHuge(b []byte) {
	const hugePages = 14 // MADV_HUGEPAGE
	if len(b) > 2*hugePage {
		_ = syscall.Madvise(b, hugePages)
	}
}
