package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// storySeen is what trace --json has to say.
type storySeen struct {
	Waiting int
	Events  []eventSeen
	Daemons []struct{ Daemon, Error string }
}

type eventSeen struct {
	ID, Event, Status, Account string
	FromStatus                 string    `json:"from_status"`
	ChangedAt                  time.Time `json:"changed_at"`
	NumberedAt                 time.Time `json:"numbered_at"`
	Doctor                     *struct {
		Outcome, Waits string
		Tries          int
		SettledAt      *time.Time `json:"settled_at"`
	}
	Daemons []factsSeen
}

type factsSeen struct {
	Daemon, State string
	Members       int
	NumberedAt    *time.Time `json:"numbered_at"`
	ReleasedAt    *time.Time `json:"released_at"`
	ReadAt        *time.Time `json:"read_at"`
	PublishedAt   *time.Time `json:"published_at"`
	Sent          sentSeen
	Evicted       []string
	Replayed      *struct {
		sentSeen
		Conns []string
	}
}

type sentSeen struct {
	Written, Dropped int
	First, Last      *time.Time
}

func (p *process) story(appointment int) (seen storySeen) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.ask("trace", fmt.Sprint(appointment), "--json")), &seen); err != nil {
		p.t.Fatal(err)
	}
	return seen
}

// awaitStory returns the only event of an appointment as soon as it is as it should be.
func (p *process) awaitStory(appointment int, good func(eventSeen) bool) eventSeen {
	p.t.Helper()
	for deadline := time.Now().Add(e2ePatience); ; time.Sleep(10 * time.Millisecond) {
		seen := p.story(appointment)
		if len(seen.Events) == 1 && good(seen.Events[0]) {
			return seen.Events[0]
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the story of appointment %d: %+v\n%s", appointment, seen, p.ask("trace", fmt.Sprint(appointment)))
		}
	}
}

// of is one daemon's part.
func (e eventSeen) of(daemon string) factsSeen {
	for _, f := range e.Daemons {
		if f.Daemon == daemon {
			return f
		}
	}
	return factsSeen{}
}

func (e eventSeen) written() (n int) {
	for _, f := range e.Daemons {
		n += f.Sent.Written
	}
	return n
}

// inOrder fails if something is said to have happened before what comes before it.
func inOrder(t *testing.T, e eventSeen, times ...*time.Time) {
	t.Helper()
	last := e.ChangedAt
	for i, at := range times {
		if at == nil || at.Before(last.Add(-100*time.Millisecond)) { // the clocks are compared as exactly as half a round trip, on a busy machine
			t.Errorf("step %d of %s was at %v, and the one before at %v", i, e.ID, at, last)
			return
		}
		last = *at
	}
}

// ids are the daemons of these processes, the oldest first.
func ids(t *testing.T, daemons ...*process) []string {
	t.Helper()
	awaitPeers(t, daemons...)
	seen := daemons[0].conns()
	names := make([]string, len(seen.Daemons))
	for i, d := range seen.Daemons {
		names[i] = d.Daemon
	}
	if len(names) != len(daemons) {
		t.Fatalf("want %d daemons, got %v", len(daemons), names)
	}
	return names
}

