package edge

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newProxies(t testing.TB, log *bytes.Buffer, trusted ...string) *Proxies {
	t.Helper()
	handler := slog.DiscardHandler
	if log != nil {
		handler = slog.NewTextHandler(log, nil)
	}
	p, err := NewProxies(trusted, slog.New(handler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// through is a request as the handler gets it.
func (p *Proxies) through(peer string, header http.Header) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://own.example/ws", nil)
	r.RemoteAddr, r.Header = peer, header
	var seen *http.Request
	p.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r })).ServeHTTP(httptest.NewRecorder(), r)
	return seen
}

func TestTheClientIsWhomTheLastTrustedProxySaw(t *testing.T) {
	p := newProxies(t, nil, "10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48", "loopback")
	many := strings.TrimSuffix(strings.Repeat("10.0.0.9, ", 5000), ", ")
	for _, test := range []struct {
		name, peer, want string
		lines            []string
	}{
		{"no header", "10.0.0.1:4000", "10.0.0.1:4000", nil},
		{"one proxy", "10.0.0.1:4000", "203.0.113.5:0", []string{"203.0.113.5"}},
		{"what the client says before", "10.0.0.1:4000", "203.0.113.5:0", []string{"1.1.1.1, 203.0.113.5"}},
		{"trusted ones are skipped", "10.0.0.1:4000", "203.0.113.5:0", []string{"1.1.1.1, 203.0.113.5, 192.0.2.7,10.2.3.4"}},
		{"several lines", "10.0.0.1:4000", "203.0.113.5:0", []string{"1.1.1.1", "9.9.9.9,203.0.113.5", "10.2.3.4"}},
		{"all trusted", "10.0.0.1:4000", "10.9.9.9:0", []string{"10.9.9.9", "10.2.3.4"}},
		{"with a port", "10.0.0.1:4000", "203.0.113.5:8080", []string{"203.0.113.5:8080"}},
		{"IPv6", "[2001:db8:1::1]:4000", "[2001:db8:2::5]:0", []string{"2001:db8:2::5"}},
		{"IPv6 in brackets", "10.0.0.1:4000", "[2001:db8:2::5]:0", []string{"[2001:db8:2::5]"}},
		{"IPv6 in brackets with a port", "10.0.0.1:4000", "[2001:db8:2::5]:443", []string{"[2001:db8:2::5]:443"}},
		{"IPv4 inside of IPv6", "[::ffff:10.0.0.1]:4000", "203.0.113.5:0", []string{"::ffff:203.0.113.5"}},
		{"a zone", "10.0.0.1:4000", "[fe80::1]:0", []string{"fe80::1%eth0"}},
		{"unknown", "10.0.0.1:4000", "10.0.0.1:4000", []string{"203.0.113.5, unknown"}},
		{"garbage behind trusted", "10.0.0.1:4000", "10.2.3.4:0", []string{"203.0.113.5, <script>, 10.2.3.4"}},
		{"nothing", "10.0.0.1:4000", "10.0.0.1:4000", []string{""}},
		{"brackets around IPv4", "10.0.0.1:4000", "10.0.0.1:4000", []string{"[203.0.113.5]"}},
		{"a bracket too few", "10.0.0.1:4000", "10.0.0.1:4000", []string{"[2001:db8:2::5"}},
		{"a name", "10.0.0.1:4000", "10.0.0.1:4000", []string{"clinic.example"}},
		{"too long a way", "10.0.0.1:4000", "10.0.0.9:0", []string{"203.0.113.5, " + many}},
		{"an untrusted peer", "203.0.113.9:4000", "203.0.113.9:4000", []string{"203.0.113.5"}},
		{"a pipe", "pipe", "pipe", []string{"203.0.113.5"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := p.through(test.peer, http.Header{forwardedFor: test.lines}).RemoteAddr; got != test.want {
				t.Errorf("want %s, got %s", test.want, got)
			}
		})
	}
}

// Origin is compared with Host, which some proxies rewrite.
func TestTheHostIsTheBrowsersOnlyByATrustedProxy(t *testing.T) {
	p := newProxies(t, nil, "10.0.0.1")
	for _, test := range []struct {
		peer, want string
		lines      []string
	}{
		{"10.0.0.1:1", "own.example", nil},
		{"10.0.0.1:1", "app.clinic.example:8443", []string{"app.clinic.example:8443"}},
		{"10.0.0.1:1", "app.clinic.example", []string{"evil.example", "evil.example, app.clinic.example"}},
		{"10.0.0.1:1", "[::1]:8080", []string{"[::1]:8080"}},
		{"10.0.0.1:1", "own.example", []string{"a b/c"}},
		{"10.0.0.1:1", "own.example", []string{strings.Repeat("a", 256)}},
		{"203.0.113.9:1", "own.example", []string{"app.clinic.example"}},
	} {
		if got := p.through(test.peer, http.Header{forwardedHost: test.lines}).Host; got != test.want {
			t.Errorf("%s says %q: want %s, got %s", test.peer, test.lines, test.want, got)
		}
	}
}

