package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"notifier/wsroom"
)

// What is answered to who may not ask.
const (
	adminNeedsToken = "This part of the admin address needs the admin token: send it as \"Authorization: Bearer …\", or as the password of HTTP Basic.\n"
	adminNeedsAny   = "This part of the admin address is open without a token only on loopback. " +
		"Set --admin-token (NOTIFIER_ADMIN_TOKEN, or NOTIFIER_ADMIN_TOKEN_FILE: the path of a file with it), or bind --admin-addr to 127.0.0.1.\n"
	adminWrongHost = "Without --admin-token the admin address answers to localhost, 127.0.0.1 and [::1] only: " +
		"a page that has its own name point here must not read it.\n"
	adminOtherSite = "A page of another site has asked for this: from there only the status page can be opened.\n"
)

// guarded lets in who may look into the daemon and act on it: who has the admin token; or, where there is none, who is on this machine. What
// changes anything is not taken from a page of another origin, whose browser may know the password; nor does one of another site
// begin a profile.
func (d *daemon) guarded(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := d.settings.adminToken
		switch {
		case token == "" && !isLoopback(d.adminAddr):
			http.Error(w, adminNeedsAny, http.StatusForbidden)
		case token == "" && !isLoopbackName(r.Host):
			http.Error(w, adminWrongHost, http.StatusForbidden)
		case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.URL.Path != "/":
			http.Error(w, adminOtherSite, http.StatusForbidden)
		case token != "" && !sameSecret(adminTokenOf(r), token):
			w.Header().Add("WWW-Authenticate", `Basic realm="notifier", charset="UTF-8"`)
			w.Header().Add("WWW-Authenticate", `Bearer realm="notifier"`)
			http.Error(w, adminNeedsToken, http.StatusUnauthorized)
		default:
			sameOrigin.ServeHTTP(w, r)
		}
	})
}

// adminTokenOf is the token of a request, "" if it has none. A browser asks for a user and a password: the user does not matter.
func adminTokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	return wsroom.BearerToken(r)
}

// sameSecret takes as long for any text that is not the secret.
func sameSecret(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// isLoopback reports whether nobody but this machine reaches an address.
func isLoopback(listener net.Listener) bool {
	tcp, ok := listener.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// isLoopbackName reports whether a Host header names this machine and nothing else that DNS could.
func isLoopbackName(hostPort string) bool {
	host := hostPort
	if name, _, err := net.SplitHostPort(hostPort); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}
