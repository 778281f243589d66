package wsroom_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

func allowQueryToken(_ *wsroom.HubConfig, c *wsroom.HandlerConfig) { c.AllowQueryToken = true }

func TestTokenComesInHeaderSubprotocolOrFirstMessage(t *testing.T) {
	s := listen(t)
	tests := []struct {
		name    string
		query   string
		headers []string
		first   string
	}{
		{name: "header", headers: []string{"Authorization: Bearer 1"}},
		{name: "header, scheme in lower case", headers: []string{"Authorization: bearer 1"}},
		{name: "subprotocol", headers: []string{"Sec-WebSocket-Protocol: notifier.v1, bearer.1"}},
		{name: "first message", first: `{"type":"auth","token":"1"}`},
		{name: "first message of a newer client", first: `{"type":"auth","token":"1","novelty":[1]}`},
		{name: "header before subprotocol", headers: []string{"Authorization: Bearer 1", "Sec-WebSocket-Protocol: notifier.v1, bearer.2"}},
		{name: "query is not looked at", query: "?access_token=2&token=2", first: `{"type":"auth","token":"1"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.connect(test.query, test.headers...)
			if test.first != "" {
				c.send("%s", test.first)
			}
			if got := c.want("welcome").AccountID; got != "1" {
				t.Errorf("want account 1, got %q", got)
			}
		})
	}
}

func TestQueryTokenWhereItIsAllowed(t *testing.T) {
	s := listen(t, allowQueryToken)
	for _, query := range []string{"?access_token=1", "?token=1", "?access_token=1&token=2"} {
		if got := s.connect(query).want("welcome").AccountID; got != "1" {
			t.Errorf("%s: want account 1, got %q", query, got)
		}
	}
	c := s.connect("?token=2", "Authorization: Bearer 1")
	if got := c.want("welcome").AccountID; got != "1" {
		t.Errorf("want the header before the query, got account %q", got)
	}
}

func TestServerSelectsItsSubprotocol(t *testing.T) {
	s := listen(t)
	c := s.connect("", "Sec-WebSocket-Protocol: notifier.v1, bearer.1")
	if got := c.conn.Subprotocol(); got != "notifier.v1" {
		t.Errorf("want notifier.v1, got %q", got)
	}
	c.want("welcome")
}

// The frames are what scripts grep for: byte for byte.
func TestFramesAreTheDocumentedBytes(t *testing.T) {
	s := listen(t)
	c := s.connect("", "Authorization: Bearer 1/1h")
	read := func() string {
		t.Helper()
		_, raw, err := c.conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	const prefix = `{"type":"welcome","accountId":"1","cursor":"1-100","recovered":false,"expiresAt":"20`
	if got := read(); !strings.HasPrefix(got, prefix) || !strings.HasSuffix(got, `Z"}`) {
		t.Errorf("want %s…Z\"}, got %s", prefix, got)
	}
	s.Publish("1", `{"id":123,"notes":"ção 😀 \"x\""}`)
	want := `{"type":"event","id":"1-101","event":"appointmnents.finished","data":{"id":123,"notes":"ção 😀 \"x\""}}`
	if got := read(); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

// <, > and & are not escaped, as encoding/json would for HTML: neither in a plain string nor in one that needs other escapes.
func TestErrorAndWelcomeAreTheDocumentedBytes(t *testing.T) {
	s := listen(t)
	tests := []struct{ first, want string }{
		{`{"type":"auth"}`, `{"type":"error","code":"token_missing","message":"bring a token: Authorization header, subprotocol bearer.<token>, ` +
			`or an auth message within 10 s"}`},
		{`{"type":"auth","token":"bad"}`, `{"type":"error","code":"token_invalid","message":"the token is not valid"}`},
		{`{"type":"auth","token":"<a&b>"}`, `{"type":"welcome","accountId":"<a&b>","cursor":"1-100","recovered":false,"expiresAt":"`},
		{`{"type":"auth","token":"<ã&\"b>"}`, `{"type":"welcome","accountId":"<ã&\"b>","cursor":"1-100","recovered":false,"expiresAt":"`},
	}
	for _, test := range tests {
		c := s.connect("")
		c.send("%s", test.first)
		_, got, err := c.conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if whole := strings.HasSuffix(test.want, "}"); !strings.HasPrefix(string(got), test.want) || whole && string(got) != test.want {
			t.Errorf("want %s, got %s", test.want, got)
		}
	}
}

func TestAccountsThatAreNotPlainWordsAreQuoted(t *testing.T) {
	s := listen(t)
	account := `são "paulo"<1>`
	c := s.connect("")
	c.send(`{"type":"auth","token":%s}`, `"são \"paulo\"<1>"`)
	if got := c.want("welcome").AccountID; got != account {
		t.Errorf("want account %q, got %q", account, got)
	}
	s.Publish(account, `{}`)
	c.wantEvents(101)
}

func TestEventsGoToTheirAccountAndNobodyElse(t *testing.T) {
	s := listen(t)
	one, also, two := s.join("1"), s.join("1"), s.join("2")
	s.Publish("1", `{"n":1}`)
	s.Publish("2", `{"n":2}`)
	s.Publish("1", `{"n":3}`)
	s.Publish("orders.account.1", `{"n":4}`)
	s.Publish("2", `{"n":5}`)
	one.wantEvents(101, 103)
	also.wantEvents(101, 103)
	two.wantEvents(102, 105)
}

// Nothing that a client says changes its room.
func TestNoFrameChangesTheRoom(t *testing.T) {
	s := listen(t)
	for _, attempt := range []string{
		`{"type":"subscribe","room":"orders.account.2"}`,
		`{"type":"join","accountId":"2"}`,
		`{"type":"event","id":"1-1","event":"appointmnents.finished","data":{}}`,
	} {
		c := s.join("1")
		c.send("%s", attempt)
		c.wantEnd(1008, "protocol_violated")
	}
	c := s.connect("?account=2&room=orders.account.2", "Authorization: Bearer 1")
	if got := c.want("welcome").AccountID; got != "1" {
		t.Errorf("want account 1, got %q", got)
	}
	other := s.connect("")
	other.send(`{"type":"auth","token":"1","accountId":"2","account":"2","room":"orders.account.2"}`)
	other.want("welcome")
	s.Publish("2", `{}`)
	s.Publish("1", `{}`)
	c.wantEvents(102)
	other.wantEvents(102)
}

func TestOnlyWebSocketHandshakesAreAnswered(t *testing.T) {
	s := listen(t)
	url := "http" + strings.TrimPrefix(s.url, "ws")
	tests := []struct {
		method string
		status int
		header string
		value  string
		body   string
	}{
		{http.MethodGet, http.StatusUpgradeRequired, "Upgrade", "websocket", "WebSocket"},
		{http.MethodPost, http.StatusMethodNotAllowed, "Allow", "GET", "GET only"},
		{http.MethodOptions, http.StatusMethodNotAllowed, "Allow", "GET", "GET only"},
	}
	for _, test := range tests {
		request, err := http.NewRequestWithContext(t.Context(), test.method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != test.status || response.Header.Get(test.header) != test.value || !strings.Contains(string(body), test.body) {
			t.Errorf("%s: want %d with %s: %s and %q, got %d %v %q", test.method, test.status, test.header, test.value, test.body,
				response.StatusCode, response.Header, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestABadHandshakeIsRefusedWithoutATrace(t *testing.T) {
	s := listen(t)
	request := httptest.NewRequest(http.MethodGet, "/ws", nil)
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-WebSocket-Version", "12")
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusBadRequest {
		t.Errorf("want 400, got %d", answer.Code)
	}
	if stats := s.Hub.Stats(); stats.Waiting+stats.Members != 0 {
		t.Errorf("want nobody in the hub, got %+v", stats)
	}
}

func TestStatsCountWhoIsHere(t *testing.T) {
	s := listen(t)
	s.join("1")
	s.join("1")
	c := s.join("2")
	s.connect("") // has not said who it is
	roomtest.Eventually(t, "one that waits", func() bool { return s.Hub.Stats().Waiting == 1 })
	want := wsroom.Stats{Available: true, Members: 3, Waiting: 1, Rooms: 2}
	got := s.Hub.Stats()
	if got.Available != want.Available || got.Members != want.Members || got.Waiting != want.Waiting || got.Rooms != want.Rooms || got.Protocols["ws"] != 4 {
		t.Errorf("want %+v with 4 of ws, got %+v", want, got)
	}
	if err := c.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	roomtest.Eventually(t, "one room less", func() bool { return s.Hub.Stats().Rooms == 1 })
	if left, closed := s.Counts.Get("left ws"), s.Counts.Get("closed 1000"); left != 1 || closed != 1 {
		t.Errorf("want one that left with 1000, got %d and %d", left, closed)
	}
}
