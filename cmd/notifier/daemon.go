package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"notifier/auth"
	"notifier/cmd/notifier/edge"
	"notifier/cmd/notifier/ledger"
	"notifier/cmd/notifier/traces"
	"notifier/notifier"
	"notifier/wsroom"
	"notifier/wsroom/socketio/engineio"
	"notifier/wsroom/spec"
)

const (
	// A handshake is one small request: whoever is slower than this or larger is not a client of ours.
	headerTimeout  = 10 * time.Second
	maxHeaderBytes = 16 << 10
	// writeTimeout is for who asks and does not read the answer. What is held for longer has a time of its own when it is answered.
	writeTimeout = 20 * time.Second
	// idleTimeout ends a connection that asks for nothing more. It does not concern sockets: they are taken over.
	idleTimeout = time.Minute
	// drainGrace is what is left after the last close for its handshake.
	drainGrace = 5 * time.Second
)

// daemon is notifier serve: the one place where the feed, the rooms and the tokens meet.
type daemon struct {
	settings serveSettings
	log      *slog.Logger
	metrics  *metrics

	pool      *pgxpool.Pool
	verifier  *auth.Verifier
	hub       *wsroom.Hub
	feed      *notifier.Feed
	listener  *notifier.Listener
	origins   *wsroom.Origins
	replays   *notifier.Log // of both protocols, which share their reads
	releaser  *notifier.Releaser
	retention *notifier.Retention
	watch     *notifier.Watch
	traces    *traces.Tracer // nil: off
	ledger    *ledger.Ledger
	storyTurn chan struct{} // one slot: see readStory
	life      *life
	strangers strangersLog
	socketIO  *engineio.Server
	peers     *peers          // nil: alone
	self      notifier.Daemon // without an address: nobody asks himself
	questions questions
	looker    looker

	proxies     *edge.Proxies
	certificate *edge.Certificate // nil: no TLS

	public, admin         *http.Server
	publicAddr, adminAddr net.Listener
	draining              atomic.Bool
}

// newDaemon connects the parts and opens both addresses; nothing runs yet. site serves what is not ours on the
// public address: the demo's page, or nil.
func newDaemon(ctx context.Context, settings serveSettings, site http.Handler, log *slog.Logger) (*daemon, error) {
	metrics := newMetrics()
	strangers := newStrangersLog(countedLog{log.Handler(), metrics.logLines})
	log = slog.New(strangers)
	d := &daemon{settings: settings, log: log, strangers: strangers, metrics: metrics, self: newSelf(), storyTurn: make(chan struct{}, 1)}
	if err := d.prepareEdge(); err != nil {
		return nil, err
	}
	if err := d.connectParts(ctx); err != nil {
		return nil, err
	}
	var err error
	if d.peers, err = newPeers(ctx, d.self.ID, settings, d.enlist, d.metrics, log); err != nil {
		d.pool.Close()
		return nil, err
	}
	if site == nil {
		site = http.NotFoundHandler()
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", d.socketHandler())
	mux.Handle("GET /asyncapi.yaml", spec.Handler())
	d.mountSocketIO(mux)
	mux.Handle("/", site)
	d.public = d.publicServer(edge.Headers(d.proxies.Handler(mux), edge.PublicPolicy, d.certificate != nil))
	d.public.ConnState = edge.NewGate(settings.maxHandshakes, d.metrics).ConnState
	d.admin = d.server(edge.Headers(d.adminHandler(), edge.AdminPolicy, false))
	if err := d.listen(ctx); err != nil {
		d.peers.close()
		d.pool.Close()
		return nil, err
	}
	return d, nil
}

func (d *daemon) connectParts(ctx context.Context) error {
	s := d.settings
	secrets := rotation{configured: s.secrets()}
	var err error
	d.verifier, err = auth.New(auth.Config{
		Secrets: secrets.good(), JWKSURL: s.jwksURL, Issuer: s.jwtIssuer, Audience: s.jwtAudience,
		AccountClaim: s.jwtAccountClaim, Logger: d.log, Metrics: d.metrics,
	})
	if err != nil {
		return fmt.Errorf("prepare tokens: %w", err)
	}
	if s.jwksURL != "" {
		d.metrics.watchKeys(d.verifier.KeysAge)
	}
	if d.pool, err = notifier.OpenPool(ctx, s.databaseURL); err != nil {
		return err
	}
	if d.origins, err = wsroom.NewOrigins(s.allowedOrigins...); err != nil {
		return fmt.Errorf("read --allowed-origins: %w", err)
	}
	if d.traces, err = newTraces(ctx, s.traceSettings, d.metrics, d.log); err != nil {
		return err
	}
	d.ledger = ledger.New()
	following := followers(d.ledger, d.traces)
	d.hub = wsroom.NewHub(wsroom.HubConfig{Name: d.self.ID, Limits: s.limits(), Metrics: d.metrics, Tracer: following, Logger: d.log})
	d.metrics.watch(d.hub)
	d.releaser = notifier.NewReleaser(d.pool, d.metrics, d.log)
	d.retention = notifier.NewRetention(d.pool, s.retention, d.metrics, d.log)
	loader := notifier.NewLoader(d.pool, d.metrics, d.log)
	d.replays = notifier.NewLog(d.pool, loader, s.replayLimit)
	d.feed = notifier.NewFeed(d.pool, d.hub, loader, d.releaser, s.pollInterval, d.metrics, d.log)
	d.feed.TraceTo(following)
	if d.listener, err = notifier.NewListener(s.direct(), d.feed, d.metrics, d.log); err != nil {
		return err
	}
	d.watch = notifier.NewWatch(d.pool, d.feed, d.listener, d.metrics, d.log)
	d.life = newLife(d.feed.Work, touching(d.hub), d.log)
	d.metrics.watchHealth(d.health)
	return nil
}

// enlist is for newPeers.
func (d *daemon) enlist(self notifier.Daemon, address func(local net.Addr) string) roster {
	return notifier.NewRegistry(d.pool, self, address, d.metrics, d.log)
}

func (d *daemon) socketHandler() http.Handler {
	s := d.settings
	return wsroom.NewHandler(d.hub, tokens{d.verifier}, d.replays, wsroom.HandlerConfig{
		Origins: d.origins, AllowQueryToken: s.allowQueryToken,
		PingInterval: s.pingInterval, PingTimeout: s.pingTimeout, CursorRefresh: s.cursorRefresh(), Logger: d.log, Metrics: d.metrics,
	})
}

func (d *daemon) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: newHTTPErrorLog(d.log),
	}
}

