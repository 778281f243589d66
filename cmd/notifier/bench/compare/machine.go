package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"notifier/sql/postgres"
)

// machine is where it was measured.
type machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	System   string `json:"system"`
	Go       string `json:"go"`
	Postgres string `json:"postgresql"`
	Node     string `json:"node"`
}

// thisMachine asks; what does not answer is left out.
func thisMachine(ctx context.Context) machine {
	m := machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go")}
	m.System = said(ctx, "uname", "-s", "-r")
	m.Node = strings.TrimPrefix(said(ctx, "node", "--version"), "v")
	if dir, err := postgres.BinDir(); err == nil {
		if words := strings.Fields(said(ctx, filepath.Join(dir, "postgres"), "--version")); len(words) > 2 {
			m.Postgres = words[2] // postgres (PostgreSQL) 15.18 (Debian …)
		}
	}
	return m
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, Go %s, PostgreSQL %s, Node.js %s", m.CPU, m.Cores, m.System, m.Go, m.Postgres, m.Node)
}

func said(ctx context.Context, name string, args ...string) string {
	out, _ := exec.CommandContext(ctx, name, args...).Output() // see thisMachine
	return strings.TrimSpace(string(out))
}

// cpuModel is what Linux says; elsewhere the architecture has to do.
func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // see thisMachine
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
