// Package roomtest is for the tests of the protocols over wsroom: a hub with a log and counters behind it, where the test is the feed.
package roomtest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"notifier/wsroom"
)

// Place is a hub with what is around it, open at position 100.
type Place struct {
	Hub     *wsroom.Hub
	Journal *Journal
	Counts  *Counts
	Record  *Record
	Logger  *slog.Logger // into the Record

	mu  sync.Mutex
	seq int64
}

// NewPlace makes one, with metrics and a logger of its own; places may share a journal.
func NewPlace(config wsroom.HubConfig, journal *Journal) *Place {
	p := &Place{Journal: journal, Counts: &Counts{}, Record: &Record{}, seq: 100}
	p.Logger = slog.New(slog.NewJSONHandler(p.Record, &slog.HandlerOptions{Level: slog.LevelDebug}))
	config.Metrics, config.Logger = p.Counts, p.Logger
	p.Hub = wsroom.NewHub(config)
	p.Hub.Open(p.seq, CursorOf(p.seq))
	return p
}

// Publish puts the next event into the log and the rooms, as the feed does.
func (p *Place) Publish(account, data string) (seq int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Journal.Append(account, p.seq+1, data)
	p.tell(Entry{account, p.seq + 1, data})
	return p.seq
}

// Read puts the journal's events up to this one into the rooms, those that were not: a place may lag behind others that share its journal.
func (p *Place) Read(upTo int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.Journal.Entries() {
		if e.Seq > p.seq && e.Seq <= upTo {
			p.tell(e)
		}
	}
}

// tell is a batch of one. Under mu.
func (p *Place) tell(e Entry) {
	p.Hub.Claim(e.Seq, CursorOf(e.Seq))
	p.Hub.Publish(e.Account, CursorOf(e.Seq), e.Seq, EventName, []byte(e.Data))
	p.Hub.Settle(e.Seq, CursorOf(e.Seq))
	p.seq = e.Seq
}

// Seq is the number of the latest event.
func (p *Place) Seq() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seq
}

// Follow has the next event follow this number, as after what another feed published.
func (p *Place) Follow(seq int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq = seq
}

// Drain sees to it that no connection outlives its test.
func (p *Place) Drain(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := p.Hub.Drain(ctx, 0); err != nil {
		t.Errorf("drain: %v", err)
	}
}

// Listen serves on the loopback interface until the end of the test.
func (p *Place) Listen(t testing.TB, handler http.Handler) (addr string) {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		p.Drain(t)
		web.CloseClientConnections()
		web.Close()
	})
	return web.Listener.Addr().String()
}

// ListenPipes serves on Pipes until the end of the test, or until the server, which it sets up as the daemon does, is closed.
func (p *Place) ListenPipes(t testing.TB, handler http.Handler) (*http.Server, *Pipes) {
	t.Helper()
	pipes := NewPipes()
	web := &http.Server{Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second}
	end := Serve(web, pipes)
	t.Cleanup(func() {
		p.Drain(t)
		end()
	})
	return web, pipes
}

// Serve has a server run until end, which waits for it.
func Serve(web *http.Server, on net.Listener) (end func()) {
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(on) // http.ErrServerClosed, when the test is over
	}()
	return func() {
		_ = web.Close()
		<-served
	}
}

// Dialer connects to addresses.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Client makes requests on connections of their own.
func (d Dialer) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: d, DisableKeepAlives: true}}
}

// Eventually waits for a state that nobody announces.
func Eventually(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !reached(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