// publicServer is one for strangers. The admin address goes without a writeTimeout: a profile takes as long as it is asked to.
func (d *daemon) publicServer(handler http.Handler) *http.Server {
	server := d.server(handler)
	server.WriteTimeout = writeTimeout
	return server
}

func (d *daemon) listen(ctx context.Context) error {
	var config net.ListenConfig
	public := net.ListenConfig{KeepAlive: -1} // the protocols ping, and that finds the dead sooner
	var err error
	if d.publicAddr, err = public.Listen(ctx, "tcp", d.settings.addr); err != nil {
		return fmt.Errorf("open the public address (--addr): %w", err)
	}
	if d.adminAddr, err = config.Listen(ctx, "tcp", d.settings.adminAddr); err != nil {
		return errors.Join(fmt.Errorf("open the admin address (--admin-addr): %w", err), d.publicAddr.Close())
	}
	return nil
}

// run serves until ctx ends, then drains, and returns when nothing of the daemon is left.
func (d *daemon) run(ctx context.Context) error {
	defer d.pool.Close()
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, working := errgroup.WithContext(working)
	for _, part := range []func(context.Context) error{
		d.feed.Run, d.listener.Run, d.releaser.Run, d.retention.Run, d.watch.Run, d.verifier.Run, d.life.run, d.strangers.run, giveBack,
	} {
		group.Go(func() error { return part(working) })
	}
	if d.peers != nil {
		group.Go(func() error { return d.peers.run(working) })
	}
	if d.traces != nil {
		group.Go(func() error { return d.traces.Run(working) })
	}
	if d.certificate != nil {
		group.Go(func() error { return d.certificate.Run(working) })
	}
	group.Go(func() error { return serveHTTP(d.public, d.secured(d.publicAddr)) })
	group.Go(func() error { return serveHTTP(d.admin, d.adminAddr) })
	d.log.LogAttrs(ctx, slog.LevelInfo, "serving", slog.String("addr", d.publicAddr.Addr().String()), slog.Bool("tls", d.certificate != nil),
		slog.String("admin_addr", d.adminAddr.Addr().String()), slog.String("peer_addr", d.peers.listensOn()),
		slog.String("database", redactDSN(d.settings.databaseURL)))

	select {
	case <-ctx.Done():
	case <-working.Done(): // a part failed: the others cannot go on without it
	}
	err := d.shutDown(working)
	stop()
	return errors.Join(group.Wait(), err)
}

// shutDown in stages: not ready; nobody new; who polls told to come back, and then the address closed; every socket told
// to come back, while events still flow; then the admin address. The feed ends last, with its context.
func (d *daemon) shutDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), d.settings.drain+drainGrace, errDrainTimeout)
	defer cancel()
	d.draining.Store(true)
	d.log.LogAttrs(ctx, slog.LevelInfo, "draining", slog.Int("connections", d.hub.Stats().Members), slog.Duration("over", d.settings.drain))
	public := make(chan error, 1)
	d.hub.Refuse()
	go func() {
		d.socketIO.Drain(ctx) // who polls has to come by this address to be told
		public <- endHTTP(ctx, d.public)
	}()
	if err := d.hub.Drain(ctx, d.settings.drain); err != nil {
		d.log.LogAttrs(ctx, slog.LevelWarn, "drain_incomplete", slog.Any("error", err))
	}
	err := errors.Join(<-public, endHTTP(ctx, d.admin))
	d.strangers.sumUp(ctx)
	d.log.LogAttrs(ctx, slog.LevelInfo, "stopped")
	return err
}

var errDrainTimeout = errors.New("the drain took too long")

// endHTTP closes the address at once and then waits for requests; not longer than ctx for those of strangers, who do not send what they announced.
func endHTTP(ctx context.Context, server *http.Server) error {
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}

// serveHTTP ends without an error when its address is closed on purpose.
func serveHTTP(server *http.Server, listener net.Listener) error {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}

// tokens makes the verifier what the rooms ask for.
type tokens struct{ verifier *auth.Verifier }

// Authenticate implements wsroom.Authenticator.
func (t tokens) Authenticate(ctx context.Context, token string) (account, subject string, expiresAt time.Time, err error) {
	id, err := t.verifier.Verify(ctx, token)
	return id.Account, id.Subject, id.ExpiresAt, err
}
