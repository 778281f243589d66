// Package stocktest drives stock socket.io-clients for tests: client.mjs in Node.js, or whatever else says what it sees, one JSON object in a line.
package stocktest

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Client is a stock client in another process.
type Client struct {
	t     testing.TB
	stdin io.Writer
	lines *bufio.Scanner
}

// Seen is something that a client has seen: connect, connect_error, disconnect, event, settled, answer; or heard, an event
// whose name (ID) is among its options' `hears`, with its data as JSON in Message.
type Seen struct {
	Kind, Code, Reason, Transport, ID, Message string
	Recovered                                  bool
	Data                                       struct{ ID int }
	Answer                                     []any
}

// life ends a process that a test waits for in vain.
const life = 3 * time.Minute

// Start starts a client of this version in Node.js; options are a JSON object: those of the client itself, and the token. It ends with the test.
func Start(t testing.TB, version, options, url string) *Client {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	return New(Run(t, exec.Command("node", filepath.Join(filepath.Dir(here), "client.mjs"), version, options, url))) //nolint:noctx // Run ends it
}

// New is a client that takes commands here and says there what it sees.
func New(t testing.TB, stdin io.Writer, stdout io.Reader) *Client {
	return &Client{t, stdin, bufio.NewScanner(stdout)}
}

// Run runs a process until the end of the test: it has to end without an error when its standard input does. It returns what New takes.
func Run(t testing.TB, process *exec.Cmd) (_ testing.TB, stdin io.Writer, stdout io.Reader) {
	t.Helper()
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatalf("start what make test installs: %v", err)
	}
	inVain := time.AfterFunc(life, func() { _ = process.Process.Kill() }) // the test hears that it ended
	t.Cleanup(func() {
		inVain.Stop()
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out) // until it has ended
		if err := process.Wait(); err != nil {
			t.Errorf("%s: %v", filepath.Base(process.Path), err)
		}
	})
	return t, in, out
}

// Next is what the client sees next, of these kinds; others are passed over.
func (c *Client) Next(kinds ...string) Seen {
	c.t.Helper()
	for c.lines.Scan() {
		var got Seen
		if err := json.Unmarshal(c.lines.Bytes(), &got); err != nil {
			c.t.Fatalf("the stock client says %q: %v", c.lines.Text(), err)
		}
		if slices.Contains(kinds, got.Kind) {
			return got
		}
	}
	c.t.Fatalf("the stock client ended, waiting for %v", kinds)
	return Seen{}
}

// Do has the client do something: the names are client.mjs's.
func (c *Client) Do(name string, value ...string) {
	c.t.Helper()
	line, err := json.Marshal(map[string]string{"name": name, "value": strings.Join(value, "")})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		c.t.Fatal(err)
	}
}

// WantEvents wants appointments with these ids, once each, in order and nothing in between.
func (c *Client) WantEvents(first, last int) {
	c.t.Helper()
	for id := first; id <= last; id++ {
		if got := c.Next("event", "connect", "disconnect"); got.Kind != "event" || got.Data.ID != id {
			c.t.Fatalf("want appointment %d, got %+v", id, got)
		}
	}
}

// WantThrough wants the same of a client that may lose its connection meanwhile, if it recovers. It returns how often that was.
func (c *Client) WantThrough(first, last int) (cuts int) {
	c.t.Helper()
	for id := first; id <= last; {
		switch got := c.Next("event", "connect", "disconnect"); {
		case got.Kind == "disconnect":
			cuts++
		case got.Kind == "connect" && !got.Recovered:
			c.t.Fatalf("not recovered, before appointment %d", id)
		case got.Kind == "event" && got.Data.ID != id:
			c.t.Fatalf("want appointment %d, got %d", id, got.Data.ID)
		case got.Kind == "event":
			id++
		}
	}
	return cuts
}
