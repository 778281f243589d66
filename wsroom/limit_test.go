package wsroom_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

func requestFrom(remote string) *http.Request { return &http.Request{RemoteAddr: remote} }

func limited(l wsroom.Limits) option {
	return func(h *wsroom.HubConfig, _ *wsroom.HandlerConfig) { h.Limits = l }
}

// seenFrom has the server take all clients for one, as what stands before it may find.
func seenFrom(addr string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = addr
		next.ServeHTTP(w, r)
	})
}

func TestTooManyConnectionsAreToldSo(t *testing.T) {
	for limit, limits := range map[string]wsroom.Limits{
		"connections": {Connections: 2},
		"account":     {PerAccount: 2},
		"address":     {PerAddress: 2},
	} {
		t.Run(limit, func(t *testing.T) {
			s := listen(t, limited(limits))
			first := s.join("1")
			stays := s.join("1")
			s.connect("", "Authorization: Bearer 1").wantEnd(4429, "too_many_connections")
			roomtest.Eventually(t, "told", func() bool { return s.Counts.Get("closed 4429") == 1 })
			if s.Counts.Get("refused "+limit) != 1 {
				t.Errorf("counted %v", s.Counts)
			}
			if err := first.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
			roomtest.Eventually(t, "left", func() bool { return s.Hub.Stats().Protocols["ws"] == 1 })
			seq := s.Publish("1", `{}`)
			stays.wantEvents(seq)
			s.join("1")
		})
	}
}

func TestTooManyConnectionsASecondAreToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, limited(wsroom.Limits{PerSecond: 1}))
		for range 5 {
			s.join("1")
		}
		s.connect("", "Authorization: Bearer 1").wantEnd(4429, "too_many_connections")
		time.Sleep(time.Second)
		s.join("1")
		if s.Counts.Get("refused rate") != 1 || s.Hub.Stats().Members != 6 {
			t.Errorf("counted %v", s.Counts)
		}
	})
}

func TestWhoDoesNotSayWhoItIsMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, limited(wsroom.Limits{Connections: 1}))
		stranger := s.connect("")
		time.Sleep(time.Second)
		s.join("1")
		stranger.wantEnd(4429, "too_many_connections")
		s.connect("", "Authorization: Bearer 1").wantEnd(4429, "too_many_connections") // members do not
		if s.Counts.Get("refused waiting") != 1 || s.Counts.Get("refused connections") != 1 {
			t.Errorf("counted %v", s.Counts)
		}
	})
}

func TestTheAddressIsTheOneThatTheRequestNames(t *testing.T) {
	s := newServer(t, limited(wsroom.Limits{PerAddress: 1, SparePrivate: true}))
	mux := http.NewServeMux()
	mux.Handle("/a", seenFrom("203.0.113.1:4711", s.handler))
	mux.Handle("/b", seenFrom("203.0.113.2", s.handler))
	base := "ws://" + s.Listen(t, mux)
	s.dial = (&net.Dialer{}).DialContext
	s.url = base + "/a"
	first := s.join("1")
	s.connect("", "Authorization: Bearer 1").wantEnd(4429, "too_many_connections")
	s.url = base + "/b"
	second := s.join("1")
	for _, c := range []*client{first, second} {
		if err := c.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
	roomtest.Eventually(t, "all logged", func() bool { return strings.Count(s.Record.String(), "connection_closed") == 3 })
	got := make(map[string]int)
	for line := range strings.Lines(s.Record.String()) {
		var entry struct {
			Msg, Level string
			Remote     string `json:"remote_addr"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Msg == "connection_closed" {
			got[entry.Level+" "+entry.Remote]++
		}
	}
	if got["INFO 203.0.113.1:4711"] != 1 || got["INFO 203.0.113.2"] != 1 || got["DEBUG 203.0.113.1:4711"] != 1 {
		t.Errorf("logged %v", got)
	}
}

func TestAHandshakeThatIsNoneTakesNoPlace(t *testing.T) {
	s := listen(t, limited(wsroom.Limits{Connections: 1, PerAddress: 1}))
	for range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(s.url, "ws"), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "websocket") // and no key
		response, err := s.dial.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close() // the status is all
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	s.join("1")
}

func TestAMemberKnowsItsAddress(t *testing.T) {
	h, _ := guarded(wsroom.Limits{})
	m := mustCome(t, h, "203.0.113.1")
	if m.From() != netip.MustParseAddrPort("203.0.113.1:1") {
		t.Errorf("got %v", m.From())
	}
}
