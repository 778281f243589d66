package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"notifier/sql/postgres"
)

// load is one row of the table: what the clients do, and how many they are.
type load struct {
	name, script string
	clients      int
}

var loads = []load{
	{"every transaction", "every", 1}, {"every transaction", "every", 8}, {"every transaction", "every", 32},
	{"every 20th", "twentieth", 1}, {"every 20th", "twentieth", 8}, {"every 20th", "twentieth", 32},
}

// measured are a variant's runs under one load: transactions and bells per second.
type measured struct{ tps, bells []float64 }

// throughput measures every load and variant in turn, so that what else the machine does meets all alike.
func (b *bench) throughput(ctx context.Context, progress io.Writer, runs, seconds int) (map[load][]measured, error) {
	dir, err := os.MkdirTemp("", "bellbench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	bells, stop, err := b.countBells(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	results := map[load][]measured{}
	for run := range runs {
		_, _ = fmt.Fprintf(progress, "run %d of %d\n", run+1, runs)
		if err := b.exec(ctx, postgres.Superuser, database, "VACUUM appointments"); err != nil {
			return nil, err
		}
		for _, l := range loads {
			if results[l] == nil {
				results[l] = make([]measured, len(variants))
			}
			for i, v := range variants {
				if err := b.use(ctx, v); err != nil {
					return nil, err
				}
				before := bells.Load()
				tps, err := b.pgbench(ctx, dir, l, seconds)
				if err != nil {
					return nil, fmt.Errorf("%s, %s, %d clients: %w", v.name, l.name, l.clients, err)
				}
				m := &results[l][i]
				m.tps = append(m.tps, tps)
				m.bells = append(m.bells, float64(bells.Load()-before)/float64(seconds))
			}
		}
	}
	return results, nil
}

var tpsLine = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

func (b *bench) pgbench(ctx context.Context, dir string, l load, seconds int) (float64, error) {
	binDir, err := postgres.BinDir()
	if err != nil {
		return 0, err
	}
	script := filepath.Join(dir, l.script)
	if err := os.WriteFile(script, []byte(read(l.script+".pgbench")), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(binDir, "pgbench"), "--no-vacuum", "--protocol=prepared",
		"--file="+script, "--time="+strconv.Itoa(seconds), "--client="+strconv.Itoa(l.clients), "--jobs="+strconv.Itoa(min(2, l.clients)),
		"--host="+b.server.SocketDir(), "--username="+owner, database)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	found := tpsLine.FindSubmatch(out)
	if err != nil || found == nil {
		return 0, fmt.Errorf("run pgbench: %w: %s", err, stderr.String())
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// countBells listens as a daemon does: NOTIFY costs more with a listener than without.
func (b *bench) countBells(ctx context.Context) (*atomic.Int64, func(), error) {
	conn, err := pgx.Connect(ctx, b.server.URL(owner, database))
	if err != nil {
		return nil, nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN notifier_bell"); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	count, done := &atomic.Int64{}, make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return
			}
			count.Add(1)
		}
	}()
	return count, func() { cancel(); <-done; _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}
