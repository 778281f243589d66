package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFlagsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"-run W7", "-contenders apache", "-repeat 0", "W1", "-from nowhere.json"} {
		if err := compare(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s is taken", args)
		}
	}
}

func TestListsChooseInTheirOrder(t *testing.T) {
	t.Parallel()
	w, err := chooseWorkloads("W3,W1", false)
	if err != nil || len(w) != 2 || w[0].Name != "W3" || w[1].Name != "W1" {
		t.Errorf("got %v, %v", w, err)
	}
	c, err := chooseContenders("floor,nest")
	if err != nil || len(c) != 2 || c[0].name != bareFloor || c[1].name != nestGateway {
		t.Errorf("got %v, %v", c, err)
	}
	for _, quick := range []bool{false, true} {
		for _, w := range workloads(quick) {
			if err := w.Validate(); err != nil || titles[w.Name] == "" {
				t.Errorf("%s: %v", w.Name, err)
			}
		}
	}
}

func TestAMeasurementThatIsInterruptedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil { // PostgreSQL's user must get in
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	progress := writerFunc(func([]byte) { cancel() }) // at the end of the first run
	err := compare(ctx, strings.Fields("-quick -repeat 9 -run W5 -contenders floor"), io.Discard, progress)
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v, want it to say that it was interrupted", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestAChildIsUpWhenItSaysSoAndEndsWhenItIsTold(t *testing.T) {
	t.Parallel()
	c, err := startChild(t.Context(), "child", exec.Command("sh", "-c", "echo starting; echo ws://127.0.0.1:1; exec sleep 60"))
	if err != nil || c.url() != "ws://127.0.0.1:1" {
		t.Fatalf("%v, %+v", err, c)
	}
	if err := syscall.Kill(c.pid(), 0); err != nil {
		t.Errorf("it is up and does not run: %v", err)
	}
	c.end()
	if err := syscall.Kill(c.pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it was ended: %v, want it gone", err)
	}
	script := filepath.Join(t.TempDir(), "none")
	for name, cmd := range map[string]*exec.Cmd{
		"out of words":      exec.Command("sh", "-c", "echo sorry >&2; exit 1"),
		"cannot be started": exec.Command(script),
	} {
		if _, err := startChild(t.Context(), "child", cmd); err == nil {
			t.Errorf("%s: no error", name)
		} else if name == "out of words" && !strings.Contains(err.Error(), "sorry") {
			t.Errorf("%s: got %v, want what it said", name, err)
		}
	}
}
