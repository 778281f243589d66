package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// exchange sends these bytes and returns the answer to them, if it is HTTP.
func exchange(t *testing.T, addr, request string) (status int, header http.Header, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(e2ePatience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body) // it may be cut short: what came counts
	return response.StatusCode, response.Header, string(text)
}

func TestOperatorsPagesAreNotOnThePublicAddress(t *testing.T) {
	t.Parallel()
	p := serveReady(t, clinic(t))
	targets := []string{}
	for _, page := range []string{
		"metrics", "readyz", "livez", "debug/pprof/", "debug/pprof/heap", "debug/pprof/cmdline", "debug/vars", "engineio/poll?sid=x", "engineio/move?sid=x",
		"engineio/release", "api/appointments", "api/state", "api/token", "react/", "index.html", "api.js", ".env", "",
	} {
		targets = append(targets, "/"+page, "//"+page, "/./"+page, "/ws/../"+page, "/ws/"+page, "/socket.io/../"+page, "/%2e%2e/"+page, "/ws/%2e%2e/"+page,
			"/ws%2f..%2f"+page, "/socket.io/..%2f"+page, "/"+strings.ToUpper(page)+"/x", "http://"+p.admin+"/"+page,
			"http://localhost/"+page, "/"+page+"%00", "/"+page+";/ws")
	}
	rest := " HTTP/1.1\r\nHost: " + p.admin + "\r\nConnection: close\r\n\r\n"
	for _, target := range targets {
		status, header, body := exchange(t, p.addr, "GET "+target+rest)
		if to := header.Get("Location"); status/100 == 3 && strings.HasPrefix(to, "/") { // the mux tidies paths up
			status, _, body = exchange(t, p.addr, "GET "+to+rest)
		}
		if status != 404 && status != 400 && (status != 426 || !strings.HasPrefix(body, "this is a WebSocket")) {
			t.Errorf("GET %s: %d %.200s", target, status, body)
		}
		if strings.Contains(body, "notifier_") || strings.Contains(body, "goroutine") || strings.Contains(body, `"ready"`) {
			t.Errorf("GET %s: %.200s", target, body)
		}
	}
	for _, request := range []string{
		"CONNECT " + p.admin + " HTTP/1.1\r\nHost: " + p.admin, "OPTIONS * HTTP/1.1\r\nHost: x",
		"TRACE / HTTP/1.1\r\nHost: x", "PROPFIND /metrics HTTP/1.1\r\nHost: x",
		"POST /metrics HTTP/1.1\r\nHost: x\r\nX-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics\r\nContent-Length: 0",
		"GET / HTTP/1.1\r\nHost: x\r\nX-Original-URL: /metrics\r\nX-HTTP-Method-Override: GET",
	} {
		status, _, body := exchange(t, p.addr, request+"\r\nConnection: close\r\n\r\n")
		if status != 404 && status != 400 && status != 405 && (status != 200 || body != "") {
			t.Errorf("%s: %d %.200s", request, status, body)
		}
	}
}

// On the address for operators stands nothing that settings could be read from, nor a way to clients' sessions.
func TestTheAdminAddressShowsNoSettingsAndTakesNoClients(t *testing.T) {
	t.Parallel()
	p := serveReady(t, clinic(t))
	for _, path := range []string{"/debug/pprof/cmdline", "/ws", "/socket.io/?EIO=4&transport=polling", "/debug/vars", "/index.html"} {
		if status, body := p.get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d %.100s", path, status, body)
		}
	}
	for _, page := range []string{"/metrics", "/readyz", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1"} {
		if _, body := p.get(page); strings.Contains(body, e2eSecret) || strings.Contains(body, "postgres://") {
			t.Errorf("%s shows a setting", page)
		}
	}
}

// Whoever is let in at the address for other daemons speaks for any client, so only they are.
func TestAStrangerIsNotLetInAtTheAddressForOtherDaemons(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sid := h.open()
	peer := h.p.logs.await(t, "serving")["peer_addr"].(string)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	named := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{sid[:8]}, NotAfter: time.Now().Add(time.Hour)} // as the daemon itself
	der, err := x509.CreateCertificate(rand.Reader, named, named, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	copied := tls.Certificate{Certificate: [][]byte{pgtest.Get[[]byte](h.db, `SELECT certificate FROM notifier.daemon`)}, PrivateKey: key}
	for name, certificates := range map[string][]tls.Certificate{"none": nil, "its own": {own}, "the daemon's, and another key": {copied}} {
		client := http.Client{Timeout: e2ePatience, Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}, DisableKeepAlives: true,
		}}
		for _, errand := range []string{"poll", "move", "lost", "release"} {
			response, err := client.Get("https://" + peer + "/engineio/" + errand + "?sid=" + sid)
			if err == nil {
				text, _ := io.ReadAll(response.Body)
				_ = response.Body.Close()
				t.Errorf("certificate: %s; %s: %d %.200s", name, errand, response.StatusCode, text)
			}
		}
	}
	if status, _, body := exchange(t, peer, "GET /engineio/poll?sid="+sid+" HTTP/1.1\r\nHost: x\r\n\r\n"); status != 400 || strings.Contains(body, "42[") {
		t.Errorf("without TLS: %d %s", status, body)
	}
	if _, answer := h.ask("GET", "&sid="+sid, ""); !strings.HasPrefix(answer, "42") {
		t.Errorf("the session was harmed: %s", answer)
	}
}

// An appointment that changes its account before its end is delivered: the old account is told to drop it and nothing else, the new one hears nothing of it.
func TestAnAppointmentThatMovesTakesItsDataAlong(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 2)
	book(db, 2, 11, 1)
	p := serveReady(t, db)
	one, _ := join(t, p.addr, "1", "")
	two, welcome := join(t, p.addr, "2", "")
	holder := db.Connect(pgtest.Superuser)
	if _, err := holder.Exec(context.Background(), `BEGIN; SELECT FROM notifier.head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	finish(db, 1)
	db.Exec(pgtest.App, `UPDATE appointments SET "accountId" = 2, "doctorId" = 2, "patientId" = 457, notes = 'da conta dois' WHERE id = 1`)
	finish(db, 2)
	finish(db, 11)
	if _, err := holder.Exec(context.Background(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	moved := one.event()
	if got := string(moved.Data); !strings.HasPrefix(got, `{"id":1,"accountId":1,"deletedAt":"`) || strings.Count(got, ":") != 5 {
		t.Errorf("account 1 was sent %s, want its id, account and an end", got)
	}
	if got := appointmentID(t, one.event()); got != 2 {
		t.Errorf("account 1 then got appointment %d, want 2", got)
	}
	if got := appointmentID(t, two.event()); got != 11 {
		t.Errorf("account 2 got appointment %d, want 11 only", got)
	}
	for account, want := range map[string]string{"1": `[1 2]`, "2": `[11]`} { // and the same later
		back, _ := join(t, p.addr, account, "?cursor="+welcome.Cursor)
		ids := []int{}
		for range strings.Count(want, " ") + 1 {
			f := back.event()
			ids = append(ids, appointmentID(t, f))
			if strings.Contains(string(f.Data), "da conta dois") {
				t.Errorf("account %s was replayed %s", account, f.Data)
			}
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("account %s was replayed %s, want %s", account, got, want)
		}
	}
}
