package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"notifier/cmd/notifier/leaktest"
)

// child is a contender's process.
type child struct {
	name  string
	cmd   *exec.Cmd
	voice *voice
	ended chan struct{} // closed when the process has ended
}

// Both are generous: a machine that is busy should end no measurement.
const (
	startPatience = 30 * time.Second
	endPatience   = 5 * time.Second
)

// startChild starts a process and returns when it serves. The caller must end it.
func startChild(ctx context.Context, name string, cmd *exec.Cmd) (*child, error) {
	kept := leaktest.Log("compare-" + name)
	c := &child{name: name, cmd: cmd, ended: make(chan struct{}), voice: &voice{kept: kept, open: make(chan struct{})}}
	cmd.Stdout, cmd.Stderr = c.voice, c.voice
	cmd.WaitDelay = endPatience // of a process of its own that lives on and holds its output
	endWithParent(cmd)
	started := make(chan error, 1)
	go func() {
		defer close(c.ended)
		runtime.LockOSThread() // see endWithParent
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in what it said
		}
		_ = kept.Close() // a log
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := c.awaitReady(ctx); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// awaitReady waits until the process has said where it serves and, if it has an admin address, is ready there.
func (c *child) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("it took too long"))
	defer cancel()
	select {
	case <-c.voice.open:
	case <-c.ended:
		return fmt.Errorf("start %s: it ended at once: %s", c.name, c.voice.last())
	case <-ctx.Done():
		return fmt.Errorf("start %s: %w: %s", c.name, context.Cause(ctx), c.voice.last())
	}
	for c.voice.admin != "" && !isReady(ctx, "http://"+c.voice.admin+"/readyz") {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to be ready: %w: %s", c.name, context.Cause(ctx), c.voice.last())
		}
	}
	return nil
}

func isReady(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close()) == nil && response.StatusCode == http.StatusOK
}

func (c *child) url() string { return c.voice.url }
func (c *child) pid() int    { return c.cmd.Process.Pid }

// end ends the process: nobody is connected any more, so that it need not be gentle.
func (c *child) end() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.ended:
		return
	case <-time.After(endPatience):
	}
	_ = c.cmd.Process.Kill() // as above
	<-c.ended
}

// voice is what a process says on either output. Where it serves is in a line `ws://…`, or in the daemon's log.
type voice struct {
	kept  io.Writer
	open  chan struct{} // closed when url and admin are known
	url   string
	admin string

	mu      sync.Mutex
	partial []byte
	recent  []string
}

const recentLines = 20

// Write implements io.Writer.
func (v *voice) Write(data []byte) (int, error) {
	if _, err := v.kept.Write(data); err != nil {
		return 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.partial = append(v.partial, data...)
	for {
		line, rest, found := bytes.Cut(v.partial, []byte("\n"))
		if !found {
			return len(data), nil
		}
		v.hear(line)
		v.partial = rest
	}
}

func (v *voice) hear(line []byte) {
	if len(v.recent) == recentLines {
		v.recent = v.recent[1:]
	}
	v.recent = append(v.recent, string(line))
	if v.url != "" {
		return
	}
	var entry struct {
		Msg   string `json:"msg"`
		Addr  string `json:"addr"`
		Admin string `json:"admin_addr"`
	}
	switch {
	case bytes.HasPrefix(line, []byte("ws://")):
		v.url = string(line)
	case json.Unmarshal(line, &entry) == nil && entry.Msg == "serving":
		v.url, v.admin = "ws://"+entry.Addr, entry.Admin
	default:
		return
	}
	close(v.open)
}

// last are the last lines, for an error.
func (v *voice) last() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.recent, "\n")
}
