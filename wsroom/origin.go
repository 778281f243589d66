package wsroom

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// Origins says which web pages may connect. Nil and the zero value allow the server's own only. A request without Origin is always allowed: it comes from
// no page, or from one of the server's own, or from one that cannot read the answer (an image's address). What protects an account is its token; the
// Origin only keeps foreign pages from using it. Handlers may share one, and it may be Set while they serve.
type Origins struct {
	set atomic.Pointer[originSet]
}

// originSet never changes.
type originSet struct {
	any      bool
	patterns []originPattern
}

// originPattern is scheme://host, or scheme://*.domain for every host below a domain, in lower case, the port included.
type originPattern struct {
	scheme string
	host   string // exact, or, with below, the suffix ".domain"
	below  bool
}

// NewOrigins reads patterns such as https://app.clinica.com.br, https://*.clinica.com.br, http://localhost:3000; or "*" for any page at all.
func NewOrigins(patterns ...string) (*Origins, error) {
	o := new(Origins)
	if err := o.Set(patterns); err != nil {
		return nil, err
	}
	return o, nil
}

// Set replaces the patterns for the handshakes that come from now on. With an error everything stays as it was.
func (o *Origins) Set(patterns []string) error {
	set, err := parseOrigins(patterns)
	if err == nil {
		o.set.Store(set)
	}
	return err
}

func parseOrigins(patterns []string) (*originSet, error) {
	origins := new(originSet)
	for _, pattern := range patterns {
		if pattern == "*" {
			origins.any = true
			continue
		}
		scheme, host, found := strings.Cut(strings.ToLower(pattern), "://")
		p := originPattern{scheme: scheme, host: host}
		if rest, wild := strings.CutPrefix(host, "*."); wild {
			p.host, p.below = "."+rest, true
		}
		if !found || scheme == "" || strings.Trim(p.host, ".") == "" || strings.ContainsAny(p.host, "*/?#@ ") {
			return nil, fmt.Errorf("parse origin pattern %q: expected scheme://host, scheme://*.domain or *", pattern)
		}
		origins.patterns = append(origins.patterns, p)
	}
	return origins, nil
}

// Allowed judges a request by its Origin. Behind a proxy that ends TLS the scheme is not known, so "same origin" compares the host and port.
func (o *Origins) Allowed(r *http.Request) bool {
	return r.Header.Get("Origin") == "" || o.now().any || o.Named(r)
}

// ownOnly is the set without patterns.
var ownOnly = new(originSet)

func (o *Origins) now() *originSet {
	if o != nil {
		if set := o.set.Load(); set != nil {
			return set
		}
	}
	return ownOnly
}

// Named reports whether the request's Origin is the server's own or matches a pattern other than "*": whether we know the page by name, so that it
// may send its cookies and read the answer.
func (o *Origins) Named(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !isASCII(u.Host) || !isASCII(r.Host) {
		// "null" among them: a sandboxed frame, a file. Other letters browsers write as xn--…; bytes that are none would be alike in folding.
		return false
	}
	if strings.EqualFold(u.Host, withoutDefaultPort(u.Scheme, r.Host)) {
		return true
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	for _, p := range o.now().patterns {
		if p.scheme == scheme && (p.host == host || p.below && strings.HasSuffix(host, p.host) && len(host) > len(p.host)) {
			return true
		}
	}
	return false
}

// withoutDefaultPort is a host as browsers name it in an Origin: some proxies put the port into the Host in any case.
func withoutDefaultPort(scheme, host string) string {
	switch scheme {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

func isASCII(text string) bool {
	for _, b := range []byte(text) {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
