package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Child is a server that says on its output where it serves.
type Child struct {
	*Process
	name  string
	voice *voice
}

// startPatience is generous, as endPatience is.
const startPatience = 30 * time.Second

// Start starts a process and returns when it serves. The caller must End it.
func Start(ctx context.Context, name string, cmd *exec.Cmd) (*Child, error) {
	c := &Child{name: name, voice: &voice{open: make(chan struct{})}}
	var err error
	if c.Process, err = Launch(name, cmd, c.voice); err != nil {
		return nil, err
	}
	if err := c.awaitReady(ctx); err != nil {
		c.End()
		return nil, err
	}
	return c, nil
}

// awaitReady waits until the process has said where it serves and, if it has an admin address, is ready there.
func (c *Child) awaitReady(ctx context.Context) error {
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

// URL is where it serves, as ws://127.0.0.1:8080.
func (c *Child) URL() string { return c.voice.url }

// Last are the last lines that it said, for an error.
func (c *Child) Last() string { return c.voice.last() }

// voice is what a process says on either output. Where it serves is in a line `ws://…`, or in the daemon's log.
type voice struct {
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

func (v *voice) last() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.recent, "\n")
}