func TestTraceTellsTheTruth(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 3)
	book(db, 2, 101, 3)
	one, two := guardedDaemon(t, db), guardedDaemon(t, db)
	names := ids(t, one, two)
	join(t, one.addr, "1", "")
	join(t, one.addr, "1", "")
	joinStock(t, two.addr, `["polling"]`).Next("connect")
	_, welcome := join(t, two.addr, "2", "")
	pid := connectPolling(t, one.addr, "2", "")
	one.awaitConns(5)

	t.Run("delivered", func(t *testing.T) {
		finish(db, 1)
		e := two.awaitStory(1, func(e eventSeen) bool { return e.written() == 3 && e.Doctor != nil && e.Doctor.Outcome != "" })
		a, b := e.of(names[0]), e.of(names[1])
		if e.Event != "appointmnents.finished" || e.FromStatus != "CHECKIN" || e.Status != "FINALIZADO" || e.Account != "1" {
			t.Errorf("%+v", e)
		}
		if a.State != "published" || a.Members != 2 || a.Sent.Written != 2 || b.State != "published" || b.Members != 1 || b.Sent.Written != 1 {
			t.Errorf("%+v", e)
		}
		if (a.NumberedAt == nil) == (b.NumberedAt == nil) || (a.ReleasedAt == nil) == (b.ReleasedAt == nil) {
			t.Errorf("it was numbered once, and its doctor released once: %+v", e)
		}
		if e.Doctor.Outcome != "released" || e.Doctor.SettledAt == nil {
			t.Errorf("the doctor: %+v", e.Doctor)
		}
		inOrder(t, e, &e.NumberedAt)
		for _, f := range e.Daemons {
			inOrder(t, e, f.ReadAt, f.PublishedAt, f.Sent.First, f.Sent.Last)
			if f.Replayed != nil || f.Evicted != nil || f.Sent.Dropped != 0 {
				t.Errorf("%+v", f)
			}
		}
		text := one.ask("trace", "1")
		for _, part := range []string{
			"CHECKIN → FINALIZADO", "numbered by ", "the doctor was released by ", "published to 2 connections", "written to 2", "daemon " + names[1],
		} {
			if !strings.Contains(text, part) {
				t.Errorf("it does not say %q:\n%s", part, text)
			}
		}
	})

	t.Run("undelivered, then replayed", func(t *testing.T) {
		undeliveredThenReplayed(t, db, one, two, names, welcome.Cursor, pid)
	})

	t.Run("guarded", func(t *testing.T) {
		db.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = true WHERE id = 1; UPDATE appointments SET "statusId" = 3 WHERE id = 3`)
		finish(db, 2)
		e := one.awaitStory(2, func(e eventSeen) bool { return e.Doctor != nil && e.Doctor.Waits != "" })
		if e.Doctor.Waits != "guarded" || e.Doctor.Outcome != "" || e.Doctor.SettledAt != nil || e.Doctor.Tries == 0 {
			t.Errorf("the doctor: %+v", e.Doctor)
		}
		if text := two.ask("trace", "2"); !strings.Contains(text, "the doctor is kept busy: one of his appointments is being served") {
			t.Errorf("it says\n%s", text)
		}
		db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 2 WHERE id = 3`)
		e = one.awaitStory(2, func(e eventSeen) bool { return e.Doctor.Outcome != "" })
		if e.Doctor.Outcome != "released" || e.Doctor.Waits != "" {
			t.Errorf("the doctor: %+v", e.Doctor)
		}
	})

	t.Run("a daemon that came later, and one that is gone", func(t *testing.T) {
		three := guardedDaemon(t, db)
		late := ids(t, one, two, three)[2]
		if e := three.story(1).Events[0]; e.of(late).State != "before" || e.of(late).ReadAt != nil || e.of(names[0]).Sent.Written != 2 {
			t.Errorf("%+v", e)
		}
		two.kill()
		seen := three.story(1)
		if f := seen.Events[0].of(names[1]); f.Daemon != "" || len(seen.Events[0].Daemons) != 2 {
			t.Errorf("a dead daemon is said to know %+v", f)
		}
		dead := slices.IndexFunc(seen.Daemons, func(d struct{ Daemon, Error string }) bool { return d.Daemon == names[1] })
		if dead < 0 || seen.Daemons[dead].Error == "" {
			t.Errorf("it is not said that a daemon is missing: %+v", seen.Daemons)
		}
	})

	cmd := exec.Command(notifierBinary(t), "trace", "4711", "--admin-url", "http://"+one.admin, "--admin-token", adminToken)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "No event of appointment 4711 is in the log.") {
		t.Errorf("of an appointment without events: %v\n%s", err, out)
	}
	assertPrivate(t, one.logs.text())
}

// undeliveredThenReplayed: first nobody of account 2 is there; then two clients come, of both protocols, who missed it.
func undeliveredThenReplayed(t *testing.T, db *pgtest.DB, one, two *process, names []string, cursor, pid string) {
	t.Helper()
	one.ask("kick", "--account", "2") // and it does not come back
	one.awaitConns(3)
	finish(db, 101)
	e := one.awaitStory(101, func(e eventSeen) bool { return e.of(names[0]).ReadAt != nil && e.of(names[1]).ReadAt != nil })
	for _, f := range e.Daemons {
		if f.State != "nobody" || f.PublishedAt != nil || f.Members != 0 || f.Replayed != nil {
			t.Errorf("%+v", f)
		}
		inOrder(t, e, &e.NumberedAt, f.ReadAt)
	}
	if text := two.ask("trace", "101"); strings.Count(text, "nobody of this account was connected here") != 2 {
		t.Errorf("it says\n%s", text)
	}

	back, _ := join(t, two.addr, "2", "?cursor="+cursor)
	back.event()
	if again := connectPolling(t, one.addr, "2", pid); again != pid {
		t.Errorf("the client that polls was not recovered: its pid is %s, was %s", again, pid)
	}
	e = one.awaitStory(101, func(e eventSeen) bool { return e.of(names[0]).Replayed != nil && e.of(names[1]).Replayed != nil })
	text := two.ask("trace", "101")
	for _, c := range two.conns("--account", "2").Connections {
		f := e.of(c.Daemon)
		if f.State != "nobody" || f.Replayed.Written != 1 || f.Replayed.Dropped != 0 || !slices.Equal(f.Replayed.Conns, []string{c.Conn}) {
			t.Errorf("%+v; want it replayed to %s", f, c.Conn)
		}
		inOrder(t, e, f.ReadAt, f.Replayed.First, f.Replayed.Last)
		if !strings.Contains(text, "replayed to "+c.Conn) {
			t.Errorf("it does not say that it was replayed to %s\n%s", c.Conn, text)
		}
	}
}

