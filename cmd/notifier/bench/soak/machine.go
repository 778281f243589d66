package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"notifier/sql/postgres"
)

// thisMachine is where it was measured.
func thisMachine(ctx context.Context) string {
	version := "unknown"
	if dir, err := postgres.BinDir(); err == nil {
		out, _ := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output() // who does not say stays unknown
		if words := strings.Fields(string(out)); len(words) > 2 {
			version = words[2] // postgres (PostgreSQL) 15.18 (Debian …)
		}
	}
	return fmt.Sprintf("%s/%s, %d cores, Go %s, PostgreSQL %s",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), strings.TrimPrefix(runtime.Version(), "go"), version)
}
