package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"notifier/notifier"
)

const (
	peerPatience = 3 * time.Second  // to connect to another daemon, and to be let in
	peerSilence  = 10 * time.Second // after which a connection is asked whether it is there
	peerAnswer   = 5 * time.Second  // and for how long
	peerIdle     = 2 * time.Minute
	peerRest     = time.Second // after a connection that failed, before the next try
	peerGoodbye  = 2 * time.Second
	peerStreams  = 1 << 20 // requests at one time: each held poll of another daemon's client is one
)

var (
	errPeerTimeout = errors.New("the other daemon did not answer in time")
	errPeerUnknown = errors.New("no such daemon")
	errPeerResting = errors.New("it could not be reached a moment ago")
)

// peers are the other daemons on this database: who is there, from the roster, and requests to and from them over HTTP/2, one connection from each to each.
// It implements engineio.Peers, and takes handlers of any kind for what others ask of this daemon.
type peers struct {
	identity peerIdentity
	roster   roster
	metrics  *metrics
	log      *slog.Logger
	mux      *http.ServeMux
	server   *http.Server
	listener net.Listener
	host     string
	client   *http.Transport

	mu     sync.Mutex
	failed map[string]time.Time // when a daemon could not be connected to
	quiet  quietPeers
}

// roster is who is there: notifier.Registry.
type roster interface {
	Run(ctx context.Context) error
	Find(ctx context.Context, id string) (notifier.Daemon, bool)
	Lists(ctx context.Context, certificate []byte) bool
	Gone(ctx context.Context, id string) bool
	Others(ctx context.Context, look bool) []notifier.Daemon
}

// enlist makes the roster of a daemon that has an address for the others, once it is known how it is seen by the database.
type enlist func(self notifier.Daemon, address func(local net.Addr) string) roster

// newPeers opens the address for other daemons; run serves it. If the settings name none, this daemon is alone, and the peers are nil.
func newPeers(ctx context.Context, id string, settings serveSettings, enlist enlist, metrics *metrics, logger *slog.Logger) (*peers, error) {
	if settings.peerAddr == peersOff {
		return nil, nil //nolint:nilnil // a daemon that is alone
	}
	identity, err := newPeerIdentity(id)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", settings.peerAddr)
	if err != nil {
		return nil, fmt.Errorf("open the address for other daemons (--peer-addr): %w", err)
	}
	p := &peers{
		identity: identity, metrics: metrics, log: logger, mux: http.NewServeMux(), listener: listener, host: settings.peerHost,
		failed: make(map[string]time.Time),
	}
	self := notifier.Daemon{ID: identity.id, Certificate: identity.certificate.Certificate[0], Version: thisBuild().version}
	p.roster = enlist(self, p.address)
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	keepalive := &http.HTTP2Config{MaxConcurrentStreams: peerStreams, SendPingTimeout: peerSilence, PingTimeout: peerAnswer}
	p.server = &http.Server{
		Handler: p.mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: 2 * peerIdle, MaxHeaderBytes: maxHeaderBytes,
		TLSConfig: identity.serverTLS(p.roster.Lists), Protocols: protocols, HTTP2: keepalive, ErrorLog: newHTTPErrorLog(logger),
	}
	p.client = &http.Transport{
		DialTLSContext: p.dial, Protocols: protocols, HTTP2: keepalive, IdleConnTimeout: peerIdle, DisableCompression: true,
		MaxConnsPerHost: 1, // also while it does not answer
	}
	return p, nil
}

// handle takes requests of other daemons.
func (p *peers) handle(pattern string, handler http.HandlerFunc) {
	if p != nil {
		p.mux.HandleFunc(pattern, handler)
	}
}

// run serves until ctx ends, or it cannot serve any more. The others are told first, so that none of them comes in vain.
func (p *peers) run(ctx context.Context) error {
	listed, leave := context.WithCancel(ctx)
	defer leave()
	serving := make(chan error, 1)
	go func() {
		defer leave() // who cannot be reached must not be listed
		err := p.server.ServeTLS(p.listener, "", "")
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		serving <- err
	}()
	err := p.roster.Run(listed)
	ending, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), peerGoodbye, errDrainTimeout)
	defer cancel()
	if p.server.Shutdown(ending) != nil { // somebody still asks for something: nobody is here any more to answer
		err = errors.Join(err, p.server.Close())
	}
	p.client.CloseIdleConnections()
	if failed := <-serving; failed != nil {
		err = errors.Join(err, fmt.Errorf("serve other daemons: %w", failed))
	}
	return err
}

