package socketio_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

func TestOpenPacketSaysWhatTheReferenceServerSays(t *testing.T) {
	s := listen(t)
	w, _, err := s.dialWire("&unknown=key")
	if err != nil {
		t.Fatal(err)
	}
	var open map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(w.next(), "0")), &open); err != nil {
		t.Fatal(err)
	}
	if sid, _ := open["sid"].(string); len(sid) != 20 {
		t.Errorf("sid %v", open["sid"])
	}
	delete(open, "sid")
	got, err := json.Marshal(open)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"maxPayload":1000000,"pingInterval":25000,"pingTimeout":20000,"upgrades":[]}`; string(got) != want {
		t.Errorf("open %s, want %s", got, want)
	}
}

func TestTokenComesFromConnectThenHeaderThenQuery(t *testing.T) {
	query := configured(func(c *socketio.Config) { c.AllowQueryToken = true })
	cases := []struct {
		name    string
		opts    []option
		query   string
		headers []string
		connect string
		account string // "": refused with token_missing
	}{
		{name: "raw in the payload", connect: `40{"token":"1"}`, account: "1"},
		{name: "bearer in the payload", connect: `40{"token":"Bearer 1"}`, account: "1"},
		{name: "raw header", headers: []string{"Authorization: 2"}, connect: `40`, account: "2"},
		{name: "bearer header", headers: []string{"Authorization: bearer 2"}, connect: `40{}`, account: "2"},
		{name: "payload before header", headers: []string{"Authorization: Bearer 2"}, connect: `40{"token":"1"}`, account: "1"},
		{name: "comma of the default namespace", connect: `40/,{"token":"1"}`, account: "1"},
		{name: "other keys", connect: `40{"Token":"9","room":"x","token":"1"}`, account: "1"},
		{name: "query", opts: []option{query}, query: "&token=3", connect: `40`, account: "3"},
		{name: "header before query", opts: []option{query}, query: "&token=3", headers: []string{"Authorization: Bearer 2"}, connect: `40`, account: "2"},
		{name: "query not allowed", query: "&token=3", connect: `40`},
		{name: "none", connect: `40`},
		{name: "no string", connect: `40{"token":7}`},
		{name: "other scheme", headers: []string{"Authorization: Basic eDp5"}, connect: `40`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := listen(t, c.opts...)
			w := s.connect(c.query, c.headers...)
			w.send("%s", c.connect)
			if c.account == "" {
				if got := w.next(); !strings.HasPrefix(got, "44{") || !strings.Contains(got, `"data":{"code":"token_missing"}`) {
					t.Fatalf("got %q", got)
				}
				return
			}
			w.greeted()
			seq := s.Publish(c.account, `{"id":1}`)
			w.want(eventFrame(seq, `{"id":1}`))
		})
	}
}

func TestBadTokensAreConnectErrors(t *testing.T) {
	for _, code := range []string{"token_invalid", "token_expired"} {
		t.Run(code, func(t *testing.T) {
			s := listen(t)
			w := s.connect("")
			w.send(`40{"token":%q}`, code)
			var refusal struct {
				Message string
				Data    struct{ Code string }
			}
			got := w.next()
			if err := json.Unmarshal([]byte(strings.TrimPrefix(got, "44")), &refusal); err != nil || refusal.Data.Code != code || refusal.Message == "" {
				t.Fatalf("got %q", got)
			}
			w.send(`40{"token":"1"}`) // the connection is still good for another
			w.greeted()
			if strings.Contains(s.Record.String(), `"1"`) {
				t.Error("a token in the log")
			}
		})
	}
}

func TestWhatIsNotTheClientsFaultClosesTheTransport(t *testing.T) {
	for token, code := range map[string]string{"keys_unavailable": "keys_unavailable", "unavailable": "unavailable"} {
		t.Run(code, func(t *testing.T) {
			w := listen(t).connect("")
			w.send(`40{"token":%q}`, token)
			w.wantClose(1013, code)
		})
	}
}

func TestOtherNamespacesAreInvalid(t *testing.T) {
	w := listen(t).connect("")
	w.send(`40/x`)
	w.want(`44/x,{"message":"Invalid namespace"}`)
	w.send(`40/y,{"token":"1"}`)
	w.want(`44/y,{"message":"Invalid namespace"}`)
	w.send(`40{"token":"1"}`)
	w.greeted()
}

func TestMimicOfNestJSAcceptsAndDisconnects(t *testing.T) {
	w := listen(t, configured(func(c *socketio.Config) { c.RefuseByLeaving = true })).connect("")
	w.send(`40{"token":"token_invalid"}`)
	if g := w.greeted(); g.Pid != "" {
		t.Errorf("a pid for nobody: %q", g.Pid)
	}
	w.want("41")
}

func TestWhatIsOutOfPlaceClosesTheConnection(t *testing.T) {
	cases := map[string][]string{
		"event before connect":       {`42["x"]`},
		"not a packet":               {`4abc`},
		"not an engine packet":       {`abc`},
		"empty":                      {``},
		"event with an object":       {`40{"token":"1"}`, `42{}`},
		"letters for an id":          {`40{"token":"1"}`, `42abc["x"]`},
		"event without a name":       {`40{"token":"1"}`, `42[]`},
		"event of the library":       {`40{"token":"1"}`, `42["disconnect"]`},
		"half an array":              {`40{"token":"1"}`, `42["x"`},
		"connect with an array":      {`40["x"]`},
		"second connect":             {`40{"token":"1"}`, `40{"token":"1"}`},
		"disconnect before connect":  {`41`},
		"event of another namespace": {`40{"token":"1"}`, `42/x,["y"]`},
		"error of the client's":      {`40{"token":"1"}`, `44{"message":"x"}`},
		"eleven attachments":         {`40{"token":"1"}`, `4511-["x"]`},
		"text for an attachment":     {`40{"token":"1"}`, `451-["x",{"_placeholder":true,"num":0}]`, `42["x"]`},
		"ping of the client's":       {`2`},
	}
	for name, frames := range cases {
		t.Run(name, func(t *testing.T) {
			w := listen(t).connect("")
			for i, frame := range frames {
				w.send("%s", frame)
				if strings.HasPrefix(frame, `40{`) && i == 0 {
					w.greeted()
				}
			}
			w.wantClose(1008, "protocol_violated")
		})
	}
}

func TestClientEventsAreAcknowledgedAndDropped(t *testing.T) {
	s := listen(t)
	w, _ := s.join("1")
	w.send(`42["hello",{"a":[1,"x"]}]`)
	w.send(`427["question",1]`)
	w.want(`437[]`)
	w.send(`452-8["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	w.sendBinary("one")
	w.sendBinary("two")
	w.want(`438[]`)
	w.send(`439[]`) // an ack that nobody waits for
	w.send(`42/,["with a comma"]`)
	w.send(`4210[17]`)
	w.want(`4310[]`)
	w.send(`1`)
	w.wantClose(1000, "left")
	roomtest.Eventually(t, "the log says how many", func() bool { return strings.Contains(s.Record.String(), `"events_dropped":6`) })
	if got := s.Counts.Get("dropped"); got != 6 {
		t.Errorf("counted %d", got)
	}
}

func TestDisconnectLeavesTheRoomAndNotTheTransport(t *testing.T) {
	s := listen(t)
	w, _ := s.join("1")
	w.send(`41`)
	roomtest.Eventually(t, "left the room", func() bool { return s.Hub.Stats().Members == 0 })
	s.Publish("1", `{"id":1}`)
	w.send(`40{"token":"2"}`)
	w.greeted()
	s.Publish("1", `{"id":2}`)
	seq := s.Publish("2", `{"id":3}`)
	w.want(eventFrame(seq, `{"id":3}`))
	if got := s.Hub.Stats(); got.Members != 1 || got.Waiting != 0 || got.Protocols["socketio"] != 1 {
		t.Errorf("stats %+v", got)
	}
}

func TestAFloodCloses(t *testing.T) {
	s := listen(t)
	w, _ := s.join("1")
	go func() {
		for w.conn.Write(t.Context(), 1, []byte(`42["x"]`)) == nil {
		}
	}()
	w.wantClose(1008, "flood")
	roomtest.Eventually(t, "counted", func() bool { return s.Counts.Get("closed 1008") == 1 })
}

func TestEndingsCloseTheTransport(t *testing.T) {
	cases := map[string]struct {
		end    func(*server)
		code   int
		reason string
	}{
		"drain":  {func(s *server) { s.Drain(s.t) }, 1012, "restart"},
		"resync": {func(s *server) { s.Hub.Resync(50, roomtest.CursorOf(50)) }, 1012, "resync"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := listen(t)
			w, _ := s.join("1")
			go c.end(s)
			w.wantClose(c.code, c.reason)
			roomtest.Eventually(t, "gone", func() bool { return s.Hub.Stats().Members == 0 })
		})
	}
}

func TestHandshakesAreRefusedInTheReferencesWords(t *testing.T) {
	s := listen(t, allowing("https://app.example"))
	p := s.openPoll()
	known := p.sid()[len("&sid="):]
	cases := []struct {
		name, method, query string
		headers             []string
		status              int
		body                string
	}{
		{"no transport", "GET", "?EIO=4", nil, 400, `{"code":0,"message":"Transport unknown"}`},
		{"unknown transport", "GET", "?EIO=4&transport=constructor", nil, 400, `{"code":0,"message":"Transport unknown"}`},
		{"unknown session", "GET", "?EIO=4&transport=polling&sid=x", nil, 400, `{"code":1,"message":"Session ID unknown"}`},
		{"post", "POST", "?EIO=4&transport=polling", nil, 400, `{"code":2,"message":"Bad handshake method"}`},
		{"websocket without upgrade", "GET", "?EIO=4&transport=websocket", nil, 400, `{"code":3,"message":"Bad request"}`},
		{"version 3", "GET", "?EIO=3&transport=polling", nil, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"no version", "GET", "?transport=polling", nil, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"no version in a session", "GET", "?transport=polling&sid=" + known, nil, 400, `{"code":3,"message":"Bad request"}`},
		{"version 3 in a session", "POST", "?EIO=3&transport=polling&sid=" + known, nil, 400, `{"code":3,"message":"Bad request"}`},
		{"another transport in a session", "GET", "?EIO=4&transport=websocket&sid=" + known, nil, 400, `{"code":3,"message":"Bad request"}`},
		{"another method in a session", "PUT", "?EIO=4&transport=polling&sid=" + known, nil, 400, `{"code":3,"message":"Bad request"}`},
		{"foreign origin", "GET", "?EIO=4&transport=polling", []string{"Origin: https://evil.example"}, 403, `{"code":4,"message":"Forbidden"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := s.must(c.method, c.query, "", c.headers...)
			if got.status != c.status || got.body != c.body || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s %v", got.status, got.body, got.header)
			}
		})
	}
	if _, status, err := s.dialWire("", "Origin: https://evil.example"); err == nil || status != http.StatusForbidden {
		t.Errorf("foreign origin: %v", err)
	}
	if _, _, err := s.dialWire("", "Origin: https://app.example"); err != nil {
		t.Errorf("allowed origin: %v", err)
	}
	p.post(200, `40{"token":"1"}`) // none of that has harmed the session
	p.get(200, "")
}

func TestWithoutADatabaseHandshakesAre503(t *testing.T) {
	s := listen(t)
	s.Hub.Suspend()
	if got := s.must("GET", "?EIO=4&transport=polling", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("polling: %+v", got)
	}
	if _, status, err := s.dialWire(""); err == nil || status != http.StatusServiceUnavailable {
		t.Errorf("websocket: %v", err)
	}
	s.Hub.Claim(s.Seq(), roomtest.CursorOf(s.Seq()))
	s.join("1")
}

func TestNobodyWaitsForASlowClient(t *testing.T) {
	s := listen(t)
	s.join("1") // and does not read
	big := `{"x":"` + strings.Repeat("y", 1<<20) + `"}`
	for s.Hub.Stats().Members == 1 && s.Counts.Get("evicted bytes") == 0 {
		s.Publish("1", big)
	}
	roomtest.Eventually(t, "gone", func() bool { return s.Counts.Get("closed 4408") == 1 && s.Hub.Stats().Members == 0 })
}
