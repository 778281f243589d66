package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// balancer is a reverse proxy before all daemons that sends each request to the next of them, whatever session it is of. It passes over a daemon
// that refuses connections, and one that does not say of itself that it is ready.
type balancer struct {
	nodes     []*node
	listener  net.Listener
	next      atomic.Int64
	out       [daemonCount]atomic.Bool
	transport http.Transport
}

var errNobody = errors.New("no daemon takes connections")

// How often a daemon is asked whether it is ready, and how long it may take to say so.
const (
	checkInterval = 200 * time.Millisecond
	checkTimeout  = 500 * time.Millisecond
)

func newBalancer(ctx context.Context, nodes []*node) (*balancer, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for balancer: %w", err)
	}
	return &balancer{nodes: nodes, listener: listener}, nil
}

// doors are where screens reach the daemons: by one.
func (b *balancer) doors() []door { return []door{{"some daemon", b.listener.Addr().String()}} }

// run serves until ctx ends.
func (b *balancer) run(ctx context.Context) error {
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: &httputil.ReverseProxy{
			Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Scheme = "http" },
			Transport:    b,
			ErrorLog:     log.New(io.Discard, "", 0), // answers break off when a daemon is killed
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		},
	}
	defer b.transport.CloseIdleConnections()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // its listener may be closed already
	if err := server.Serve(b.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve as balancer: %w", err)
	}
	return nil
}

// check asks one daemon again and again, until ctx ends.
func (b *balancer) check(ctx context.Context, i int) error {
	for pause(ctx, checkInterval) == nil {
		b.out[i].Store(!b.ready(ctx, i))
	}
	return nil
}

func (b *balancer) ready(ctx context.Context, i int) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	status, _, err := b.nodes[i].get(ctx, "/readyz")
	return err == nil && status == http.StatusOK
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	for range 2 * len(b.nodes) {
		i := int(b.next.Add(1)) % len(b.nodes)
		if b.out[i].Load() {
			continue
		}
		r.URL.Host = b.nodes[i].addr()
		if !takes(r.Context(), r.URL.Host) {
			continue
		}
		return b.transport.RoundTrip(r)
	}
	return nil, errNobody
}

// takes tells whether somebody takes connections there. It is tried before the request is, since that can be sent only once.
func takes(ctx context.Context, address string) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close() // it was only to try
	}
	return err == nil
}

// balance opens a balancer for the world's stock screens.
func (w *world) balance(ctx context.Context) (err error) {
	if w.balancer, err = newBalancer(ctx, w.nodes); err != nil {
		return err
	}
	w.group.Go(func() error { return w.balancer.run(ctx) })
	for i := range w.nodes {
		w.group.Go(func() error { return w.balancer.check(ctx, i) })
	}
	return nil
}

// spread notes how often sessions met a daemon that is not theirs. Where they never did, nothing is proved.
func (w *world) spread(ctx context.Context) error {
	return errors.Join(
		w.noteSum(ctx, `notifier_peer_requests_total{outcome="passed_on"}`, "requests were passed on from daemon to daemon"),
		w.noteSum(ctx, `notifier_sessions_moved_total{outcome="moved"}`, "sessions went to another daemon"),
	)
}

// noteSum notes a metric of all processes that run. Zero is an error.
func (w *world) noteSum(ctx context.Context, metric, what string) error {
	total := 0.0
	for _, n := range w.nodes {
		more, err := n.metric(ctx, metric)
		if err != nil {
			return err
		}
		total += more
	}
	if total == 0 {
		return fmt.Errorf("0 %s: the balancer keeps them together", what)
	}
	w.note("%.0f %s", total, what)
	return nil
}
