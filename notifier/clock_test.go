package notifier

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/sql/pgtest"
)

func TestTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := time.Now()
		changed := asked.Add(-time.Hour) // by the server, whose clock is an hour late
		time.Sleep(200 * time.Millisecond)
		c := readServerClock(asked.Add(100*time.Millisecond-time.Hour), asked)
		time.Sleep(time.Second)
		if got, want := c.since(changed), 1200*time.Millisecond; got != want {
			t.Errorf("a change as the question was sent: %v ago, want %v", got, want)
		}
		if got := c.since(asked); got != 0 {
			t.Errorf("a change in the future: %v ago, want 0", got)
		}
	})
}

// disguise puts other functions before PostgreSQL's own for new sessions of the runtime role.
func (c *clinic) disguise(functions string) {
	c.t.Helper()
	c.super(`CREATE SCHEMA disguise; GRANT USAGE ON SCHEMA disguise TO PUBLIC; SET search_path = disguise, pg_catalog; ` + functions +
		`; ALTER ROLE ` + pgtest.Runtime + ` IN DATABASE ` + c.db.Name + ` SET search_path = disguise, pg_catalog, public`)
}

// The clocks of daemon and database differ by an hour: delays are told by one of them.
func TestDelaysWhenTheClocksDiffer(t *testing.T) {
	t.Parallel()
	for _, difference := range []string{"1 hour", "-1 hour"} {
		t.Run(difference, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.disguise(`CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
				$$ SELECT pg_catalog.clock_timestamp() + interval '` + difference + `' $$`)
			c.super(`ALTER TABLE notifier.staging ALTER changed_at SET DEFAULT clock_timestamp() + interval '` + difference + `'`)
			d := c.serve(serve{accounts: []string{"1"}})
			release := c.holdPump()
			c.finish(1)
			c.exec(`SELECT pg_sleep(0.2)`)
			release()
			d.rooms.awaitEvents(t, 1)
			d.rooms.awaitSettled(t, 1) // the line is written by then
			line := d.lines.with("event_published")[0]
			_, text, _ := strings.Cut(line, "delay=")
			delay, err := time.ParseDuration(text)
			if err != nil || delay < 200*time.Millisecond || delay > time.Minute {
				t.Errorf("delay %v, %v, want what it was held up for: %s", delay, err, line)
			}
			var wall time.Time
			if err := d.pool.QueryRow(context.Background(), `SELECT clock_timestamp()`).Scan(&wall); err != nil || time.Since(wall).Abs() < time.Minute {
				t.Errorf("the clocks do not differ: %v, %v", wall, err)
			}
		})
	}
}
