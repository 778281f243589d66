package engineio

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"notifier/wsroom"
)

// refusal is an error as Engine.IO clients know it: a code and a text, in JSON.
type refusal struct {
	status int
	body   string
}

func refuse(status, code int, message string) refusal {
	body, err := json.Marshal(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, message})
	if err != nil {
		panic("engineio: encode refusal: " + err.Error()) // a number and a string always encode
	}
	return refusal{status, string(body)}
}

// The codes of the reference server. What it has no code for is "forbidden" (4) there, too.
var (
	unknownTransport   = refuse(http.StatusBadRequest, 0, "Transport unknown")
	unknownSession     = refuse(http.StatusBadRequest, 1, "Session ID unknown")
	badMethod          = refuse(http.StatusBadRequest, 2, "Bad handshake method")
	badRequest         = refuse(http.StatusBadRequest, 3, "Bad request")
	forbidden          = refuse(http.StatusForbidden, 4, "Forbidden")
	unsupportedVersion = refuse(http.StatusBadRequest, 5, "Unsupported protocol version")
	tooLarge           = refuse(http.StatusRequestEntityTooLarge, 3, "Payload too large")
	unavailable        = refuse(http.StatusServiceUnavailable, 4, "Service unavailable")
	tooMany            = refuse(http.StatusTooManyRequests, 4, "Too many connections")
)

func (e refusal) send(w http.ResponseWriter) {
	limitAnswer(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_, _ = w.Write([]byte(e.body)) // a client that is gone needs no answer
}

// limitAnswer bounds how long the client may take to receive what it is answered from now on, until its next request: a GET may have been held for longer than
// the server's own time for that.
func limitAnswer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // not supported: then the server's own has to do
}

// retryAfter is when a client that found no room may come back, in seconds. Stock clients have times of their own.
const retryAfter = "5"

// turnDown answers an opening that the hub does not take, before there is a WebSocket: so it costs next to nothing, and stock clients come back.
func turnDown(w http.ResponseWriter, err error) {
	if !errors.Is(err, wsroom.ErrTooMany) {
		unavailable.send(w)
		return
	}
	w.Header().Set("Retry-After", retryAfter)
	tooMany.send(w)
}

// prepare sets the headers that every answer has, errors included: nothing is kept by caches, and pages of allowed origins may read it. A page whose
// origin is known by name may send its cookies; one that is let in by "*" may not.
func (srv *Server) prepare(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !srv.Origins.Allowed(r) {
		return
	}
	header.Set("Access-Control-Allow-Origin", origin)
	if srv.Origins.Named(r) {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET, POST")
		header.Set("Access-Control-Allow-Headers", allowedHeaders(r))
		header.Set("Access-Control-Max-Age", "600")
	}
}

// allowedHeaders are the headers that a page may send: the two that mean something here, and what else it asks for, since applications have
// extraHeaders of their own, which the reference server lets pass as well.
func allowedHeaders(r *http.Request) string {
	const known = "authorization, content-type"
	asked := r.Header.Get("Access-Control-Request-Headers")
	if asked == "" {
		return known
	}
	return known + ", " + asked
}
