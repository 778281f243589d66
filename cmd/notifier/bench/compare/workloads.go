package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"notifier/cmd/notifier/bench"
)

// workloads are those of the README, in their order. Quick ones are so small that they show only that everything works.
func workloads(quick bool) []bench.Workload {
	all := []bench.Workload{
		{Name: "W1", Conns: 1000, Accounts: 100, Rate: 50, For: 8 * time.Second},
		{Name: "W2", Conns: 5000, Accounts: 1, Rate: 20, For: 8 * time.Second},
		{Name: "W3", Conns: 10_000, Accounts: 1000, Writers: 4, For: 6 * time.Second},
		{Name: "W4", Conns: 10_000, Accounts: 1000, Idle: true, For: 15 * time.Second}, // until what joining took is given back
		{Name: "W5", Conns: 1000, Accounts: 50, Burst: 5000},
		{Name: "W6", Conns: 5000, Accounts: 100, Storm: true},
	}
	if quick {
		for i := range all {
			w := &all[i]
			w.Conns, w.Accounts, w.Burst, w.For = w.Conns/50, max(w.Accounts/50, 1), w.Burst/50, min(w.For, time.Second)
		}
	}
	return all
}

// titles say what the workloads are.
var titles = map[string]string{
	"W1": "1,000 sockets in 100 accounts, 50 events a second",
	"W2": "5,000 sockets in one account, 20 events a second",
	"W3": "10,000 sockets in 1,000 accounts, as many events as 4 connections commit in 6 s",
	"W4": "10,000 sockets in 1,000 accounts, idle for 15 s",
	"W5": "1,000 sockets in 50 accounts, 5,000 events of one transaction",
	"W6": "5,000 sockets in 100 accounts, cut at once",
}

// chooseWorkloads are those that a comma-separated list names; all of them if it is empty.
func chooseWorkloads(list string, quick bool) ([]bench.Workload, error) {
	all := workloads(quick)
	if list == "" {
		return all, nil
	}
	var chosen []bench.Workload
	for _, name := range strings.Split(list, ",") {
		i := slices.IndexFunc(all, func(w bench.Workload) bool { return w.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no workload is called %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
