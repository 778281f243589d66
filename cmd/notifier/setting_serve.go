package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// serveSettings is everything that the daemon can be told. Registered on any command (a fresh
// &cobra.Command{} will do) it holds the documented defaults.
type serveSettings struct {
	databaseSettings
	identitySettings
	socketioSettings
	edgeSettings
	limitSettings
	logSettings
	traceSettings
	addr       string
	adminAddr  string
	adminToken string // empty: loopback only
	peerAddr   string // "off": alone
	peerHost   string // empty: found out

	allowedOrigins  []string // canonical: lower case, no default port; empty means same origin only
	allowQueryToken bool
	pingInterval    time.Duration
	pingTimeout     time.Duration

	retention    time.Duration
	replayLimit  int
	pollInterval time.Duration
	drain        time.Duration

	source *settings
}

func (s *serveSettings) register(cmd *cobra.Command) {
	s.source = newSettings(cmd)
	s.databaseSettings.register(s.source, "the runtime role")
	s.source.text(&s.addr, "addr", ":8080", "public address: /ws, /socket.io/", isListenAddress)
	s.source.text(&s.adminAddr, "admin-addr", "127.0.0.1:9090", "admin address: /livez, /readyz, /metrics, and the status page", isListenAddress)
	s.source.secret(&s.adminToken, "admin-token", "what who looks into the daemon by the admin address has to know; "+
		"without one that is served on loopback only", isAdminToken)
	s.source.text(&s.peerAddr, "peer-addr", ":0", "address for the other daemons on this database, which find it there; port 0: any; \"off\": alone",
		isPeerAddress)
	s.source.text(&s.peerHost, "peer-host", "", "name or IP address under which they reach it; found out if empty", isHost)
	s.edgeSettings.register(s.source)
	s.limitSettings.register(s.source)
	s.registerVerifying(s.source)
	s.source.items(&s.allowedOrigins, "allowed-origins", "origins of pages that may connect, as https://app.clinic.example or "+
		"https://*.clinic.example; same origin only if empty", canonicalOrigin)
	s.source.toggle(&s.allowQueryToken, "allow-query-token", "false", "accept tokens as ?access_token= and ?token=, where proxies log them")
	s.socketioSettings.register(s.source)
	s.source.duration(&s.pingInterval, "ping-interval", "25s", "pause between the server's pings", atLeast(time.Millisecond))
	s.source.duration(&s.pingTimeout, "ping-timeout", "20s", "how long a client may take to answer a ping", atLeast(time.Millisecond))
	s.source.duration(&s.retention, "retention", "24h", "how long events can be replayed and held-back releases wait", atLeast(time.Second))
	s.source.number(&s.replayLimit, "replay-limit", "10000", "most events that one client is replayed", atLeast(1))
	s.source.duration(&s.pollInterval, "poll-interval", "50ms", "how often to look for events without having heard the bell", atLeast(time.Millisecond))
	s.source.duration(&s.drain, "drain", "20s", "over how long the sockets are closed at shutdown", atLeast(time.Duration(0)))
	s.logSettings.register(s.source)
	s.traceSettings.register(s.source)
	s.source.fromEnvFile()
}

// load reads flags, environment and files; its error names every fault.
func (s *serveSettings) load() error { return s.source.load() }

// cursorRefresh is how often idle clients are told a newer cursor: often enough that theirs does not age out.
func (s *serveSettings) cursorRefresh() time.Duration { return min(3*time.Minute, s.retention/4) }

func isListenAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%s is not host:port or :port", shown(text))
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number > 65535 {
		return fmt.Errorf("%s has no port between 0 and 65535", shown(text))
	}
	return nil
}

// isPeerAddress is a listen address, or "off".
func isPeerAddress(text string) error {
	if text == peersOff {
		return nil
	}
	return isListenAddress(text)
}

// peersOff is the peer address of a daemon that has nothing to do with others.
const peersOff = "off"

// isHost is a host without a port: the port is the address's.
func isHost(text string) error {
	if net.ParseIP(text) != nil || text != "" && !strings.ContainsAny(text, ":/[]@ ") {
		return nil
	}
	return fmt.Errorf("%s is not a host name or an IP address; it has no port", shown(text))
}

// canonicalOrigin brings an origin into the one form in which browsers send it, so that comparing
// bytes is enough. "*." stands for every host below a domain, a star alone for every origin. Schemes
// other than http and https are those of pages inside of an app.
func canonicalOrigin(text string) (string, error) {
	if text == "*" {
		return text, nil
	}
	origin, err := url.Parse(strings.ToLower(text))
	switch {
	case err != nil, origin.Hostname() == "", origin.Scheme == "ws", origin.Scheme == "wss":
		return "", fmt.Errorf("%s is not an origin like https://app.clinic.example", shown(text))
	case origin.User != nil, origin.Path != "", origin.RawQuery != "", origin.ForceQuery, origin.Fragment != "":
		return "", errors.New("an origin ends after host and port, without a slash")
	case strings.ContainsFunc(origin.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", errors.New("browsers send a host with other letters than a to z as xn--…: that is how it has to be written")
	case strings.Contains(strings.TrimPrefix(origin.Host, "*."), "*"):
		return "", errors.New("a star stands for everything before a domain, as in https://*.clinic.example")
	}
	if origin.Scheme == "http" && origin.Port() == "80" || origin.Scheme == "https" && origin.Port() == "443" {
		origin.Host = strings.TrimSuffix(origin.Host, ":"+origin.Port())
	}
	return origin.Scheme + "://" + origin.Host, nil
}
