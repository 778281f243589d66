//go:build unix

package socket

import (
	"errors"
	"syscall"
)

// Attempt writes what the kernel takes at once. One may be used for many connections, by one goroutine at a time; it exists so that an attempt
// allocates nothing.
type Attempt struct {
	write func(fd uintptr) bool
	p     []byte
	n     int
	err   error
}

// NewAttempt returns an Attempt.
func NewAttempt() *Attempt {
	a := &Attempt{}
	a.write = a.once
	return a
}

// once always returns true: the poller shall not wait.
func (a *Attempt) once(fd uintptr) bool {
	for {
		a.n, a.err = syscall.Write(int(fd), a.p)
		if !errors.Is(a.err, syscall.EINTR) {
			return true
		}
	}
}

// on writes to a connection and returns how much the kernel took: less than all is not an error.
func (a *Attempt) on(raw syscall.RawConn, p []byte) (int, error) {
	a.p, a.n, a.err = p, 0, nil
	err := raw.Write(a.write)
	a.p = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(a.err, syscall.EAGAIN):
		return 0, nil
	case a.err != nil:
		return 0, a.err
	}
	return a.n, nil
}
