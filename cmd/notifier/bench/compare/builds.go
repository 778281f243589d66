package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// builds are where the programs are.
type builds struct {
	notifier string
	floor    string
	nest     string // its folder
}

// build compiles ours into dir, as a release is compiled. The gateway's packages are installed by `.ci/install`.
func build(ctx context.Context, dir string) (builds, error) {
	b := builds{notifier: filepath.Join(dir, "notifier"), floor: filepath.Join(dir, "floor")}
	for path, folder := range map[string]string{b.notifier: "notifier/cmd/notifier", b.floor: "notifier/cmd/notifier/bench/floor"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, folder)
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("build %s: %w: %s", folder, err, out)
		}
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "notifier/cmd/notifier/bench").Output()
	if err != nil {
		return b, fmt.Errorf("find the folder of the gateway: %w", err)
	}
	b.nest = filepath.Join(strings.TrimSpace(string(out)), "nest")
	return b, nil
}