func TestAProxyThatIsNotTrustedIsToldOfOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := newProxies(t, &log)
		claim := http.Header{forwardedFor: {"203.0.113.5"}}
		for range 10 {
			p.through("203.0.113.9:4000", claim)
			p.through("10.0.0.1:4000", claim)
			p.through("10.0.0.2:4000", claim)
			p.through("10.0.0.3:4000", nil)
			time.Sleep(5 * time.Minute)
		}
		got := log.String()
		if strings.Count(got, "level=WARN msg=proxy_not_trusted") != 2 || strings.Count(got, "peer=10.0.0.1\n") != 1 || strings.Contains(got, "203.0") {
			t.Errorf("want one line with 10.0.0.1 and one without an address, got %s", got)
		}
		time.Sleep(time.Hour)
		p.through("10.0.0.2:4000", claim)
		if !strings.Contains(log.String(), "peer=10.0.0.2\n") {
			t.Errorf("want it said again, got %s", &log)
		}
		if err := p.Set([]string{"private"}); err != nil {
			t.Fatal(err)
		}
		if got := p.through("10.0.0.2:4000", claim).RemoteAddr; got != "203.0.113.5:0" {
			t.Errorf("want it trusted from now on, got %s", got)
		}
		if err := p.Set([]string{"everybody"}); err == nil || !p.trusts(netip.MustParseAddr("10.0.0.2")) {
			t.Errorf("want an error that changes nothing, got %v", err)
		}
	})
}

func TestNetworksAreBroughtIntoOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "10.1.2.3/8": "10.0.0.0/8", "2001:DB8::1": "2001:db8::1", "2001:db8::1/32": "2001:db8::/32", "::ffff:10.1.2.3": "10.1.2.3",
		"loopback": "loopback", "private": "private",
	} {
		if got, err := CanonicalNetwork(text); err != nil || got != want {
			t.Errorf("%s: want %s, got %s, %v", text, want, got, err)
		}
	}
	for text, want := range map[string]string{
		"0.0.0.0/0": "everybody", "::/0": "everybody", "10.0.0.0/33": "not an address", "proxy.example": "not an address", "10.0.0.1:80": "not an address",
		"fe80::1%eth0": "zone", "::ffff:10.0.0.0/104": "10.0.0.0/8", "*": "not an address",
	} {
		if got, err := CanonicalNetwork(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want an error about %q, got %s, %v", text, want, got, err)
		}
	}
}

// FuzzForwardedFor: whatever is sent, the client is an address; an untrusted peer's word changes nothing; and what a trusted proxy appends is who it saw.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"", "203.0.113.5", "1.1.1.1, 10.0.0.1", "unknown", "[::1]:80,::ffff:1.2.3.4", ",,,", "fe80::1%25", strings.Repeat("10.0.0.1,", 40),
	} {
		f.Add(seed, "203.0.113.5", true)
		f.Add("", seed, false)
	}
	p := newProxies(f, nil, "private", "loopback", "192.0.2.0/24")
	const attacker = "198.51.100.66"
	f.Fuzz(func(t *testing.T, first, second string, apart bool) {
		if got := p.through("203.0.113.9:4000", http.Header{forwardedFor: {first, second}}).RemoteAddr; got != "203.0.113.9:4000" {
			t.Errorf("an untrusted peer has become %s", got)
		}
		got, err := netip.ParseAddrPort(p.through("10.0.0.1:4000", http.Header{forwardedFor: {first, second}}).RemoteAddr)
		if err != nil || got.Addr().Zone() != "" || got.Addr().Is4In6() {
			t.Errorf("the client is %v, %v", got, err)
		}
		sent := []string{first, second + "," + attacker}
		if apart {
			sent = []string{first, second, attacker}
		}
		sent = append(sent, "192.0.2.1, 127.0.0.1") // two more proxies on the way
		if got := p.through("10.0.0.1:4000", http.Header{forwardedFor: sent}).RemoteAddr; got != attacker+":0" {
			t.Errorf("the attacker has become %s by %q", got, sent)
		}
	})
}
