package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/sql/pgtest"
)

// house is a daemon with every door there is, which two accounts use all the time. Whoever knocks has a token of account 1 and wants to hear of account 2.
type house struct {
	t         *testing.T
	db        *pgtest.DB
	p         *process
	residents *crowd // two of each account
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db := clinic(t)
	p := serveReady(t, db, "--allow-query-token=true")
	h := &house{t: t, db: db, p: p, residents: gather(t, p.addr, 4, 2)}
	clinic := work(t, db, 2, 5*time.Millisecond)
	t.Cleanup(clinic.close)
	h.pass()
	return h
}

// pass waits until both accounts have been sent some more events.
func (h *house) pass() {
	h.t.Helper()
	before := map[*light]int{}
	for _, resident := range h.residents.clients {
		before[resident] = resident.received()
	}
	h.residents.await("for the next events", func(l *light) bool { return l.received() >= before[l]+3 })
}

// eventOf is the id of an event that the account was sent.
func (h *house) eventOf(account string) string {
	for _, resident := range h.residents.clients {
		if resident.account == account {
			resident.mu.Lock()
			defer resident.mu.Unlock()
			return resident.ids[len(resident.ids)-1]
		}
	}
	h.t.Fatalf("nobody lives in account %s", account)
	return ""
}

// What only events of an account hold.
var marks = map[string][]string{
	"1": {`"accountId":1,`, `"accountId":1}`, "João Silva", "(81) 99999-9999", "Dr. Victor"},
	"2": {`"accountId":2,`, `"accountId":2}`, `"accountId":"2"`, "Maria Souza", "Dra. Ana"},
}

// visitor is somebody at a door. It keeps all that it hears.
type visitor struct {
	t     *testing.T
	house *house
	conn  *websocket.Conn
	token string
	heard strings.Builder
	last  string
	ended string // "4403 account_forbidden"
}

// door is one way to try it: what comes of it is one of the outcomes, which are separated by "|".
type door struct {
	name, want string
	knock      func(v *visitor)
}

// try knocks at each door, stays for a while, and looks at what was to be heard.
func (h *house) try(doors []door) {
	for _, door := range doors {
		h.t.Run(door.name, func(t *testing.T) {
			v := &visitor{t: t, house: h, token: token(t, "1")}
			door.knock(v)
			wanted := func() bool { return strings.Contains("|"+door.want+"|", "|"+v.outcome()+"|") }
			stayUntil := time.Now().Add(e2ePatience)
			for again := true; again && v.ended == ""; again = !wanted() && time.Now().Before(stayUntil) {
				v.stay() // on a slow machine the live stream may begin behind the fence
			}
			if got := v.outcome(); !wanted() {
				t.Errorf("the outcome is %q, want %q; heard: %.600s", got, door.want, v.heard.String())
			}
			v.heardNothingOf("2")
		})
	}
}

func (v *visitor) heardNothingOf(account string) {
	v.t.Helper()
	for _, mark := range marks[account] {
		if at := strings.Index(v.heard.String(), mark); at >= 0 {
			v.t.Errorf("heard of account %s: %.300s", account, v.heard.String()[max(0, at-100):])
		}
	}
}

// outcome sums up: how it ended, or whether it was recovered (by a cursor) and whether events came.
func (v *visitor) outcome() string {
	heard := v.heard.String()
	all := []string{}
	if strings.Contains(heard, `"recovered":true`) {
		all = append(all, "recovered")
	}
	if strings.Contains(heard, "appointmnents.finished") {
		all = append(all, "events")
	}
	if v.ended != "" {
		all = append(all, v.ended)
	}
	if len(all) == 0 {
		return "silence"
	}
	return strings.Join(all, ", ")
}

// stay is there while both accounts are sent events, and then has itself told something behind all that it is sent.
func (v *visitor) stay() {
	v.t.Helper()
	v.house.pass()
	if strings.Contains(v.heard.String(), `"type":"welcome"`) {
		v.say(`{"type":"auth","token":"` + v.token + `"}`)
		v.until(`{"type":"renewed"`)
		return
	}
	v.say(`429999["fence"]`)
	v.until(`439999`)
}

// at opens a WebSocket; header holds names and values in turns.
func (v *visitor) at(path string, header ...string) {
	v.t.Helper()
	options := &websocket.DialOptions{HTTPHeader: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		if name, value := header[i], header[i+1]; name == "Sec-WebSocket-Protocol" {
			options.Subprotocols = append(options.Subprotocols, value)
		} else {
			options.HTTPHeader.Add(name, value)
		}
	}
	ctx, cancel := context.WithTimeout(v.t.Context(), e2ePatience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, "ws://"+v.house.p.addr+path, options)
	if err != nil {
		if response == nil {
			v.t.Fatal(err)
		}
		v.ended = fmt.Sprint("HTTP ", response.StatusCode)
		return
	}
	conn.SetReadLimit(1 << 20)
	v.conn = conn
	v.t.Cleanup(func() { _ = conn.CloseNow() })
}

func (v *visitor) say(text string) {
	v.t.Helper()
	if v.ended != "" {
		return
	}
	ctx, cancel := context.WithTimeout(v.t.Context(), e2ePatience)
	defer cancel()
	if err := v.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		v.until("") // why it ended
	}
}

// until reads up to a frame that begins like this, or the end.
func (v *visitor) until(prefix string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), e2ePatience)
	defer cancel()
	for v.ended == "" {
		_, text, err := v.conn.Read(ctx)
		v.last = string(text)
		v.heard.Write(append(text, '\n'))
		var closed websocket.CloseError
		switch {
		case errors.As(err, &closed):
			v.ended = fmt.Sprintf("%d %s", closed.Code, closed.Reason)
		case err != nil:
			v.t.Fatalf("wait for %q: %v; heard: %.600s", prefix, err, v.heard.String())
		case prefix != "" && strings.HasPrefix(v.last, prefix):
			return
		}
	}
}

// enter is at /ws with the token of account 1, welcome.
func (v *visitor) enter(query string) {
	v.t.Helper()
	v.at("/ws"+query, "Authorization", "Bearer "+v.token)
	v.until(`{"type":"welcome"`)
}

// bring is at /ws with a token that was made for it.
func bring(token string) func(*visitor) {
	return func(v *visitor) {
		v.token = token
		v.enter("")
	}
}

// forge makes a token of exactly this header and payload.
func forge(header, payload, secret string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}
