//go:build !linux

package postgres

import "syscall"

func endWithParent(*syscall.SysProcAttr) {}
