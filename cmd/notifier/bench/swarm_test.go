package bench

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeServer is a server of the plain protocol that welcomes everybody, and tells everybody what it is told to.
type fakeServer struct {
	web   *httptest.Server
	opens atomic.Int64
	froms sync.Map // hosts that clients came from

	mu    sync.Mutex
	conns map[*websocket.Conn]struct{}
}

func serveFake(t *testing.T, refuse int64) *fakeServer {
	f := &fakeServer{conns: make(map[*websocket.Conn]struct{})}
	f.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.opens.Add(1) <= refuse {
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		f.froms.Store(host, true)
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		f.mu.Lock()
		err = conn.Write(r.Context(), websocket.MessageText, []byte(welcome))
		f.conns[conn] = struct{}{}
		f.mu.Unlock()
		for err == nil {
			_, _, err = conn.Read(r.Context())
		}
		f.mu.Lock()
		delete(f.conns, conn)
		f.mu.Unlock()
		_ = conn.CloseNow() // it is gone
	}))
	t.Cleanup(f.web.Close)
	return f
}

func (f *fakeServer) tell(ctx context.Context, frame string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.Write(ctx, websocket.MessageText, []byte(frame)) // who misses it is what a test finds
	}
}

// eachNetwork runs a test with both kinds of network.
func eachNetwork(t *testing.T, refuse int64, sources int, test func(t *testing.T, f *fakeServer, s *swarm)) {
	for name, open := range map[string]func(*swarm, []*url.URL) (network, error){
		"usual":  newNetwork,
		"dialed": func(s *swarm, doors []*url.URL) (network, error) { return newDialed(s, doors), nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := serveFake(t, refuse)
			address, err := url.Parse(strings.Replace(f.web.URL, "http", "ws", 1))
			if err != nil {
				t.Fatal(err)
			}
			c := &clinic{accounts: []int64{1}, each: 2, first: 10}
			s := &swarm{target: Target{Protocol: Plain, Sources: sources}, host: address.Host, score: newScore(c)}
			if s.net, err = open(s, []*url.URL{address}); err != nil {
				t.Fatal(err)
			}
			s.add(30, []string{"one"})
			defer s.close()
			test(t, f, s)
		})
	}
}

func (s *swarm) awaitDeliveries(t *testing.T, want int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); s.score.deliveries.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries, want %d", s.score.deliveries.Load(), want)
		}
	}
}

func TestASwarmJoinsHearsAndComesBackFromAStorm(t *testing.T) {
	eachNetwork(t, 0, 3, func(t *testing.T, f *fakeServer, s *swarm) {
		if err := s.connect(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		f.tell(t.Context(), event10)
		s.awaitDeliveries(t, 30)
		took, err := s.storm(t.Context())
		if err != nil || took <= 0 {
			t.Fatalf("storm: %v, %v", took, err)
		}
		if opens := f.opens.Load(); opens != 60 {
			t.Errorf("%d connections were opened, want 60", opens)
		}
		f.tell(t.Context(), strings.Replace(event10, `{"id":10`, `{"id":11`, 1))
		s.awaitDeliveries(t, 60)
		if n := s.score.doubled.Load() + s.score.misrouted.Load(); n != 0 || s.cut != 0 {
			t.Errorf("%d doubled or misrouted, %d cut; want none", n, s.cut)
		}
		for _, host := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
			if _, came := f.froms.Load(host); !came {
				t.Errorf("nobody came from %s", host)
			}
		}
	})
}

func TestWhoIsCutByTheServerComesBackAndIsCounted(t *testing.T) {
	eachNetwork(t, 0, 0, func(t *testing.T, f *fakeServer, s *swarm) {
		if err := s.connect(t.Context(), 30); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		back := s.expect()
		s.mu.Unlock()
		f.web.CloseClientConnections()
		f.mu.Lock()
		for conn := range f.conns {
			go func() { _ = conn.CloseNow() }() // its reader may hold the connection
		}
		f.mu.Unlock()
		<-back
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cut != 30 || s.open != 30 {
			t.Errorf("%d were cut and %d are joined, want 30 of each", s.cut, s.open)
		}
	})
}

func TestWhoIsRefusedTriesAgain(t *testing.T) {
	eachNetwork(t, 10, 0, func(t *testing.T, _ *fakeServer, s *swarm) {
		if err := s.connect(t.Context(), 30); err != nil {
			t.Fatal(err)
		}
		if s.tries != 10 {
			t.Errorf("%d tries failed, want 10", s.tries)
		}
	})
}

func TestAServerThatLetsNobodyInIsAnErrorThatSaysWhy(t *testing.T) {
	eachNetwork(t, 1<<60, 0, func(t *testing.T, _ *fakeServer, s *swarm) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		err := s.connect(ctx, 30)
		if err == nil || !strings.Contains(err.Error(), "0 of 30 are joined") || !strings.Contains(err.Error(), "503 Service Unavailable") {
			t.Errorf("%v: want that nobody is joined, and the server's answer", err)
		}
	})
}
