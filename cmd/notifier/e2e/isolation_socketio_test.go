package e2e

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// sio is what comes before everything that is said at the door of Socket.IO on a WebSocket.
const sio = "/socket.io/?EIO=4&transport=websocket"

// connect says who one is, in Socket.IO's way, and hears the answer.
func (v *visitor) connect(fields map[string]any) {
	v.t.Helper()
	if v.conn == nil {
		v.at(sio)
		v.until("0{")
	}
	v.say("40" + encoded(v.t, fields))
	v.until("4")
	if pid := fields["pid"]; pid != nil && strings.HasPrefix(v.last, "40") && pid == textBetween([]byte(v.last), `"pid":"`, `"`) {
		v.heard.WriteString(`"recovered":true`) // as /ws would say it
	}
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pidOf makes a pid as the daemon makes them.
func pidOf(t *testing.T, fields ...string) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString([]byte(encoded(t, fields)))
}

func TestNoDoorOfSocketIOLeadsToAnotherAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, theirs := token(t, "1"), token(t, "2")
	foreign := h.eventOf("2")
	const sid = "AAAAAAAAAAAAAAAAAAAA"
	with := func(more map[string]any) func(*visitor) {
		return func(v *visitor) {
			fields := map[string]any{"token": mine}
			for name, value := range more {
				fields[name] = value
			}
			v.connect(fields)
		}
	}
	says := func(packets ...string) func(*visitor) {
		return func(v *visitor) {
			v.connect(map[string]any{"token": mine})
			for _, packet := range packets {
				v.say(packet)
			}
		}
	}
	pid := func(pid string) func(*visitor) { return with(map[string]any{"pid": pid}) }
	theirPID := h.pidOf("2")
	const violated = "1008 protocol_violated|events, 1008 protocol_violated"
	h.try([]door{
		{"the front door", "events", says()},

		// The token of a connection that is open.
		{"CONNECT again with another account's token", violated, func(v *visitor) { says(`40{"token":"` + theirs + `"}`)(v); v.until("") }},
		{"CONNECT again with one's own", violated, func(v *visitor) { says(`40{"token":"` + mine + `"}`)(v); v.until("") }},
		{"two CONNECTs at once", violated, func(v *visitor) {
			v.at(sio)
			v.until("0{")
			v.say(`40{"token":"` + mine + `"}`)
			v.say(`40{"token":"` + theirs + `"}`)
			v.until("")
		}},

		// pid and offset.
		{"pid of another account", "events", pid(theirPID)},
		{"pid and offset of another account", "events", with(map[string]any{"pid": theirPID, "offset": foreign})},
		{"pid forged for another account", "events", pid(pidOf(t, "2", "1-0", sid))},
		{"pid forged for one's own", "recovered, events", pid(pidOf(t, "1", "1-0", sid))},
		{"pid forged with a cursor of another account", "recovered, events", pid(pidOf(t, "1", foreign, sid))},
		{"pid with two accounts", "events", pid(pidOf(t, "1", "2", "1-0", sid))},
		{"pid with an account that is a number", "events", pid(base64.RawURLEncoding.EncodeToString([]byte(`[2,"1-0","` + sid + `"]`)))},
		{"pid with an account in spaces", "events", pid(pidOf(t, " 1", "1-0", sid))},
		{"pid with SQL", "events", pid(pidOf(t, "1", "1-0' OR account_id = '2", sid))},
		{"pid cut short", "events", pid(theirPID[:len(theirPID)/2])},
		{"pid with something behind it", "events", pid(h.pidOf("1") + theirPID)},
		{"pid that is an object", "events", with(map[string]any{"pid": map[string]any{"account": "2"}})},
		{"offset of another account", "recovered, events", with(map[string]any{"pid": h.pidOf("1"), "offset": foreign})},
		{"offset that is none", "events", with(map[string]any{"pid": h.pidOf("1"), "offset": "2:1-0"})},
		{"offset without a pid", "events", with(map[string]any{"offset": foreign})},
		{"pid that somebody else uses", "recovered, events", pid(h.pidOf("1"))},

		// Names of rooms and accounts.
		{"CONNECT that names an account", "events", with(map[string]any{"accountId": 2, "room": "orders.account.2", "rooms": []string{"orders.account.2"}})},
		{"join", "events", says(`42["join","orders.account.2"]`, `42["subscribe",{"accountId":2}]`, `42["room",2]`)},
		{"join with an acknowledgement", "events", says(`420["join","orders.account.2"]`)},
		{"join by binary event, and no attachment", violated, says(`451-["join",{"_placeholder":true,"num":0}]`)},
		{"the event itself", "events", says(`42["appointmnents.finished",{"id":1}]`)},
		{"an acknowledgement", "events", says(`430["orders.account.2"]`)},
		{"the hidden event", "events", says(`42["$cursor","1-0"]`)},
		{"a plain frame", "1008 protocol_violated|events, 1008 protocol_violated", says(`{"type":"auth","token":"` + theirs + `"}`)},
		{"namespace of administrators", "events", says(`40/admin,{"token":"` + theirs + `"}`)},
		{"namespace that names a room", "events", says(`40/orders.account.2,{"token":"` + theirs + `"}`)},
		{"event in another namespace", violated, says(`42/admin,["join","orders.account.2"]`)},

		// A second token: CONNECT, header, query.
		{"CONNECT, and another in the header", "events", func(v *visitor) {
			v.at(sio, "Authorization", "Bearer "+theirs)
			v.until("0{")
			v.connect(map[string]any{"token": mine})
		}},
		{"CONNECT, and another in the query", "events", func(v *visitor) {
			v.at(sio + "&token=" + theirs + "&access_token=" + theirs)
			v.until("0{")
			v.connect(map[string]any{"token": mine})
		}},
		{"header, and another in the query", "events", func(v *visitor) {
			v.at(sio+"&token="+theirs, "Authorization", "Bearer "+mine)
			v.until("0{")
			v.connect(map[string]any{})
		}},
		{"CONNECT with an array of tokens, and one's own in the header", "events", func(v *visitor) {
			v.at(sio, "Authorization", "Bearer "+mine)
			v.until("0{")
			v.connect(map[string]any{"token": []string{theirs}})
		}},
	})
}

