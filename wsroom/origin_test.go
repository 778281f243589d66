package wsroom

import (
	"net/http"
	"testing"
)

func TestTheServersOwnPagesAreKnownBehindAProxyThatNamesThePort(t *testing.T) {
	for _, test := range []struct {
		origin, host string
		own          bool
	}{
		{"https://a.br", "a.br:443", true},
		{"http://a.br", "a.br:80", true},
		{"https://A.br", "a.BR", true},
		{"https://a.br:8443", "a.br:8443", true},
		{"http://[::1]", "[::1]:80", true},
		{"http://a.br", "a.br:443", false}, // another origin on the same machine
		{"https://a.br", "a.br:80", false},
		{"https://a.br", "a.br:8443", false},
		{"https://a.br:8443", "a.br", false},
		{"https://a.br", "b.a.br", false},
	} {
		r := &http.Request{Host: test.host, Header: http.Header{"Origin": {test.origin}}}
		if got := (*Origins)(nil).Allowed(r); got != test.own {
			t.Errorf("%s at %s: allowed %v, want %v", test.origin, test.host, got, test.own)
		}
	}
}
