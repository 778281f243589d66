package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	forwardedFor  = "X-Forwarded-For"
	forwardedHost = "X-Forwarded-Host"
)

// distrustPause is how often it is said that somebody unknown claims to be a proxy.
const distrustPause = time.Hour

// Proxies finds out where a client comes from. Behind a proxy every connection has the proxy's address; whom it connects for it says in
// X-Forwarded-For, which anybody can send, so only the word of those counts that are trusted.
//
// The standard's own header (RFC 7239, Forwarded) is not read: no proxy sends it unless told to, and where two headers say who a client is, the one
// that the proxy does not look after is the client's to write. X-Forwarded-Proto is not needed: the check of Origin compares hosts.
type Proxies struct {
	log     *slog.Logger
	trusted atomic.Pointer[[]netip.Prefix]

	mu   sync.Mutex
	told map[bool]time.Time // when it was last said, of private addresses (true) and of others
}

// NewProxies trusts the addresses of a list as CanonicalNetwork has them.
func NewProxies(list []string, log *slog.Logger) (*Proxies, error) {
	p := &Proxies{log: log, told: map[bool]time.Time{}}
	return p, p.Set(list)
}

// Set trusts others from now on. With an error everything stays as it was.
func (p *Proxies) Set(list []string) error {
	trusted, err := networks(list)
	if err == nil {
		p.trusted.Store(&trusted)
	}
	return err
}

// Handler puts the client's address into RemoteAddr and, behind a trusted proxy that rewrites Host, the name that the browser used into Host, with which
// Origin is compared. A page cannot set X-Forwarded-Host, so that a proxy which passes a client's own on does not weaken that check.
func (p *Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, ok := addrPort(r.RemoteAddr)
		switch {
		case !ok: // not a network of the Internet's
		case p.trusts(peer.Addr()):
			r.RemoteAddr = p.client(peer, r.Header.Values(forwardedFor)).String()
			if host := lastHost(r.Header.Values(forwardedHost)); host != "" {
				r.Host = host
			}
		case len(r.Header.Values(forwardedFor)) > 0:
			p.distrust(r.Context(), peer.Addr())
		}
		next.ServeHTTP(w, r)
	})
}

func (p *Proxies) trusts(addr netip.Addr) bool {
	for _, network := range *p.trusted.Load() {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// distrust says it once in a while: a proxy that nobody has named makes all its clients one. Addresses of strangers are not for this log.
func (p *Proxies) distrust(ctx context.Context, peer netip.Addr) {
	ours := peer.IsPrivate() || peer.IsLoopback()
	p.mu.Lock()
	last, said := p.told[ours]
	now := time.Now()
	if said = said && now.Sub(last) < distrustPause; !said {
		p.told[ours] = now
	}
	p.mu.Unlock()
	if said {
		return
	}
	var attrs []slog.Attr
	if ours {
		attrs = append(attrs, slog.String("peer", peer.String()))
	}
	p.log.LogAttrs(ctx, slog.LevelWarn, "proxy_not_trusted", attrs...)
}

// lastHost is what the nearest proxy says of the Host that it got; "" if that is none.
func lastHost(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	_, host := cutLast(lines[len(lines)-1])
	if len(host) > 255 || strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:[]", r)
	}) {
		return ""
	}
	return host
}
