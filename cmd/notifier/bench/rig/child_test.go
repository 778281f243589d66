package rig

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAChildIsUpWhenItSaysSoAndEndsWhenItIsTold(t *testing.T) {
	t.Parallel()
	c, err := Start(t.Context(), "child", exec.Command("sh", "-c", "echo starting; echo ws://127.0.0.1:1; exec sleep 60"))
	if err != nil || c.URL() != "ws://127.0.0.1:1" {
		t.Fatalf("%v, %+v", err, c)
	}
	if err := syscall.Kill(c.PID(), 0); err != nil {
		t.Errorf("it is up and does not run: %v", err)
	}
	c.End()
	if err := syscall.Kill(c.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it was ended: %v, want it gone", err)
	}
	script := filepath.Join(t.TempDir(), "none")
	for name, cmd := range map[string]*exec.Cmd{
		"out of words":      exec.Command("sh", "-c", "echo sorry >&2; exit 1"),
		"cannot be started": exec.Command(script),
	} {
		if _, err := Start(t.Context(), "child", cmd); err == nil {
			t.Errorf("%s: no error", name)
		} else if name == "out of words" && !strings.Contains(err.Error(), "sorry") {
			t.Errorf("%s: got %v, want what it said", name, err)
		}
	}
}
