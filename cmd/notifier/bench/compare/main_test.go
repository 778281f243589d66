package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
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
