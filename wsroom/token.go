package wsroom

import (
	"net/http"
	"strings"
)

// Subprotocol is what the server selects. Browsers cannot set headers on a WebSocket, so they bring the token as a second "subprotocol".
const (
	Subprotocol  = "notifier.v1"
	bearerPrefix = "bearer."
)

// BearerToken returns the token of the Authorization header, "" if it has none.
func BearerToken(r *http.Request) string {
	return TrimBearer(r.Header.Get("Authorization"))
}

// TrimBearer takes the token out of "Bearer <token>", "" if it is something else; the scheme's case does not matter (RFC 9110, section 11.1).
func TrimBearer(header string) string {
	scheme, token, found := strings.Cut(strings.TrimSpace(header), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// handshakeToken returns the token that came with the handshake: the header's, else the subprotocol's, else, where that is allowed, the query's.
// A second one is not looked at.
func handshakeToken(r *http.Request, allowQuery bool) string {
	if token := BearerToken(r); token != "" {
		return token
	}
	if token := subprotocolToken(r.Header.Values("Sec-WebSocket-Protocol")); token != "" {
		return token
	}
	if !allowQuery {
		return ""
	}
	return QueryToken(r)
}

// QueryToken returns ?access_token= or ?token=. URLs end up in the logs of proxies: for installations that allow it only.
func QueryToken(r *http.Request) string {
	query := r.URL.Query()
	if token := query.Get("access_token"); token != "" {
		return token
	}
	return query.Get("token")
}

// subprotocolToken finds bearer.<token> among the offered subprotocols, which may come in one header or several.
func subprotocolToken(headers []string) string {
	for _, header := range headers {
		for offer := range strings.SplitSeq(header, ",") {
			if token, found := strings.CutPrefix(strings.TrimSpace(offer), bearerPrefix); found && strings.TrimSpace(token) != "" {
				return strings.TrimSpace(token)
			}
		}
	}
	return ""
}
