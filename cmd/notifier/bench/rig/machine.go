package rig

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

// Machine is where it was measured.
type Machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	System   string `json:"system"`
	Go       string `json:"go"`
	Postgres string `json:"postgresql"`
	Node     string `json:"node,omitempty"` // where it is used: see NodeVersion
}

// ThisMachine asks; what does not answer is left out.
func ThisMachine(ctx context.Context) Machine {
	m := Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go")}
	m.System = said(ctx, "uname", "-s", "-r")
	if dir, err := postgres.BinDir(); err == nil {
		if words := strings.Fields(said(ctx, filepath.Join(dir, "postgres"), "--version")); len(words) > 2 {
			m.Postgres = words[2] // postgres (PostgreSQL) 15.18 (Debian …)
		}
	}
	return m
}

func (m Machine) String() string {
	text := fmt.Sprintf("%s, %d cores, %s, Go %s, PostgreSQL %s", m.CPU, m.Cores, m.System, m.Go, m.Postgres)
	if m.Node != "" {
		text += ", Node.js " + m.Node
	}
	return text
}

// NodeVersion is Node.js's.
func NodeVersion(ctx context.Context) string {
	return strings.TrimPrefix(said(ctx, "node", "--version"), "v")
}

func said(ctx context.Context, name string, args ...string) string {
	out, _ := exec.CommandContext(ctx, name, args...).Output() // see ThisMachine
	return strings.TrimSpace(string(out))
}

// cpuModel is what Linux says; elsewhere the architecture has to do.
func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // see ThisMachine
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
