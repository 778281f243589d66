package socketio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/engineio"
)

// cluster are servers on one log that pass sessions on to each other, as daemons do. Their ids are daemon-0, daemon-1 and so on.
type cluster struct {
	t       testing.TB
	journal *roomtest.Journal
	servers []*server
	peers   []*neighbour
	seq     int64
}

// neighbour is what one server is to the others, and they to it. It implements engineio.Peers over net.Pipes.
type neighbour struct {
	cluster *cluster
	id      string
	counts  roomtest.Counts // of moves
	door    *roomtest.Pipes
	client  *http.Transport

	loseAnswer bool // what a move ends with does not arrive
	frozen     bool // nothing that it asks for is answered

	mu      sync.Mutex
	conns   []net.Conn
	errands []string // that it has sent
}

// gather starts n servers on the loopback interface.
func gather(t testing.TB, n int, opts ...option) *cluster {
	t.Helper()
	return newCluster(t, n, func(s *server) (end func()) {
		web := httptest.NewServer(s.handler)
		s.url, s.dial = web.URL+"/socket.io/", (&net.Dialer{}).DialContext
		return func() {
			web.CloseClientConnections()
			web.Close()
		}
	}, opts...)
}

// gatherPipes starts two servers for a bubble of testing/synctest.
func gatherPipes(t testing.TB) *cluster {
	t.Helper()
	return newCluster(t, 2, func(s *server) (end func()) {
		pipes := roomtest.NewPipes()
		s.url, s.dial = "http://pipe.example/socket.io/", pipes.Dial
		return roomtest.Serve(&http.Server{Handler: s.handler, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second}, pipes)
	})
}

func newCluster(t testing.TB, n int, open func(*server) (end func()), opts ...option) *cluster {
	t.Helper()
	c := &cluster{t: t, journal: &roomtest.Journal{}, seq: 100}
	for i := range n {
		p := &neighbour{cluster: c, id: fmt.Sprintf("daemon-%d", i), door: roomtest.NewPipes()}
		p.client = &http.Transport{DialContext: p.dial, Protocols: unencrypted()}
		c.peers = append(c.peers, p)
		s := newServerOn(t, c.journal, stuckAt{id: p.id}, append(opts, configured(func(c *socketio.Config) { c.Peers = p }))...)
		c.servers = append(c.servers, s)
		end := open(s)
		closeDoor := roomtest.Serve(&http.Server{Handler: http.HandlerFunc(s.handler.ServePeer), Protocols: unencrypted()}, p.door)
		t.Cleanup(func() {
			s.Drain(t)
			end()
			closeDoor()
			p.client.CloseIdleConnections()
		})
	}
	return c
}

func unencrypted() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

// stuckAt are tokens of which "stuck", account 1's, is never verified by the first server.
type stuckAt struct {
	tokens
	id string
}

func (a stuckAt) Authenticate(ctx context.Context, token string) (string, string, time.Time, error) {
	switch {
	case token == "stuck" && a.id == "daemon-0":
		token = "hang"
	case token == "stuck":
		token = "1"
	}
	return a.tokens.Authenticate(ctx, token)
}

var _ engineio.Peers = (*neighbour)(nil)

func (p *neighbour) ID() string { return p.id }

func (p *neighbour) Moved(outcome string) { p.counts.Add(outcome, 1) }

func (p *neighbour) Send(id string, r *http.Request) (*http.Response, error) {
	if !slices.ContainsFunc(p.cluster.peers, func(other *neighbour) bool { return other.id == id }) {
		return nil, errors.New("no such daemon")
	}
	p.mu.Lock()
	p.errands = append(p.errands, strings.TrimPrefix(r.URL.Path, "/engineio/"))
	p.mu.Unlock()
	if p.frozen {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	r.URL.Scheme, r.URL.Host = "http", id
	response, err := p.client.RoundTrip(r)
	if err != nil && r.Context().Err() == nil { // else it is the client's doing
		p.counts.Add("unreachable", 1)
	}
	if err == nil && p.loseAnswer {
		response.Body = deaf{response.Body}
	}
	return response, err
}

// deaf is a body of which nothing arrives but its end.
type deaf struct{ io.ReadCloser }

func (d deaf) Read([]byte) (int, error) {
	if _, err := io.Copy(io.Discard, d.ReadCloser); err != nil {
		return 0, err
	}
	return 0, io.ErrUnexpectedEOF
}

func (p *neighbour) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	id, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	for _, other := range p.cluster.peers {
		if other.id == id {
			conn, err := other.door.Dial(ctx, network, addr)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.conns = append(p.conns, conn)
			return conn, err
		}
	}
	return nil, net.ErrClosed
}

// cut ends all that it has asked others for, as its death would.
func (p *neighbour) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
}

func (p *neighbour) sent(errand string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.errands {
		if e == errand {
			n++
		}
	}
	return n
}

// publish puts the next event of account 1 into the log and the rooms of these servers, all if none are named. The others lag.
func (c *cluster) publish(data string, to ...*server) int64 {
	c.seq++
	c.journal.Append("1", c.seq, data)
	if len(to) == 0 {
		to = c.servers
	}
	for _, s := range to {
		s.Read(c.seq)
	}
	return c.seq
}

// readAnswer reads the answer to a request that was written by hand.
func readAnswer(t testing.TB, conn net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// at is the same session, asked for at another server.
func (p *poller) at(s *server) *poller { return &poller{s, p.query} }

// upgrade opens the WebSocket of a session and gets as far as the answer to the probe.
func (p *poller) upgrade() *wire {
	p.t.Helper()
	w := p.dialProbe()
	w.send("2probe")
	w.want("3probe")
	return w
}
