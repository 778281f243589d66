package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"notifier/cmd/notifier/bench/rig"
)

// startPatience is generous: a machine that is busy should end no soak.
const startPatience = 30 * time.Second

var errStartPatience = errors.New("it took too long")

// daemon is one `notifier serve`, which is ended and started again on the same addresses.
type daemon struct {
	name        string
	binary      string
	database    string // its URL
	addr, admin string
	complaints  complaints

	mu      sync.Mutex
	process *rig.Process
}

// newDaemon reserves addresses for a daemon that is not started.
func newDaemon(name, binary, database string) (d *daemon, err error) {
	d = &daemon{name: name, binary: binary, database: database}
	if d.addr, err = freeAddress(); err != nil {
		return nil, err
	}
	d.admin, err = freeAddress()
	return d, err
}

// freeAddress is one that nobody listens on, and that the system gives nobody else soon.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return "", fmt.Errorf("reserve an address: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// start starts the process and returns when it is ready.
func (d *daemon) start(ctx context.Context) error {
	p, err := rig.Launch(d.name, rig.Command(d.binary, d.database, d.addr, d.admin), &d.complaints)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.process = p
	d.mu.Unlock()
	return d.awaitReady(ctx, p.Ended())
}

// current is the process that was started last.
func (d *daemon) current() *rig.Process {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.process
}

func (d *daemon) awaitReady(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errStartPatience)
	defer cancel()
	for {
		if _, err := d.get(ctx, "/readyz"); err == nil {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ended:
			return fmt.Errorf("start %s: it ended at once: %s", d.name, d.complaints.last())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to be ready: %w: %s", d.name, context.Cause(ctx), d.complaints.last())
		}
	}
}

// get asks the admin address, and takes no answer but 200.
func (d *daemon) get(ctx context.Context, path string) (body []byte, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Second, errors.New("no answer"))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.admin+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err = io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", path, response.Status)
	}
	return body, err
}

// end sends a signal and returns when the process has ended.
func (d *daemon) end(ctx context.Context, sig syscall.Signal) error {
	p := d.current()
	if err := p.Signal(sig); err != nil {
		return fmt.Errorf("end %s: %w", d.name, err)
	}
	select {
	case <-p.Ended():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end %s: %w", d.name, context.Cause(ctx))
	}
}

// replace ends the process, and starts another one after a while.
func (d *daemon) replace(ctx context.Context, sig syscall.Signal, after time.Duration) error {
	if err := d.end(ctx, sig); err != nil {
		return err
	}
	if err := pause(ctx, after); err != nil {
		return err
	}
	return d.start(ctx)
}

// kill is for the end of a soak, whatever state the process is in.
func (d *daemon) kill() {
	if p := d.current(); p != nil {
		p.Kill()
	}
}

// complaints are what a daemon warns of in its log, counted by message.
type complaints struct {
	mu      sync.Mutex
	partial []byte
	line    string
	counts  map[string]int
}

// Write implements io.Writer.
func (c *complaints) Write(data []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = append(c.partial, data...)
	for {
		line, rest, found := bytes.Cut(c.partial, []byte("\n"))
		if !found {
			return len(data), nil
		}
		c.hear(line)
		c.partial = rest
	}
}

func (c *complaints) hear(line []byte) {
	c.line = string(line)
	var entry struct{ Level, Msg string }
	if json.Unmarshal(line, &entry) == nil && entry.Level != "WARN" && entry.Level != "ERROR" {
		return
	}
	if c.counts == nil {
		c.counts = make(map[string]int)
	}
	c.counts[entry.Level+" "+entry.Msg]++
}

// last is the last line, for an error.
func (c *complaints) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.line
}

func (c *complaints) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}