// connectPolling is a client of Socket.IO that polls, and its pid. One that has a pid wants what it missed, and has it when this returns.
func connectPolling(t *testing.T, addr, account, pid string) string {
	t.Helper()
	c := polling{t, "http://" + addr + "/socket.io/?EIO=4&transport=polling"}
	c.url += "&sid=" + textBetween([]byte(c.ask(http.MethodGet, "")), `"sid":"`, `"`)
	c.ask(http.MethodPost, `40{"token":"`+token(t, account)+`","pid":"`+pid+`"}`)
	answer := c.ask(http.MethodGet, "")
	for pid != "" && !strings.Contains(answer, "42[") {
		answer += c.ask(http.MethodGet, "")
	}
	return textBetween([]byte(answer), `"pid":"`, `"`)
}

// awaitPublished returns for how many members an appointment's event was queued.
func (p *process) awaitPublished(appointment int) (members int) {
	p.t.Helper()
	for n := 1; ; n++ {
		for _, line := range p.logs.awaitLines(p.t, n)[n-1:] {
			if line["msg"] == "event_published" && line["appointment"] == fmt.Sprint(appointment) {
				return int(line["members"].(float64))
			}
		}
	}
}

// A client that reads nothing: the event that finds its queue full says so, those before it that were queued and not written say that.
func TestTraceNamesWhomAnEventEvicted(t *testing.T) {
	t.Parallel()
	const events = 60
	db := clinic(t)
	book(db, 1, 1, events)
	db.Exec(pgtest.Owner, `UPDATE appointments SET notes = repeat('x', 900000)`)
	p := guardedDaemon(t, db, "--max-queue-messages", "3", "--ping-interval", "10m")
	join(t, p.addr, "1", "") // and reads nothing more
	conn := p.awaitConns(1).Connections[0].Conn
	evicted := 0
	for id := 1; id <= events && evicted == 0; id++ {
		finish(db, id)
		if p.awaitPublished(id) == 0 {
			evicted = id
		}
	}
	if evicted == 0 {
		t.Fatal("nobody was evicted")
	}
	for id := evicted - 4; id <= evicted; id++ {
		e := p.awaitStory(id, func(e eventSeen) bool { f := e.Daemons[0]; return f.Sent.Written+f.Sent.Dropped == f.Members })
		f := e.Daemons[0]
		if f.State != "published" || (id == evicted) != slices.Equal(f.Evicted, []string{conn}) || (id == evicted) != (f.Members == 0) {
			t.Errorf("appointment %d of %d: %+v", id, evicted, f)
		}
		if first, last := id == evicted-4, id == evicted-1; first && f.Sent.Written != 1 || last && f.Sent.Dropped != 1 {
			t.Errorf("appointment %d of %d: %+v", id, evicted, f)
		}
	}
	if text := p.ask("trace", fmt.Sprint(evicted)); !strings.Contains(text, "evicted "+conn) {
		t.Errorf("it says\n%s", text)
	}
	finish(db, evicted+1)
	p.awaitStory(evicted+1, func(e eventSeen) bool { return e.Daemons[0].State == "nobody" })
}

func TestSendTestReachesEverySocketOfTheAccount(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	one, two := guardedDaemon(t, db), guardedDaemon(t, db)
	names := ids(t, one, two)
	plain, _ := join(t, one.addr, "1", "")
	joinStock(t, two.addr, `["polling"]`).Next("connect")
	joinStock(t, two.addr, `["websocket"]`).Next("connect")
	join(t, two.addr, "2", "")
	one.awaitConns(4)
	var report struct {
		Marker      string
		Reached     bool
		Connections int
		Event       eventSeen
	}
	if err := json.Unmarshal([]byte(one.ask("send-test", "--account", "1", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	a, b := report.Event.of(names[0]), report.Event.of(names[1])
	if !report.Reached || report.Connections != 3 || a.Sent.Written != 1 || b.Sent.Written != 2 || report.Event.Doctor != nil {
		t.Errorf("%+v", report)
	}
	inOrder(t, report.Event, &report.Event.NumberedAt)
	got := plain.event()
	var data struct {
		Test      bool
		Marker    string
		AccountID int `json:"accountId"`
	}
	if err := json.Unmarshal(got.Data, &data); err != nil || got.Event != "notifier.test" || !data.Test || data.Marker != report.Marker || data.AccountID != 1 {
		t.Errorf("%v: %+v %s", err, got, got.Data)
	}
	text := two.ask("send-test", "--account", "1")
	for _, part := range []string{"notifier.test", "daemon " + names[0], "written to 2", "It reached all 3 connections of account 1 in "} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
	if text := two.ask("send-test", "--account", "3"); !strings.Contains(text, "nobody of account 3 is connected") {
		t.Errorf("it says\n%s", text)
	}
	cmd := exec.Command(notifierBinary(t), "send-test", "--account", "x", "--admin-url", "http://"+one.admin, "--admin-token", adminToken)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "the clinic's accounts have other ids") {
		t.Errorf("%v\n%s", err, out)
	}
	if n := pgtest.Get[int](db, `SELECT count(*) FROM notifier.test`); n != 0 {
		t.Errorf("%d rows stay in notifier.test", n)
	}
}
