package socketio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// visitor is a client that polls by one connection, by hand: thousands of them have to be quick.
type visitor struct {
	t     *testing.T
	addr  string
	conn  net.Conn
	reads *bufio.Reader
	query string
}

var sidOf = regexp.MustCompile(`"sid":"([^"]+)"`)

// visit opens a session.
func (s *server) visit(t *testing.T) *visitor {
	v := &visitor{t: t, addr: s.address(), query: "?EIO=4&transport=polling"}
	v.conn, v.reads = v.dial()
	if found := sidOf.FindStringSubmatch(v.request("GET", "")); found != nil {
		v.query += "&sid=" + found[1]
	}
	return v
}

// join also connects.
func (v *visitor) join(account string) {
	v.request("POST", fmt.Sprintf(`40{"token":%q}`, account))
	greeting := "2"
	for greeting == "2" { // on a slow machine
		greeting = v.request("GET", "")
	}
	if !strings.HasPrefix(greeting, "40{") {
		v.t.Errorf("connect: %s", greeting)
	}
}

func (v *visitor) dial() (net.Conn, *bufio.Reader) {
	conn, err := net.Dial("tcp", v.addr)
	if err != nil {
		v.t.Error(err)
		conn, _ = net.Pipe() // what follows fails, too
		_ = conn.Close()
	}
	return conn, bufio.NewReaderSize(conn, 512)
}

// begin sends a request, or a part of it.
func (v *visitor) begin(method, body string, length int) {
	_, err := fmt.Fprintf(v.conn, "%s /socket.io/%s HTTP/1.1\r\nHost: x.example\r\nContent-Length: %d\r\n\r\n%s", method, v.query, length, body)
	if err != nil {
		v.t.Error(err)
	}
}

func (v *visitor) request(method, body string) string {
	v.begin(method, body, len(body))
	response, err := http.ReadResponse(v.reads, nil)
	if err != nil {
		v.t.Error(err)
		return ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		v.t.Errorf("%s: %d %s, %v", method, response.StatusCode, text, err)
	}
	return string(text)
}

// probe has a WebSocket asked and answered: the client would complete the upgrade now.
func (v *visitor) probe() {
	_ = v.conn.Close()
	v.conn, v.reads = v.dial()
	fmt.Fprintf(v.conn, "GET /socket.io/%s&transport=websocket HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", sidQuery(v.query))
	response, err := http.ReadResponse(v.reads, nil)
	if err != nil {
		v.t.Error(err)
		return
	}
	_ = response.Body.Close() // it is the connection
	if response.StatusCode != http.StatusSwitchingProtocols {
		v.t.Errorf("upgrade: %+v", response)
		return
	}
	if _, err := v.conn.Write([]byte("\x81\x86\x00\x00\x00\x002probe")); err != nil {
		v.t.Error(err)
	}
	answer := make([]byte, len("\x81\x063probe"))
	if _, err := io.ReadFull(v.reads, answer); err != nil || string(answer) != "\x81\x063probe" {
		v.t.Errorf("probe: %q, %v", answer, err)
	}
}

// sidQuery names the session, and leaves the transport to whoever adds it.
func sidQuery(query string) string { return "?EIO=4" + query[len("?EIO=4&transport=polling"):] }

// reset cuts the connection as a network does.
func (v *visitor) reset() {
	_ = v.conn.(*net.TCPConn).SetLinger(0)
	_ = v.conn.Close()
}

// abandonments are the states in which a client can vanish. What it does at last is done when all are so far.
var abandonments = []struct {
	name  string
	reach func(v *visitor, account string)
	leave func(v *visitor)
}{
	{"just opened", func(*visitor, string) {}, (*visitor).close},
	{"between two GETs", func(v *visitor, account string) { v.join(account) }, (*visitor).close},
	{"with a held GET", func(v *visitor, account string) { v.join(account); v.begin("GET", "", 0) }, (*visitor).reset},
	{"in the middle of a POST", func(v *visitor, account string) { v.join(account); v.begin("POST", "42[", 100) }, func(*visitor) {}},
	{"while its token is checked", func(v *visitor, _ string) { v.request("POST", `40{"token":"hang"}`) }, (*visitor).close},
	{"in the middle of an upgrade", func(v *visitor, account string) { v.join(account); v.probe() }, func(*visitor) {}},
	{"with events that wait", func(v *visitor, account string) { v.join("busy" + account) }, (*visitor).close},
}

