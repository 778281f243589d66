package sql_test

import (
	"context"
	"encoding/json"
	"testing"

	"notifier/sql/pgtest"
)

// age makes everything in the log older by two days.
func (c *clinic) age() {
	c.t.Helper()
	c.Exec(pgtest.Superuser, `UPDATE notifier.event SET numbered_at = numbered_at - interval '2 days';
		UPDATE notifier.effect SET asked_at = asked_at - interval '2 days', settled_at = settled_at - interval '2 days'`)
}

// prune removes what is older than a day, up to so many events.
func (c *clinic) prune(most int) int {
	c.t.Helper()
	return value[int](c.t, c.runtime, `SELECT notifier.prune('1 day', $1)`, most)
}

func (c *clinic) cancelMany(n int) {
	c.t.Helper()
	c.Exec(pgtest.App, `INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT now(), '', '', 1, 1, 1, 6 FROM generate_series(1, $1::integer)`, n)
	c.pump()
}

func TestPruneRemovesWhatIsOldInBatchesAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.cancelMany(25)
	c.age()
	c.cancelMany(3)
	for _, want := range []int{10, 10, 5, 0} {
		if got := c.prune(10); got != want {
			t.Errorf("removed %d, want %d", got, want)
		}
	}
	equal(t, "what is left", pgtest.Get[[]int](c.DB, `SELECT array_agg(seq ORDER BY seq) FROM notifier.event`), []int{26, 27, 28})
	c.age()
	c.prune(10)
	c.cancelMany(1)
	if got := pgtest.Get[int](c.DB, `SELECT seq FROM notifier.event`); got != 29 {
		t.Errorf("after the whole log was removed the next event is %d, want 29", got)
	}
}

func TestPruneGivesUpOnReleasesThatWaitedForTheWholeRetention(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	effects := func() string {
		return pgtest.Get[string](c.DB, `SELECT coalesce(string_agg(seq || ' ' || coalesce(outcome, 'waits'), ', ' ORDER BY seq), '') FROM notifier.effect`)
	}
	c.book(1, emAtendimento)
	c.finish(1)
	c.finish(2)
	c.pump()
	c.release(0)
	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"while young", func() { c.prune(10) }, "1 waits, 2 released"},
		{"when old", func() { c.age(); c.prune(10) }, "1 guarded"},
		{"before another retention has passed", func() { c.prune(10) }, "1 guarded"},
		{"the rule no longer guards", func() { c.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 2`); c.retryNow(); c.release(0) }, "1 guarded"},
		{"after another retention", func() { c.age(); c.prune(10) }, ""},
	} {
		step.do()
		if got := effects(); got != step.want {
			t.Errorf("%s: effects %q, want %q", step.what, got, step.want)
		}
	}
	if !c.busy(1) {
		t.Error("a doctor was released after his release was given up")
	}
}

func TestOneSessionPrunesAtATimeAndStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.cancelMany(5)
	c.book(1, emAtendimento)
	c.finish(1)
	c.pump()
	c.age()
	other := c.Connect(pgtest.Runtime)
	execute(t, other, `BEGIN`)
	if got := value[int](t, other, `SELECT notifier.prune('1 day', 100)`); got != 6 {
		t.Errorf("removed %d, want 6", got)
	}

	execute(t, c.runtime, `SET lock_timeout = '1ms'`)
	if got := c.prune(100); got != 0 {
		t.Errorf("a second one removed %d beside the first, want 0", got)
	}
	c.finish(2)
	if got := c.pump(); got != 1 {
		t.Errorf("numbered %d beside a prune, want 1", got)
	}
	equal(t, "release beside a prune that settles an old effect", c.release(0), []settled{{7, "released", ""}})
	execute(t, other, `COMMIT`)
	if got := pgtest.Get[string](c.DB, `SELECT outcome FROM notifier.effect WHERE seq = 6`); got != "guarded" {
		t.Errorf("the old effect is %q, want guarded", got)
	}
}

func TestAPruneWaitsForNoPump(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.cancelMany(5)
	c.finish(1)
	c.pump()
	c.release(0)
	c.age()
	c.finish(2)
	other := c.Connect(pgtest.Runtime)
	execute(t, other, `BEGIN`)
	execute(t, other, `SELECT * FROM notifier.pump(100)`)
	execute(t, other, `SELECT * FROM notifier.release(100, 0)`)
	execute(t, c.runtime, `SET lock_timeout = '1ms'`)
	if got := c.prune(100); got != 6 {
		t.Errorf("removed %d beside an open pump, want 6", got)
	}
	execute(t, other, `COMMIT`)
	equal(t, "what is left", pgtest.Get[[]int](c.DB, `SELECT array_agg(seq) FROM notifier.event`), []int{7})
}

// A dump, or a forgotten transaction in any database of the cluster, keeps all that is removed meanwhile in tables and indexes.
func TestAPruneDoesNotStepOverWhatIsRemovedAndCannotBeVacuumed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.cancelMany(6000)
	c.age()
	c.cancelMany(3)
	old := c.Connect(pgtest.Superuser)
	execute(t, old, `BEGIN ISOLATION LEVEL REPEATABLE READ`)
	execute(t, old, `SELECT FROM appointments LIMIT 1`)
	for c.prune(1000) > 0 {
	}
	pages := func(query string) (n int) {
		t.Helper()
		var plan []struct {
			Plan struct {
				Hit int `json:"Shared Hit Blocks"`
			}
		}
		if err := json.Unmarshal(value[[]byte](t, c.runtime, `EXPLAIN (ANALYZE, BUFFERS, FORMAT json) `+query), &plan); err != nil {
			t.Fatal(err)
		}
		return plan[0].Plan.Hit
	}
	const first = `SELECT min(e.seq) FROM notifier.event AS e`
	pages(first)
	whole := pages(first)
	for _, query := range []string{`SELECT notifier.prune('1 day', 1000)`, first + ` WHERE e.seq > (SELECT c.seq FROM notifier.cut AS c)`} {
		pages(query)
		if got := pages(query); got > whole/2 {
			t.Errorf("%s looks at %d pages; stepping over all that was removed takes %d", query, got, whole)
		}
	}
}

func TestPruneRemembersHowFarItCutAndWhenThatWas(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	if got := pgtest.Get[string](c.DB, `SELECT c.seq::text FROM notifier.cut AS c`); got != "0" {
		t.Errorf("at first it is %s", got)
	}
	c.cancelMany(25)
	c.age()
	was := pgtest.Get[string](c.DB, `SELECT numbered_at::text FROM notifier.event WHERE seq = 20`)
	c.prune(20)
	if got := pgtest.Get[string](c.DB, `SELECT concat_ws(' ', c.seq, c.numbered_at) FROM notifier.cut AS c`); got != "20 "+was {
		t.Errorf("it is %s, want 20 %s", got, was)
	}
	c.prune(20)
	c.prune(20)
	if got := pgtest.Get[int](c.DB, `SELECT seq FROM notifier.cut`); got != 25 {
		t.Errorf("with the whole log removed it is %d, want 25", got)
	}
}

func TestPruneTakesNoNonsense(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.cancelMany(2)
	c.age()
	for _, arguments := range []string{`NULL, 10`, `'1 day', 0`, `'100 years', 10`} {
		if _, err := c.runtime.Exec(context.Background(), `SELECT notifier.prune(`+arguments+`)`); err != nil {
			t.Errorf("prune(%s): %v", arguments, err)
		}
	}
	if got := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.event`); got != 2 {
		t.Errorf("%d events left, want both", got)
	}
}
