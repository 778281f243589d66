package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc: sysconf(_SC_CLK_TCK) is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// process is one server under load, with its children if it is a postmaster.
type process struct {
	pid      int
	children bool
}

// cpu is the processor time that the process has taken, user and system; with its children's, also of those that have ended.
func (p process) cpu() (time.Duration, error) {
	if p.pid == 0 {
		return 0, nil
	}
	total, err := p.times(p.pid)
	if err != nil || !p.children {
		return total, err
	}
	for _, child := range p.offspring() {
		if t, err := (process{pid: child}).times(child); err == nil { // it may have ended meanwhile: then it is in its parent's
			total += t
		}
	}
	return total, nil
}

// times adds utime and stime, and for a parent those of children that it has waited for: fields 14 to 17 of proc_pid_stat(5).
func (p process) times(pid int) (total time.Duration, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	last := 13
	if p.children {
		last = 15
	}
	if len(fields) < last {
		return 0, fmt.Errorf("read processor time: /proc/%d/stat has %d fields", pid, len(fields))
	}
	for _, field := range fields[11:last] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		total += time.Duration(n) * tick
	}
	return total, nil
}

// group is several processes, none of them with children.
type group []process

func (g group) cpu() (total time.Duration, err error) {
	for _, p := range g {
		spent, err := p.cpu()
		if err != nil {
			return 0, err
		}
		total += spent
	}
	return total, nil
}

// memory adds up; the peaks need not have been at the same time.
func (g group) memory() (rss, peak int64, err error) {
	for _, p := range g {
		now, most, err := p.memory()
		if err != nil {
			return 0, 0, err
		}
		rss, peak = rss+now, peak+most
	}
	return rss, peak, nil
}

// offspring are the process's children.
func (p process) offspring() (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.pid))
	for _, list := range lists {
		raw, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// memory is what the process has resident, now and at most so far, in bytes.
func (p process) memory() (rss, peak int64, err error) {
	if p.pid == 0 || p.children { // children share theirs
		return 0, 0, nil
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			rss = kilobytes << 10
		case "VmHWM":
			peak = kilobytes << 10
		}
	}
	return rss, peak, nil
}

// Spent is the processor time that a process has taken; of a postmaster, whose children do the work, with theirs.
func Spent(pid int, postmaster bool) (time.Duration, error) {
	return process{pid: pid, children: postmaster}.cpu()
}

// Resident is what a process has in memory, in bytes.
func Resident(pid int) (rss int64, err error) {
	rss, _, err = process{pid: pid}.memory()
	return rss, err
}
