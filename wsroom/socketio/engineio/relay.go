package engineio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

var (
	errUnanswered = errors.New("the answer did not reach the client")
	errLetGo      = errors.New("this daemon ends")
	errBody       = errors.New("the client's payload did not arrive")
)

// errandTimeout bounds an errand that no client waits for.
const errandTimeout = 5 * time.Second

// relay is what this daemon passes on: the GETs that others hold for clients of ours.
type relay struct {
	mu   sync.Mutex
	held map[*held]struct{}
	none chan struct{} // closed when none is held; nil: nobody waits for that
	over chan struct{} // made when no more are held, closed when letGo is through
}

// held is one of them.
type held struct {
	owner, sid string
	cut        context.CancelCauseFunc
}

// hold notes a GET. When no more are to be held it returns what is to be waited for instead.
func (l *relay) hold(h *held) (over <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		return l.over
	}
	if l.held == nil {
		l.held = make(map[*held]struct{})
	}
	l.held[h] = struct{}{}
	return nil
}

func (l *relay) release(h *held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, h)
	l.checkNone()
}

func (l *relay) checkNone() {
	if l.none != nil && len(l.held) == 0 {
		close(l.none)
		l.none = nil
	}
}

// close lets nothing be held any more, and returns what is: by owner, a sid in a line; and a channel that is closed when none is. To be called once.
func (l *relay) close() (owners map[string]string, none <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = make(chan struct{})
	owners = make(map[string]string)
	for h := range l.held {
		owners[h.owner] += h.sid + "\n"
	}
	l.none = make(chan struct{})
	none = l.none
	l.checkNone()
	return owners, none
}

// cut gives up what is still held.
func (l *relay) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.held {
		h.cut(errLetGo)
	}
	close(l.over)
}

// passOn brings a request of long-polling to the daemon that has its session, and the answer back. A request that the client gives up is given up there, too,
// which ends the session as it does for the daemon's own clients. Of a daemon that is gone the client hears what it hears of any session that is: it opens
// another, and recovers.
func (srv *Server) passOn(w http.ResponseWriter, r *http.Request, owner, sid string) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if r.Method == http.MethodGet {
		get := &held{owner, sid, cancel}
		if over := srv.relay.hold(get); over != nil {
			select {
			case <-over: // before that it would ask here again, and again
			case <-ctx.Done():
			}
			sendAway(w)
			return
		}
		defer srv.relay.release(get)
	} else {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(payloadTimeout)) // see readPayload
	}
	response, err := srv.send(ctx, owner, r.Method, peerURL(errandPoll, sid), &upload{r.Body, cancel}, r.ContentLength)
	var body []byte
	if err == nil {
		body, err = readAnswer(response)
	}
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errLetGo):
		sendAway(w)
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

// sendAway answers a GET with nothing, and not on this connection again: the client asks at once, and another daemon shall hear it.
func sendAway(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	limitAnswer(w)
	_ = answer(w, string(Noop))
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
		badRequest.send(w) // it may still be heard, and nothing at all would be a 200
		return err
	}
	limitAnswer(w)
	return respond(w, response.StatusCode, response.Header.Get("Content-Type"), string(body))
}

// lost ends a session whose client did not get what it was sent.
func (srv *Server) lost(ctx context.Context, owner, sid string) {
	srv.errand(context.WithoutCancel(ctx), owner, peerURL(errandLost, sid), "")
}

// errand asks another daemon for something that nobody waits for.
func (srv *Server) errand(ctx context.Context, owner, url, body string) {
	ctx, cancel := context.WithTimeout(ctx, errandTimeout)
	defer cancel()
	if response, err := srv.send(ctx, owner, http.MethodPost, url, strings.NewReader(body), int64(len(body))); err == nil {
		_ = response.Body.Close() // it says nothing
	}
}

// letGo has the GETs answered that other daemons hold for our clients: who asks again finds another daemon. From now on none is held. A daemon that does not
// hear of it holds up nobody for longer than a client of our own could.
func (srv *Server) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	var errands sync.WaitGroup
	owners, none := srv.relay.close()
	for owner, sids := range owners {
		errands.Go(func() { srv.errand(ctx, owner, peerURL(errandRelease, ""), sids) })
	}
	select {
	case <-none:
	case <-ctx.Done():
	}
	cancel()
	srv.relay.cut()
	errands.Wait()
}
