package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"notifier/wsroom"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts the server under test.
func serve(t *testing.T) (url string) {
	hub := wsroom.NewHub(wsroom.HubConfig{})
	hub.Open(0, "")
	server := httptest.NewServer(newHandler(hub))
	t.Cleanup(func() {
		if err := hub.Drain(t.Context(), 0); err != nil && t.Context().Err() == nil {
			t.Errorf("drain: %v", err)
		}
		server.CloseClientConnections()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
		for hub.Stats().Waiting > 0 {
			time.Sleep(time.Millisecond)
		}
	})
	return server.URL
}

// converse sends the lines that begin with ">" and wants those that begin with "<"; "b" behind that is a binary message. Pings are passed over.
func converse(t *testing.T, url string, lines ...string) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url+"?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, line := range append([]string{"<0{"}, lines...) {
		direction, rest := line[0], line[1:]
		kind := websocket.MessageText
		if binary, found := strings.CutPrefix(rest, "b"); found {
			kind, rest = websocket.MessageBinary, binary
		}
		if direction == '>' {
			if err := conn.Write(t.Context(), kind, []byte(rest)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got := read(t, conn, rest)
		if !strings.HasPrefix(got, rest) || rest != "" && rest[len(rest)-1] != '{' && got != rest {
			t.Fatalf("want %q, got %q", rest, got)
		}
	}
}

// read returns the next message that is not a ping, unless a ping is wanted; "closed" at the end.
func read(t *testing.T, conn *websocket.Conn, want string) string {
	for {
		_, raw, err := conn.Read(t.Context())
		switch {
		case err != nil && websocket.CloseStatus(err) == -1:
			t.Fatal(err)
		case err != nil:
			return "closed"
		case string(raw) != "2" || want == "2":
			return string(raw)
		}
	}
}

func TestRawFrames(t *testing.T) {
	url := serve(t)
	cases := []struct {
		name, path string
		lines      []string
	}{
		{"engine: text and binary", "/engine.io/", []string{">4hello", "<4hello", ">b\x01\x02", "<\x01\x02"}},
		{"engine: not a packet", "/engine.io/", []string{">abc", "<closed"}},
		{"engine: pings", "/engine.io/", []string{"<2", ">3", "<2", ">3", "<2"}},
		{"engine: no pong", "/engine.io/", []string{"<2", "<closed"}},
		{"engine: goodbye", "/engine.io/", []string{">1", "<closed"}},
		{"connect", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`}},
		{"no connect", "/socket.io/", []string{"<2", ">3", "<2", ">3", "<2", ">3", "<2", ">3", "<closed"}},
		{"connect with a payload", "/socket.io/", []string{`>40{"token":"123"}`, "<40{", `<42["auth",{"token":"123"}]`}},
		{"custom", "/socket.io/", []string{`>40/custom,{"token":"abc"}`, "<40/custom,{", `<42/custom,["auth",{"token":"abc"}]`}},
		{"unknown", "/socket.io/", []string{">40/random", `<44/random,{"message":"Invalid namespace"}`}},
		{"not a packet", "/socket.io/", []string{">4abc", "<closed"}},
		{"disconnect", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`, ">41", "<2"}},
		{"disconnect of one namespace", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`, ">40/custom", "<40/custom,{", `<42/custom,["auth",{}]`,
			">41/custom", `>42["message","x"]`, `<42["message-back","x"]`}},
		{"message", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`, `>42["message",1,"2",{"3":[true]}]`, `<42["message-back",1,"2",{"3":[true]}]`}},
		{"message with attachments", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`,
			`>452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, ">b\x01", ">b\x02",
			`<452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "<\x01", "<\x02"}},
		{"ack", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`, `>42456["message-with-ack",1,"2",{"3":[false]}]`, `<43456[1,"2",{"3":[false]}]`}},
		{"ack with attachments", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`,
			`>451-789["message-with-ack",{"_placeholder":true,"num":0}]`, ">b\x01", `<461-789[{"_placeholder":true,"num":0}]`, "<\x01"}},
		{"event that is none", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`, ">42{}", "<closed"}},
		{"id that is none", "/socket.io/", []string{">40", "<40{", `<42["auth",{}]`, `>42abc["message-with-ack"]`, "<closed"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			converse(t, url+c.path, c.lines...)
		})
	}
}

func TestPollingEcho(t *testing.T) {
	url := serve(t) + "/engine.io/?EIO=4&transport=polling"
	do := func(method, query, body string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, url+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		raw, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.Status[:3] + " " + string(raw)
	}
	var open struct{ Sid string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(do("GET", "", ""), "200 0")), &open); err != nil {
		t.Fatal(err)
	}
	sid := "&sid=" + open.Sid
	if got := do("POST", sid, "4test1\x1ebAQIDBA==\x1e4test3"); got != "200 ok" {
		t.Errorf("POST: %q", got)
	}
	if got := do("GET", sid, ""); got != "200 4test1\x1ebAQIDBA==\x1e4test3" {
		t.Errorf("GET: %q", got)
	}
	if got := do("GET", sid, ""); got != "200 2" {
		t.Errorf("GET: %q", got)
	}
	<-time.After(500 * time.Millisecond) // the server's interval and timeout: it is the clock that is tested
	if got := do("GET", sid, ""); !strings.HasPrefix(got, "400 ") {
		t.Errorf("GET: %q", got)
	}
}
