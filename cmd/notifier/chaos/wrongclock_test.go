package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// watch tells its clock: the wall, and how long it believes to have run.
const watch = `package main

import "time"

func main() {
	start := time.Now()
	print(start.Unix(), " ", time.Since(start) < time.Minute, " ", time.Until(start.Add(time.Hour)) > 59*time.Minute)
}
`

func TestAWrongClockIsWrongOnTheWallOnly(t *testing.T) {
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		dir := t.TempDir()
		flags, err := clockFlags(t.Context(), dir, offset)
		if err != nil {
			t.Fatal(err)
		}
		source, program := filepath.Join(dir, "watch.go"), filepath.Join(dir, "watch")
		if err := os.WriteFile(source, []byte(watch), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append(append([]string{"build"}, flags...), "-o", program, source)
		if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
			t.Fatalf("build: %v: %s", err, out)
		}
		before := time.Now().Add(offset).Unix()
		out, err := exec.CommandContext(t.Context(), program).CombinedOutput() // print writes to stderr
		after := time.Now().Add(offset).Unix()
		if err != nil {
			t.Fatalf("run: %v: %s", err, out)
		}
		var told int64
		var since, until bool
		if _, err := fmt.Sscan(string(out), &told, &since, &until); err != nil {
			t.Fatalf("read %q: %v", out, err)
		}
		if told < before || told > after {
			t.Errorf("the clock says %d, want %d to %d, which is off by %s", told, before, after, offset)
		}
		if !since || !until {
			t.Errorf("time passes wrongly: %s", out)
		}
	}
}

func TestAnotherTimeNowIsNotChangedInSilence(t *testing.T) {
	for name, source := range map[string]string{"no such line": "package time\n", "twice": rightNow + rightNow} {
		if _, err := wrongTime(source); err == nil || !strings.Contains(err.Error(), "another time.Now") {
			t.Errorf("%s: %v, want an error that says what is wrong", name, err)
		}
	}
}
