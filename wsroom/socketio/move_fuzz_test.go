package socketio_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// moved is what a session brings along from another daemon, as engineio and socketio write it down.
type moved struct {
	Ping        time.Duration   `json:"ping"`
	Connect     time.Duration   `json:"connect"`
	Packets     []string        `json:"packets"`
	Application json.RawMessage `json:"application"`
}

type movedClient struct {
	OpeningToken string `json:"openingToken"`
	Token        string `json:"token"`
	PID          string `json:"pid"`
	Offset       string `json:"offset"`
	Asks         bool   `json:"asks"`
	Connected    bool   `json:"connected"`
	Cursor       string `json:"cursor"`
	Attachments  int    `json:"attachments"`
	Ack          string `json:"ack"`
	Dropped      int    `json:"dropped"`
}

// FuzzBaggage answers an upgrade with any bytes at all for the session that moves. What its client then gets is what was told there, and beyond that
// nothing of a room but by a token that is good here: the events of its account behind its cursor, each once. What cannot be read ends the WebSocket, and
// nothing is left.
func FuzzBaggage(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"application":{}}`, `{"application":null}`, `{"application":[]}`, `{"packets":["2",""],"application":{"connected":true}}`,
		`{"ping":1,"packets":["431[]"],"application":{"token":"1","connected":true,"cursor":"1-102"}}`,
		`{"ping":-1,"application":{"token":"2","connected":true,"cursor":"1-100","attachments":1,"ack":"7","dropped":3}}`,
		`{"connect":45000000000,"application":{"openingToken":"1","asks":true}}`,
		`{"packets":"x"}`, `{"application":{"token":"3","connected":true}}`, `{"application":{"attachments":-1}}`, `{"application":{"dropped":1e99}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		synctest.Test(t, func(t *testing.T) { adopt(t, answer) })
	})
}

// FuzzLuggage is FuzzBaggage with what can be read.
func FuzzLuggage(f *testing.F) {
	pid := "WyIxIiwiMS0xMDAiLCJBQUFBQUFBQUFBQUFBQUFBQUFBQSJd" // account 1, cursor 1-100
	for _, token := range []string{"1", "2", "3", "hang", ""} {
		f.Add(int64(0), int64(0), "", token, "", "", "", false, true, "1-101", 0, "")
		f.Add(int64(-1), int64(1), "431[]\n2", "1", token, pid, "1-101", true, false, "1-102", 1, "7")
	}
	for _, cursor := range []string{"", "1-99", "1-100", "1-102", "1-103", "1-9223372036854775807", "x"} {
		f.Add(int64(1)<<62, int64(-1)<<63, "", "", "1", "", "", false, true, cursor, -1, "x")
	}
	f.Fuzz(func(t *testing.T, ping, connect int64, packets, opening, token, pid, offset string, asks, connected bool, cursor string,
		attachments int, ack string,
	) {
		app, err := json.Marshal(movedClient{opening, token, pid, offset, asks, connected, cursor, attachments, ack, 0})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := json.Marshal(moved{time.Duration(ping), time.Duration(connect), strings.Fields(packets), app})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) { adopt(t, answer) })
	})
}

// adopter is a daemon that is given a session by another, which it implements as engineio.Peers.
type adopter struct {
	*fuzzed
	answer   []byte // of the owner
	outcomes roomtest.Counts

	conn   *websocket.Conn
	frames []string // what the client got on it
	closed error    // and how it ended
}

func (*adopter) ID() string              { return "daemon-1" }
func (a *adopter) Moved(outcome string)  { a.outcomes.Add(outcome, 1) }
func (a *adopter) isClosed(why int) bool { return int(websocket.CloseStatus(a.closed)) == why }

