package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"notifier/cmd/notifier/leaktest"
	"notifier/sql/pgtest"
)

// What the end-to-end tests sign with. Long and odd, so that it is found wherever it leaks to.
const e2eSecret = "e2e-secret-4f1c9a7be02d58d36a-c0ffee"

// e2ePatience bounds every wait. It is no measurement: on a loaded machine things take their time.
const e2ePatience = 20 * time.Second

// program is the built notifier: for tests with the race detector, for benchmarks without.
type program struct {
	once sync.Once
	path string
	err  error
}

var raced, plain program

func notifierBinary(t testing.TB) string {
	t.Helper()
	p, flags := &raced, []string{"-race"}
	if _, ok := t.(*testing.B); ok {
		p, flags = &plain, nil
	}
	p.once.Do(func() { p.build(flags) })
	if p.err != nil {
		t.Fatalf("build notifier: %v", p.err)
	}
	return p.path
}

func (p *program) build(flags []string) {
	dir, err := os.MkdirTemp("", "notifier-bin-")
	if err != nil {
		p.err = err
		return
	}
	p.path = filepath.Join(dir, "notifier")
	args := append(append([]string{"build"}, flags...), "-o", p.path, "notifier/cmd/notifier")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		p.err = fmt.Errorf("%w: %s", err, out)
	}
}

// removeBinaries is for TestMain.
func removeBinaries() {
	for _, p := range []*program{&raced, &plain} {
		if p.path != "" {
			_ = os.RemoveAll(filepath.Dir(p.path)) // a temporary folder
		}
	}
}

// process is a `notifier serve` under test.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	logs  *logTail
	addr  string
	admin string
	err   error
	ended chan struct{} // closed when it has ended, with err
}

// serve starts the daemon on a database and returns when it has opened its addresses.
func serve(t testing.TB, db *pgtest.DB, flags ...string) *process {
	t.Helper()
	noteSecrets(t, db)
	return launch(t, exec.Command(notifierBinary(t), serveArguments(db, flags)...))
}

// serveArguments are what serve is called with; of flags that are there twice the last counts.
func serveArguments(db *pgtest.DB, flags []string) []string {
	return append([]string{
		"serve", "--database-url", withPassword(db.URL(pgtest.Runtime)), "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--peer-addr", "127.0.0.1:0",
		"--log-level", "debug", "--log-format", "json", "--drain", "100ms",
	}, flags...)
}

// launch starts a command that becomes the daemon, and returns when it has opened its addresses. The command's own variables win.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := start(t, cmd)
	p.awaitServing()
	return p
}

func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, logs: newLogTail(), ended: make(chan struct{}), cmd: cmd}
	p.cmd.Env = append(append(os.Environ(), "NOTIFIER_JWT_SECRET="+e2eSecret, "GORACE=halt_on_error=1"), p.cmd.Env...)
	kept := leaktest.Log("e2e")
	p.cmd.Stderr = io.MultiWriter(p.logs, kept)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		_ = kept.Close() // a copy
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) awaitServing() {
	p.t.Helper()
	line := p.logs.await(p.t, "serving")
	p.addr, p.admin = line["addr"].(string), line["admin_addr"].(string)
}

// serveReady is serve, and waits for the feed.
func serveReady(t testing.TB, db *pgtest.DB, flags ...string) *process {
	t.Helper()
	p := serve(t, db, flags...)
	p.awaitReady()
	return p
}

func (p *process) awaitReady() {
	p.t.Helper()
	p.logs.await(p.t, "feed_open")
	p.logs.await(p.t, "listener_up")
}

// kill ends a daemon that the test has not ended itself.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	select {
	case <-p.ended: // killed, or ended before
	case <-time.After(e2ePatience):
	}
}

// stop sends SIGTERM and returns how the daemon ended.
func (p *process) stop() error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(e2ePatience):
		p.t.Fatalf("the daemon does not end; its log: %s", p.logs.text())
		return nil
	}
}

func (p *process) get(path string) (status int, body string) {
	p.t.Helper()
	resp, err := http.Get("http://" + p.admin + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// awaitMetric returns when /metrics has a line.
func (p *process) awaitMetric(line string) {
	p.t.Helper()
	p.poll("/metrics", func(_ int, body string) bool { return strings.Contains(body, "\n"+line+"\n") })
}

// awaitNotReady returns when /readyz gives this reason.
func (p *process) awaitNotReady(code string) {
	p.t.Helper()
	p.poll("/readyz", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"`+code+`"`)
	})
}

func (p *process) poll(path string, good func(status int, body string) bool) {
	p.t.Helper()
	for deadline := time.Now().Add(e2ePatience); ; {
		status, body := p.get(path)
		if good(status, body) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is still %d:\n%s", path, status, body)
		}
		time.Sleep(20 * time.Millisecond) // another process: there is no signal to wait for
	}
}

// awaitClosed returns when the public address takes no connections any more.
func (p *process) awaitClosed() {
	p.t.Helper()
	for deadline := time.Now().Add(e2ePatience); ; {
		conn, err := net.DialTimeout("tcp", p.addr, time.Second)
		if err != nil {
			return
		}
		_ = conn.Close() // it was only to try
		if time.Now().After(deadline) {
			p.t.Fatal("the public address still takes connections")
		}
		time.Sleep(20 * time.Millisecond) // another process: there is no signal to wait for
	}
}
