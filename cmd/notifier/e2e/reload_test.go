package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/auth"
	"notifier/cmd/notifier/leaktest"
	"notifier/sql/pgtest"
)

// The secret that follows on e2eSecret.
const nextSecret = "e2e-next-secret-b7d20c65f9134ae08e-facade"

// configured is a daemon whose settings lie in an env file.
type configured struct {
	*process
	path string
}

func serveConfigured(t *testing.T, db *pgtest.DB, lines ...string) configured {
	t.Helper()
	noteSecrets(t, db)
	if err := leaktest.Secret(leaktest.Key, nextSecret); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "notifier.env")
	c := configured{path: path}
	c.write(t, lines...)
	args := slices.DeleteFunc(serveArguments(db, []string{"--env-file", path}), func(arg string) bool { return arg == "--log-level" || arg == "debug" })
	cmd := exec.Command(notifierBinary(t), args...)
	cmd.Env = []string{"NOTIFIER_JWT_SECRET="} // empty: the file's counts
	c.process = launch(t, cmd)
	c.awaitReady()
	return c
}

func (c configured) write(t *testing.T, lines ...string) {
	t.Helper()
	if err := os.WriteFile(c.path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload writes the file anew, sends SIGHUP, and returns the line that answers it.
func (c configured) reload(t *testing.T, answer string, lines ...string) map[string]any {
	t.Helper()
	before := strings.Count(c.logs.text(), `"msg":"`+answer+`"`)
	c.write(t, lines...)
	if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(e2ePatience)
	for strings.Count(c.logs.text(), `"msg":"`+answer+`"`) == before {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after SIGHUP; the log: %s", answer, c.logs.text())
		}
		time.Sleep(5 * time.Millisecond) // until it has been read
	}
	logged := strings.Split(strings.TrimSpace(c.logs.text()), "\n")
	for _, text := range slices.Backward(logged) {
		if line := map[string]any{}; json.Unmarshal([]byte(text), &line) == nil && line["msg"] == answer {
			return line
		}
	}
	t.Fatalf("the line %s is gone", answer)
	return nil
}

// outcome is what a daemon says to a token: "welcome", or the code of its refusal.
func (c configured) outcome(t *testing.T, secret string, header http.Header) string {
	t.Helper()
	signed, err := auth.Sign([]byte(secret), auth.Claims{Account: "1"})
	if err != nil {
		t.Fatal(err)
	}
	headers := http.Header{"Authorization": {"Bearer " + signed}}
	for name, values := range header {
		headers[name] = values
	}
	s := dial(t, c.addr, "", &websocket.DialOptions{HTTPHeader: headers})
	f := s.next()
	_ = s.conn.CloseNow()
	if f.Type == "error" {
		return f.Code
	}
	return f.Type
}

func TestSIGHUPChangesSettingsAndDropsNoSocket(t *testing.T) {
	t.Parallel()
	db := clinics(t, 2)
	was, next := "NOTIFIER_JWT_SECRET="+e2eSecret, "NOTIFIER_JWT_SECRET='"+nextSecret+"'"
	c := serveConfigured(t, db, was)
	crowd := gather(t, c.addr, 12, 2)
	clinic := work(t, db, 2, 20*time.Millisecond)
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	page := http.Header{"Origin": {"https://app.clinic.example"}}

	want("lines at level debug", fmt.Sprint(strings.Count(c.logs.text(), "events_read")), "0")
	want("a page of another origin", c.outcome(t, e2eSecret, page), "origin_forbidden")
	line := c.reload(t, "reloaded", "# the night's settings", was, "NOTIFIER_ALLOWED_ORIGINS=https://app.clinic.example", "NOTIFIER_LOG_LEVEL=debug",
		"NOTIFIER_RETENTION=48h")
	want("what changed", fmt.Sprint(line["changed"], line["restart_needed"]), "[allowed-origins log-level] [retention]")
	want("the same page", c.outcome(t, e2eSecret, page), "welcome")
	c.logs.await(t, "events_read") // at level debug

	want("a secret not known yet", c.outcome(t, nextSecret, nil), "token_invalid")
	line = c.reload(t, "reloaded", next, "NOTIFIER_LOG_LEVEL=debug", "NOTIFIER_JWT_SECRET_OVERLAP=1h")
	want("what changed", fmt.Sprint(line["changed"]), "[jwt-secret allowed-origins]")
	want("the next secret", c.outcome(t, nextSecret, nil), "welcome")
	want("the one before, beside it", c.outcome(t, e2eSecret, nil), "welcome")
	want("the page that is forbidden again", c.outcome(t, nextSecret, page), "origin_forbidden")

	line = c.reload(t, "reload_failed", next, "NOTIFIER_MAX_CONNECTIONS=many", "NOTIFIER_ALLOWED_ORIGINS=https://app.clinic.example")
	if text := fmt.Sprint(line["error"]); !strings.Contains(text, "--max-connections (NOTIFIER_MAX_CONNECTIONS)") || strings.Contains(text, nextSecret) {
		t.Errorf("the fault: %s", text)
	}
	want("the page after a reload that failed", c.outcome(t, nextSecret, page), "origin_forbidden")

	c.reload(t, "reloaded", next, "NOTIFIER_MAX_CONNECTIONS=12")
	want("one more than may be", c.outcome(t, nextSecret, nil), "too_many_connections")
	proxied := http.Header{"X-Forwarded-For": {"203.0.113.7"}}
	c.reload(t, "reloaded", next, "NOTIFIER_MAX_CONNECTIONS_PER_ADDRESS=1")
	want("this machine, whose address may be a proxy's", c.outcome(t, nextSecret, proxied), "welcome")
	c.reload(t, "reloaded", next, "NOTIFIER_MAX_CONNECTIONS_PER_ADDRESS=1", "NOTIFIER_TRUSTED_PROXIES=loopback")
	want("another address behind a proxy", c.outcome(t, nextSecret, proxied), "welcome")
	want("the proxy's own address", c.outcome(t, nextSecret, nil), "too_many_connections")
	c.reload(t, "reloaded", next, "NOTIFIER_JWT_SECRET_OVERLAP=0")
	want("the secret before, its overlap taken away", c.outcome(t, e2eSecret, nil), "token_invalid")

	clinic.closeAndCount(db)
	crowd.wantEverything(db)
	for _, l := range crowd.clients {
		l.mu.Lock()
		if len(l.ends) > 0 {
			t.Errorf("%s of account %s was dropped: %v", l.protocol(), l.account, l.ends)
		}
		l.mu.Unlock()
	}
	if err := c.stop(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

func TestAReplacedSecretEnds(t *testing.T) {
	t.Parallel()
	c := serveConfigured(t, clinic(t), "NOTIFIER_JWT_SECRET="+e2eSecret)
	c.reload(t, "reloaded", "NOTIFIER_JWT_SECRET="+nextSecret, "NOTIFIER_JWT_SECRET_OVERLAP=100ms")
	c.logs.await(t, "jwt_secret_ended")
	if got := c.outcome(t, e2eSecret, nil); got != "token_invalid" {
		t.Errorf("the secret whose overlap is over: %s, want token_invalid", got)
	}
	line := c.reload(t, "reload_failed", "NOTIFIER_JWKS_URL=https://id.clinic.example/keys")
	if text := fmt.Sprint(line["error"]); !strings.Contains(text, "--jwks-url needs a restart") {
		t.Errorf("the last secret taken away: %s", text)
	}
	c.reload(t, "reloaded", "NOTIFIER_JWT_SECRET="+nextSecret, "NOTIFIER_JWT_PREVIOUS_SECRET="+e2eSecret)
	if got := c.outcome(t, e2eSecret, nil); got != "welcome" {
		t.Errorf("the same as the previous secret: %s, want welcome", got)
	}
	c.reload(t, "reloaded", "NOTIFIER_JWT_SECRET="+nextSecret, "NOTIFIER_JWT_SECRET_OVERLAP=0")
	if got := c.outcome(t, e2eSecret, nil); got != "token_invalid" {
		t.Errorf("the previous secret, taken away without an overlap: %s, want token_invalid", got)
	}
}

func TestSIGHUPFetchesTheKeys(t *testing.T) {
	t.Parallel()
	provider, err := url.Parse(newIssuer(t).url)
	if err != nil {
		t.Fatal(err)
	}
	fetched := make(chan struct{}, 100)
	forward := httputil.NewSingleHostReverseProxy(provider)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched <- struct{}{}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(source.Close)
	c := serveConfigured(t, clinic(t), "NOTIFIER_JWKS_URL="+source.URL)
	c.logs.await(t, "jwks_loaded")
	<-fetched
	c.reload(t, "reloaded", "NOTIFIER_JWKS_URL="+source.URL) // by itself it fetches every five minutes
	select {
	case <-fetched:
	case <-time.After(e2ePatience):
		t.Error("the keys are not fetched")
	}
}

// The settings come from a named pipe, so that the daemon waits for them as long as it takes to signal it.
func TestSIGHUPWhileSettingsAreReadKillsNobody(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	noteSecrets(t, db)
	pipe := filepath.Join(t.TempDir(), "notifier.env")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }() // again
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(notifierBinary(t), serveArguments(db, []string{"--env-file", pipe})...)
	cmd.Env = []string{"NOTIFIER_JWT_SECRET="}
	p := start(t, cmd)
	write := func(text string) error { _, err := writer.WriteString(text); return err }
	deadline := time.Now().Add(e2ePatience)
	for err = write("# settings\n"); errors.Is(err, syscall.EPIPE) && time.Now().Before(deadline); err = write("# settings\n") {
		time.Sleep(5 * time.Millisecond) // until somebody reads
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.cmd.Process.Signal(syscall.SIGHUP), write("NOTIFIER_JWT_SECRET="+e2eSecret+"\n"), writer.Close()); err != nil {
		t.Fatal(err)
	}
	p.awaitServing()
	p.awaitReady()
	p.logs.await(t, "reload_failed") // nobody writes to the pipe any more, so that nothing is in it
	join(t, p.addr, "1", "")
	if err := p.stop(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

func TestTheSecondSignalEndsTheDrainAtOnce(t *testing.T) {
	t.Parallel()
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := serveReady(t, clinic(t), "--drain", "10m")
		crowd := gather(t, p.addr, 2, 1)
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		p.logs.await(t, "rooms_draining")
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil { // means nothing any more
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(second); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.ended:
		case <-time.After(e2ePatience):
			t.Fatalf("%v while it drains does not end the daemon", second)
		}
		if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != second {
			t.Errorf("the daemon ended with %v, want by %v", p.err, second)
		}
		crowd.disperse()
	}
}
