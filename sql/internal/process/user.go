package process

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// User is the system user that a private server runs as.
type User struct {
	credential *syscall.Credential // nil: the user we are
}

// ServerUser finds it. PostgreSQL and PgBouncer refuse to run as root, so root hands their folders and
// processes to postgres or nobody; anybody else runs them as himself.
func ServerUser() (*User, error) {
	if os.Geteuid() != 0 {
		return &User{}, nil
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
		return &User{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("find a user to run PostgreSQL as: it refuses to run as root, " +
		"and neither postgres nor nobody exists")
}

// Own gives a file or folder to the user.
func (u *User) Own(path string) error {
	if u.credential == nil {
		return nil
	}
	return os.Chown(path, int(u.credential.Uid), int(u.credential.Gid))
}

// ProcAttr makes a command run as the user, in a process group of its own, so that a Ctrl-C at the
// terminal reaches us and not the server behind our back.
func (u *User) ProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: u.credential, Setpgid: true}
}
