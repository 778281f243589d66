package engineio

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"notifier/wsroom"
)

// Config is the conduct of a server. Zero values stand for what the comments say, which is what the reference server does.
type Config struct {
	PingInterval   time.Duration   // 25 s
	PingTimeout    time.Duration   // 20 s
	UpgradeTimeout time.Duration   // 10 s from the WebSocket's handshake to the packet that completes the upgrade
	CursorRefresh  time.Duration   // how often an idle member's cursor is refreshed; 0: never
	MaxPayload     int             // 1,000,000 bytes of one WebSocket message or one POST
	MaxGreeting    int             // the same before the application trusts the session; MaxPayload
	FrameBurst     float32         // 100 frames, packets or requests of a client at once
	FrameRate      float32         // and then 20 a second
	Origins        *wsroom.Origins // nil: the same origin only
	Peers          Peers           // nil: this daemon is alone
	Logger         *slog.Logger
	Metrics        wsroom.Metrics // of connections: Closed, and Delivered by long-polling
}

// Application is what a session is for: Socket.IO, or an echo in a test.
type Application interface {
	// Message takes what the client has sent, one at a time; data is only its own during the call. A reason ends the session, with the cause for the log.
	Message(data []byte, binary bool) (reason *wsroom.Ending, cause error)
	// Describe adds to what is logged at the session's end.
	Describe() []slog.Attr
}

// Server serves one path.
type Server struct {
	Config
	hub      *wsroom.Hub
	protocol *wsroom.Protocol
	open     func(*Session, *http.Request) Application
	table    table
	relay    relay
	began    time.Time
}

// NewServer makes a server whose sessions are members of the hub. open is called for each new session with its opening request, before anything can
// happen in it; it must not keep the request.
func NewServer(hub *wsroom.Hub, protocol *wsroom.Protocol, cfg Config, open func(*Session, *http.Request) Application) *Server {
	orElse := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	orElse(&cfg.PingInterval, 25*time.Second)
	orElse(&cfg.PingTimeout, 20*time.Second)
	orElse(&cfg.UpgradeTimeout, 10*time.Second)
	if cfg.MaxPayload <= 0 {
		cfg.MaxPayload = 1_000_000
	}
	if cfg.MaxGreeting <= 0 || cfg.MaxGreeting > cfg.MaxPayload {
		cfg.MaxGreeting = cfg.MaxPayload
	}
	if cfg.FrameBurst <= 0 {
		cfg.FrameBurst, cfg.FrameRate = 100, 20
	}
	if cfg.Peers == nil {
		cfg.Peers = alone{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = wsroom.NoMetrics{}
	}
	return &Server{Config: cfg, hub: hub, protocol: protocol, open: open, began: time.Now()}
}

// ServeHTTP takes requests in the order in which the reference server judges them.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	srv.prepare(w, r)
	switch {
	case !srv.Origins.Allowed(r):
		forbidden.send(w)
		return
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	query := r.URL.Query()
	transport := query.Get("transport")
	upgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	if transport != polling && transport != webSocket {
		unknownTransport.send(w)
		return
	}
	if sid := query.Get("sid"); sid != "" {
		srv.serveSession(w, r, sid, transport, upgrade)
		return
	}
	switch {
	case r.Method != http.MethodGet:
		badMethod.send(w)
	case upgrade != (transport == webSocket):
		badRequest.send(w)
	case query.Get("EIO") != "4":
		unsupportedVersion.send(w)
	case srv.hub.Available() != nil:
		unavailable.send(w)
	case upgrade:
		srv.openWebSocket(w, r)
	default:
		srv.openPolling(w, r)
	}
}

const (
	polling   = "polling"
	webSocket = "websocket"
)

// serveSession is for requests that name a session.
func (srv *Server) serveSession(w http.ResponseWriter, r *http.Request, sid, transport string, upgrade bool) {
	s, p := srv.table.get(sid)
	owner, foreign := srv.ownerOf(sid)
	switch {
	case s == nil && upgrade && srv.table.hasUpgraded(sid):
		srv.turnAway(w, r)
	case s == nil && !foreign:
		unknownSession.send(w)
	case upgrade != (transport == webSocket), r.URL.Query().Get("EIO") != "4":
		badRequest.send(w)
	case foreign:
		srv.serveForeign(w, r, owner, sid, upgrade)
	case upgrade:
		s.probe(w, r, p)
	case r.Method == http.MethodGet:
		s.serveGet(w, r, p)
	case r.Method == http.MethodPost:
		s.servePost(w, r, p)
	default:
		badRequest.send(w)
	}
}

// now is the time since the server began: it only serves to be compared.
func (srv *Server) now() time.Duration { return time.Since(srv.began) }
