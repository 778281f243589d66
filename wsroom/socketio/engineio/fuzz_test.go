package engineio

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"notifier/wsroom"
)

// FuzzPayload reads payloads as somebody would who splits them first, and what was read, written and read again is the same.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{"", "4hello", "4a\x1e4b", "bAQID", "b", "b!", "\x1e", "2probe\x1e3\x1e", "7", "abc", "bAQID\n", "bAQI", "bAQIDBA"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		packets, ok := readAll(bytes.Clone(payload))
		want, wantOK := readSplit(payload)
		if ok != wantOK || ok && !slices.EqualFunc(packets, want, samePacket) {
			t.Fatalf("%q: want %v %+v, got %v %+v", payload, wantOK, want, ok, packets)
		}
		if !ok {
			return
		}
		messages := make([]*wsroom.Message, len(packets))
		for i, p := range packets {
			if messages[i] = wsroom.NewBinaryMessage(p.Data); !p.Binary {
				messages[i] = wsroom.NewMessage(append([]byte{byte(p.Kind)}, p.Data...))
			}
		}
		again, ok := readAll(appendPayload(nil, messages))
		if !ok || !slices.EqualFunc(again, packets, samePacket) {
			t.Fatalf("%q: %+v, then %+v", payload, packets, again)
		}
	})
}

func samePacket(a, b Packet) bool {
	return a.Kind == b.Kind && a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
}

func readAll(payload []byte) (packets []Packet, ok bool) {
	for more := true; more; {
		var p Packet
		var err error
		if p, payload, more, err = NextPacket(payload); err != nil {
			return nil, false
		}
		packets = append(packets, p)
	}
	return packets, true
}

// readSplit is the other way to read a payload.
func readSplit(payload []byte) (packets []Packet, ok bool) {
	for text := range strings.SplitSeq(string(payload), "\x1e") {
		switch {
		case text == "":
			return nil, false
		case text[0] == 'b':
			data, err := base64.StdEncoding.DecodeString(text[1:])
			if err != nil {
				return nil, false
			}
			packets = append(packets, Packet{Message, data, true})
		case strings.Contains("0123456", text[:1]):
			packets = append(packets, Packet{Kind: Kind(text[0]), Data: []byte(text[1:])})
		default:
			return nil, false
		}
	}
	return packets, true
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte("4hello"), false)
	f.Add([]byte{1, 2}, true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, message []byte, binary bool) {
		p, err := ParsePacket(bytes.Clone(message), binary)
		switch {
		case err != nil && binary:
			t.Fatal("binary data is always a message")
		case err != nil:
			if len(message) > 0 && message[0] >= '0' && message[0] <= '6' {
				t.Fatalf("%q is a packet", message)
			}
		case binary && (p.Kind != Message || !p.Binary || !bytes.Equal(p.Data, message)),
			!binary && (p.Binary || !bytes.Equal(append([]byte{byte(p.Kind)}, p.Data...), message)):
			t.Fatalf("%q became %+v", message, p)
		}
	})
}

// silent is an application that only counts.
type silent struct{ messages, bytes int }

func (s *silent) Message(data []byte, _ bool) (*wsroom.Ending, error) {
	s.messages++
	s.bytes += len(data)
	return nil, nil
}

func (*silent) Describe() []slog.Attr { return nil }

// FuzzRequest makes any request of a server with one session, whose id "$" in the query stands for. Only the one that opens a session, and those that name
// one, get 200; what is refused has the code of its reason; and a request that is over has left nothing behind but the sessions it opened.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "EIO=4&transport=polling", "", "", []byte(""))
	f.Add("GET", "EIO=4&transport=polling&sid=$", "", "", []byte(""))
	f.Add("POST", "EIO=4&transport=polling&sid=$", "", "http://example.com", []byte("4hello\x1ebAQID"))
	f.Add("POST", "EIO=4&transport=polling&sid=$", "", "", []byte("1"))
	f.Add("GET", "EIO=4&transport=websocket&sid=$", "websocket", "https://evil.example", []byte(""))
	f.Add("OPTIONS", "transport=websocket&transport=polling&EIO=3&EIO=4", "WebSocket", "null", []byte(""))
	f.Add("HEAD", "EIO=4;transport=polling&sid=%", "h2c", "://", []byte("x"))
	f.Fuzz(func(t *testing.T, method, query, upgrade, origin string, body []byte) {
		hub := wsroom.NewHub(wsroom.HubConfig{})
		hub.Open(0, "")
		var apps []*silent
		srv := NewServer(hub, wsroom.NewProtocol("fuzz", nil, nil), Config{MaxPayload: 1000}, func(*Session, *http.Request) Application {
			apps = append(apps, &silent{})
			return apps[len(apps)-1]
		})
		serve := func(method, query, body string, header http.Header) *httptest.ResponseRecorder {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // nobody waits for an answer
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/socket.io/", strings.NewReader(body))
			r.Method, r.URL.RawQuery = method, query
			r.Header = header
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, r)
			return w
		}
		sid := sidOf(serve(http.MethodGet, "EIO=4&transport=polling", "", http.Header{}))
		query = strings.ReplaceAll(query, "$", sid)
		w := serve(method, query, string(body), http.Header{"Upgrade": {upgrade}, "Origin": {origin}})
		checkAnswer(t, w, method, query, sid)
		if apps[0].bytes > len(body) || apps[0].messages > len(body) {
			t.Errorf("%q became %+v", body, apps[0])
		}
		for _, sid := range []string{sid, sidOf(w)} {
			if sid != "" {
				serve(http.MethodGet, "EIO=4&transport=polling&sid="+sid, "", http.Header{}) // the end: it is cancelled
			}
		}
		if err := hub.Drain(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	})
}

// sidOf is the session that an answer opens, if it does.
func sidOf(w *httptest.ResponseRecorder) string {
	var open struct{ Sid string }
	if text, found := strings.CutPrefix(w.Body.String(), "0"); !found || json.Unmarshal([]byte(text), &open) != nil {
		return ""
	}
	return open.Sid
}

func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, method, rawQuery, sid string) {
	t.Helper()
	query := (&url.URL{RawQuery: rawQuery}).Query()
	named := query.Get("sid") == sid
	var refusal struct {
		Code    *int
		Message string
	}
	switch {
	case w.Code == http.StatusOK:
		opens := strings.HasPrefix(w.Body.String(), `0{"sid"`) && query.Get("EIO") == "4" && method == http.MethodGet
		if query.Get("transport") != "polling" || !named && !opens || named && w.Body.String() != "ok" {
			t.Errorf("%s ?%s got %q", method, rawQuery, w.Body)
		}
	case w.Code == http.StatusNoContent:
		if method != http.MethodOptions || w.Body.Len() > 0 {
			t.Errorf("%s ?%s got %d %q", method, rawQuery, w.Code, w.Body)
		}
	case query.Get("transport") == "websocket" && slices.Contains([]int{400, 426, 501}, w.Code): // coder/websocket's answers to a handshake that is none
	case !slices.Contains([]int{400, 403, 413}, w.Code):
		t.Errorf("%s ?%s got %d %q", method, rawQuery, w.Code, w.Body)
	case json.Unmarshal(w.Body.Bytes(), &refusal) != nil || refusal.Code == nil || refusal.Message == "":
		t.Errorf("%s ?%s got %d %q", method, rawQuery, w.Code, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s ?%s may be cached", method, rawQuery)
	}
}
