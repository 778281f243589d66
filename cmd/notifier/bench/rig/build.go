package rig

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
)

// Daemon is the package of what is measured.
const Daemon = "notifier/cmd/notifier"

// Build compiles a program of this module into dir, as a release is compiled, and returns its path.
func Build(ctx context.Context, dir, program string) (binary string, err error) {
	binary = filepath.Join(dir, path.Base(program))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, program)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", program, err, out)
	}
	return binary, nil
}
