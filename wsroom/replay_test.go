package wsroom_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"notifier/wsroom/internal/roomtest"
)

func TestAClientWithItsCursorGetsWhatItMissed(t *testing.T) {
	s := listen(t)
	for range 3 {
		s.Publish("1", `{}`)
		s.Publish("2", `{}`)
	}
	c := s.connect("?cursor=1-101", "Authorization: Bearer 1")
	if f := c.want("welcome"); !f.Recovered || f.Cursor != "1-101" {
		t.Errorf("want recovered from its own cursor, got %+v", f)
	}
	c.wantEvents(103, 105)
	s.Publish("1", `{}`)
	c.wantEvents(107)
	if got := s.Counts.Get("replayed recovered"); got != 1 {
		t.Errorf("want one replay counted, got %d", got)
	}
}

func TestACursorWithNothingMissedIsRecovered(t *testing.T) {
	s := listen(t)
	c := s.connect("?cursor=1-100", "Authorization: Bearer 1")
	if f := c.want("welcome"); !f.Recovered || f.Cursor != "1-100" {
		t.Errorf("want recovered, got %+v", f)
	}
	s.Publish("1", `{}`)
	c.wantEvents(101)
}

func TestTheMessagesCursorWinsOverTheURLs(t *testing.T) {
	s := listen(t)
	s.Publish("1", `{}`)
	s.Publish("1", `{}`)
	c := s.connect("?cursor=1-100")
	c.send(`{"type":"auth","token":"1","cursor":"1-101"}`)
	c.want("welcome")
	c.wantEvents(102)
	c = s.connect("?cursor=1-101")
	c.send(`{"type":"auth","token":"1"}`)
	c.want("welcome")
	c.wantEvents(102)
}

func TestACursorThatIsRefusedStartsAtThePosition(t *testing.T) {
	s := listen(t)
	s.Journal.Forget(50)
	s.Publish("1", `{}`)
	for _, cursor := range []string{"1-49", "nonsense", "1-", "%F0%9F%98%80", strings.Repeat("9", 4000)} {
		c := s.connect("?cursor="+cursor, "Authorization: Bearer 1")
		if f := c.want("welcome"); f.Recovered || f.Cursor != "1-101" {
			t.Errorf("%.20s: want the position and no recovery, got %+v", cursor, f)
		}
	}
	if got := s.Counts.Get("replayed refused"); got != 5 {
		t.Errorf("want five refusals counted, got %d", got)
	}
}

func TestALogThatFailsIsUnavailable(t *testing.T) {
	s := listen(t)
	s.Journal.Fail(errors.New("connection refused"))
	s.connect("?cursor=1-90", "Authorization: Bearer 1").wantEnd(1013, "unavailable")
	roomtest.Eventually(t, "the cause in the log", func() bool { return strings.Contains(s.Record.String(), `"cause":"replay: connection refused"`) })
	if got := s.Counts.Get("replayed failed"); got != 1 {
		t.Errorf("want one failure counted, got %d", got)
	}
}

// The interleaving that loses events: a client joins with its cursor when a batch is claimed and not yet published.
func TestAClientThatJoinsBetweenClaimAndPublishMissesNothing(t *testing.T) {
	s := listen(t)
	s.Journal.Append("1", 101, `{}`)
	s.Hub.Claim(101, "1-101")
	recovering := s.connect("?cursor=1-100", "Authorization: Bearer 1")
	recovering.want("welcome")
	fresh := s.connect("", "Authorization: Bearer 1")
	if got := fresh.want("welcome").Cursor; got != "1-101" {
		t.Errorf("want the claimed position, got %s", got)
	}
	s.Hub.Publish("1", "1-101", 101, roomtest.EventName, []byte(`{}`))
	s.Hub.Settle(101, "1-101")
	s.Follow(101)
	s.Publish("1", `{}`)
	recovering.wantEvents(101, 102)
	fresh.wantEvents(102)
}

// Events are published while the log is being read: they wait behind the replay.
func TestWhatIsPublishedDuringAReplayFollowsIt(t *testing.T) {
	s := listen(t)
	for range 50 {
		s.Publish("1", `{}`)
	}
	held, release := s.Journal.Hold()
	c := s.connect("?cursor=1-100", "Authorization: Bearer 1")
	<-held
	for range 50 {
		s.Publish("1", `{}`)
	}
	close(release)
	c.want("welcome")
	for seq := int64(101); seq <= 200; seq++ {
		c.wantEvents(seq)
	}
}

// A renewal may come before the replay is over; it is not lost.
func TestARenewalDuringTheReplayIsAnswered(t *testing.T) {
	s := listen(t)
	s.Publish("1", `{}`)
	held, release := s.Journal.Hold()
	c := s.connect("?cursor=1-100", "Authorization: Bearer 1")
	<-held
	c.send(`{"type":"auth","token":"1/2h"}`)
	r := c.read() // which takes the pong
	if err := c.conn.Ping(t.Context()); err != nil {
		t.Fatal(err) // the server has read the renewal by now
	}
	close(release)
	for _, kind := range []string{"welcome", "event", "renewed"} {
		if f := <-r.frames; f.Type != kind {
			t.Fatalf("want a frame of type %q, got %+v", kind, f)
		}
	}
}

// The client has read on at a server that is ahead of this one.
func TestACursorFromAServerThatIsAheadIsNotSentTwice(t *testing.T) {
	s := listen(t)
	c := s.connect("?cursor=1-103", "Authorization: Bearer 1")
	if f := c.want("welcome"); !f.Recovered || f.Cursor != "1-103" {
		t.Errorf("want recovered, got %+v", f)
	}
	for range 4 {
		s.Publish("1", `{}`)
	}
	c.wantEvents(104)
}

// 6,000 events of 800 bytes are more than the queue would take: a replay goes past it, at the pace of the client.
func TestAReplayIsNotBoundedByTheQueue(t *testing.T) {
	s := listen(t)
	data := fmt.Sprintf(`{"notes":%q}`, strings.Repeat("n", 700))
	const n = 6000
	for i := range int64(n) {
		s.Journal.Append("1", 101+i, data)
	}
	s.Follow(100 + n)
	s.Hub.Claim(s.Seq(), roomtest.CursorOf(s.Seq()))
	c := s.connect("?cursor=1-100", "Authorization: Bearer 1")
	c.want("welcome")
	for seq := int64(101); seq <= s.Seq(); seq++ {
		c.wantEvents(seq)
	}
	s.Publish("1", data)
	c.wantEvents(s.Seq())
	roomtest.Eventually(t, "all counted as delivered", func() bool { return s.Counts.Get("delivered ws") == n+1 })
}

func TestAClientThatLeavesDuringItsReplayIsLetGo(t *testing.T) {
	s := listen(t)
	held, release := s.Journal.Hold()
	c := s.connect("?cursor=1-100", "Authorization: Bearer 1")
	<-held
	_ = c.conn.CloseNow()
	close(release)
	roomtest.Eventually(t, "nobody here", func() bool { return s.Hub.Stats().Members == 0 })
}
