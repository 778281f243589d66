package main

import (
	"net/http"
	"strings"

	"notifier/wsroom/socketio"
)

// mountSocketIO serves Socket.IO to members of the same rooms. Clients may be told to leave the slash away, and do not follow redirects.
func (d *daemon) mountSocketIO(mux *http.ServeMux) {
	s := d.settings
	handler := socketio.NewHandler(d.hub, tokens{d.verifier}, d.replays, socketio.Config{
		AllowedOrigins: s.allowedOrigins, AllowQueryToken: s.allowQueryToken, NoRecovery: !s.socketioRecovery,
		PingInterval: s.pingInterval, PingTimeout: s.pingTimeout, CursorRefresh: s.cursorRefresh(),
		ConnectTimeout: s.socketioConnectTimeout, UpgradeTimeout: s.socketioUpgradeTimeout, MaxPayload: s.socketioMaxPayload,
		RefuseByLeaving: s.socketioRefuseByLeaving, Logger: d.log, Metrics: d.metrics,
	})
	mux.Handle(s.socketioPath, handler)
	mux.Handle(strings.TrimSuffix(s.socketioPath, "/"), handler)
}
