package engineio

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"strings"

	"notifier/wsroom"
)

// Peers are the other daemons that serve the same rooms, when requests of one client reach now this daemon, now that. The id of a session that polls
// begins with its daemon's, so every daemon knows whose it is: relay.go passes polls on to it, and an upgrade takes the session to the daemon that has the
// WebSocket (adopt.go there, part.go where it was). The methods may be called concurrently.
type Peers interface {
	// ID is this daemon's; all are equally long, and made of what may stand in a URL.
	ID() string
	// Send brings a request to ServePeer of another daemon, whatever host its URL names, and returns when the answer begins. With an error there is no such
	// daemon, or it cannot be reached: that is for Send to count and to log.
	Send(id string, r *http.Request) (*http.Response, error)
	// Moved counts upgrades of other daemons' sessions here: moved, refused (by its daemon), failed.
	Moved(outcome string)
}

// alone is a daemon without others. Its sessions' ids are all random.
type alone struct{}

func (alone) ID() string                                         { return "" }
func (alone) Send(string, *http.Request) (*http.Response, error) { return nil, errEnded }
func (alone) Moved(string)                                       {}

// The errands of one daemon at another.
const (
	errandPoll    = "poll"    // a GET or POST of a client
	errandLost    = "lost"    // an answer did not reach the client
	errandRelease = "release" // these GETs shall be answered: who holds their other end closes
	errandMove    = "move"    // a WebSocket wants to take over a session
)

// peerURL has no host yet.
func peerURL(errand, sid string) string {
	return "https://peer/engineio/" + errand + "?sid=" + url.QueryEscape(sid)
}

// newID makes the id of a session of this daemon.
func (srv *Server) newID() string { return srv.Peers.ID() + NewID() }

// ownerOf is the daemon that an id names, if it is another.
func (srv *Server) ownerOf(sid string) (owner string, foreign bool) {
	n := len(srv.Peers.ID())
	if n == 0 || len(sid) != n+idLength || sid[:n] == srv.Peers.ID() {
		return "", false
	}
	return sid[:n], true
}

// serveForeign is for requests that name a session of another daemon. The Origin was judged here, where the client is.
func (srv *Server) serveForeign(w http.ResponseWriter, r *http.Request, owner, sid string, upgrade bool) {
	switch {
	case upgrade:
		srv.adopt(w, r, owner, sid)
	case r.Method == http.MethodGet, r.Method == http.MethodPost:
		srv.passOn(w, r, owner, sid)
	default:
		badRequest.send(w)
	}
}

// ServePeer takes what other daemons pass on, below /engineio/. Whoever is let in here speaks for any client: it belongs behind the daemons' own
// authentication. A session that is not here is unknown, also when its id names a third daemon: nothing is passed on twice.
func (srv *Server) ServePeer(w http.ResponseWriter, r *http.Request) {
	errand := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if errand == errandRelease {
		srv.excuse(r.Body)
		return
	}
	s, p := srv.table.get(r.URL.Query().Get("sid"))
	if errand != errandMove {
		w = whole{w}
	}
	switch {
	case s == nil:
		unknownSession.send(w)
	case errand == errandPoll && r.Method == http.MethodGet:
		s.serveGet(w, r, p)
	case errand == errandPoll && r.Method == http.MethodPost:
		s.servePost(w, r, p)
	case errand == errandLost:
		s.End(wsroom.Lost, errUnanswered)
	case errand == errandMove:
		s.serveMove(w, r, p)
	default:
		badRequest.send(w)
	}
}

// whole is a response that is not flushed before it is complete: it then takes one frame instead of three, each of which wakes somebody up.
type whole struct{ http.ResponseWriter }

// FlushError is for http.ResponseController.
func (whole) FlushError() error { return nil }

// Unwrap is for http.ResponseController.
func (w whole) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// excuse answers GETs that were held, with nothing if need be: sids come one in a line.
func (srv *Server) excuse(sids io.Reader) {
	for lines := bufio.NewScanner(sids); lines.Scan(); {
		if _, p := srv.table.get(lines.Text()); p != nil {
			p.excuse()
		}
	}
}

// excuse answers the held GET, if there is one.
func (p *poll) excuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.get != nil {
		p.get.excused = true
		p.nudge()
	}
}
