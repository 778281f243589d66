package rig

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"notifier/cmd/notifier/leaktest"
)

// endPatience is generous: a machine that is busy should end no measurement.
const endPatience = 5 * time.Second

// Process is a process of ours, which ends with us whatever happens.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Launch starts a process. What it says on either output is handed to listener, and searched for secrets where that is wanted. The caller must End it.
func Launch(name string, cmd *exec.Cmd, listener io.Writer) (*Process, error) {
	kept := leaktest.Log("bench-" + name)
	said := io.MultiWriter(kept, listener)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = endPatience // of a process of its own that lives on and holds its output
	endWithParent(cmd)
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.ended)
		runtime.LockOSThread() // see endWithParent
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in what it said
		}
		_ = kept.Close() // a log
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// PID is the process's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Signal sends a signal, which does not reach a process that has ended.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// End ends the process: nobody is connected any more, so that it need not be gentle.
func (p *Process) End() {
	_ = p.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
		return
	case <-time.After(endPatience):
	}
	p.Kill()
}

// Kill ends the process at once, whatever state it is in.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}