// listensOn is for the log.
func (p *peers) listensOn() string {
	if p == nil {
		return peersOff
	}
	return p.listener.Addr().String()
}

// close is for a daemon that does not run.
func (p *peers) close() {
	if p != nil {
		_ = p.listener.Close() // it was only opened
	}
}

// address is where the others find this daemon: the host that the operator names, or that it listens on, or else the one under which the database sees it.
func (p *peers) address(local net.Addr) string {
	host, port, err := net.SplitHostPort(p.listener.Addr().String())
	if err != nil {
		return p.listener.Addr().String() // no TCP address: not ours
	}
	if p.host != "" {
		return net.JoinHostPort(p.host, port)
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1" // the database is on this machine, or its address is not an IP's
		if local, ok := local.(*net.TCPAddr); ok {
			host = local.IP.String()
		}
	}
	return net.JoinHostPort(host, port)
}

// ID implements engineio.Peers, as the next two do.
func (p *peers) ID() string { return p.identity.id }

// Moved counts.
func (p *peers) Moved(outcome string) { p.metrics.moves.WithLabelValues(outcome).Inc() }

// Send brings a request to another daemon. Of an error only the client's own leaving is not counted.
func (p *peers) Send(id string, r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if _, known := p.roster.Find(ctx, id); !known {
		p.metrics.peerRequests.WithLabelValues("unknown").Inc()
		return nil, errPeerUnknown
	}
	r.URL.Host = id
	response, err := p.client.RoundTrip(r)
	switch {
	case err == nil:
		p.metrics.peerRequests.WithLabelValues("passed_on").Inc()
		return response, nil
	case ctx.Err() != nil:
		return nil, err
	case !errors.Is(err, errPeerResting) && p.roster.Gone(ctx, id):
		p.metrics.peerRequests.WithLabelValues("unknown").Inc()
		return nil, errPeerUnknown
	}
	p.metrics.peerRequests.WithLabelValues("unreachable").Inc()
	if errors.Is(err, errPeerResting) {
		return nil, err // why it could not be reached was told
	}
	if unlogged, now := p.quiet.turn(time.Now()); now {
		p.log.LogAttrs(ctx, slog.LevelWarn, "peer_unreachable", slog.String("peer", id), slog.Any("error", err), slog.Int("unlogged_before", unlogged))
	}
	return nil, err
}

// dial connects to the daemon whose id stands for its host. One that could not be reached is not tried again at once: every request would wait for that.
func (p *peers) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	id, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	resting := time.Since(p.failed[id]) < peerRest
	p.mu.Unlock()
	if resting {
		return nil, errPeerResting
	}
	conn, err := p.connect(ctx, network, id)
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.failed, func(_ string, at time.Time) bool { return time.Since(at) >= peerRest })
	if err != nil && ctx.Err() == nil {
		p.failed[id] = time.Now()
	}
	return conn, err
}

func (p *peers) connect(ctx context.Context, network, id string) (net.Conn, error) {
	peer, known := p.roster.Find(ctx, id)
	if !known {
		return nil, errPeerUnknown
	}
	config, err := p.identity.clientTLS(id, peer.Certificate)
	if err != nil {
		return nil, err
	}
	patience, cancel := context.WithTimeoutCause(ctx, peerPatience, errPeerTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(patience, network, peer.Address)
	if err != nil {
		return nil, fmt.Errorf("connect to peer: %w", err)
	}
	return conn, nil
}

// quietPeers lets one line a minute through.
type quietPeers struct {
	mu      sync.Mutex
	last    time.Time
	skipped int
}

// turn reports whether to log now, and how much was not.
func (q *quietPeers) turn(now time.Time) (unlogged int, log bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.last.IsZero() && now.Sub(q.last) < time.Minute {
		q.skipped++
		return 0, false
	}
	unlogged, q.last, q.skipped = q.skipped, now, 0
	return unlogged, true
}