func (v *visitor) close() { _ = v.conn.Close() }

// each runs something for so many clients, some at a time.
func each(clients int, do func(i int)) {
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := worker; i < clients; i += 16 {
				do(i)
			}
		})
	}
	group.Wait()
}

func TestAbandonedSessionsLeaveNothing(t *testing.T) {
	const clients = 1000 // in each state
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 256 // a session is larger
	s := listen(t, func(_ *wsroom.HubConfig, c *socketio.Config) {
		c.PingInterval, c.PingTimeout, c.Logger = 3*time.Second, 2*time.Second, slog.New(slog.DiscardHandler)
	})
	goroutines, before := runtime.NumGoroutine(), held()
	silent := s.abandon(t, clients)
	roomtest.Eventually(t, "everybody gone", func() bool { return s.Hub.Stats().Waiting+s.Hub.Stats().Members == 0 })
	roomtest.Eventually(t, "every goroutine gone", func() bool { return runtime.NumGoroutine() <= goroutines })
	for _, v := range silent {
		v.close()
	}
	if stats := s.Hub.Stats(); stats.Rooms != 0 || stats.Protocols["socketio"] != 0 {
		t.Errorf("%+v", stats)
	}
	left, leak := held()-before, costOfSession(t, clients)*clients
	t.Logf("what is left of %d sessions: %d bytes; %d open ones take %d", clients*len(abandonments), left, clients, leak)
	if left > leak { // tables that were large are left, a third or so; sessions of one state would come on top
		t.Error("they leave something behind")
	}
	s.Hub.Refuse()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if s.handler.Drain(ctx); ctx.Err() != nil { // it waits for every session that can be found
		t.Error("there are sessions left")
	}
}

// held is how many bytes are alive that were allocated under code of ours. The heap as a whole also has what the runtime keeps, of thousands of goroutines.
func held() (bytes int64) {
	for range 3 { // the profile is that of the cycle before, and what lies in a pool survives one
		runtime.GC()
	}
	records := make([]runtime.MemProfileRecord, 100)
	n, ok := runtime.MemProfile(records, false)
	for ; !ok; n, ok = runtime.MemProfile(records, false) {
		records = make([]runtime.MemProfileRecord, 2*n)
	}
	for _, record := range records[:n] {
		frames := runtime.CallersFrames(record.Stack())
		for more := true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); ours(frame.Function) {
				bytes += record.InUseBytes()
				break
			}
		}
	}
	return bytes
}

// ours reports whether a function is the product's, and not the tests'.
func ours(function string) bool {
	return strings.HasPrefix(function, "notifier/wsroom") && !strings.Contains(function, "_test.") && !strings.Contains(function, "/roomtest.")
}

// costOfSession is how many bytes the cheapest session takes.
func costOfSession(t *testing.T, clients int) int64 {
	t.Helper()
	s := listen(t)
	before := held()
	each(clients, func(int) { s.visit(t).close() })
	return (held() - before) / int64(clients)
}

// abandon opens sessions in every state and leaves them. It returns the clients, some of which are still there and say nothing.
func (s *server) abandon(t *testing.T, clients int) (all []*visitor) {
	t.Helper()
	for _, state := range abandonments {
		visitors := make([]*visitor, clients)
		each(clients, func(i int) {
			visitors[i] = s.visit(t)
			state.reach(visitors[i], fmt.Sprint("account", i%100))
		})
		for i := range 100 {
			for range 10 {
				s.Hub.Publish(fmt.Sprint("busyaccount", i), "1-101", 101, roomtest.EventName, []byte(`{"id":1}`))
			}
		}
		for _, v := range visitors {
			state.leave(v)
		}
		all = append(all, visitors...)
	}
	return all
}
