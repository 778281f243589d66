package notifier

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"notifier/sql/pgtest"
)

// accounts is how many take turns in the history of these tests.
const accounts = 10

// returning is a client that comes back, and what became of it.
type returning struct {
	account, cursor string
	upTo            int64
	yield           func(seq int64) // for what a client does meanwhile; may be nil

	seqs      []int64
	torn      bool // an event came with another's id or data
	recovered bool
	err       error
}

func (r *returning) replay(ctx context.Context, log *Log) {
	r.recovered, r.err = log.Replay(ctx, r.account, r.cursor, r.upTo, func(id string, seq int64, event string, data []byte) {
		r.seqs = append(r.seqs, seq)
		number := strconv.FormatInt(seq, 10)
		r.torn = r.torn || !strings.HasSuffix(id, "-"+number) || !bytes.HasPrefix(data, []byte(`{"id":`+number+`,`)) || event != "appointmnents.finished"
		if r.yield != nil {
			r.yield(seq)
		}
	})
}

// of is what history has for a client.
func (r *returning) of() (missed []int64) {
	from, _ := ParseCursor(r.cursor)
	account, err := strconv.ParseInt(r.account, 10, 64)
	if err != nil {
		return nil
	}
	for seq := account; seq <= r.upTo; seq += int64(accounts) {
		if seq > from.Seq {
			missed = append(missed, seq)
		}
	}
	return missed
}

// checkExact fails unless the client got what it missed, once and in order.
func (r *returning) checkExact(t *testing.T) {
	t.Helper()
	if want := r.of(); r.err != nil || !r.recovered || r.torn || !slices.Equal(r.seqs, want) {
		t.Errorf("account %s after %s up to %d: recovered %v, %v, torn %v, %d events, want %d",
			r.account, r.cursor, r.upTo, r.recovered, r.err, r.torn, len(r.seqs), len(want))
	}
}

// start lets clients replay at once.
func start(log *Log, clients []*returning) (wait func()) {
	var group sync.WaitGroup
	for _, client := range clients {
		group.Go(func() { client.replay(context.Background(), log) })
	}
	return group.Wait
}

// hold takes all turns, so that what is asked gathers.
func hold(turns chan struct{}) (release func()) {
	for range cap(turns) {
		turns <- struct{}{}
	}
	return func() {
		for range cap(turns) {
			<-turns
		}
	}
}

// waiting is how many clients the open round has.
func waiting[T any](g *rounds[T]) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		return 0
	}
	return g.open.clients
}

// 500 clients of ten accounts, each with a place of its own, are one question to the log and one load for all their
// events.
func TestClientsThatComeTogetherShareTheirReplays(t *testing.T) {
	t.Parallel()
	const events, missed = 2000, 500
	c := newClinic(t)
	c.history(accounts, events)
	log, seen := c.traced(1000)
	log.questions.most, log.loads.rounds.most = 501, missed+1 // so that both stay open until all are there
	ask, load := hold(log.questions.turns), hold(log.loads.rounds.turns)
	clients := make([]*returning, 500)
	hungry := 0
	for i := range clients {
		clients[i] = &returning{account: strconv.Itoa(1 + i%accounts), cursor: Cursor{1, int64(events - missed + i)}.String(), upTo: events}
		if len(clients[i].of()) > 0 {
			hungry++
		}
	}
	wait := start(log, clients)
	eventually(t, "all to ask", func() bool { return waiting(&log.questions) == len(clients) })
	ask()
	eventually(t, "all to wait for the data", func() bool { return waiting(&log.loads.rounds) == hungry })
	load()
	wait()
	for _, client := range clients {
		client.checkExact(t)
	}
	if loaded := seen.loaded.Load(); loaded != missed {
		t.Errorf("%d events were loaded, want each of %d once", loaded, missed)
	}
	// The question has three, the load up to four, and two connections greet.
	if count := seen.count.Load(); count > 9 {
		t.Errorf("%d statements for %d clients", count, len(clients))
	}
	// The other way round, the retention could cut between the two, and the list would be short without notice.
	if read, judged := slices.Index(seen.texts, replaySQL), slices.Index(seen.texts, knownSQL); read < 0 || judged < read {
		t.Errorf("the events were read %d., the cursors judged %d.", read, judged)
	}
	if left := len(log.loads.pending); left != 0 {
		t.Errorf("%d loads are still pending", left)
	}
}

// Backlogs of many pages, different places and different ends, as it comes.
func TestLongReplaysShareTheirPages(t *testing.T) {
	t.Parallel()
	const events = 3000
	c := newClinic(t)
	c.history(accounts, events)
	log, seen := c.traced(events)
	clients := make([]*returning, 500)
	for i := range clients {
		clients[i] = &returning{
			account: strconv.Itoa(1 + i%accounts), cursor: Cursor{1, int64(i * i % events)}.String(), upTo: events - int64(i%7)*30,
		}
	}
	pages := 0
	start(log, clients)()
	for _, client := range clients {
		client.checkExact(t)
		pages += 1 + len(client.seqs)/questionPage
	}
	if count := seen.count.Load(); int(count) > pages/2 {
		t.Errorf("%d statements for %d pages", count, pages)
	}
	t.Logf("%d clients, %d pages: %d statements, %d events loaded", len(clients), pages, seen.count.Load(), seen.loaded.Load())
}