// pidOf is the pid of somebody of the account who is here.
func (h *house) pidOf(account string) string {
	for _, resident := range h.residents.clients {
		if resident.account == account && resident.socketIO {
			return resident.pid
		}
	}
	h.t.Fatalf("nobody of account %s speaks Socket.IO", account)
	return ""
}

// Who has tokens of two accounts may go from one to the other: then he is in the second, and not in the first any more.
func TestWhoLeavesAnAccountHearsNothingOfItAnyMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := &visitor{t: t, house: h, token: token(t, "1")}
	v.connect(map[string]any{"token": v.token})
	pid := textBetween([]byte(v.last), `"pid":"`, `"`)
	v.stay()
	v.heardNothingOf("2")
	if got := v.outcome(); got != "events" {
		t.Fatalf("account 1: %s", got)
	}
	v.say("41")
	v.stay431(t)
	v.heard.Reset()
	v.connect(map[string]any{"token": token(t, "2"), "pid": pid})
	v.stay()
	v.heardNothingOf("1")
	if got := v.outcome(); got != "events" {
		t.Errorf("account 2: %s, want events, and no recovery of account 1's", got)
	}
}

// stay431 waits until the daemon has carried out what was said before: another namespace is refused at any time.
func (v *visitor) stay431(t *testing.T) {
	t.Helper()
	v.say("40/fence,")
	v.until("44/fence,")
}

// ask makes a request at the polling door.
func (h *house) ask(method, query, body string) (status int, answer string) {
	h.t.Helper()
	request, err := http.NewRequest(method, "http://"+h.p.addr+"/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// open is a session of account 2 that polls, connected.
func (h *house) open() (sid string) {
	h.t.Helper()
	_, opened := h.ask("GET", "", "")
	sid = textBetween([]byte(opened), `"sid":"`, `"`)
	h.ask("POST", "&sid="+sid, `40{"token":"`+token(h.t, "2")+`"}`)
	if _, answer := h.ask("GET", "&sid="+sid, ""); !strings.HasPrefix(answer, `40{"sid"`) {
		h.t.Fatalf("not connected: %s", answer)
	}
	return sid
}

// The id of a session that polls is all that its requests have to show: it is as good as the session, as in any Engine.IO server, and has to stay
// secret for as long as that lives. So it has 120 random bits, is in no log, and a stranger who has it is noticed, unless he is quicker than its owner.
func TestTheIDOfASessionIsNotToBeGuessedAndAStrangerWithItIsNoticed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine := token(t, "1")
	var sids []string
	open := func() string {
		sids = append(sids, h.open())
		return sids[len(sids)-1]
	}
	unknown := func(what, sid string) {
		t.Helper()
		for _, method := range []string{"GET", "POST"} {
			if status, answer := h.ask(method, "&sid="+sid, "2"); status != 400 || !strings.Contains(answer, `"code":1,`) {
				t.Errorf("%s, %s: %d %s, want an unknown session", what, method, status, answer)
			}
		}
	}
	sid := open()
	for i := range sid { // another character at each place
		other := "a"
		if sid[i] == 'a' {
			other = "b"
		}
		if i == 0 || i >= 8 { // other daemons are looked up, which takes a second
			unknown("a guess", sid[:i]+other+sid[i+1:])
		}
	}
	unknown("cut short", sid[:len(sid)-1])
	unknown("with something behind it", sid+"A")

	v := &visitor{t: t, house: h, token: mine}
	v.connect(map[string]any{"token": mine})
	for _, line := range strings.Split(v.heard.String(), "\n") {
		if id := textBetween([]byte(line), `"sid":"`, `"`); id != "" {
			unknown("that of a WebSocket", id)
		}
	}

	sid = open()
	h.ask("POST", "&sid="+sid, `40{"token":"`+mine+`"}`)
	if _, answer := h.ask("GET", "&sid="+sid, ""); strings.Contains(answer, "appointmnents") {
		t.Errorf("a CONNECT into another's session is answered by %s", answer)
	}
	unknown("after a stranger's CONNECT", sid)

	sid = open()
	held := make(chan string)
	go func() {
		for {
			if _, answer := h.ask("GET", "&sid="+sid, ""); !strings.HasPrefix(answer, "42") {
				held <- answer
				return
			}
		}
	}()
	for {
		status, _ := h.ask("GET", "&sid="+sid, "")
		if status == 400 {
			break // two at the same time
		}
	}
	<-held
	unknown("after two GETs at the same time", sid)
	for _, sid := range sids {
		if strings.Contains(h.p.logs.text(), sid) {
			t.Error("the id of a session is in the log")
		}
	}
}
