package socketio_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

func TestWhatWasMissedIsRecovered(t *testing.T) {
	s := listen(t)
	w, first := s.join("1")
	seen := s.Publish("1", `{"id":1}`)
	w.want(eventFrame(seen, `{"id":1}`))
	_ = w.conn.CloseNow()
	s.Publish("2", `{"id":2}`)
	missed := s.Publish("1", `{"id":3}`)

	w, again := s.rejoin("1", first.Pid, roomtest.CursorOf(seen))
	if again.Pid != first.Pid || again.Sid != first.Sid {
		t.Errorf("recovered: %+v, was %+v", again, first)
	}
	w.want(eventFrame(missed, `{"id":3}`))
	live := s.Publish("1", `{"id":4}`)
	w.want(eventFrame(live, `{"id":4}`))
}

func TestOffsetAndPID(t *testing.T) {
	s := listen(t)
	w, first := s.join("1") // at 100
	for i := range 5 {
		s.Publish("1", fmt.Sprintf(`{"id":%d}`, 101+i))
	}
	_ = w.conn.CloseNow()
	_, later := s.join("1") // at 105
	s.Publish("1", `{"id":106}`)
	s.Journal.Forget(100)
	_, foreign := s.join("2")

	cases := []struct {
		name, token, pid, offset string
		from                     int64 // the first event that comes again; 0: not recovered
	}{
		{"before its first event", "1", first.Pid, "", 101},
		{"after some", "1", first.Pid, roomtest.CursorOf(103), 104},
		{"the later of the two: offset", "1", first.Pid, roomtest.CursorOf(105), 106},
		{"the later of the two: pid", "1", later.Pid, roomtest.CursorOf(102), 106},
		{"older than the retention, but for the pid", "1", later.Pid, roomtest.CursorOf(5), 106},
		{"nothing missed", "1", first.Pid, roomtest.CursorOf(106), 107},
		{"offset that is none of ours", "1", first.Pid, "x", 0},
		{"offset without end", "1", first.Pid, roomtest.CursorOf(103) + strings.Repeat("0", 2000), 0},
		{"no pid", "1", "", roomtest.CursorOf(103), 0},
		{"pid that is none", "1", "!!", roomtest.CursorOf(103), 0},
		{"another account's pid", "2", first.Pid, roomtest.CursorOf(103), 0},
		{"another account's token", "1", foreign.Pid, roomtest.CursorOf(103), 0},
		{"pid made up", "1", base64.RawURLEncoding.EncodeToString([]byte(`["1","1-103","<script>"]`)), "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, g := s.rejoin(c.token, c.pid, c.offset)
			if got := g.Pid == c.pid; got != (c.from != 0) || g.Pid == "" {
				t.Fatalf("recovered %v", got)
			}
			if c.from == 0 {
				c.from = 107
			}
			for seq := c.from; seq <= 106; seq++ {
				w.want(eventFrame(seq, fmt.Sprintf(`{"id":%d}`, seq)))
			}
			w.send(`421["sync"]`)
			w.want(`431[]`) // and nothing else before
		})
	}
}

func TestBeyondTheRetentionNothingIsRecovered(t *testing.T) {
	s := listen(t)
	_, g := s.join("1")
	s.Publish("1", `{"id":101}`)
	s.Publish("1", `{"id":102}`)
	s.Journal.Forget(101)
	w, again := s.rejoin("1", g.Pid, roomtest.CursorOf(100))
	if again.Pid == g.Pid || again.Pid == "" || again.Sid == g.Sid {
		t.Errorf("got %+v after %+v", again, g)
	}
	live := s.Publish("1", `{"id":103}`)
	w.want(eventFrame(live, `{"id":103}`))
	if s.Counts.Get("replayed refused") != 1 {
		t.Error("not counted")
	}
}

func TestTheTokenIsCheckedBeforeARecovery(t *testing.T) {
	s := listen(t)
	_, g := s.join("1")
	s.Publish("1", `{"id":101}`)
	w := s.connect("")
	w.send(`40{"token":"token_expired","pid":%q}`, g.Pid)
	if got := w.next(); !strings.HasPrefix(got, "44{") {
		t.Errorf("got %q", got)
	}
}

func TestAFailedReplayClosesTheTransport(t *testing.T) {
	s := listen(t)
	_, g := s.join("1")
	s.Journal.Fail(errors.New("the database is away"))
	w := s.connect("")
	w.send(`40{"token":"1","pid":%q}`, g.Pid)
	w.wantClose(1013, "unavailable")
}

func TestALongRecoveryLosesAndDoublesNothing(t *testing.T) {
	s := listen(t)
	_, g := s.join("1")
	data := `{"x":"` + strings.Repeat("y", 700) + `"}`
	for range 2000 {
		s.Publish("1", data)
	}
	go func() {
		for range 500 {
			s.Publish("1", data)
		}
	}()
	w, again := s.rejoin("1", g.Pid, "")
	if again.Pid != g.Pid {
		t.Fatal("not recovered")
	}
	for seq := int64(101); seq <= 2600; seq++ {
		w.want(eventFrame(seq, data))
	}
}

func TestWithoutRecoveryFramesAreThoseOfAPlainServer(t *testing.T) {
	s := listen(t, configured(func(c *socketio.Config) { c.NoRecovery = true }))
	w := s.connect("")
	w.send(`40{"token":"1","pid":"WyIxIiwiMS0xIiwiQUFBQUFBQUFBQUFBQUFBQUFBQUEiXQ","offset":"1-1"}`)
	frame := w.next()
	g := parseGreeting(t, frame)
	if want := fmt.Sprintf(`40{"sid":%q}`, g.Sid); frame != want {
		t.Errorf("got %s, want %s", frame, want)
	}
	s.Publish("1", `{"id":1}`)
	w.want(`42["appointmnents.finished",{"id":1}]`)
}