// One question holds all kinds of clients. Each is judged for itself.
func TestAClientIsRefusedAlone(t *testing.T) {
	t.Parallel()
	const events = 8000
	c := newClinic(t)
	c.history(accounts, events)
	// Numbers after 7000 were lost with epoch 1, and numbered again in epoch 2. Account 7's events cannot be read.
	c.super(`INSERT INTO notifier.epoch VALUES (1, 0, 'a'), (2, 7000, 'b');
		UPDATE notifier.head SET epoch = 2;
		UPDATE notifier.event SET epoch = 2 WHERE seq > 7000;
		DELETE FROM notifier.event WHERE seq <= 1000;
		ALTER TABLE notifier.event RENAME TO plain_event;
		CREATE VIEW notifier.event AS SELECT e.seq, e.epoch, e.account_id, e.account_hash, e.kind, e.appointment_id, e.doctor_id, e.status, e.changed_at,
		       CASE e.account_id WHEN 7 THEN (1 / (e.account_id - 7))::text ELSE e.event END AS event FROM notifier.plain_event AS e;
		GRANT SELECT ON notifier.event TO ` + pgtest.Runtime)
	log, _ := c.traced(450)
	type judgement struct {
		returning
		want bool
	}
	cases := []judgement{
		{returning{account: "1", cursor: "2-7900", upTo: events}, true},
		{returning{account: "1", cursor: "1-6900", upTo: events}, true},
		{returning{account: "1", cursor: "1-7001", upTo: events}, false}, // in the lost tail
		{returning{account: "1", cursor: "3-7001", upTo: events}, false}, // of an unknown epoch
		{returning{account: "1", cursor: "2-8001", upTo: events}, false}, // of the future
		{returning{account: "2", cursor: "1-999", upTo: 2000}, false},    // behind the retention
		{returning{account: "2", cursor: "1-1000", upTo: 2000}, true},    // at its edge
		{returning{account: "3", cursor: "1-3500", upTo: events}, true},  // 450 missed: the limit
		{returning{account: "3", cursor: "1-3492", upTo: events}, false}, // one more
		{returning{account: "3", cursor: "1-3492", upTo: 7992}, true},    // not before this end
		{returning{account: "3", cursor: "1-2000", upTo: events}, false}, // many more
		{returning{account: "3", cursor: "1-2000", upTo: 3000}, true},    // not before this end
		{returning{account: "4", cursor: "7950", upTo: events}, false},   // malformed
		{returning{account: "4\x00", cursor: "2-7950", upTo: events}, false},
		{returning{account: "4\xff", cursor: "2-7950", upTo: events}, false},
		{returning{account: "clinic", cursor: "2-7950", upTo: events}, true}, // which has no events, since it is no number
		{returning{account: "7", cursor: "2-7950", upTo: events}, false},     // cannot be read
		{returning{account: "7", cursor: "2-8000", upTo: events}, true},      // need not be read
	}
	release := hold(log.questions.turns)
	var clients []*returning
	for range 5 {
		for _, test := range cases {
			clients = append(clients, &returning{account: test.account, cursor: test.cursor, upTo: test.upTo})
		}
	}
	wait := start(log, clients)
	eventually(t, "all to ask", func() bool { return waiting(&log.questions) == 5*(len(cases)-3) })
	release()
	wait()
	for i, client := range clients {
		switch test := cases[i%len(cases)]; {
		case client.err != nil || client.recovered != test.want || client.torn:
			t.Errorf("account %q after %s up to %d: recovered %v, %v", test.account, test.cursor, test.upTo, client.recovered, client.err)
		case test.want && !slices.Equal(client.seqs, client.of()), !test.want && client.seqs != nil:
			t.Errorf("account %q after %s up to %d: %d events", test.account, test.cursor, test.upTo, len(client.seqs))
		}
	}
}

func TestASlowClientHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	const events = 3000
	c := newClinic(t)
	c.history(accounts, events)
	log, _ := c.traced(1000)
	blocked, unblock := make(chan struct{}), make(chan struct{})
	slow := &returning{account: "1", cursor: "1-0", upTo: events}
	slow.yield = func(seq int64) {
		if seq == 1 {
			close(blocked)
			<-unblock
		}
	}
	waitForSlow := start(log, []*returning{slow})
	<-blocked
	var others []*returning
	for i := range 50 {
		others = append(others, &returning{account: strconv.Itoa(1 + i%2), cursor: Cursor{1, int64(i)}.String(), upTo: events})
	}
	start(log, others)()
	for _, client := range others {
		client.checkExact(t)
	}
	if len(slow.seqs) != 1 || len(log.loads.pending) != 0 {
		t.Errorf("meanwhile the slow one had %d events, and %d were pending", len(slow.seqs), len(log.loads.pending))
	}
	close(unblock)
	waitForSlow()
	slow.checkExact(t)
}

