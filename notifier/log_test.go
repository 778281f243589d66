package notifier

import (
	"context"
	"strconv"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// replay collects what a returning client is sent; it fails unless the cursor is good.
func (d *daemon) replay(t *testing.T, account, cursor string, upTo int64) (got []publication) {
	t.Helper()
	recovered, err := d.replays.Replay(context.Background(), account, cursor, upTo,
		func(id string, seq int64, event string, data []byte) {
			got = append(got, publication{account, id, seq, event, string(data), time.Time{}})
		})
	if err != nil || !recovered {
		t.Fatalf("replay of account %s after %s: recovered %v, %v", account, cursor, recovered, err)
	}
	return got
}

func TestReplay(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	var of [4][]int // appointments by account
	for i := range 12 {
		account := 1 + i%3
		of[account] = append(of[account], c.finish(account)) // account 1 has seq 1, 4, 7, 10
	}
	d.rooms.awaitSettled(t, 12)
	tests := []struct {
		account, cursor string
		upTo            int64
		want            []int64
	}{
		{"1", "1-0", 12, []int64{1, 4, 7, 10}},
		{"1", "1-1", 12, []int64{4, 7, 10}},
		{"1", "1-3", 12, []int64{4, 7, 10}},
		{"1", "1-4", 9, []int64{7}},
		{"1", "1-10", 12, nil},
		{"1", "1-12", 12, nil},
		{"1", "1-12", 5, nil}, // another daemon was ahead of this one
		{"2", "1-0", 12, []int64{2, 5, 8, 11}},
		{"4711", "1-0", 12, nil},
	}
	for _, test := range tests {
		got := d.replay(t, test.account, test.cursor, test.upTo)
		if len(got) != len(test.want) {
			t.Errorf("account %s after %s up to %d: %d events, want %v", test.account, test.cursor, test.upTo, len(got), test.want)
			continue
		}
		account, _ := strconv.Atoi(test.account)
		for i, seq := range test.want {
			p := got[i]
			if p.seq != seq || p.id != "1-"+strconv.FormatInt(seq, 10) || p.event != "appointmnents.finished" ||
				p.appointment() != of[account][(seq-1)/3] {
				t.Errorf("account %s after %s: event %d is %+v, want seq %d", test.account, test.cursor, i, p, seq)
			}
		}
	}
	live, replayed := d.rooms.awaitEvents(t, 4), d.replay(t, "1", "1-0", 12)
	for i := range live {
		if live[i].data != replayed[i].data || live[i].id != replayed[i].id {
			t.Errorf("live %+v, replayed %+v", live[i], replayed[i])
		}
	}
}

func TestReplayIsHonest(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	for range 10 {
		c.finish(1)
	}
	d.rooms.awaitSettled(t, 10)
	c.super(`UPDATE notifier.event SET numbered_at = now() - interval '2 days' WHERE seq <= 4`)
	if pruned := pgtest.Get[int](c.db, `SELECT notifier.prune('1 day', 1000)`); pruned != 4 {
		t.Fatalf("pruned %d", pruned)
	}
	d.replays.limit = 4
	tests := []struct {
		name, account, cursor string
		recovered             bool
	}{
		{"the oldest place that is left", "1", "1-6", true},
		{"within the log, but beyond the limit", "1", "1-5", false},
		{"the limit counts what is missed, not what the log holds", "2", "1-4", true},
		{"behind the retention", "2", "1-3", false},
		{"at the beginning", "2", "1-0", false},
		{"of the future", "1", "1-11", false},
		{"of an unknown epoch", "1", "2-5", false},
		{"of an epoch long ahead", "1", "1763815000-5", false},
		{"malformed", "1", "5", false},
		{"empty", "1", "", false},
		{"an account of another type", "abc", "1-10", true},
		{"an account of another type, of the future", "abc", "1-11", false},
		{"an account written otherwise", "01", "1-5", true}, // nothing: it would be beyond the limit if it were 1
		{"an account with a sign", "+1", "1-5", true},
		{"an account with a space", " 1", "1-5", true},
		{"an account out of range", "99999999999", "1-5", true},
		{"an account far out of range", "999999999999999999999999999999", "1-5", true},
		{"an account with a zero byte", "1\x00", "1-6", false},
		{"an account with broken UTF-8", "1\xff", "1-6", false},
		{"no account", "", "1-5", true},
	}
	for _, test := range tests {
		yielded := 0
		recovered, err := d.replays.Replay(context.Background(), test.account, test.cursor, 10,
			func(string, int64, string, []byte) { yielded++ })
		if err != nil || recovered != test.recovered || !recovered && yielded > 0 {
			t.Errorf("%s: recovered %v, %d events, %v", test.name, recovered, yielded, err)
		}
	}
}

func TestReplayOfAnEmptiedLog(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	if got := d.replay(t, "1", "1-0", 0); len(got) != 0 {
		t.Errorf("of a log where nothing has happened: %v", got)
	}
	c.finish(1)
	c.finish(1)
	d.rooms.awaitSettled(t, 2)
	c.super(`DELETE FROM notifier.event`)
	if got := d.replay(t, "1", "1-2", 2); len(got) != 0 {
		t.Errorf("at the end: %v", got)
	}
	if recovered, err := d.replays.Replay(context.Background(), "1", "1-1", 2, nil); recovered || err != nil {
		t.Errorf("before the end: %v, %v", recovered, err)
	}
}

func TestReplayWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.loader(t)
	c.refuse()
	if recovered, err := d.replays.Replay(context.Background(), "1", "1-0", 0, nil); err == nil || recovered {
		t.Errorf("recovered %v, %v, want an error", recovered, err)
	}
	c.accept()
}

// Thousands of clients that come back at once must not keep the feed from a connection.
func TestReplaysLeaveConnectionsToTheFeed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	open := c.gate()
	defer open()
	d := c.serve(serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime)) + "&pool_max_conns=4", accounts: []string{"1"}})
	c.finish(2) // nobody is here for it, so the feed loads nothing
	d.rooms.awaitSettled(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 100)
	for range cap(done) {
		go func() {
			_, err := d.replays.Replay(ctx, "2", "1-0", 1, func(string, int64, string, []byte) {})
			done <- err
		}()
	}
	eventually(t, "a load to take its turn", func() bool { return len(d.replays.loads.rounds.turns) == 1 })
	for i := range 5 {
		c.finish(3)
		d.rooms.awaitSettled(t, int64(i+2))
	}
	if err := d.feed.Err(); err != nil {
		t.Errorf("the feed: %v", err)
	}
	cancel()
	for range cap(done) {
		select {
		case err := <-done:
			if err == nil {
				t.Error("a replay ended well behind the gate")
			}
		case <-time.After(patience):
			t.Fatal("a replay did not end with its context")
		}
	}
}
