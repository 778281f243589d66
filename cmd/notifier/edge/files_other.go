//go:build !unix

package edge

// FileLimit is how many files, connections among them, this process may have open; false if nobody knows.
func FileLimit() (files uint64, known bool) { return 0, false }
