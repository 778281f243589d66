//go:build unix

package edge

import "syscall"

// FileLimit is how many files, connections among them, this process may have open; false if nobody knows. The Go runtime has raised it as far as it may be.
func FileLimit() (files uint64, known bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return uint64(limit.Cur), true //nolint:unconvert // it is signed on some systems, and never negative
}
