package rig

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end a process when the thread that started it goes: also when we are killed.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
