package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// owner is the system user that the server runs as. initdb and postgres refuse to run as root, so
// root hands the folder and the processes to postgres or nobody; anybody else runs them as himself.
type owner struct {
	credential *syscall.Credential // nil: the user we are
}

func serverUser() (*owner, error) {
	if os.Geteuid() != 0 {
		return &owner{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, fmt.Errorf("read ids of user %s: %w", name, err)
		}
		return &owner{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("find a user to run PostgreSQL as: it refuses to run as root, " +
		"and neither postgres nor nobody exists")
}

func (o *owner) own(dir string) error {
	if o.credential == nil {
		return nil
	}
	return os.Chown(dir, int(o.credential.Uid), int(o.credential.Gid))
}

// procAttr puts the process into a group of its own, so that a Ctrl-C at the terminal reaches us and
// not the server behind our back.
func (o *owner) procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: o.credential, Setpgid: true}
}

// launch starts the postmaster on a thread that lives as long as it does: on Linux the kernel ends the
// server when that thread goes, so that even a SIGKILLed parent leaves no server behind.
func (s *Server) launch() error {
	cmd := exec.Command(filepath.Join(s.binDir, "postgres"), "-D", s.dataDir())
	cmd.Dir, cmd.SysProcAttr = s.dir, s.user.procAttr()
	endWithParent(cmd.SysProcAttr)
	logFile, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = logFile, logFile

	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer logFile.Close() //nolint:errcheck // the server has its own handle
		err := cmd.Start()
		if err == nil {
			s.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(s.exited)
		}
	}()
	return <-started
}
