package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/sql/pgtest"
	"notifier/wsroom/socketio/stocktest"
)

// proxied is a proxy with two daemons behind it, and screens of account 1 before it.
type proxied struct {
	*street
	t       *testing.T
	db      *pgtest.DB
	daemons [2]*process
	stock   map[string]*stocktest.Client
	tail    *bufio.Scanner // /ws, and comes back by itself
	told    int            // appointments that all screens have
}

// daemon starts one in its house.
func (p *proxied) daemon(i int, flags ...string) {
	p.t.Helper()
	address := net.JoinHostPort(p.houses[i], p.admin)
	p.daemons[i] = serveReady(p.t, p.db, append([]string{
		"--addr", p.house(i), "--admin-addr", address, "--peer-host", "127.0.0.1", "--trusted-proxies", "127.0.0.1", "--allow-query-token",
		"--max-connections-per-address", "10",
	}, flags...)...)
}

// newProxied is one with everybody there.
func newProxied(t *testing.T, example proxyExample, appointments int, more []string, flags ...string) *proxied {
	t.Helper()
	p := &proxied{street: newStreet(t), t: t, db: clinic(t), stock: map[string]*stocktest.Client{}}
	book(p.db, 1, 1, appointments)
	p.daemon(0, flags...)
	p.daemon(1, flags...)
	awaitPeers(t, p.daemons[:]...)
	example.open(t, p.street, more...)
	for name, transports := range stockTransports {
		options := fmt.Sprintf(`{"transports":%s,"token":%q,"rejectUnauthorized":false}`, transports, token(t, "1"))
		p.stock[name] = stocktest.Start(t, "4.8", options, "https://"+p.public)
	}
	p.tail = p.authority.tail(t, p.public)
	for name, screen := range p.stock {
		if got := screen.Next("connect", "connect_error"); got.Kind != "connect" {
			t.Fatalf("%s: %+v", name, got)
		}
		screen.Do("settled")
		if got, want := screen.Next("settled").Transport == "websocket", name != "polling"; got != want {
			t.Errorf("%s: WebSocket is %v", name, got)
		}
	}
	return p
}

// tell ends so many appointments, with something happening in the middle, and wants each of them on each screen once, in order.
func (p *proxied) tell(count int, middle func()) (cuts int) {
	p.t.Helper()
	first, last := p.told+1, p.told+count
	for id := first; id <= last; id++ {
		if id == first+count/2 {
			middle()
		}
		finish(p.db, id)
	}
	for _, screen := range p.stock {
		cuts += screen.WantThrough(first, last)
	}
	for id := first; id <= last; id++ {
		if !p.tail.Scan() || !strings.Contains(p.tail.Text(), fmt.Sprintf(`"data":{"id":%d,`, id)) {
			p.t.Fatalf("tail has %q, %v, want appointment %d", p.tail.Text(), p.tail.Err(), id)
		}
	}
	p.told = last
	return cuts
}

