package engineio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	errUnanswered = errors.New("the answer did not reach the client")
	errBody       = errors.New("the client's payload did not arrive")
)

// errandTimeout bounds an errand that no client waits for.
const errandTimeout = 5 * time.Second

// relay is what this daemon passes on: the GETs that others hold for clients of ours.
type relay struct {
	mu      sync.Mutex
	held    map[string]map[string]int // how many, by owner and sid
	closing bool
}

// hold notes a GET; it reports false when no more are to be held.
func (l *relay) hold(owner, sid string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	if l.held == nil {
		l.held = make(map[string]map[string]int)
	}
	if l.held[owner] == nil {
		l.held[owner] = make(map[string]int)
	}
	l.held[owner][sid]++
	return true
}

func (l *relay) release(owner, sid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sids := l.held[owner]
	if sids[sid]--; sids[sid] == 0 {
		delete(sids, sid)
	}
	if len(sids) == 0 {
		delete(l.held, owner)
	}
}

// close lets nothing be held any more, and returns what is: by owner, a sid in a line.
func (l *relay) close() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	held := make(map[string]string, len(l.held))
	for owner, sids := range l.held {
		var lines strings.Builder
		for sid := range sids {
			lines.WriteString(sid + "\n")
		}
		held[owner] = lines.String()
	}
	return held
}

// passOn brings a request of long-polling to the daemon that has its session, and the answer back. A request that the client gives up is given up there, too,
// which ends the session as it does for the daemon's own clients. Of a daemon that is gone the client hears what it hears of any session that is: it opens
// another, and recovers.
func (srv *Server) passOn(w http.ResponseWriter, r *http.Request, owner, sid string) {
	control := http.NewResponseController(w)
	if r.Method == http.MethodGet {
		if !srv.relay.hold(owner, sid) {
			_ = answer(w, string(Noop)) // the client asks again, and another daemon hears it: this one closes
			return
		}
		defer srv.relay.release(owner, sid)
	} else {
		_ = control.SetReadDeadline(time.Now().Add(payloadTimeout)) // see readPayload
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	response, err := srv.send(ctx, owner, r.Method, peerURL(errandPoll, sid), &upload{r.Body, cancel}, r.ContentLength)
	var body []byte
	if err == nil {
		body, err = readAnswer(response)
	}
	switch {
	case err != nil && ctx.Err() != nil: // the client's doing
		badRequest.send(w)
	case err != nil:
		unknownSession.send(w)
	default:
		if err := passBack(w, r, response, body); err != nil && r.Method == http.MethodGet {
			srv.lost(ctx, owner, sid)
		}
	}
}

// send makes a request for another daemon.
func (srv *Server) send(ctx context.Context, owner, method, url string, body io.Reader, size int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body) //nolint:gosec // its host is not the client's to choose: see Peers.Send
	if err != nil {
		return nil, fmt.Errorf("make request for peer: %w", err)
	}
	request.ContentLength = size
	if size == 0 {
		request.Body = nil
	}
	return srv.Peers.Send(owner, request)
}

// upload is the client's payload on its way. If the client does not bring it, that is not the other daemon's fault.
type upload struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.cancel(errBody)
	}
	return n, err
}

// readAnswer reads all that another daemon answers, so that the client is told nothing of which a part may not come.
func readAnswer(response *http.Response) ([]byte, error) {
	defer response.Body.Close() //nolint:errcheck // it is read
	return io.ReadAll(response.Body)
}

// passBack answers the client with what another daemon has answered. An error: the client did not get it.
func passBack(w http.ResponseWriter, r *http.Request, response *http.Response, body []byte) error {
	if err := r.Context().Err(); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout)) // not supported: then the server's own has to do
	w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(response.StatusCode)
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{})
	return nil
}

// lost ends a session whose client did not get what it was sent.
func (srv *Server) lost(ctx context.Context, owner, sid string) {
	srv.errand(ctx, owner, peerURL(errandLost, sid), "")
}

// errand asks another daemon for something that nobody waits for.
func (srv *Server) errand(ctx context.Context, owner, url, body string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), errandTimeout)
	defer cancel()
	if response, err := srv.send(ctx, owner, http.MethodPost, url, strings.NewReader(body), int64(len(body))); err == nil {
		_ = response.Body.Close() // it says nothing
	}
}

// letGo has the GETs answered that other daemons hold for our clients: who asks again finds another daemon. From now on none is held.
func (srv *Server) letGo(ctx context.Context) {
	var errands sync.WaitGroup
	for owner, sids := range srv.relay.close() {
		errands.Go(func() { srv.errand(ctx, owner, peerURL(errandRelease, ""), sids) })
	}
	errands.Wait()
}
