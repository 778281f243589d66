package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// poller is a session of HTTP long-polling, by hand. Every request has a connection of its own.
type poller struct {
	*server
	query string
}

// openPoll makes the handshake.
func (s *server) openPoll() *poller {
	s.t.Helper()
	a := s.must("GET", "?EIO=4&transport=polling", "")
	var open struct {
		Sid      string
		Upgrades []string
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(a.body, "0")), &open); err != nil || a.status != 200 || fmt.Sprint(open.Upgrades) != "[websocket]" {
		s.t.Fatalf("open: %+v", a)
	}
	return &poller{s, "?EIO=4&transport=polling&sid=" + open.Sid}
}

// joinPoll also connects.
func (s *server) joinPoll(token string) (*poller, greeting) {
	s.t.Helper()
	p := s.openPoll()
	p.post(200, fmt.Sprintf(`40{"token":%q}`, token))
	a := p.must("GET", p.query, "")
	return p, parseGreeting(s.t, a.body)
}

// get wants this answer.
func (p *poller) get(status int, body string) {
	p.t.Helper()
	if a := p.must("GET", p.query, ""); a.status != status || (body != "" && a.body != body) {
		p.t.Fatalf("GET: want %d %q, got %d %q", status, body, a.status, a.body)
	}
}

func (p *poller) post(status int, body string) {
	p.t.Helper()
	a := p.must("POST", p.query, body)
	if a.status != status || (status == 200 && a.body != "ok") {
		p.t.Fatalf("POST: want %d, got %d %q", status, a.status, a.body)
	}
}

// hold begins a GET and returns when the server holds it.
func (p *poller) hold() <-chan answer {
	p.t.Helper()
	answers := make(chan answer, 1)
	go func() {
		a, err := p.request(p.t.Context(), "GET", p.query, "")
		if err != nil {
			a.body = err.Error()
		}
		answers <- a
	}()
	roomtest.Eventually(p.t, "a held GET", func() bool { return goroutineIn("(*Session).wait(") })
	return answers
}

// goroutineIn reports whether some goroutine is in a function: the server announces to nobody that it holds a request.
func goroutineIn(function string) bool {
	buf := make([]byte, 1<<20)
	return strings.Contains(string(buf[:runtime.Stack(buf, true)]), function)
}

func TestPollsGetEventsAsTheyCome(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	held := p.hold()
	seq := s.Publish("1", `{"id":1}`)
	if a := <-held; a.status != 200 || a.body != eventFrame(seq, `{"id":1}`) || a.header.Get("Cache-Control") != "no-store" ||
		a.header.Get("Content-Type") != "text/plain; charset=UTF-8" {
		t.Errorf("got %+v", a)
	}
	first, second := s.Publish("1", `{"id":2}`), s.Publish("1", `{"id":3}`)
	p.get(200, eventFrame(first, `{"id":2}`)+"\x1e"+eventFrame(second, `{"id":3}`))
	roomtest.Eventually(t, "counted", func() bool { return s.Counts.Get("delivered socketio") == 3 })
}

func TestPostsCarrySeveralPackets(t *testing.T) {
	p, _ := listen(t).joinPoll("1")
	p.post(200, "421[\"a\"]\x1e451-2[\"b\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID\x1e3\x1e6")
	p.get(200, "431[]\x1e432[]")
}

func TestRecoveryWorksAcrossTransports(t *testing.T) {
	s := listen(t)
	_, g := s.joinPoll("1")
	missed := s.Publish("1", `{"id":1}`)
	w, again := s.rejoin("1", g.Pid, "")
	if again.Pid != g.Pid {
		t.Error("not recovered")
	}
	w.want(eventFrame(missed, `{"id":1}`))
}

func TestInvalidPayloadsEndTheSession(t *testing.T) {
	for name, body := range map[string]string{
		"not a packet": "abc", "empty": "", "an empty one among them": "3\x1e", "not base64": "b!!", "not UTF-8": "4\xff", "not Socket.IO": "4abc",
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t)
			p := s.openPoll()
			p.post(400, body)
			p.get(400, `{"code":1,"message":"Session ID unknown"}`)
			roomtest.Eventually(t, "gone", func() bool { return s.Counts.Get("closed 1008") == 1 && s.Hub.Stats().Waiting == 0 })
		})
	}
}

