package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"notifier/notifier"
)

// list is a roster that all daemons of a test share.
type list struct {
	mu      sync.Mutex
	daemons map[string]notifier.Daemon
}

// Run implements roster, as the others do.
func (l listed) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (l *list) Find(_ context.Context, id string) (notifier.Daemon, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, found := l.daemons[id]
	return d, found
}

func (l *list) Lists(_ context.Context, certificate []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.daemons {
		if bytes.Equal(d.Certificate, certificate) {
			return true
		}
	}
	return false
}

func (l *list) Gone(ctx context.Context, id string) bool {
	_, found := l.Find(ctx, id)
	return !found
}

func (l *list) put(d notifier.Daemon) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.daemons[d.ID] = d
}

func (l *list) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.daemons, id)
}

// listed is the roster as one daemon sees it.
type listed struct {
	*list
	self string
}

func (l listed) Others(context.Context, bool) (others []notifier.Daemon) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, d := range l.daemons {
		if id != l.self {
			others = append(others, d)
		}
	}
	return others
}

// peerUnderTest is a daemon's peers, and what they have been asked.
type peerUnderTest struct {
	*peers
	metrics *metrics
	log     *journal
	asked   chan string
	stop    func()
}

func (l *list) serve(t *testing.T, addr string) *peerUnderTest {
	t.Helper()
	u := &peerUnderTest{metrics: newMetrics(), log: &journal{}, asked: make(chan string, 10)}
	enlist := func(self notifier.Daemon, _ func(net.Addr) string) roster { return listed{l, self.ID} }
	var err error
	u.peers, err = newPeers(t.Context(), newDaemonID(), serveSettings{peerAddr: addr}, enlist, u.metrics, slog.New(slog.NewJSONHandler(u.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l.put(notifier.Daemon{ID: u.identity.id, Address: u.address(nil), Certificate: u.identity.certificate.Certificate[0]})
	u.handle("/", func(w http.ResponseWriter, r *http.Request) {
		u.asked <- fmt.Sprintf("%s %s HTTP/%d", r.Method, r.URL.Path, r.ProtoMajor)
		_, _ = io.WriteString(w, u.identity.id)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- u.run(ctx) }()
	u.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("peers ended with %v", err)
		}
	})
	t.Cleanup(u.stop)
	return u
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func newList() *list { return &list{daemons: make(map[string]notifier.Daemon)} }

// ask sends a request and returns the answer's body.
func (u *peerUnderTest) ask(id string) (string, error) {
	request, err := http.NewRequest(http.MethodPost, "https://peer/engineio/poll", http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := u.Send(id, request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func (u *peerUnderTest) counted(outcome string) float64 {
	families, err := u.metrics.registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "notifier_peer_requests_total" && m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestDaemonsAskEachOtherOverHTTP2(t *testing.T) {
	l := newList()
	one, two := l.serve(t, "127.0.0.1:0"), l.serve(t, "127.0.0.1:0")
	for _, pair := range [][2]*peerUnderTest{{one, two}, {two, one}} {
		if body, err := pair[0].ask(pair[1].ID()); err != nil || body != pair[1].ID() {
			t.Fatalf("%q, %v", body, err)
		}
		if got := <-pair[1].asked; got != "POST /engineio/poll HTTP/2" {
			t.Errorf("asked %s", got)
		}
	}
	if one.counted("passed_on") != 1 || one.log.String() != "" {
		t.Errorf("counted %v, log %s", one.counted("passed_on"), one.log)
	}
	if _, err := one.ask("nobody"); !errors.Is(err, errPeerUnknown) || one.counted("unknown") != 1 {
		t.Errorf("%v, counted %v", err, one.counted("unknown"))
	}
}

func TestOnlyDaemonsAreLetIn(t *testing.T) {
	l := newList()
	one := l.serve(t, "127.0.0.1:0")
	foreign, err := newPeerIdentity(newDaemonID())
	if err != nil {
		t.Fatal(err)
	}
	former := l.serve(t, "127.0.0.1:0")
	l.remove(former.ID())
	with := func(certificates ...tls.Certificate) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, Certificates: certificates}
	}
	old := with(one.identity.certificate)
	old.MaxVersion = tls.VersionTLS12
	cases := map[string]*tls.Config{
		"no certificate":       with(),
		"a foreign one":        with(foreign.certificate),
		"one that was removed": with(former.identity.certificate),
		"a listed one without its key": with(tls.Certificate{
			Certificate: one.identity.certificate.Certificate, PrivateKey: foreign.certificate.PrivateKey,
		}),
		"TLS 1.2": old,
	}
	for name, config := range cases {
		conn, err := tls.Dial("tcp", one.listensOn(), config)
		if err == nil { // with TLS 1.3 the client hears of its refusal afterwards
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: let in", name)
		}
	}
	if len(one.asked) != 0 {
		t.Error("asked by a stranger")
	}
}

// Somebody else may listen where a daemon was: its own successor, which has another key, or a stranger.
func TestADaemonIsKnownByItsCertificateNotItsAddress(t *testing.T) {
	l := newList()
	one, two := l.serve(t, "127.0.0.1:0"), l.serve(t, "127.0.0.1:0")
	if _, err := one.ask(two.ID()); err != nil {
		t.Fatal(err)
	}
	<-two.asked
	addr := two.listensOn()
	two.stop()
	again := l.serve(t, addr)
	if _, err := one.ask(two.ID()); err == nil || len(again.asked) != 0 {
		t.Errorf("%v; its successor was asked in its place", err)
	}
	if one.counted("unreachable") != 1 || strings.Count(one.log.String(), "peer_unreachable") != 1 {
		t.Errorf("counted %v, log %s", one.counted("unreachable"), one.log)
	}
	if _, err := one.ask(two.ID()); !errors.Is(err, errPeerResting) {
		t.Errorf("tried again at once: %v", err)
	}
	if strings.Count(one.log.String(), "peer_unreachable") != 1 {
		t.Errorf("more than a line a minute: %s", one.log)
	}
	if body, err := one.ask(again.ID()); err != nil || body != again.ID() {
		t.Errorf("the successor: %q, %v", body, err)
	}
	l.remove(two.ID())
	if _, err := one.ask(two.ID()); !errors.Is(err, errPeerUnknown) {
		t.Errorf("%v", err)
	}
}

func TestOneConnectionCarriesAllRequests(t *testing.T) {
	l := newList()
	one, two := l.serve(t, "127.0.0.1:0"), l.serve(t, "127.0.0.1:0")
	const requests = 600 // more than the 250 that are usual on one connection
	arrived, release := make(chan string, requests), make(chan struct{})
	two.handle("/held", func(_ http.ResponseWriter, r *http.Request) {
		arrived <- r.RemoteAddr
		<-release
	})
	if _, err := one.ask(two.ID()); err != nil { // so that they need not connect at once
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range requests {
		group.Go(func() {
			request, err := http.NewRequest(http.MethodGet, "https://peer/held", nil)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := one.Send(two.ID(), request)
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
		})
	}
	connections := map[string]bool{}
	for range requests {
		connections[<-arrived] = true
	}
	close(release)
	group.Wait()
	if len(connections) != 1 {
		t.Errorf("%d connections", len(connections))
	}
}

func TestAPeerAddressThatIsTakenIsAnError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = newPeers(t.Context(), newDaemonID(), serveSettings{peerAddr: taken.Addr().String()}, nil, newMetrics(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "--peer-addr") {
		t.Errorf("got %v", err)
	}
	alone, err := newPeers(t.Context(), "", serveSettings{peerAddr: peersOff}, nil, nil, nil)
	if alone != nil || err != nil || alone.listensOn() != "off" {
		t.Errorf("%v, %v", alone, err)
	}
}

func TestTheAddressForTheOthers(t *testing.T) {
	tcp := &net.TCPAddr{IP: net.ParseIP("10.1.2.3"), Port: 5000}
	unix := &net.UnixAddr{Name: "/run/postgresql", Net: "unix"}
	cases := []struct {
		name, host, listen string
		local              net.Addr
		want               string
	}{
		{"named by the operator", "notifier-2.internal", "127.0.0.1:0", tcp, "notifier-2.internal"},
		{"an IPv6 address", "fd00::2", "127.0.0.1:0", tcp, "[fd00::2]"},
		{"a specific listener", "", "127.0.0.1:0", tcp, "127.0.0.1"},
		{"as the database sees it", "", "0.0.0.0:0", tcp, "10.1.2.3"},
		{"the database is here", "", "0.0.0.0:0", unix, "127.0.0.1"},
	}
	for _, tc := range cases {
		listen := tc.listen
		if strings.HasPrefix(listen, "0.0.0.0") {
			listen = "127.0.0.1:0"
		}
		listener, err := net.Listen("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		p := &peers{host: tc.host, listener: listener}
		if strings.HasPrefix(tc.listen, "0.0.0.0") {
			p.listener = everywhere{listener}
		}
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if got := p.address(tc.local); got != tc.want+":"+port {
			t.Errorf("%s: %s", tc.name, got)
		}
		listener.Close()
	}
}

// everywhere says that it listens on every address; tests only listen on one.
type everywhere struct{ net.Listener }

func (e everywhere) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv6unspecified, Port: e.Listener.Addr().(*net.TCPAddr).Port}
}

func TestLinesAboutPeersAreOneAMinute(t *testing.T) {
	var quiet quietPeers
	began := time.Now()
	for i, want := range []bool{true, false, false} {
		if _, now := quiet.turn(began.Add(time.Duration(i) * time.Second)); now != want {
			t.Errorf("line %d: %v", i, now)
		}
	}
	if unlogged, now := quiet.turn(began.Add(time.Minute)); !now || unlogged != 2 {
		t.Errorf("after a minute: %d, %v", unlogged, now)
	}
}

func TestPeersThatCannotServeEnd(t *testing.T) {
	enlist := func(notifier.Daemon, func(net.Addr) string) roster { return listed{list: &list{}} }
	p, err := newPeers(t.Context(), newDaemonID(), serveSettings{peerAddr: "127.0.0.1:0"}, enlist, newMetrics(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.close() // as if the address were lost
	if err := p.run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}
