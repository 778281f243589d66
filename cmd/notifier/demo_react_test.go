package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildReact builds the page that `make demo` builds, from the packages that `make test` installs, into a folder of the test's.
func buildReact(t *testing.T) string {
	t.Helper()
	dist := t.TempDir()
	build := exec.CommandContext(t.Context(), "npm", "run", "--silent", "build", "--", "--outdir="+dist)
	build.Dir = filepath.Join("demo", "react")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("npm run build (`make test` installs what it needs): %v\n%s", err, output)
	}
	return dist
}

func TestReactPageInABrowser(t *testing.T) {
	needBrowser(t)
	d := startDemo(t, "--react", buildReact(t))
	url := d.address(t)
	runScript(t, "reactlist.mjs", url)
	d.pressCtrlC(t)
	d.leavesNothing(t)
}

func TestAFolderWithoutAReactPageIsRefused(t *testing.T) {
	status, _, stderr := runLine(t, "demo", "--react", t.TempDir())
	if status != exitUsage || !strings.Contains(stderr, "--react") || !strings.Contains(stderr, "has no built page") {
		t.Errorf("status %d, stderr %q; want %d and what is wrong", status, stderr, exitUsage)
	}
}