// The database goes away behind everybody's first page.
func TestADatabaseThatGoesAwayEndsReplays(t *testing.T) {
	t.Parallel()
	const events = 3000
	c := newClinic(t)
	c.history(accounts, events)
	log, _ := c.traced(1000)
	var began sync.WaitGroup
	gone := make(chan struct{})
	clients := make([]*returning, 40)
	for i := range clients {
		began.Add(1)
		clients[i] = &returning{account: strconv.Itoa(1 + i%accounts), cursor: "1-0", upTo: events}
		once := sync.OnceFunc(func() { began.Done(); <-gone })
		clients[i].yield = func(int64) { once() }
	}
	wait := start(log, clients)
	began.Wait()
	c.refuse()
	close(gone)
	wait()
	for _, client := range clients {
		if client.err == nil || client.recovered || client.torn || !slices.Equal(client.seqs, client.of()[:questionPage]) {
			t.Errorf("account %s: recovered %v, %v, %d events", client.account, client.recovered, client.err, len(client.seqs))
		}
	}
	c.accept()
	again := &returning{account: "1", cursor: Cursor{1, clients[0].seqs[questionPage-1]}.String(), upTo: events}
	again.replay(context.Background(), log)
	again.checkExact(t)
}

// What is cut behind a client in the middle of its replay is not kept secret.
func TestALogThatIsCutDuringAReplay(t *testing.T) {
	t.Parallel()
	const events = 3000
	tests := []struct{ name, cut string }{
		{"retention", `DELETE FROM notifier.event WHERE seq <= 2500`},
		{"lost tail", `INSERT INTO notifier.epoch VALUES (1, 0, 'a'), (2, 500, 'b'); UPDATE notifier.head SET epoch = 2`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.history(accounts, events)
			log, _ := c.traced(1000)
			client := &returning{account: "1", cursor: "1-0", upTo: events}
			cut := sync.OnceFunc(func() { c.super(test.cut) })
			client.yield = func(int64) { cut() }
			client.replay(context.Background(), log)
			if !errors.Is(client.err, errLogCut) || client.recovered || len(client.seqs) != questionPage {
				t.Errorf("recovered %v, %v, %d events", client.recovered, client.err, len(client.seqs))
			}
		})
	}
}

// Of the clients of one question that the database does not answer, some leave: at once, the others are answered. When
// all leave, the question is given up.
func TestClientsLeaveTheirQuestion(t *testing.T) {
	pgtest.Server(t)
	before := goleak.IgnoreCurrent()
	t.Run("clients", func(t *testing.T) {
		const events = 2000
		c := newClinic(t)
		c.history(accounts, events)
		log, _ := c.traced(1000)
		for _, stay := range []int{3, 0} {
			ctx, leave := context.WithCancel(context.Background())
			release, unlock := hold(log.questions.turns), c.lock("notifier.event")
			clients, left := make([]*returning, 10), make(chan int, 10)
			var group sync.WaitGroup
			for i := range clients {
				clients[i] = &returning{account: strconv.Itoa(1 + i%accounts), cursor: "1-1900", upTo: events}
				group.Go(func() {
					own := ctx
					if i < stay {
						own = context.Background()
					}
					clients[i].replay(own, log)
					left <- i
				})
			}
			eventually(t, "all to ask", func() bool { return waiting(&log.questions) == len(clients) })
			release()
			eventually(t, "the question to wait", func() bool {
				return pgtest.Get[bool](c.db, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'notifier_runtime'
					AND datname = current_database())`)
			})
			leave()
			for range len(clients) - stay - min(stay, 1) { // the leader, whoever it is, stays for those who stay
				select {
				case <-left:
				case <-time.After(patience):
					t.Fatal("a client did not leave")
				}
			}
			unlock()
			group.Wait()
			for i, client := range clients {
				if i < stay {
					client.checkExact(t)
				} else if client.err == nil && client.recovered != (len(client.seqs) > 0) || client.err != nil && !errors.Is(client.err, context.Canceled) {
					t.Errorf("client %d: %v, %v", i, client.recovered, client.err)
				}
			}
		}
	})
	goleak.VerifyNone(t, before)
}

// With the smallest pool there is one turn for all.
func TestReplaysWithOneTurn(t *testing.T) {
	t.Parallel()
	const events = 8000
	c := newClinic(t)
	c.history(accounts, events)
	url := c.db.URL(pgtest.Runtime) + "&pool_max_conns=1"
	d := newDaemon(t, serve{url: url})
	defer d.pool.Close()
	var clients []*returning
	for i := range 30 {
		clients = append(clients, &returning{account: strconv.Itoa(1 + i%3), cursor: Cursor{1, int64(i * 100)}.String(), upTo: events})
	}
	start(NewLog(d.pool, d.loader, 700), clients)()
	for _, client := range clients {
		if missed := client.of(); len(missed) <= 700 {
			client.checkExact(t)
		} else if client.err != nil || client.recovered || client.seqs != nil {
			t.Errorf("beyond the limit: %v, %v, %d events", client.recovered, client.err, len(client.seqs))
		}
	}
}
