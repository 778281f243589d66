package wsroom

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"notifier/wsroom/socket"
)

// Authenticator turns a token into an identity. Its errors have a method Code() string that says what to tell the client: token_invalid,
// token_expired, keys_unavailable; the rest of an error is for the log and must not contain the token.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (account, subject string, expiresAt time.Time, err error)
}

// Log answers replays: it calls yield in order for each event of the account after the cursor with seq <= upTo. It answers recovered=false if
// the cursor is malformed, unknown, of the future, too old, or if too much was missed; then it must not have called yield: never a part. A
// Log that knows the seq of a cursor should also have the method
//
//	Seq(cursor string) (seq int64, ok bool)
//
// so that a client whose cursor comes from a server that is ahead of this one is not sent again what it has had there.
type Log interface {
	Replay(ctx context.Context, account, cursor string, upTo int64, yield func(id string, seq int64, event string, data []byte)) (recovered bool, err error)
}

// HandlerConfig is the conduct of /ws. Zero values stand for what the comments say.
type HandlerConfig struct {
	Origins         *Origins      // nil: the same origin only
	AllowQueryToken bool          // ?access_token= and ?token=
	PingInterval    time.Duration // 25 s
	PingTimeout     time.Duration // 20 s
	AuthTimeout     time.Duration // 10 s for the first message, and for the Authenticator
	ReadLimit       int           // 16 KiB
	CursorRefresh   time.Duration // 3 minutes
	Logger          *slog.Logger
	Metrics         Metrics // of connections: Closed, Replayed, and Delivered by replays
}

// subprotocols are what the server selects from.
var subprotocols = []string{Subprotocol}

// handler serves /ws.
type handler struct {
	HandlerConfig
	hub   *Hub
	authn Authenticator
	log   Log
	began time.Time // what is not about wall clocks is counted from here: 8 bytes instead of 24 per instant
}

// NewHandler serves the plain protocol to members of the hub's rooms.
func NewHandler(hub *Hub, authn Authenticator, log Log, cfg HandlerConfig) http.Handler {
	orElse := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	orElse(&cfg.PingInterval, 25*time.Second)
	orElse(&cfg.PingTimeout, 20*time.Second)
	orElse(&cfg.AuthTimeout, 10*time.Second)
	orElse(&cfg.CursorRefresh, 3*time.Minute)
	if cfg.ReadLimit <= 0 {
		cfg.ReadLimit = 16 << 10
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NoMetrics{}
	}
	return &handler{HandlerConfig: cfg, hub: hub, authn: authn, log: log, began: time.Now()}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "this is a WebSocket: GET only", http.StatusMethodNotAllowed)
		return
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is a WebSocket: connect with ws:// or wss:// (RFC 6455)", http.StatusUpgradeRequired)
		return
	}
	s := &session{handler: h}
	if reason := h.admit(s, r); reason != nil {
		h.refuse(s, w, r, reason)
		return
	}
	token := handshakeToken(r, h.AllowQueryToken)
	if !h.upgrade(s, w, r, token != "") {
		s.member.Leave()
		return
	}
	s.member.NoteUserAgent(r.UserAgent())
	s.writer.Member, s.writer.Conn, s.writer.Finish = &s.member, s.conn, s.finish
	if err := h.hub.Attach(&s.member, Plain, &s.writer); err != nil { // it was there a moment ago
		s.refuse(Refusal(err))
		s.member.Leave()
		return
	}
	s.run(token, r.URL.Query().Get("cursor"))
}

// admit says why a connection may not come in.
func (h *handler) admit(s *session, r *http.Request) *Ending {
	from := ClientAddr(r)
	s.member.from = from // also of one that the hub does not see
	if !h.Origins.Allowed(r) {
		return OriginForbidden
	}
	return Refusal(h.hub.Admit(&s.member, from))
}

// upgrade answers the handshake, or if the server has something to say at once leaves that to its first frame.
func (h *handler) upgrade(s *session, w http.ResponseWriter, r *http.Request, speaks bool) bool {
	var err error
	s.conn, err = socket.Upgrade(w, r, socket.Options{
		Subprotocols: subprotocols, ReadLimit: h.ReadLimit, HoldAnswer: speaks, OnFrame: s.fits, OnPing: s.pinged,
	})
	if err != nil {
		h.Logger.Debug("handshake_refused", slog.String("remote_addr", AddrString(s.member.from)), slog.Any("error", err))
	}
	return err == nil
}

// refuse accepts the handshake all the same, because a browser shows the page neither status nor body of a refused one, but does show a close code. Under
// a flood it does not.
func (h *handler) refuse(s *session, w http.ResponseWriter, r *http.Request, reason *Ending) {
	if !h.hub.mayTell() {
		if reason != OriginForbidden {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, reason.Code, reason.status())
		return
	}
	defer h.hub.told()
	if h.upgrade(s, w, r, true) {
		s.refuse(reason)
	}
}

// retryAfter is when a client that was refused by a status may come back, in seconds.
const retryAfter = "5"

// Refusal is what to tell a client that Admit, Attach or Join does not take; nil if it does.
func Refusal(err error) *Ending {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrDraining):
		return Restart
	case errors.Is(err, ErrTooMany):
		return TooManyConnections
	}
	return Unavailable
}

// now is the time since the handler began: it only serves to be compared.
func (h *handler) now() time.Duration { return time.Since(h.began) }
