package wsroom

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecodeAuth: whatever a client sends, what is accepted is a JSON object of type auth, and no error repeats what was sent.
func FuzzDecodeAuth(f *testing.F) {
	for _, seed := range []string{
		`{"type":"auth","token":"secret","cursor":"1-42"}`, `{"type":"auth","token":"secret"`, `{"type":"secret"}`, `{"type":1,"token":"secret"}`,
		`{"TYPE":"auth"}`, `[]`, `null`, `"auth"`, ``, `{"type":"auth","token":{"token":"secret"}}`, "{\"type\":\"auth\",\"token\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		message, err := decodeAuth(frame)
		if err != nil {
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats the frame: %v", err)
			}
			return
		}
		if message.Type != "auth" {
			t.Errorf("want auth, got %q", message.Type)
		}
		var object map[string]any
		if json.Unmarshal(frame, &object) != nil {
			t.Errorf("accepted what is not an object: %q", frame)
		}
	})
}

// FuzzToken: a token is part of what was sent, has no blanks around it, and comes only from where tokens may come from.
func FuzzToken(f *testing.F) {
	f.Add("Bearer abc", "notifier.v1, bearer.def", "access_token=x&token=y")
	f.Add("bearer  abc ", "bearer.", "token=%zz")
	f.Add("0", "bearer. 0", "0")
	f.Add("Basic abc", " bearer.a , bearer.b", "")
	f.Fuzz(func(t *testing.T, authorization, protocols, query string) {
		r := &http.Request{Header: http.Header{"Authorization": {authorization}, "Sec-Websocket-Protocol": {protocols}}, URL: &url.URL{RawQuery: query}}
		token := handshakeToken(r, false)
		if token != strings.TrimSpace(token) {
			t.Errorf("blanks around %q", token)
		}
		if token != "" && !strings.Contains(authorization, token) && !strings.Contains(protocols, token) {
			t.Errorf("token %q from nowhere", token)
		}
		if BearerToken(r) != "" && token != BearerToken(r) {
			t.Errorf("want the header's, got %q", token)
		}
		if allowed := handshakeToken(r, true); token != "" && allowed != token {
			t.Errorf("want the query last, got %q", allowed)
		}
	})
}

// FuzzOrigin: no Origin is let in that is neither the host's own nor matched by a pattern as people read it.
func FuzzOrigin(f *testing.F) {
	f.Add("https://app.clinica.com.br", "ws.clinica.com.br")
	f.Add("https://clinica.com.br.evil.com", "x")
	f.Add("https://evil.com\\.clinica.com.br", "x")
	f.Add("https://user@evil.com", "evil.com")
	f.Add("https://evil.com", "evil.com:443")
	f.Add("//%80", "\x81")
	origins, err := NewOrigins("https://*.clinica.com.br")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, origin, host string) {
		r := &http.Request{Host: host, Header: http.Header{"Origin": {origin}}}
		if origin == "" || !origins.Allowed(r) {
			return
		}
		lower := strings.ToLower(origin)
		below := strings.HasPrefix(lower, "https://") && strings.Contains(lower, ".clinica.com.br")
		own := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(host), ":443"), ":80")
		if !below && !strings.Contains(lower, own) {
			t.Errorf("%q may connect to %q", origin, host)
		}
	})
}

// FuzzAppendString: strings are JSON, and come back as they were.
func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"1", "1-42", "são \"paulo\"<1>", "\x00\x7f\\", "😀", "appointmnents.finished"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(s) && got != s {
			t.Errorf("want %q, got %q", s, got)
		}
	})
}
