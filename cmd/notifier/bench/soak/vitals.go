package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"notifier/cmd/notifier/bench"
)

// vitals are a daemon at one moment.
type vitals struct {
	Up         bool  `json:"up"` // else it was ended, or stood still, and the rest is 0
	RSS        int64 `json:"rssBytes"`
	Heap       int64 `json:"heapBytes"` // in use, what is to be collected included
	Goroutines int   `json:"goroutines"`
	Files      int   `json:"files"`   // descriptors, sockets included
	Sockets    int   `json:"sockets"` // that are joined, or about to be
	Effects    int   `json:"effects"` // releases that wait
	Staging    int   `json:"staging"` // changes that wait to be numbered
}

// vitals asks the daemon and the kernel. Who does not answer is not up.
func (d *daemon) vitals(ctx context.Context) (v vitals) {
	text, err := d.get(ctx, "/metrics")
	if err != nil {
		return v
	}
	metrics := parseMetrics(text)
	v.Heap, v.Goroutines = int64(metrics["go_memstats_heap_inuse_bytes"]), int(metrics["go_goroutines"])
	v.Sockets = int(metrics["notifier_connections"])
	v.Effects, v.Staging = int(metrics["notifier_effects_waiting"]), int(metrics["notifier_staging_rows"])
	pid := d.current().PID()
	files, filesErr := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	rss, rssErr := bench.Resident(pid)
	if filesErr != nil || rssErr != nil {
		return vitals{} // it has just ended
	}
	v.RSS, v.Files, v.Up = rss, len(files), true
	return v
}

// parseMetrics adds up the series of each metric.
func parseMetrics(text []byte) map[string]float64 {
	metrics := make(map[string]float64)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		end := max(strings.LastIndexByte(lines.Text(), ' '), 0)
		series, value := lines.Text()[:end], strings.TrimSpace(lines.Text()[end:])
		name, _, _ := strings.Cut(series, "{")
		if number, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			metrics[name] += number
		}
	}
	return metrics
}

// sample is everything at one moment.
type sample struct {
	At         float64  `json:"at"` // seconds since the beginning
	Joined     int      `json:"joined"`
	Deliveries int64    `json:"deliveries"`
	Daemons    []vitals `json:"daemons"`
}