func TestPayloadsOverTheLimitEndTheSession(t *testing.T) {
	s := listen(t, configured(func(c *socketio.Config) { c.MaxPayload = 1000 }))
	p, _ := s.joinPoll("1")
	p.post(200, `42["x","`+strings.Repeat("y", 990)+`"]`)
	p.post(413, `42["x","`+strings.Repeat("y", 991)+`"]`)
	p.get(400, "")
	w, _ := s.join("1")
	w.send("%s", `42["x","`+strings.Repeat("y", 991)+`"]`)
	w.wantClose(1009, "protocol_violated")
}

func TestASecondGETEndsTheSession(t *testing.T) {
	p, _ := listen(t).joinPoll("1")
	held := p.hold()
	p.get(400, `{"code":3,"message":"Bad request"}`)
	if a := <-held; a.status != 200 || a.body != "1" {
		t.Errorf("the first: %+v", a)
	}
	p.get(400, `{"code":1,"message":"Session ID unknown"}`)
}

func TestASecondPOSTEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		p, _ := s.joinPoll("1")
		_, answers := s.raw("POST /socket.io/%s HTTP/1.1\r\nHost: x.example\r\nContent-Length: 100\r\n\r\n42[", p.query)
		synctest.Wait() // it is being read
		p.post(400, "3")
		p.get(400, "")
		wantStatus(t, answers, 400)
	})
}

func TestOtherMethodsAreNone(t *testing.T) {
	p, _ := listen(t).joinPoll("1")
	for _, method := range []string{"PUT", "DELETE", "HEAD"} {
		if a := p.must(method, p.query, ""); a.status != 400 {
			t.Errorf("%s: %+v", method, a)
		}
	}
	p.post(200, "3") // the session is unharmed
}

func TestACancelledGETEndsTheSession(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := p.request(ctx, "GET", p.query, "")
		done <- err
	}()
	roomtest.Eventually(t, "a held GET", func() bool { return goroutineIn("(*Session).wait(") })
	cancel()
	if err := <-done; err == nil {
		t.Fatal("the GET was answered")
	}
	roomtest.Eventually(t, "gone", func() bool { return s.Hub.Stats().Members == 0 })
	p.get(400, "")
}

func TestAGoodbyeReleasesTheHeldGET(t *testing.T) {
	s := listen(t)
	p, _ := s.joinPoll("1")
	held := p.hold()
	p.post(200, "1")
	if a := <-held; a.status != 200 || a.body != "6" {
		t.Errorf("held: %+v", a)
	}
	p.get(400, "")
	roomtest.Eventually(t, "gone", func() bool { return s.Counts.Get("closed 1000") == 1 && s.Hub.Stats().Members == 0 })
}

func TestAGETThatWasOvertakenByTheGoodbyeIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := listenPipes(t).joinPoll("1")
		p.post(200, "1")
		time.Sleep(50 * time.Millisecond)
		p.get(200, "6")
		p.get(400, "")

		p, _ = p.joinPoll("1")
		p.post(200, "1")
		time.Sleep(150 * time.Millisecond)
		p.get(400, "")
	})
}

func TestPollingPingsAndTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		began := time.Now()
		p, _ := s.joinPoll("1")
		for range 3 {
			p.get(200, "2")
			p.post(200, "3")
		}
		if got := time.Since(began); got != 75*time.Second {
			t.Errorf("three pings took %v", got)
		}
		time.Sleep(45*time.Second - time.Nanosecond)
		if s.Hub.Stats().Members != 1 {
			t.Error("gone too early")
		}
		time.Sleep(time.Nanosecond)
		p.get(400, "")
		synctest.Wait()
		if s.Counts.Get("closed 1006") != 1 || s.Hub.Stats().Members != 0 {
			t.Error("still there")
		}
	})
}

func TestEndingsWaitForTheNextGET(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		p, _ := s.joinPoll("1/1m") // its token ends in a minute
		time.Sleep(30 * time.Second)
		p.get(200, "2")
		time.Sleep(31 * time.Second)
		p.get(200, "1")
		p.get(400, "")

		p, _ = s.joinPoll("1")
		s.Hub.Resync(50, roomtest.CursorOf(50))
		time.Sleep(3 * time.Second) // nobody came
		p.get(400, "")
		synctest.Wait()
		if s.Counts.Get("closed 4401") != 1 || s.Counts.Get("closed 1012") != 1 || s.Hub.Stats().Members != 0 {
			t.Error("not counted")
		}
	})
}

func TestWhoDoesNotConnectIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		p := s.openPoll()
		w := s.connect("")
		time.Sleep(25 * time.Second)
		p.get(200, "2")
		w.want("2")
		p.post(200, `40{"token":"token_invalid"}`) // a refusal does not prolong it
		w.send("3")
		p.must("GET", p.query, "")
		time.Sleep(20*time.Second - time.Millisecond)
		if got := s.Hub.Stats().Waiting; got != 2 {
			t.Errorf("%d wait", got)
		}
		p.get(200, "1")
		w.wantClose(4401, "token_missing")
	})
}

func TestSlowPollersAreEvicted(t *testing.T) {
	s := listen(t)
	p, g := s.joinPoll("1")
	big := `{"x":"` + strings.Repeat("y", 1<<20) + `"}`
	for range 5 {
		s.Publish("1", big)
	}
	if s.Counts.Get("evicted bytes") != 1 {
		t.Fatal("not evicted")
	}
	p.get(200, "1") // "transport close": the client comes back
	p.get(400, "")
	roomtest.Eventually(t, "gone", func() bool { return s.Counts.Get("closed 4408") == 1 && s.Hub.Stats().Members == 0 })
	if _, again := s.rejoin("1", g.Pid, ""); again.Pid != g.Pid {
		t.Error("not recovered")
	}
}

func TestALongRecoveryOverPolling(t *testing.T) {
	s := listen(t)
	_, g := s.joinPoll("1")
	data := `{"x":"` + strings.Repeat("y", 700) + `"}`
	for range 1000 {
		s.Publish("1", data)
	}
	p := s.openPoll()
	p.post(200, fmt.Sprintf(`40{"token":"1","pid":%q}`, g.Pid))
	var frames []string
	for len(frames) < 1001 {
		frames = append(frames, strings.Split(p.must("GET", p.query, "").body, "\x1e")...)
	}
	if again := parseGreeting(t, frames[0]); again.Pid != g.Pid {
		t.Fatal("not recovered")
	}
	for i, frame := range frames[1:] {
		if want := eventFrame(int64(101+i), data); frame != want {
			t.Fatalf("frame %d: %.60s", i, frame)
		}
	}
}

func TestOriginsAndCORS(t *testing.T) {
	named := allowing("https://app.example")
	anyone := allowing("*")
	cases := []struct {
		name          string
		opt           option
		method, query string
		origin        string
		status        int
		allowed       string
		credentials   string
	}{
		{"handshake", named, "GET", "?EIO=4&transport=polling", "https://app.example", 200, "https://app.example", "true"},
		{"an error", named, "GET", "?EIO=4&transport=polling&sid=x", "https://app.example", 400, "https://app.example", "true"},
		{"preflight", named, "OPTIONS", "?EIO=4&transport=polling&sid=x", "https://app.example", 204, "https://app.example", "true"},
		{"anyone", anyone, "GET", "?EIO=4&transport=polling", "https://else.example", 200, "https://else.example", ""},
		{"no browser", named, "GET", "?EIO=4&transport=polling", "", 200, "", ""},
		{"forbidden", named, "GET", "?EIO=4&transport=polling", "https://evil.example", 403, "", ""},
		{"forbidden preflight", named, "OPTIONS", "?EIO=4&transport=polling", "https://evil.example", 403, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.origin != "" {
				headers = []string{"Origin: " + c.origin}
			}
			a := listen(t, c.opt).must(c.method, c.query, "", headers...)
			if a.status != c.status || a.header.Get("Access-Control-Allow-Origin") != c.allowed ||
				a.header.Get("Access-Control-Allow-Credentials") != c.credentials || a.header.Get("Vary") != "Origin" {
				t.Errorf("%d %v", a.status, a.header)
			}
			if preflight := c.status == http.StatusNoContent; preflight &&
				(a.header.Get("Access-Control-Allow-Methods") != "GET, POST" || a.header.Get("Access-Control-Allow-Headers") != "authorization, content-type") {
				t.Errorf("%v", a.header)
			}
		})
	}
}
