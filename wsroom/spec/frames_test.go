package spec_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// Every kind of frame that the handlers can send, provoked and held against the document: each is one of its messages, each of its messages
// comes, with every error code and in every close.

func TestWhatScreensOnWSReceiveIsInTheDocument(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	live := h.dial("/ws", "Authorization: Bearer 1")
	live.await("welcome")
	h.tell()
	for _, name := range []string{"appointmentEvent", "goneEvent", "doctorEvent", "testEvent", "cursor"} {
		live.await(name)
	}
	last := h.Publish("1", `{"id":1,"accountId":1,"deletedAt":"2025-01-23T09:15:00.000Z"}`)
	back := h.dial("/ws?cursor="+roomtest.CursorOf(last-1), "Authorization: Bearer 1/2s")
	back.await("welcome")
	back.await("goneEvent")
	back.await("expiring")
	back.say(`{"type":"auth","token":"1"}`)
	back.await("renewed")
	back.say(`{"type":"auth","token":"2"}`) // another account's
	back.ends()
	h.dial("/ws", "Authorization: Bearer 1/50ms").ends() // expires
	for _, token := range []string{"token_invalid", "token_expired", "keys_unavailable", "unavailable"} {
		h.dial("/ws", "Authorization: Bearer "+token).ends()
	}
	h.dial("/ws", "Authorization: Bearer 1", "Origin: https://elsewhere.example").ends()
	for _, text := range []string{`{"type":"auth"}`, "no JSON", strings.Repeat("x", 17<<10)} {
		c := h.dial("/ws")
		c.say(text)
		c.ends()
	}
	flood := h.dial("/ws", "Authorization: Bearer 1")
	flood.await("welcome")
	flood.say(slices.Repeat([]string{`{"type":"auth","token":"1"}`}, 30)...)
	flood.ends()
	h.Hub.Resync(50, roomtest.CursorOf(50))
	live.ends()
	full := open(t, h, func(hub *wsroom.HubConfig, _ *socketio.Config) { hub.Limits.PerAccount = 1 })
	last1 := full.dial("/ws", "Authorization: Bearer 1")
	last1.await("welcome")
	full.dial("/ws", "Authorization: Bearer 1").ends()
	full.Drain(t)
	last1.ends()
	h.saw("plain")
	h.sawCodes(t)
}

// saw wants every message of a channel to have come.
func (h *house) saw(channel string) {
	h.t.Helper()
	want := slices.Sorted(maps.Keys(h.document.Sent(channel)))
	if got := slices.Sorted(maps.Keys(h.seen)); !slices.Equal(got, want) {
		h.t.Errorf("came: %v; in the document: %v", got, want)
	}
}

// sawCodes wants every error code and every close of the document to have come but those that need no frame of ours: a client that does not read is the
// business of slow_test.go in wsroom.
func (h *house) sawCodes(t *testing.T) {
	t.Helper()
	closes, framed := endings(t)
	if got := slices.Sorted(maps.Keys(h.codes)); !sameWords(got, framed) {
		t.Errorf("error frames came with %v, the document has %v", got, framed)
	}
	want := []string{}
	for number, codes := range closes {
		for _, code := range codes {
			if code != "slow" {
				want = append(want, number+" "+code)
			}
		}
	}
	if got := slices.Collect(maps.Keys(h.closes)); !sameWords(got, want) {
		t.Errorf("closes came: %v; in the document: %v", got, want)
	}
}

func TestWhatSocketIOClientsReceiveIsInTheDocument(t *testing.T) {
	t.Parallel()
	const target = "/socket.io/?EIO=4&transport=websocket"
	h := open(t, nil)
	c := h.dial(target)
	c.await("open")
	for _, token := range []string{"", "token_invalid", "token_expired", "account_forbidden"} {
		c.say(`40{"token":"` + token + `"}`)
		c.await("connectError")
	}
	c.say("40/x,")
	c.await("namespaceError")
	c.say(`40{"token":"1"}`)
	c.await("connected")
	h.tell()
	for _, name := range []string{"appointmentPacket", "gonePacket", "doctorPacket", "testPacket", "cursorPacket", "ping"} {
		c.await(name)
	}
	c.say("3", `427["question"]`)
	if text := c.await("acknowledged"); text != "437[]" {
		t.Errorf("the acknowledgement is %q", text)
	}
	open(t, h, func(_ *wsroom.HubConfig, s *socketio.Config) { s.PingInterval = time.Hour }).upgrades()
	bare := open(t, h, func(hub *wsroom.HubConfig, s *socketio.Config) {
		hub.Limits.PerAccount = 1
		s.NoRecovery = true
	})
	plain := bare.dial(target)
	plain.say(`40{"token":"1"}`)
	if text := plain.await("connected"); strings.Contains(text, "pid") {
		t.Errorf("without recovery it is %s", text)
	}
	bare.tell()
	plain.await("appointmentPacket")
	plain.await("testPacket")
	crowd := bare.dial(target)
	crowd.say(`40{"token":"1"}`)
	crowd.await("connectError")
	leaving := open(t, h, func(_ *wsroom.HubConfig, s *socketio.Config) { s.RefuseByLeaving = true })
	refused := leaving.dial(target)
	refused.say(`40{"token":"token_invalid"}`)
	refused.await("disconnect")
	h.saw("socketio")
	want := []string{"account_forbidden", "token_expired", "token_invalid", "token_missing", "too_many_connections"}
	if got := slices.Sorted(maps.Keys(h.codes)); !slices.Equal(got, want) {
		t.Errorf("refused with %v, want %v", got, want)
	}
}

// upgrades has a session that polls upgrade, and another end.
func (h *house) upgrades() {
	h.t.Helper()
	one := h.poll()
	one.post(`40{"token":"1"}`)
	one.get() // connected
	c := h.dial("/socket.io/?EIO=4&transport=websocket&sid=" + one.sid)
	c.say("2probe")
	c.await("probed")
	for text := one.get(); text != "6"; text = one.get() { // what came before, and then what lets the upgrade go on
		if text == "" {
			h.t.Fatal("the upgrade was not let go on")
		}
	}
	c.say("5")
	two := h.poll()
	two.post(`40{"token":"1/` + (300 * time.Millisecond).String() + `"}`)
	for text := two.get(); text != "1"; text = two.get() {
		if text == "" {
			h.t.Fatal("the session's end did not come")
		}
	}
}

// quoted is for packets' sid.
func quoted(text string) string {
	_, rest, _ := strings.Cut(text, `"sid":`)
	sid, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	return strings.Trim(sid, `"`)
}
