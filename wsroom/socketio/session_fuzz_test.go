package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/engineio"
)

// FuzzSession lets a client of long-polling send any packets at all, one after the other, and publishes an event for each of two accounts behind every one.
// What the client gets is what a model of the protocol says: nothing of a room before a CONNECT with its token or after a DISCONNECT, every event
// of its own once, an acknowledgement where one was asked for, and the end of the session at the first packet out of its place. A client that sends without
// ever taking an answer finds no more than the limit of its queue.
func FuzzSession(f *testing.F) {
	pid := "WyIxIiwiMS0xMDAiLCJBQUFBQUFBQUFBQUFBQUFBQUFBQSJd" // account 1, cursor 1-100
	for _, seed := range []string{
		`40{"token":"1"}`, "40\x1e40{\"token\":\"3\"}\x1e40{\"token\":\"Bearer 2\"}\x1e421[\"x\"]", "42[\"x\"]",
		"40{\"token\":\"1\"}\x1e40{\"token\":\"1\"}",
		"40{\"token\":\"1\"}\x1e41\x1e40{\"token\":\"2\",\"pid\":\"" + pid + "\"}\x1e41\x1e40{\"token\":\"1\",\"pid\":\"" + pid + "\",\"offset\":\"1-101\"}",
		"40/x\x1e40/x,{}\x1e42/x,[1]", "40{\"token\":\"1\"}\x1e451-7[\"x\"]\x1ebAQID\x1e461-[]\x1eb\x1e3\x1e5\x1e6\x1e0", "4\x1e", "2probe", "1",
		"41", "abc", "40{\"token\":\"1\",\"pid\":\"" + pid + "\",\"offset\":\"1-101\"}", "40{\"token\":\"1\"}\x1e451-7[\"x\"]\x1e41",
		"40{\"token\":\"1\"}\x1ebAQID", "44{}", "40{\"token\":\"1\"}\x1e44{}", "40{\"token\":\"2\"}\x1e41\x1e41",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, payload []byte, mute bool) {
		packets := bytes.Split(payload, []byte{engineio.Separator})
		synctest.Test(t, func(t *testing.T) {
			c := newFuzzed(t)
			if !mute {
				c.polls.Go(c.poll)
			}
			for _, packet := range packets[:min(len(packets), 40)] {
				if !c.send(packet, mute) {
					break
				}
			}
			if mute {
				c.polls.Go(c.poll)
				synctest.Wait()
				if len(c.frames) > fuzzQueue {
					t.Errorf("%d messages were kept", len(c.frames))
				}
			}
			c.leave()
		})
	})
}

// fuzzQueue is how many messages may wait for a client.
const fuzzQueue = 16

// fuzzed is a session whose client does anything, and what the model knows of it.
type fuzzed struct {
	*server
	query   string
	request func(method, body string) *http.Request
	cancel  context.CancelFunc // of its requests
	polls   sync.WaitGroup
	frames  []string // taken and not looked at

	accepted string // the account of the token that came last and was good
	account  string // whose room it is in
	pending  int    // attachments
	ack      string // to be given when they are there
	seen     int64  // the last event of this connection
}

// Authenticate knows two accounts.
func (c *fuzzed) Authenticate(_ context.Context, token string) (account, subject string, expiresAt time.Time, err error) {
	if token != "1" && token != "2" {
		return "", "", time.Time{}, codedError("token_invalid")
	}
	c.accepted = token
	return token, "7", time.Now().Add(time.Hour), nil
}

// Replay refuses cursors of the future, which only a server that is behind another knows.
func (c *fuzzed) Replay(ctx context.Context, account, cursor string, upTo int64, yield func(id string, seq int64, event string, data []byte)) (bool, error) {
	if seq, known := c.Seq(cursor); known && seq > upTo {
		return false, nil
	}
	return c.Journal.Replay(ctx, account, cursor, upTo, yield)
}

// Seq orders cursors.
func (c *fuzzed) Seq(cursor string) (int64, bool) { return c.Journal.Seq(cursor) }

func newFuzzed(t *testing.T) *fuzzed {
	c := &fuzzed{server: &server{Place: roomtest.NewPlace(wsroom.HubConfig{Limits: wsroom.Limits{QueueMessages: fuzzQueue}}, &roomtest.Journal{}), t: t}}
	c.handler = socketio.NewHandler(c.Hub, c, c, socketio.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	c.cancel = cancel
	c.request = func(method, body string) *http.Request {
		return httptest.NewRequestWithContext(ctx, method, "/socket.io/?"+c.query, strings.NewReader(body))
	}
	c.query = "EIO=4&transport=polling"
	w := c.serve(http.MethodGet, "")
	var open struct{ Sid string }
	if err := json.Unmarshal([]byte(w.Body.String()[1:]), &open); err != nil {
		t.Fatal(err)
	}
	c.query += "&sid=" + open.Sid
	return c
}

func (c *fuzzed) serve(method, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, c.request(method, body))
	return w
}

