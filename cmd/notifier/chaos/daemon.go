package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"notifier/cmd/notifier/leaktest"
)

// daemon is one `notifier serve`, which a scenario may end and start again.
type daemon struct {
	name    string
	binary  string
	args    []string
	env     []string
	logPath string

	mu       sync.Mutex
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the process has ended
	journal  *journal      // of the process that runs, or ran last
	journals []*journal    // of all of them
}

// start starts the process and returns when its addresses are open.
func (d *daemon) start(ctx context.Context) error {
	file, err := os.OpenFile(d.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	journal := newJournal(file)
	cmd := exec.Command(d.binary, append([]string{"serve"}, d.args...)...) //nolint:noctx // it ends when the scenario says so
	cmd.Env = append(os.Environ(), d.env...)
	kept := leaktest.Log("chaos-" + d.name)
	cmd.Stderr = io.MultiWriter(journal, kept)
	endWithParent(cmd)
	ended := make(chan struct{})
	started := make(chan error, 1)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // see endWithParent
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			journal.exit(cmd.Wait())
		}
		_ = errors.Join(file.Close(), kept.Close()) // logs
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", d.name, err)
	}
	d.mu.Lock()
	d.cmd, d.ended, d.journal = cmd, ended, journal
	d.journals = append(d.journals, journal)
	d.mu.Unlock()
	select {
	case <-journal.serving:
		return nil
	case <-ended:
		return fmt.Errorf("start %s: it ended at once: %s", d.name, journal.tail())
	case <-ctx.Done():
		return fmt.Errorf("start %s: %w", d.name, context.Cause(ctx))
	}
}

// ready waits until the daemon takes screens.
func (d *daemon) ready(ctx context.Context) error {
	for {
		if status, _, err := d.get(ctx, "/readyz"); err == nil && status == http.StatusOK {
			return nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("wait for %s to be ready: %w: %s", d.name, err, d.current().tail())
		}
	}
}

// signal sends a signal to the process.
func (d *daemon) signal(sig syscall.Signal) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cmd.Process.Signal(sig)
}

// end sends a signal and waits until the process has ended. A process that ended before is no error.
func (d *daemon) end(ctx context.Context, sig syscall.Signal) error {
	if err := d.signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	d.mu.Lock()
	ended := d.ended
	d.mu.Unlock()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end %s: %w", d.name, context.Cause(ctx))
	}
}

// kill is for the end of a scenario: whatever state the process is in.
func (d *daemon) kill() {
	d.mu.Lock()
	cmd, ended := d.cmd, d.ended
	d.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill() // it may have ended
	<-ended
}

func (d *daemon) current() *journal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.journal
}

// addr is the public address of the process that runs.
func (d *daemon) addr() string { return d.current().address() }

func (d *daemon) get(ctx context.Context, path string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.current().adminAddress()+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close() //nolint:errcheck // read to the end
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// metric is the sum of a metric's series whose line begins with name.
func (d *daemon) metric(ctx context.Context, name string) (sum float64, err error) {
	_, body, err := d.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(body) {
		if series, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(series, name) {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			sum += number
		}
	}
	return sum, nil
}

// build compiles the daemon into dir.
func build(ctx context.Context, dir string, flags ...string) (path string, err error) {
	path = filepath.Join(dir, "notifier")
	args := append(append([]string{"build"}, flags...), "-o", path, "notifier/cmd/notifier")
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build notifier: %w: %s", err, out)
	}
	return path, nil
}
