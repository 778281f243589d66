//go:build packages

package packagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) {
	status := pgtest.Tests{M: m}.Run()
	for _, built := range releases {
		_ = os.RemoveAll(built.dir) // a temporary folder, which hurts nobody
	}
	os.Exit(status)
}

const root = "../../.."

// output runs a program in the root of the source, and gives what it writes.
func output(t testing.TB, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// The releases that are tried: the second one is an upgrade of the first.
const (
	older = "v1.2.3-rc.1"
	newer = "v1.2.3"
)

// dist builds a release once for all tests.
func dist(t testing.TB, version string) string {
	t.Helper()
	built := releases[version]
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "notifier-dist-"); built.err != nil { //nolint:usetesting // for all tests
			return
		}
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "deploy/dist", built.dir)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "VERSION="+version)
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("deploy/dist: %v", built.err)
	}
	return built.dir
}

var releases = map[string]*release{older: {}, newer: {}}

type release struct {
	once sync.Once
	dir  string
	err  error
}

func TestTheSumsAreThoseOfAllFiles(t *testing.T) {
	dir := dist(t, newer)
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{"SHA256SUMS": true}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		named[name] = true
		file, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || fmt.Sprintf("%x", sha256.Sum256(file)) != sum {
			t.Errorf("%s has another sum (%v)", name, err)
		}
		t.Logf("%9d bytes  %s", len(file), name)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(named) {
		t.Errorf("%v in the folder, and sums of %v (%v)", files, named, err)
	}
}

// Another folder, another cache, and the files of the commit and no others would give the same; here it is the files as they are.
func TestTheSameSourceGivesTheSameBytesInAnotherFolder(t *testing.T) {
	first := dist(t, newer)
	source, second := filepath.Join(t.TempDir(), "elsewhere", "src"), t.TempDir()
	if err := os.MkdirAll(source, 0o755); err != nil {
		t.Fatal(err)
	}
	output(t, nil, "sh", "-c", `git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$0"`, source)
	epoch := strings.TrimSpace(output(t, nil, "git", "log", "-1", "--format=%ct"))
	commit := strings.TrimSpace(output(t, nil, "git", "rev-parse", "HEAD"))
	output(t, []string{"VERSION=" + newer, "COMMIT=" + commit, "SOURCE_DATE_EPOCH=" + epoch, "GOCACHE=" + t.TempDir(), "TZ=America/Recife"},
		filepath.Join(source, "deploy", "dist"), second)
	for _, dir := range []string{first, second} {
		sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s\n%s", dir, sums)
		if other, err := os.ReadFile(filepath.Join(first, "SHA256SUMS")); err != nil || !bytes.Equal(sums, other) {
			t.Errorf("the sums differ (%v)", err)
		}
	}
}

func TestTheBinaryIsStaticAndKnowsItsVersion(t *testing.T) {
	dir := dist(t, newer)
	if said := output(t, nil, filepath.Join(dir, "notifier-linux-amd64"), "version"); !strings.HasPrefix(said, "notifier "+newer+" (commit ") {
		t.Errorf("it says %q", said)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if what := output(t, nil, "go", "version", "-m", filepath.Join(dir, "notifier-linux-"+arch)); !strings.Contains(what, "CGO_ENABLED=0") ||
			!strings.Contains(what, "GOARCH="+arch) || strings.Contains(what, "vcs.") {
			t.Errorf("it was built otherwise: %s", what)
		}
		var bill struct {
			Metadata   struct{ Component struct{ Version string } }
			Components []struct{ Name string }
		}
		text, err := os.ReadFile(filepath.Join(dir, "notifier-linux-"+arch+".cdx.json"))
		if err := json.Unmarshal(text, &bill); err != nil {
			t.Fatal(err)
		}
		if err != nil || bill.Metadata.Component.Version != newer || len(bill.Components) < 30 {
			t.Errorf("the bill of materials is of %q and has %d parts (%v)", bill.Metadata.Component.Version, len(bill.Components), err)
		}
	}
}