// dial opens /ws through the proxy from an address, and says nothing; pinged may be nil.
func (p *proxied) dial(from, query string, header http.Header, pinged func()) (*screen, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	config := &tls.Config{RootCAs: p.authority.client.Transport.(*http.Transport).TLSClientConfig.RootCAs}
	conn, _, err := websocket.Dial(p.t.Context(), "wss://"+p.public+"/ws"+query, &websocket.DialOptions{
		HTTPClient: &http.Client{Timeout: e2ePatience, Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: config}},
		HTTPHeader: header, Subprotocols: header.Values("Sec-WebSocket-Protocol"),
		OnPingReceived: func(context.Context, []byte) bool {
			if pinged != nil {
				pinged()
			}
			return true
		},
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	p.t.Cleanup(func() { _ = conn.CloseNow() }) // most are closed by then
	return &screen{p.t, conn}, nil
}

// wantIdleKept keeps everybody waiting for longer than the proxy would wait for silence: pings are what keeps them.
func (p *proxied) wantIdleKept(pings int) {
	p.t.Helper()
	came := make(chan struct{}, 1000)
	bearer := http.Header{"Authorization": {"Bearer " + token(p.t, "1")}}
	idle, err := p.dial(p.visitor("77"), "", bearer, func() { came <- struct{}{} })
	if err != nil {
		p.t.Fatal(err)
	}
	if got := idle.next(); got.Type != "welcome" {
		p.t.Fatalf("want a welcome, got %+v", got)
	}
	ended := make(chan error, 1)
	go func() {
		_, _, err := idle.conn.Read(p.t.Context()) // answers pings meanwhile
		ended <- err
	}()
	for range pings {
		select {
		case <-came:
		case err := <-ended:
			p.t.Fatalf("an idle WebSocket was cut: %v", err)
		}
	}
	if cuts := p.tell(1, func() {}); cuts != 0 {
		p.t.Errorf("%d cuts of idle screens", cuts)
	}
	if err := <-ended; err != nil {
		p.t.Errorf("the idle WebSocket got no event: %v", err)
	}
	_ = idle.conn.CloseNow()
}

// wantTheClientsAddress wants it in the daemons' logs, and limits that hold for one client and not for all of the proxy's.
func (p *proxied) wantTheClientsAddress() {
	p.t.Helper()
	forged := http.Header{"Authorization": {"Bearer " + token(p.t, "1")}, "X-Forwarded-For": {"203.0.113.9"}}
	var refused int
	for range 21 { // ten for each of two daemons
		one, err := p.dial(p.visitor("77"), "", forged, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		if one.next().Code == "too_many_connections" {
			refused++
		}
	}
	if refused == 0 {
		p.t.Error("one address has 21 connections on two daemons that allow it ten")
	}
	other, err := p.dial(p.visitor("78"), "", forged, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if got := other.next(); got.Type != "welcome" {
		p.t.Errorf("another address is refused: %+v", got)
	}
	logs := p.daemons[0].logs.text() + p.daemons[1].logs.text()
	if !strings.Contains(logs, `"remote_addr":"`+p.visitor("77")+`"`) || strings.Contains(logs, "203.0.113.9") {
		p.t.Error("the daemons do not have the client's own address")
	}
}

// wantTheOrigin wants pages of the same host let in, and no other.
func (p *proxied) wantTheOrigin() {
	p.t.Helper()
	for origin, want := range map[string]int{"https://" + p.public: http.StatusOK, "https://evil.example": http.StatusForbidden} {
		request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "https://"+p.public+"/socket.io/?EIO=4&transport=polling", nil)
		if err != nil {
			p.t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		response, err := p.authority.client.Do(request)
		if err != nil {
			p.t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want || response.ProtoMajor != 1 {
			p.t.Errorf("a page of %s: %d by HTTP/%d, want %d", origin, response.StatusCode, response.ProtoMajor, want)
		}
	}
}

// wantTokensUnwritten brings tokens by every way there is, to daemons that are there and to daemons that are not, and looks for them in what the proxy writes.
func (p *proxied) wantTokensUnwritten() {
	p.t.Helper()
	secret := token(p.t, "1")
	bring := func(wantErr bool) {
		p.t.Helper()
		for _, query := range []string{"?access_token=" + secret, "?token=" + secret} {
			header := http.Header{"Authorization": {"Bearer " + secret}, "Sec-Websocket-Protocol": {"notifier.v1", "bearer." + secret}}
			if _, err := p.dial(p.visitor("79"), query, header, nil); (err != nil) != wantErr {
				p.t.Errorf("%v, want an error: %v", err, wantErr)
			}
		}
	}
	bring(false)
	for _, daemon := range p.daemons {
		daemon.kill()
	}
	bring(true)
	said := p.said(p.t)
	for _, secret := range []string{"eyJ", "sid=", "access_token", "Bearer", e2eSecret} {
		if at := strings.Index(said, secret); at >= 0 {
			p.t.Errorf("%q in a log: %.300s", secret, said[max(0, at-150):])
		}
	}
	if !strings.Contains(said, p.visitor("79")) || !strings.Contains(said, "/socket.io/") {
		p.t.Errorf("the log has no requests at all: %.3000s", said)
	}
}

func TestTheProxyExamplesCarryBothProtocols(t *testing.T) {
	for _, example := range proxyExamples {
		t.Run(example.name, func(t *testing.T) {
			t.Parallel()
			p := newProxied(t, example, 200, example.patience, "--ping-interval", "1s")
			if cuts := p.tell(20, func() {}); cuts != 0 {
				t.Errorf("%d cuts, and nothing was wrong", cuts)
			}
			p.wantIdleKept(4)
			p.wantTheClientsAddress()
			p.wantTheOrigin()

			drained := make(chan error, 1)
			p.tell(60, func() { go func() { drained <- p.daemons[0].stop() }() })
			if err := <-drained; err != nil {
				t.Errorf("SIGTERM: %v", err)
			}
			p.daemon(0)
			p.awaitTaken(0)
			p.tell(60, p.daemons[1].kill)
			p.wantTokensUnwritten()
		})
	}
}

// awaitTaken returns when the proxy sends clients to a daemon that has come back.
func (p *proxied) awaitTaken(i int) {
	p.t.Helper()
	for deadline := time.Now().Add(e2ePatience); sum(p.t, `notifier_connections{protocol="ws"}`, p.daemons[i]) == 0; {
		if time.Now().After(deadline) {
			p.t.Fatal("the proxy sends nobody to the daemon that has come back")
		}
		if one, err := p.dial(p.visitor("80"), "", nil, nil); err == nil { // and stays, so that the other daemon has more
			one.say(`{"type":"auth","token":"` + token(p.t, "1") + `"}`)
			_, _ = one.read() // the welcome, or that it was refused
		}
	}
}
