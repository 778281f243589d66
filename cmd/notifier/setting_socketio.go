package main

import (
	"fmt"
	"strings"
	"time"
)

// socketioSettings are what a Socket.IO server can be told, with the reference server's defaults. The pings' times are those of both protocols.
type socketioSettings struct {
	socketioPath            string // with a slash at both ends
	socketioRecovery        bool
	socketioConnectTimeout  time.Duration
	socketioUpgradeTimeout  time.Duration
	socketioMaxPayload      int // bytes
	socketioRefuseByLeaving bool
}

func (s *socketioSettings) register(source *settings) {
	source.path(&s.socketioPath, "socketio-path", "/socket.io/", "where Socket.IO is served; the client's option is called path, too")
	source.toggle(&s.socketioRecovery, "socketio-recovery", "true",
		"connection state recovery for Socket.IO clients, from the log; off: frames as a plain server sends them")
	source.duration(&s.socketioConnectTimeout, "socketio-connect-timeout", "45s",
		"how long a Socket.IO client may take to connect with a good token", atLeast(time.Millisecond))
	source.duration(&s.socketioUpgradeTimeout, "socketio-upgrade-timeout", "10s",
		"how long the upgrade from polling to WebSocket may take", atLeast(time.Millisecond))
	source.number(&s.socketioMaxPayload, "socketio-max-payload", "1000000",
		"most bytes of one message or POST of a Socket.IO client", atLeast(1024))
	source.toggle(&s.socketioRefuseByLeaving, "socketio-refuse-by-leaving", "false",
		"refuse a token as NestJS gateways do, by a connection that ends at once (\"io server disconnect\"), instead of a connect_error")
}

// path is a place on the public address, with or without its slashes; it is kept with both.
func (s *settings) path(target *string, name, fallback, help string) {
	add(s, target, &setting{name: name, kind: "path", fallback: fallback, help: help}, func(text string) (string, error) {
		path := "/" + strings.Trim(text, "/") + "/"
		switch {
		case path == "//":
			return "", fmt.Errorf("%s would take the whole address, and /ws with it", shown(text))
		case path == "/ws/":
			return "", fmt.Errorf("%s is the plain protocol's", shown(text))
		case strings.Contains(path[1:], "//") || strings.ContainsAny(path, " ?#%{}\\") || strings.Contains(path, "/."):
			return "", fmt.Errorf("%s is not a path like /socket.io/", shown(text))
		}
		return path, nil
	})
}
