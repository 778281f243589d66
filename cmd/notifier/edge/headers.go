package edge

import "net/http"

// What pages may do. A site behind the public address, and the status page of the admin address, set policies of their own.
const (
	PublicPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	AdminPolicy  = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'" // pprof's pages
)

// transportSecurity holds for a year, and for this host alone: its neighbours are not ours.
const transportSecurity = "max-age=31536000"

// Headers sets what every answer tells browsers, before the handler, which may say otherwise. secure says that it is reached over our own TLS: over a
// proxy's, Strict-Transport-Security is the proxy's.
func Headers(next http.Handler, policy string, secure bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store") // what is answered here is one client's, or of one moment
		if secure {
			h.Set("Strict-Transport-Security", transportSecurity)
		}
		next.ServeHTTP(w, r)
	})
}
