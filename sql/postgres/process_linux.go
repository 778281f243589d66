package postgres

import "syscall"

// endWithParent: SIGQUIT is PostgreSQL's immediate shutdown.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
