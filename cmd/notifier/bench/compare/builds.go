package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"notifier/cmd/notifier/bench/rig"
)

// builds are where the programs are.
type builds struct {
	notifier string
	floor    string
	nest     string // its folder
}

// build compiles ours into dir. The gateway's packages are installed by `.ci/install`.
func build(ctx context.Context, dir string) (b builds, err error) {
	if b.notifier, err = rig.Build(ctx, dir, rig.Daemon); err != nil {
		return b, err
	}
	if b.floor, err = rig.Build(ctx, dir, "notifier/cmd/notifier/bench/floor"); err != nil {
		return b, err
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "notifier/cmd/notifier/bench").Output()
	if err != nil {
		return b, fmt.Errorf("find the folder of the gateway: %w", err)
	}
	b.nest = filepath.Join(strings.TrimSpace(string(out)), "nest")
	return b, nil
}