// poll takes answers until there are no more.
func (c *fuzzed) poll() {
	for w := c.serve(http.MethodGet, ""); w.Code == http.StatusOK; w = c.serve(http.MethodGet, "") {
		c.frames = append(c.frames, strings.Split(w.Body.String(), "\x1e")...)
	}
}

// leave ends the session, and nothing of it is left.
func (c *fuzzed) leave() {
	c.cancel()
	c.serve(http.MethodGet, "")
	c.polls.Wait()
	err := c.Hub.Drain(context.Background(), 0)
	if left := c.Hub.Stats(); err != nil || left.Members+left.Waiting > 0 {
		c.t.Errorf("left behind: %+v (%v)", left, err)
	}
}

// send posts a packet and publishes; it reports whether the session goes on.
func (c *fuzzed) send(packet []byte, mute bool) bool {
	c.accepted, c.frames = "", nil
	answer := c.serve(http.MethodPost, string(packet)).Code
	synctest.Wait()
	if mute {
		c.Publish("1", `"1"`)
		return answer == http.StatusOK
	}
	want, status := c.model(packet)
	if answer != status {
		c.t.Fatalf("%q: want %d, got %d", packet, status, answer)
	}
	if status != http.StatusOK || want == nil {
		return false
	}
	live := map[string]int64{"1": c.Publish("1", `"1"`), "2": c.Publish("2", `"2"`)}
	synctest.Wait()
	if c.account != "" {
		want = append(want, eventFrame(live[c.account], strconv.Quote(c.account)))
	}
	c.check(packet, want)
	return true
}

// check compares what came with what was to come; a replay may be in between.
func (c *fuzzed) check(packet []byte, want []string) {
	rest := want
	for _, frame := range c.frames {
		var event []string
		if text, found := strings.CutPrefix(frame, "42"); found && json.Unmarshal([]byte(text), &event) == nil && len(event) == 3 {
			seq, known := c.Journal.Seq(event[2])
			if !known || seq <= c.seen || event[1] != c.account || event[0] != roomtest.EventName {
				c.t.Fatalf("%q: event %s after %d, for account %q", packet, frame, c.seen, c.account)
			}
			c.seen = seq
		}
		if len(rest) > 0 && strings.HasPrefix(frame, rest[0]) {
			rest = rest[1:]
		} else if event == nil {
			c.t.Fatalf("%q: want %q, got %q", packet, want, c.frames)
		}
	}
	if len(rest) > 0 {
		c.t.Fatalf("%q: want %q, got %q", packet, want, c.frames)
	}
}

// model says how a POST of this packet is answered, and how the frames begin that come in return; nil: none, and the session is over.
func (c *fuzzed) model(text []byte) (frames []string, status int) {
	p, _, _, err := engineio.NextPacket(bytes.Clone(text))
	switch {
	case err != nil || !utf8.Valid(text) || p.Kind == engineio.Ping:
		return nil, http.StatusBadRequest
	case p.Kind == engineio.Close:
		return nil, http.StatusOK
	case p.Kind != engineio.Message:
		return []string{}, http.StatusOK
	}
	if frames = c.message(p); frames == nil {
		return nil, http.StatusBadRequest
	}
	return frames, http.StatusOK
}

// message is the model of Socket.IO.
func (c *fuzzed) message(p engineio.Packet) []string {
	if p.Binary != (c.pending > 0) {
		return nil
	}
	if p.Binary {
		c.pending--
		return c.acknowledgement()
	}
	packet, err := socketio.ParsePacket(p.Data)
	switch connected := c.account != ""; {
	case err != nil:
		return nil
	case packet.Namespace != "/" && packet.Kind == socketio.Connect:
		return []string{"44" + packet.Namespace + `,{"message":"Invalid namespace"}`}
	case packet.Namespace != "/":
		return nil
	case packet.Kind == socketio.Connect && !connected:
		return c.connected()
	case packet.Kind == socketio.Disconnect && connected:
		c.account, c.seen = "", 0
		return []string{}
	case !connected || packet.Kind == socketio.Connect || packet.Kind == socketio.ConnectError:
		return nil
	case packet.Kind == socketio.Event || packet.Kind == socketio.BinaryEvent:
		c.ack = packet.ID
	default:
		c.ack = ""
	}
	c.pending = packet.Attachments
	return c.acknowledgement()
}

func (c *fuzzed) connected() []string {
	if c.account = c.accepted; c.account == "" {
		return []string{`44{"message":`}
	}
	return []string{`40{"sid":"`}
}

func (c *fuzzed) acknowledgement() []string {
	if c.pending > 0 || c.ack == "" {
		return []string{}
	}
	return []string{fmt.Sprintf("43%s[]", c.ack)}
}