// Send answers the move when the client has completed the upgrade.
func (a *adopter) Send(_ string, r *http.Request) (*http.Response, error) {
	body, answer := io.Pipe()
	go func() {
		steps := bufio.NewReader(r.Body)
		_, asked := steps.ReadString('\n')
		_, completed := steps.ReadString('\n')
		if err := errors.Join(asked, completed); err != nil {
			answer.CloseWithError(err)
			return
		}
		_, err := answer.Write(a.answer)
		answer.CloseWithError(err)
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
}

// Authenticate knows two accounts, and one token that takes forever.
func (a *adopter) Authenticate(ctx context.Context, token string) (account, subject string, expiresAt time.Time, err error) {
	if token == "hang" {
		<-ctx.Done()
		return "", "", time.Time{}, context.Cause(ctx)
	}
	return a.fuzzed.Authenticate(ctx, token)
}

// adopt has a client complete an upgrade of a session that another daemon describes so, and looks at what it gets.
func adopt(t *testing.T, answer []byte) {
	place := roomtest.NewPlace(wsroom.HubConfig{Limits: wsroom.Limits{QueueMessages: fuzzQueue}}, &roomtest.Journal{})
	a := &adopter{fuzzed: &fuzzed{server: &server{Place: place, t: t}}, answer: answer}
	a.handler = socketio.NewHandler(a.Hub, a, a.Journal, socketio.Config{Peers: a, Logger: a.Logger})
	a.Journal.Forget(100)
	a.Publish("1", `"1"`)
	a.Publish("2", `"2"`)
	_, pipes := a.ListenPipes(t, a.handler)
	a.url, a.dial = "http://pipe.example/socket.io/", pipes.Dial
	w, _, err := a.dialWire("&sid=daemon-0" + strings.Repeat("A", 20))
	if err != nil {
		t.Fatal(err)
	}
	w.send("2probe")
	w.want("3probe")
	a.conn = w.conn
	go a.read(t.Context())
	w.send("5")
	synctest.Wait()
	live := map[string]int64{"1": a.Publish("1", `"1"`), "2": a.Publish("2", `"2"`)}
	synctest.Wait()
	a.judge(live)
	_ = w.conn.CloseNow()
	synctest.Wait()
	if left := a.Hub.Stats(); left.Members+left.Waiting+left.Rooms > 0 {
		t.Errorf("left behind: %+v", left)
	}
	if a.isClosed(1008) && !strings.Contains(a.Record.String(), "unpack session") {
		t.Errorf("%q: the log does not say what is wrong with it: %s", answer, a.Record)
	}
	if a.outcomes.Get("moved")+a.outcomes.Get("failed") != 1 {
		t.Errorf("counted %v", &a.outcomes)
	}
}

func (a *adopter) read(ctx context.Context) {
	for {
		_, frame, err := a.conn.Read(ctx)
		if err != nil {
			a.closed = err
			return
		}
		a.frames = append(a.frames, string(frame))
	}
}

// judge compares what the client got with what it should have got.
func (a *adopter) judge(live map[string]int64) {
	var state moved
	var client movedClient
	readable := json.NewDecoder(bytes.NewReader(a.answer)).Decode(&state) == nil
	if len(state.Packets) >= fuzzQueue { // it may be too slow for them
		return
	}
	switch {
	case !readable:
		if len(a.frames) > 0 || a.closed == nil || websocket.CloseStatus(a.closed) != -1 || a.outcomes.Get("failed") != 1 {
			a.t.Errorf("%q: got %q, closed: %v", a.answer, a.frames, a.closed)
		}
	case json.Unmarshal(state.Application, &client) != nil:
		if a.got(state.Packets, nil); !a.isClosed(1008) || a.outcomes.Get("failed") != 1 {
			a.t.Errorf("%q: closed: %v", a.answer, a.closed)
		}
	default:
		a.judgeClient(state, client, live)
	}
}

func (a *adopter) judgeClient(state moved, client movedClient, live map[string]int64) {
	token := client.Token
	if token == "" {
		token = client.OpeningToken
	}
	good, hangs := token == "1" || token == "2", token == "hang"
	from, known := a.Journal.Seq(client.Cursor)
	known = known && from >= 100
	switch {
	case hangs || !client.Asks && !client.Connected:
		a.got(state.Packets, []string{})
	case client.Asks && !good:
		a.got(state.Packets, []string{`44{"message":`})
	case client.Asks: // what it missed before is another test's affair
		if a.got(state.Packets, nil); !a.welcomed(state.Packets, token) {
			a.t.Errorf("%q: got %q", a.answer, a.frames)
		}
	case !good:
		if a.got(state.Packets, nil); !a.isClosed(4401) {
			a.t.Errorf("%q: closed: %v", a.answer, a.closed)
		}
	case !known:
		if a.got(state.Packets, nil); !a.isClosed(1012) {
			a.t.Errorf("%q: closed: %v", a.answer, a.closed)
		}
	default:
		events := []string{}
		for _, seq := range []int64{live[token] - 2, live[token]} { // published before the move, and after it
			if seq > from {
				events = append(events, eventFrame(seq, strconv.Quote(token)))
			}
		}
		a.got(state.Packets, events)
	}
}

// got wants these packets, and then frames that begin so. With nil it is the frames of somebody who is sent away, or is looked at elsewhere.
func (a *adopter) got(packets, frames []string) {
	n := min(len(packets), len(a.frames))
	more := a.frames[n:]
	bad := !slices.Equal(packets[:n], a.frames[:n])
	if frames != nil {
		bad = bad || n < len(packets) || len(more) != len(frames) || a.closed != nil
		for i := 0; !bad && i < len(frames); i++ {
			bad = !strings.HasPrefix(more[i], frames[i])
		}
	}
	if frames == nil && a.closed != nil {
		bad = bad || len(more) > 0
	}
	if bad {
		a.t.Errorf("%q: want %q, then %q, got %q, closed: %v", a.answer, packets, frames, a.frames, a.closed)
	}
}

// welcomed tells whether the client was let into its own room, and no other.
func (a *adopter) welcomed(packets []string, account string) bool {
	if len(a.frames) <= len(packets) || !strings.HasPrefix(a.frames[len(packets)], `40{"sid":"`) {
		return false
	}
	last := int64(0)
	for _, frame := range a.frames[len(packets)+1:] {
		var event []string
		if json.Unmarshal([]byte(strings.TrimPrefix(frame, "42")), &event) != nil || len(event) != 3 || event[1] != account {
			return false
		}
		seq, known := a.Journal.Seq(event[2])
		if !known || seq <= last {
			return false
		}
		last = seq
	}
	return true
}
