package socketio_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// FuzzErrands sends any bytes at all as what another daemon asks for: GETs to be let go, and the steps of a move. In the first a $ stands for the
// session's id. The client loses nothing by it, and the session goes only when both steps have come.
func FuzzErrands(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "$", "$\n", "x\n$\r\n$", "x$", "$x\n",
		"2probe\n", "2probe\n5\n", "2probe\n5", "5\n", "2probe\r\n5\n", "2probe\n5\nmore", "2probe\n2probe\n5\n",
	} {
		f.Add(true, []byte(seed))
		f.Add(false, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, move bool, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			if len(body) > 1000 { // a line of 64 KiB ends the list
				return
			}
			c := newFuzzed(t)
			c.serve(http.MethodPost, `40{"token":"1"}`)
			synctest.Wait()
			c.serve(http.MethodGet, "")
			if move {
				c.move(string(body))
			} else {
				sid := c.query[strings.LastIndexByte(c.query, '=')+1:]
				c.release(strings.ReplaceAll(string(body), "$", sid), sid)
			}
			c.leave()
		})
	})
}

// held is a GET under way.
func (c *fuzzed) held() (answered func() string) {
	var w *httptest.ResponseRecorder
	c.polls.Go(func() { w = c.serve(http.MethodGet, "") })
	synctest.Wait()
	return func() string {
		synctest.Wait()
		if w == nil {
			return ""
		}
		return w.Body.String()
	}
}

func (c *fuzzed) errand(name, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.handler.ServePeer(w, httptest.NewRequestWithContext(c.t.Context(), http.MethodPost, "/engineio/"+name+"?"+c.query, strings.NewReader(body)))
	return w
}

func (c *fuzzed) release(body, sid string) {
	named := slices.ContainsFunc(strings.Split(body, "\n"), func(line string) bool { return strings.TrimSuffix(line, "\r") == sid })
	answered := c.held()
	c.errand("release", body)
	want := ""
	if named {
		want = "6"
	}
	if got := answered(); got != want {
		c.t.Errorf("%q: want %q, got %q", body, want, got)
	}
	if named {
		answered = c.held()
	}
	c.wantNext(body, answered)
}

// wantNext publishes and wants the event as the answer.
func (c *fuzzed) wantNext(body string, answered func() string) {
	seq := c.Publish("1", `"1"`)
	if got, want := answered(), eventFrame(seq, `"1"`); got != want {
		c.t.Errorf("%q: want %q, got %q", body, want, got)
	}
}

func (c *fuzzed) move(body string) {
	answered := c.held()
	w := c.errand("move", body)
	got := answered()
	if strings.HasPrefix(body, "2probe\n5\n") {
		c.wantGone(w.Body.Bytes(), "1-100")
		return
	}
	if asked := strings.HasPrefix(body, "2probe\n"); got != "" && (got != "6" || !asked) || w.Body.Len() > 0 {
		c.t.Errorf("%q: the GET got %q, the daemon %q", body, got, w.Body)
	}
	if got != "" {
		answered = c.held()
	}
	c.wantNext(body, answered)
	c.wantGone(c.errand("move", "2probe\n5\n").Body.Bytes(), "1-101")
}

// wantGone wants the session in the answer, at this place, and not here any more.
func (c *fuzzed) wantGone(answer []byte, cursor string) {
	var state moved
	var client movedClient
	err := errors.Join(json.Unmarshal(answer, &state), json.Unmarshal(state.Application, &client))
	if want := (movedClient{Token: "1", Connected: true, Cursor: cursor}); err != nil || client != want || len(state.Packets) > 0 || state.Connect != 0 {
		c.t.Errorf("%s: %+v, %+v (%v)", answer, state, client, err)
	}
	if left := c.Hub.Stats(); left.Members+left.Waiting > 0 {
		c.t.Errorf("still here: %+v", left)
	}
	if status := c.serve(http.MethodGet, "").Code; status != http.StatusBadRequest {
		c.t.Errorf("a GET is answered %d", status)
	}
}
