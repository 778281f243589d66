package rig

import (
	"context"
	"os/exec"
)

// Command is the daemon as it comes: its limits, pings, metrics and log are on.
func Command(binary, database, addr, admin string) *exec.Cmd {
	cmd := exec.Command(binary, "serve", "--addr", addr, "--admin-addr", admin, "--log-format", "json") //nolint:noctx // its owner ends it
	cmd.Env = append(cmd.Environ(), "NOTIFIER_DATABASE_URL="+database, "NOTIFIER_JWT_SECRET="+Secret)
	return cmd
}

// AnyAddress is one that the system chooses.
const AnyAddress = "127.0.0.1:0"

// Serve starts a daemon and returns when it is ready. The caller must End it.
func Serve(ctx context.Context, name, binary, database string) (*Child, error) {
	return Start(ctx, name, Command(binary, database, AnyAddress, AnyAddress))
}
