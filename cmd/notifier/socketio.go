package main

import (
	"net/http"
	"strings"

	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/engineio"
)

// mountSocketIO serves Socket.IO to members of the same rooms. Clients may be told to leave the slash away, and do not follow redirects.
func (d *daemon) mountSocketIO(mux *http.ServeMux) {
	s := d.settings
	var others engineio.Peers
	if d.peers != nil {
		others = d.peers
	}
	d.socketIO = socketio.NewHandler(d.hub, tokens{d.verifier}, d.replays, socketio.Config{
		Origins: d.origins, AllowQueryToken: s.allowQueryToken, NoRecovery: !s.socketioRecovery,
		PingInterval: s.pingInterval, PingTimeout: s.pingTimeout, CursorRefresh: s.cursorRefresh(),
		ConnectTimeout: s.socketioConnectTimeout, UpgradeTimeout: s.socketioUpgradeTimeout, MaxPayload: s.socketioMaxPayload,
		RefuseByLeaving: s.socketioRefuseByLeaving, Peers: others, Logger: d.log, Metrics: d.metrics,
	})
	d.peers.handle("/engineio/", d.socketIO.ServePeer)
	mux.Handle(s.socketioPath, d.socketIO)
	mux.Handle(strings.TrimSuffix(s.socketioPath, "/"), d.socketIO)
}
