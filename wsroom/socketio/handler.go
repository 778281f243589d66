package socketio

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/socketio/engineio"
)

// Config is the conduct of /socket.io/. Zero values stand for what the comments say, which is what the reference server does.
type Config struct {
	Origins         *wsroom.Origins // nil: the same origin only
	AllowQueryToken bool            // ?access_token= and ?token=
	NoRecovery      bool            // no connection state recovery: frames as a plain Socket.IO server sends them
	RefuseByLeaving bool            // refuse a token by accepting and then disconnecting (40, 41), as NestJS guards do, instead of an error (44)
	PingInterval    time.Duration   // 25 s
	PingTimeout     time.Duration   // 20 s
	UpgradeTimeout  time.Duration   // 10 s
	ConnectTimeout  time.Duration   // 45 s from the opening to a CONNECT that is good
	AuthTimeout     time.Duration   // 10 s for the Authenticator
	MaxPayload      int             // 1,000,000 bytes, once the client is connected; before, 64 KiB at most
	CursorRefresh   time.Duration   // 3 minutes
	Peers           engineio.Peers  // nil: this daemon is alone
	Logger          *slog.Logger
	Metrics         Metrics
}

// Metrics are the events of this package that are counted: of connections (Closed, Replayed, and Delivered by long-polling), and of what clients emit.
type Metrics interface {
	wsroom.Metrics
	ClientEventDropped()
}

type noMetrics struct{ wsroom.NoMetrics }

func (noMetrics) ClientEventDropped() {}

// maxGreeting is how large a message may be before a CONNECT that is good: a token, pid, offset, and what else the application sends along. What strangers
// make us read is theirs to choose, so it is little.
const maxGreeting = 64 << 10

// handler serves /socket.io/.
type handler struct {
	Config
	protocol *wsroom.Protocol
	authn    wsroom.Authenticator
	log      wsroom.Log
}

// NewHandler serves Socket.IO to members of the hub's rooms, on whatever path it is mounted. Drain it before its address closes.
func NewHandler(hub *wsroom.Hub, authn wsroom.Authenticator, log wsroom.Log, cfg Config) *engineio.Server {
	orElse := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	orElse(&cfg.ConnectTimeout, 45*time.Second)
	orElse(&cfg.AuthTimeout, 10*time.Second)
	orElse(&cfg.CursorRefresh, 3*time.Minute)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = noMetrics{}
	}
	h := &handler{Config: cfg, protocol: recovering, authn: authn, log: log}
	engine := engineio.Config{
		PingInterval: cfg.PingInterval, PingTimeout: cfg.PingTimeout, UpgradeTimeout: cfg.UpgradeTimeout,
		CursorRefresh: cfg.CursorRefresh, MaxPayload: cfg.MaxPayload, MaxGreeting: maxGreeting,
		Origins: cfg.Origins, Peers: cfg.Peers, Logger: cfg.Logger, Metrics: cfg.Metrics,
	}
	if cfg.NoRecovery {
		h.protocol, engine.CursorRefresh = plain, 0
	}
	return engineio.NewServer(hub, h.protocol, engine, h.open)
}

// open is called for each new session.
func (h *handler) open(s *engineio.Session, r *http.Request) engineio.Application {
	s.Expect(h.ConnectTimeout)
	return &client{handler: h, session: s, token: openingToken(r, h.AllowQueryToken)}
}

// refusedConnect is for the log: the connection stays open, for another token.
func (h *handler) refusedConnect(remote string, reason *wsroom.Ending, cause error) {
	attrs := []slog.Attr{slog.String("remote_addr", remote), slog.String("code", reason.Code)}
	if cause != nil {
		attrs = append(attrs, slog.Any("cause", cause))
	}
	h.Logger.LogAttrs(context.Background(), slog.LevelInfo, "connect_refused", attrs...)
}
