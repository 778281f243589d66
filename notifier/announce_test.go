package notifier

import (
	"testing"
	"time"
)

// The second daemon looks every ten minutes by itself and the clinic's bell is off: it can only know from the first
// daemon, which sends its own rows through the pump.
func TestADaemonThatDidNotNumberHearsOfIt(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`UPDATE notifier.setting SET bell = false`)
	second := c.serve(serve{accounts: []string{"1"}, poll: 10 * time.Minute, eager: 10 * time.Minute})
	c.serve(serve{accounts: []string{"1"}})
	for range 3 {
		c.finish(1)
	}
	second.rooms.awaitEvents(t, 3)
}

// Half of a full queue is left to others: an announcement into a full one would fail.
func TestNothingIsAnnouncedIntoAQueueThatIsHalfFull(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.super(`ALTER FUNCTION pg_catalog.pg_notification_queue_usage() RENAME TO true_usage;
		CREATE FUNCTION pg_catalog.pg_notification_queue_usage() RETURNS double precision LANGUAGE sql AS 'SELECT 0.6'`)
	d := c.serve(serve{accounts: []string{"1"}})
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
	d.stop()
	if got := d.metrics.count("bell_event"); got != 0 {
		t.Errorf("%d announcements", got)
	}
}
