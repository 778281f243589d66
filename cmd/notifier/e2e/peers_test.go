package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"notifier/sql/pgtest"
	"notifier/wsroom/socketio/stocktest"
)

// balancer sends each request to the next daemon, whatever session it is of. One that refuses connections is passed over.
type balancer struct {
	daemons   []*process
	next      atomic.Int64
	transport http.Transport
}

// balance opens one address for several daemons.
func balance(t testing.TB, daemons ...*process) (addr string) {
	b := &balancer{daemons: daemons}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Scheme = "http" },
		Transport:    b,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // cut, or given up by the client
	})
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
		b.transport.CloseIdleConnections()
	})
	return proxy.Listener.Addr().String()
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (response *http.Response, err error) {
	for range b.daemons {
		r.URL.Host = b.daemons[int(b.next.Add(1))%len(b.daemons)].addr
		if conn, dialErr := net.Dial("tcp", r.URL.Host); dialErr == nil {
			_ = conn.Close() // it was only to try
		} else {
			err = dialErr
			continue
		}
		return b.transport.RoundTrip(r)
	}
	return nil, err
}

// sum adds a metric of all daemons that run, by its beginning.
func sum(t testing.TB, name string, daemons ...*process) (total int) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)$`)
	for _, p := range daemons {
		_, body := p.get("/metrics")
		if found := line.FindStringSubmatch(body); found != nil {
			n, err := strconv.Atoi(found[1])
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	return total
}

// awaitPeers returns when each of the daemons knows the others.
func awaitPeers(t testing.TB, daemons ...*process) {
	t.Helper()
	for _, p := range daemons {
		p.awaitMetric(fmt.Sprintf("notifier_peers %d", len(daemons)-1))
	}
}

var stockTransports = map[string]string{
	"default": `["polling","websocket"]`, "websocket": `["websocket"]`, "polling": `["polling"]`,
}

func TestStockClientsBehindABalancerWithoutAffinity(t *testing.T) {
	t.Parallel()
	const quiet, killed, stopped = 20, 80, 140
	db := clinic(t)
	book(db, 1, 1, stopped)
	daemons := []*process{serveReady(t, db), serveReady(t, db), serveReady(t, db)}
	awaitPeers(t, daemons...)
	addr := balance(t, daemons...)
	screens := map[string]*stocktest.Client{}
	for name, transports := range stockTransports {
		n := 2
		if name == "default" {
			n = 8 // that none of these lands by chance where it began, when it becomes a WebSocket: 1 in 3^8
		}
		for n := range n {
			screens[fmt.Sprint(name, n)] = joinStock(t, addr, transports)
		}
	}
	for name, screen := range screens {
		if got := screen.Next("connect", "connect_error"); got.Kind != "connect" {
			t.Fatalf("%s: %+v", name, got)
		}
	}
	for id := 1; id <= quiet; id++ {
		finish(db, id)
	}
	for name, screen := range screens {
		if cuts := screen.WantThrough(1, quiet); cuts != 0 {
			t.Errorf("%s: %d cuts, and nothing was wrong", name, cuts)
		}
	}
	if passed, moved := sum(t, `notifier_peer_requests_total{outcome="passed_on"}`, daemons...),
		sum(t, `notifier_sessions_moved_total{outcome="moved"}`, daemons...); passed == 0 || moved == 0 {
		t.Errorf("%d requests were passed on and %d sessions moved: the balancer has affinity", passed, moved)
	}

	for id := quiet + 1; id <= killed; id++ {
		if id == (quiet+killed)/2 {
			daemons[0].kill()
		}
		finish(db, id)
	}
	for _, screen := range screens {
		screen.WantThrough(quiet+1, killed)
	}

	for id := killed + 1; id <= stopped; id++ {
		if id == (killed+stopped)/2 {
			go func() {
				if err := daemons[1].stop(); err != nil {
					t.Errorf("SIGTERM: %v", err)
				}
			}()
		}
		finish(db, id)
	}
	for _, screen := range screens {
		screen.WantThrough(killed+1, stopped)
	}
	<-daemons[1].ended
	if listed := pgtest.Get[int](db, `SELECT count(*) FROM notifier.daemon`); listed != 2 { // and who was killed is, for a minute
		t.Errorf("%d daemons are listed, want 2", listed)
	}
	for _, p := range daemons {
		assertPrivate(t, p.logs.text())
	}
}

// Behind a firewall that lets no daemon through to another, only that is lost which needs it, and the log says what is wrong.
func TestADaemonThatTheOthersCannotReachIsTold(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 1)
	daemons := []*process{serveReady(t, db, "--peer-host", "127.0.0.2"), serveReady(t, db)} // where nobody listens
	awaitPeers(t, daemons...)
	at := func(p *process, query string) (status int, body string) {
		resp, err := http.Get("http://" + p.addr + "/socket.io/?EIO=4&transport=polling" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(raw)
	}
	_, opened := at(daemons[0], "")
	sid, _, _ := strings.Cut(strings.TrimPrefix(opened, `0{"sid":"`), `"`)
	for range 3 {
		if status, body := at(daemons[1], "&sid="+sid); status != http.StatusBadRequest || !strings.Contains(body, `"code":1,`) {
			t.Errorf("%d %s", status, body)
		}
	}
	daemons[1].logs.await(t, "peer_unreachable")
	daemons[1].awaitMetric(`notifier_peer_requests_total{outcome="unreachable"} 3`)
	if lines := strings.Count(daemons[1].logs.text(), "peer_unreachable"); lines != 1 {
		t.Errorf("%d lines", lines)
	}
	screen := joinStock(t, daemons[1].addr, stockTransports["websocket"])
	screen.Next("connect")
	finish(db, 1)
	screen.WantEvents(1, 1)
}
