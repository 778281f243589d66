package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A clock that is wrong is compiled in: the wall clock of the whole machine is not ours to change, and a namespace
// of Linux has a boot clock of its own and no wall clock. So the daemon is built with another time.Now, which adds
// to the wall clock what the linker was told, and leaves the monotonic one, as a clock that is wrong does. It is the
// linker, so that the library is compiled once for all offsets, which takes a minute the first time.
const (
	rightNow = "\tsec, nsec, mono := runtimeNow()\n"
	wrongNow = rightNow + "\tsec += wrongBy\n"
	wrongBy  = `
var wrongByText string // set by the linker

var wrongBy = func() int64 {
	by, err := ParseDuration(wrongByText)
	if err != nil {
		panic(err)
	}
	return int64(by / Second)
}()
`
)

// buildWithClock compiles the daemon into a folder of its own in dir. Its clock is offset (whole seconds) later.
func buildWithClock(ctx context.Context, dir string, offset time.Duration, flags ...string) (path string, err error) {
	dir = filepath.Join(dir, "clock"+offset.String())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	wrong, err := clockFlags(ctx, dir, offset)
	if err != nil {
		return "", fmt.Errorf("build with a wrong clock: %w", err)
	}
	return build(ctx, dir, append(wrong, flags...)...)
}

// build compiles what the plan's daemons need, and is the plan with it.
func (p plan) build(ctx context.Context, o options) (plan, error) {
	p.binary = maps.Clone(p.binary)
	for i, offset := range p.clock {
		path, err := buildWithClock(ctx, o.dir, offset, o.build...)
		if err != nil {
			return p, err
		}
		if p.binary == nil {
			p.binary = map[int]string{}
		}
		p.binary[i] = path
	}
	return p, nil
}

// clockFlags are the flags of go build for a program whose clock is wrong. What they name lies in dir.
func clockFlags(ctx context.Context, dir string, offset time.Duration) ([]string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("ask for GOROOT: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return nil, err
	}
	wrong, err := wrongTime(string(source))
	if err != nil {
		return nil, fmt.Errorf("change %s: %w", original, err)
	}
	replacement, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		return nil, err
	}
	for path, data := range map[string][]byte{replacement: []byte(wrong), overlay: text} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return nil, err
		}
	}
	return []string{"-overlay", overlay, "-ldflags", "-X time.wrongByText=" + offset.String()}, nil
}

// wrongTime is the source of time.go, with a Now that is wrong.
func wrongTime(source string) (string, error) {
	if n := strings.Count(source, rightNow); n != 1 {
		return "", fmt.Errorf("the line %q is there %d times, want 1: this Go has another time.Now", strings.TrimSpace(rightNow), n)
	}
	return strings.Replace(source, rightNow, wrongNow, 1) + wrongBy, nil
}
