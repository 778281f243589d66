// Package process runs the private servers of package sql's tests and of the demo: as a user that they
// accept, and never longer than we live.
package process

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Command is what Start starts.
type Command struct {
	Path string // absolute
	Args []string
	Dir  string
	Log  string // the file that takes what it says; appended to
	User *User
	// OnParentDeath is the signal that ends the server quickly. On Linux the kernel sends it when we
	// die, whatever we die of.
	OnParentDeath syscall.Signal
}

// Process is a server that was started.
type Process struct {
	pid    int
	exited chan struct{}
}

// Start runs the command on a thread that lives as long as the server does: the kernel sends
// OnParentDeath when that thread goes, so that even a SIGKILLed parent leaves no server behind.
func Start(command Command) (*Process, error) {
	cmd := &exec.Cmd{Path: command.Path, Args: append([]string{command.Path}, command.Args...), Dir: command.Dir}
	cmd.SysProcAttr = command.User.ProcAttr()
	endWithParent(cmd.SysProcAttr, command.OnParentDeath)
	log, err := os.OpenFile(command.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log

	p := &Process{exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close() //nolint:errcheck // the server has its own handle
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID is the process id, also after its end.
func (p *Process) PID() int { return p.pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends a signal to a process that has not ended.
func (p *Process) Signal(signal syscall.Signal) {
	select {
	case <-p.exited: // the number may be another's by now
	default:
		_ = syscall.Kill(p.pid, signal) // it may have ended just now: Exited tells
	}
}

// Step is one attempt of End.
type Step struct {
	Signal   syscall.Signal
	Patience time.Duration
}

// End takes one step after the other, until the process has ended or there are no more.
func (p *Process) End(steps ...Step) {
	for _, step := range steps {
		p.Signal(step.Signal)
		select {
		case <-p.exited:
			return
		case <-time.After(step.Patience):
		}
	}
}
