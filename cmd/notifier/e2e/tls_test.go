package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/sql/pgtest"
	"notifier/wsroom/socketio/stocktest"
)

// authority is a certificate for 127.0.0.1 in files, which is its own authority, and who trusts it.
type authority struct {
	cert, key string
	client    *http.Client
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{cert: filepath.Join(t.TempDir(), "tls.crt"), key: filepath.Join(t.TempDir(), "tls.key")}
	trusted := x509.NewCertPool()
	for path, block := range map[string]*pem.Block{a.cert: {Type: "CERTIFICATE", Bytes: der}, a.key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted.AddCert(parsed)
	a.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
	return a
}

// tail starts `notifier tail`, which trusts the authority by the variable that the documentation names.
func (a authority) tail(t *testing.T, addr string) *bufio.Scanner {
	t.Helper()
	cmd := exec.Command(notifierBinary(t), "tail", "--url", "wss://"+addr+"/ws", "--token", token(t, "1"))
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+a.cert)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	notes, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	first, err := bufio.NewReader(notes).ReadString('\n')
	if err != nil || !strings.Contains(first, "connected to ") {
		t.Fatalf("tail says %q, %v", first, err)
	}
	go func() { _, _ = io.Copy(io.Discard, notes) }()
	return bufio.NewScanner(out)
}

// Both protocols, by all their ways, with the daemon's own certificate.
func TestTheWholeIsServedOverTLS(t *testing.T) {
	t.Parallel()
	const events = 300
	a := newAuthority(t)
	db := clinic(t)
	book(db, 1, 1, events)
	p := serveReady(t, db, "--tls-cert", a.cert, "--tls-key", a.key, "--trusted-proxies", "loopback")
	if line := p.logs.await(t, "serving"); line["tls"] != true {
		t.Errorf("serving: %v", line)
	}
	stock := map[string]*stocktest.Client{}
	for _, transports := range []string{`["polling","websocket"]`, `["websocket"]`, `["polling"]`} {
		options := fmt.Sprintf(`{"transports":%s,"token":%q,"rejectUnauthorized":false}`, transports, token(t, "1"))
		stock[transports] = stocktest.Start(t, "4.8", options, "https://"+p.addr)
		stock[transports].Next("connect")
	}
	conn, _, err := websocket.Dial(t.Context(), "wss://"+p.addr+"/ws", &websocket.DialOptions{
		HTTPClient: a.client, HTTPHeader: http.Header{"Authorization": {"Bearer " + token(t, "1")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	screen := &screen{t, conn}
	if got := screen.next(); got.Type != "welcome" {
		t.Fatalf("want a welcome, got %+v", got)
	}
	tail := a.tail(t, p.addr)
	db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 5`)
	for range events {
		event := screen.event()
		if !tail.Scan() || !strings.Contains(tail.Text(), `"id":"`+event.ID+`"`) {
			t.Fatalf("tail has %q, %v, want event %s", tail.Text(), tail.Err(), event.ID)
		}
		for transports, client := range stock {
			if got, want := client.Next("event", "disconnect").Data.ID, appointmentID(t, event); got != want {
				t.Fatalf("%s has %d, want %d", transports, got, want)
			}
		}
	}
	if status, body := p.get("/metrics"); status != http.StatusOK || !strings.Contains(body, "\nnotifier_tls_expires_seconds 3") {
		t.Errorf("want the time that the certificate has left, got %d", status)
	}
	if err := p.stop(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	_, err = screen.read()
	for err == nil { // what is behind the last event
		_, err = screen.read()
	}
	if websocket.CloseStatus(err) != 1012 {
		t.Errorf("want 1012, got %v", err)
	}
	assertPrivate(t, p.logs.text())
}

func TestWhatStandsBeforeTheHandlers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	p := serveReady(t, clinic(t), "--tls-cert", a.cert, "--tls-key", a.key, "--trusted-proxies", "loopback", "--max-handshakes", "3")
	type answer struct {
		status, major int
		header        http.Header
	}
	get := func(path string, header http.Header) answer {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+p.addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header
		response, err := a.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return answer{response.StatusCode, response.ProtoMajor, response.Header}
	}
	nothing := get("/nothing", http.Header{})
	for name, want := range map[string]string{
		"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	} {
		if got := nothing.header.Get(name); got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
	if nothing.status != http.StatusNotFound || nothing.major != 1 {
		t.Errorf("want 404 by HTTP/1.1, got %d by HTTP/%d", nothing.status, nothing.major)
	}
	if got := get("/ws", http.Header{"X-Huge": {strings.Repeat("a", 32<<10)}}); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("want 431, got %d", got.status)
	}
	// The page's own host, as the proxy has it, and a foreign one.
	opening := func(origin string) int {
		return get("/socket.io/?EIO=4&transport=polling", http.Header{"Origin": {origin}, "X-Forwarded-Host": {"app.clinic.example"}}).status
	}
	if own, foreign := opening("https://app.clinic.example"), opening("https://evil.example"); own != http.StatusOK || foreign != http.StatusForbidden {
		t.Errorf("the own page got %d and a foreign one %d", own, foreign)
	}
	_, _, err := websocket.Dial(t.Context(), "wss://"+p.addr+"/ws", &websocket.DialOptions{
		HTTPClient: a.client, HTTPHeader: http.Header{"Authorization": {"Bearer x"}, "X-Forwarded-For": {"1.1.1.1, 203.0.113.77"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if line := p.logs.await(t, "connection_closed"); line["remote_addr"] != "203.0.113.77" {
		t.Errorf("want the client's address, got %v", line)
	}
	var silent []net.Conn
	for range 5 {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	for _, conn := range silent[:2] {
		_ = conn.SetReadDeadline(time.Now().Add(8 * time.Second)) // before it would have gone by itself
		if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("want the oldest closed, got %v", err)
		}
	}
	p.awaitMetric(`notifier_connections_refused_total{limit="handshakes"} 2`)
	if got := get("/", http.Header{}); got.status != http.StatusNotFound {
		t.Errorf("want who is quick served, got %d", got.status)
	}
}

// What is wrong is said before anything is opened.
func TestServeSaysWhatIsWrongWithItsCertificate(t *testing.T) {
	t.Parallel()
	a, b := newAuthority(t), newAuthority(t)
	binary := notifierBinary(t)
	common := []string{"serve", "--database-url", "postgres://127.0.0.1:1/x", "--addr", "127.0.0.1:0", "--jwt-secret", e2eSecret}
	for want, flags := range map[string][]string{
		"belong together":             {"--tls-cert", a.cert},
		"no such file":                {"--tls-cert", a.cert + "x", "--tls-key", a.key},
		"does not match":              {"--tls-cert", a.cert, "--tls-key", b.key},
		"are the two files swapped?":  {"--tls-cert", a.key, "--tls-key", a.cert},
		"a network of everybody lets": {"--trusted-proxies", "10.0.0.1,0.0.0.0/0"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
		cmd := exec.CommandContext(ctx, binary, slices.Concat(common, flags)...)
		out, err := cmd.CombinedOutput()
		cancel()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: want %q, got %v: %s", flags, want, err, out)
		}
	}
}
