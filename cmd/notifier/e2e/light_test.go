package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// light is a client of either protocol that costs little, so that there can be thousands: it takes frames apart by hand. It comes back as the clients of
// the documentation do, with what its protocol brings along, and remembers all that happened.
type light struct {
	socketIO bool
	account  string
	token    string

	mu      sync.Mutex
	pid     string
	cursor  string   // where the next connection goes on
	ids     []string // of the events, as they came
	joins   []time.Time
	ends    []ended
	strange []string // what must not happen: an event of another account, a connection that did not recover
}

// ended is how a connection ended.
type ended struct {
	at   time.Time
	code websocket.StatusCode // -1: without a close frame
}

// protocol is its name in the metrics.
func (l *light) protocol() string {
	if l.socketIO {
		return "socketio"
	}
	return "ws"
}

// run connects, and comes back, until ctx ends. addr is asked each time, as DNS would be.
func (l *light) run(ctx context.Context, addr string) {
	for ctx.Err() == nil {
		conn, err := l.connect(ctx, addr)
		if err == nil {
			err = l.follow(ctx, conn)
		}
		if ctx.Err() == nil {
			l.lost(err)
		}
		select {
		case <-time.After(rand.N(250 * time.Millisecond)):
		case <-ctx.Done():
		}
	}
}

// connect opens a connection up to its welcome.
func (l *light) connect(ctx context.Context, addr string) (*websocket.Conn, error) {
	within, cancel := context.WithTimeout(ctx, e2ePatience)
	defer cancel()
	if l.socketIO {
		return l.connectSocketIO(within, addr)
	}
	target := "ws://" + addr + "/ws?cursor=" + url.QueryEscape(l.cursor)
	conn, _, err := websocket.Dial(within, target, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + l.token}}})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	_, welcome, err := conn.Read(within)
	if err == nil && !bytes.HasPrefix(welcome, []byte(`{"type":"welcome"`)) {
		err = fmt.Errorf("not welcome: %s", welcome)
		_, _, _ = conn.Read(within) // the close frame says no more
	}
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	l.joined(bytes.Contains(welcome, []byte(`"recovered":true`)))
	if l.cursor == "" {
		l.cursor = textBetween(welcome, `"cursor":"`, `"`)
	}
	return conn, nil
}

func (l *light) connectSocketIO(ctx context.Context, addr string) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+addr+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	hello := fmt.Sprintf(`40{"token":%q,"pid":%q,"offset":%q}`, l.token, l.pid, l.cursor)
	if l.pid == "" {
		hello = fmt.Sprintf(`40{"token":%q}`, l.token)
	}
	var answer []byte
	_, _, err = conn.Read(ctx) // the handshake
	if err == nil {
		err = conn.Write(ctx, websocket.MessageText, []byte(hello))
	}
	if err == nil {
		_, answer, err = conn.Read(ctx)
	}
	pid := textBetween(answer, `"pid":"`, `"`)
	if err == nil && pid == "" {
		err = fmt.Errorf("not welcome: %s", answer)
	}
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	l.joined(pid == l.pid)
	l.pid = pid
	return conn, nil
}

// follow reads until the connection ends.
func (l *light) follow(ctx context.Context, conn *websocket.Conn) error {
	defer conn.CloseNow()
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if l.socketIO && string(text) == "2" {
			if err := conn.Write(ctx, websocket.MessageText, []byte("3")); err != nil {
				return err
			}
		}
		l.take(text)
	}
}

// take notes what a frame says.
func (l *light) take(text []byte) {
	var id string
	switch {
	case bytes.HasPrefix(text, []byte(`{"type":"event"`)):
		id = textBetween(text, `"id":"`, `"`)
	case bytes.HasPrefix(text, []byte(`42["appointmnents.finished"`)):
		id = string(text[bytes.LastIndex(text, []byte(`,"`))+2 : len(text)-2])
	case bytes.HasPrefix(text, []byte(`{"type":"cursor"`)):
		l.cursor = textBetween(text, `"cursor":"`, `"`)
		return
	case bytes.HasPrefix(text, []byte(`42["$cursor"`)):
		l.cursor = strings.Split(string(text), `"`)[3]
		return
	default:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids, l.cursor = append(l.ids, id), id
	if whose := textBetween(text, `"accountId":`, `,`); whose != l.account {
		l.strange = append(l.strange, "an event of account "+whose)
	}
}

// joined notes a welcome. Who has been here before must be recovered.
func (l *light) joined(recovered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.joins) > 0 && !recovered {
		l.strange = append(l.strange, "came back and was not recovered")
	}
	l.joins = append(l.joins, time.Now())
}

func (l *light) lost(err error) {
	var closed websocket.CloseError
	code := websocket.StatusCode(-1)
	if errors.As(err, &closed) {
		code = closed.Code
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends = append(l.ends, ended{time.Now(), code})
}

// received is how many events came.
func (l *light) received() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

// connected tells whether it is welcome at this moment.
func (l *light) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.joins) > 0 && (len(l.ends) == 0 || l.joins[len(l.joins)-1].After(l.ends[len(l.ends)-1].at))
}

func textBetween(text []byte, before, after string) string {
	_, rest, _ := strings.Cut(string(text), before)
	found, _, _ := strings.Cut(rest, after)
	return found
}
