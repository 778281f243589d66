package notifier

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"notifier/sql/pgtest"
)

// raises makes the view call f(id), which can raise for some rows.
func (c *clinic) raises(body string) {
	c.t.Helper()
	c.wrapView(function(body) + `; CREATE VIEW notifier.appointment_dto AS SELECT p.* FROM notifier.plain_dto AS p WHERE f(p.id)`)
}

func function(body string) string {
	return `CREATE OR REPLACE FUNCTION f(id integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN ` + body + `; RETURN true; END $$`
}

func (c *clinic) loader(t *testing.T) *daemon {
	t.Helper()
	d := newDaemon(t, serve{url: runtimeURL(t, c.db.URL(pgtest.Runtime))})
	t.Cleanup(d.pool.Close)
	return d
}

func eventsOf(ids []int, account int) []Event {
	events := make([]Event, len(ids))
	for i, id := range ids {
		events[i] = eventOf(id, account)
	}
	return events
}

// isTombstone tells a tombstone from an appointment.
func isTombstone(data []byte) bool { return !strings.Contains(string(data), `"procedures"`) }

func TestRowsForWhichTheViewRaises(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string // of a function called with each row's id; %s is the bad ids
		bad        []int  // places among 50 appointments
	}{
		{"one", `IF id IN (%s) THEN RAISE 'no %%', 'Maria Sigilosa'; END IF`, []int{17}},
		{"the first, the last and two neighbours", `IF id IN (%s) THEN PERFORM 1 / 0; END IF`, []int{0, 30, 31, 49}},
		{"a function that is not there", `IF id IN (%s) THEN PERFORM nowhere.f(); END IF`, []int{5}},
		{"no right", `IF id IN (%s) THEN PERFORM FROM accounts; END IF`, []int{5}},
		{"a limit of the server", `IF id IN (%s) THEN RAISE 'no %%', 'Maria Sigilosa' USING ERRCODE = '53400'; END IF`, []int{5}},
		{"a deadlock", `IF id IN (%s) THEN RAISE 'no' USING ERRCODE = '40P01'; END IF`, []int{5}},
		{"a foreign server that is away", `IF id IN (%s) THEN RAISE 'no' USING ERRCODE = '08001'; END IF`, []int{5}},
		{"an internal error", `IF id IN (%s) THEN RAISE 'no' USING ERRCODE = 'XX001'; END IF`, []int{5}},
	}
	c := newClinic(t)
	ids := c.bookAll(1, finished, 50)
	c.raises(`NULL`)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var bad []string
			for _, place := range test.bad {
				bad = append(bad, fmt.Sprint(ids[place]))
			}
			c.super(function(fmt.Sprintf(test.body, strings.Join(bad, ","))))
			d := c.loader(t)
			for range 2 { // the first time on a connection goes another way
				data, err := d.loader.Load(context.Background(), eventsOf(ids, 1))
				if err != nil {
					t.Fatal(err)
				}
				for i := range data {
					if got, want := isTombstone(data[i]), slices.Contains(test.bad, i); got != want {
						t.Errorf("appointment %d: tombstone %v, want %v", i, got, want)
					}
				}
			}
			if got := d.metrics.count("tombstones"); got != 2*len(test.bad) {
				t.Errorf("%d tombstones counted, want %d", got, 2*len(test.bad))
			}
			if got := len(d.lines.with("appointments_not_loaded")); got != 2 {
				t.Errorf("%d log lines, want one for each load", got)
			}
		})
	}
}

func TestAViewThatRaisesForAllIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	ids := c.bookAll(1, finished, 500)
	c.super(`CREATE SEQUENCE asked; GRANT ALL ON asked TO PUBLIC`)
	c.raises(`PERFORM nextval('asked'); RAISE 'always'`)
	data, err := c.loader(t).loader.Load(context.Background(), eventsOf(ids, 1))
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(data, func(d []byte) bool { return !isTombstone(d) }) {
		t.Error("not all are tombstones")
	}
	if asked := pgtest.Get[int](c.db, `SELECT last_value FROM asked`); asked != maxLoadFaults {
		t.Errorf("asked %d times, want %d", asked, maxLoadFaults)
	}
}

func TestViewsThatDifferFromOurs(t *testing.T) {
	t.Parallel()
	const columns = `p.id, p.account_id, p.date, p.start_time, p.end_time, p.notes, p.created_at, p.updated_at, p.deleted_at,
		p.doctor_id, p.doctor_name, p.patient_id, p.patient_name, %s, p.contact_phone, p.status_id, p.status_name, p.status_color, %s`
	tests := []struct {
		name, hasContact, procedures string
		tombstone                    bool
	}{
		{"procedures NULL", `p.has_contact`, `NULL::json AS procedures`, false},
		{"procedures JSON null", `p.has_contact`, `'null'::json AS procedures`, false},
		{"procedures as jsonb", `p.has_contact`, `p.procedures::jsonb AS procedures`, false},
		{"contact unknown", `NULL::boolean AS has_contact`, `p.procedures`, false},
		{"price as a number", `p.has_contact`, `'[{"id":1,"name":"a","price":1}]'::json AS procedures`, true},
		{"procedures an object", `p.has_contact`, `'{}'::json AS procedures`, true},
	}
	c := newClinic(t)
	id := c.book(1, finished)
	c.wrapView(`CREATE VIEW notifier.appointment_dto AS SELECT * FROM notifier.plain_dto`)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c.super(`DROP VIEW notifier.appointment_dto; CREATE VIEW notifier.appointment_dto AS SELECT ` +
				fmt.Sprintf(columns, test.hasContact, test.procedures) + ` FROM notifier.plain_dto AS p;
				GRANT SELECT ON notifier.appointment_dto TO notifier_runtime`)
			d := c.loader(t)
			data, err := d.loader.Load(context.Background(), []Event{eventOf(id, 1)})
			if err != nil {
				t.Fatal(err)
			}
			if got := isTombstone(data[0]); got != test.tombstone {
				t.Errorf("tombstone %v, want %v: %s", got, test.tombstone, data[0])
			}
			if got := len(d.lines.with("appointments_not_loaded")); (got == 1) != test.tombstone {
				t.Errorf("%d log lines", got)
			}
		})
	}
}

// The clinic's ALTER TABLE, or a slow view, must not hold an event up: not even the first time on a connection,
// when the statement is still to be prepared.
func TestLoadDoesNotWait(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, finished)
	warm, cold := c.loader(t), c.loader(t)
	load := func(d *daemon) (tombstone bool, took time.Duration) {
		t.Helper()
		started := time.Now()
		data, err := d.loader.Load(context.Background(), []Event{eventOf(id, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return isTombstone(data[0]), time.Since(started)
	}
	if tombstone, _ := load(warm); tombstone {
		t.Fatal("tombstone before the lock")
	}
	unlock := c.lock("doctors")
	for name, d := range map[string]*daemon{"warm": warm, "cold": cold} {
		if tombstone, took := load(d); !tombstone || took > 2*time.Second {
			t.Errorf("%s, with doctors locked: tombstone %v after %v, want one after 50 ms", name, tombstone, took)
		}
	}
	unlock()
	for name, d := range map[string]*daemon{"warm": warm, "cold": cold} {
		if tombstone, _ := load(d); tombstone {
			t.Errorf("%s: tombstone after the lock", name)
		}
	}
	if locked := warm.lines.with("appointments_not_loaded"); len(locked) != 1 || !strings.Contains(locked[0], "problem=55P03") {
		t.Errorf("log: %v", locked)
	}
}

func TestSlowViewIsGivenUp(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, finished)
	c.raises(`PERFORM pg_sleep(60)`)
	d := c.loader(t)
	data, err := d.loader.Load(context.Background(), []Event{eventOf(id, 1)})
	if err != nil || !isTombstone(data[0]) {
		t.Errorf("got %s, %v, want a tombstone", data, err)
	}
	if slow := d.lines.with("appointments_not_loaded"); len(slow) != 1 || !strings.Contains(slow[0], "problem=57014") {
		t.Errorf("log: %v", slow)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	t.Run("the view is gone", func(t *testing.T) {
		t.Parallel()
		c := newClinic(t)
		id := c.book(1, finished)
		c.super(`DROP VIEW notifier.appointment_dto`)
		if data, err := c.loader(t).loader.Load(context.Background(), []Event{eventOf(id, 1)}); !IsNotMigrated(err) {
			t.Errorf("got %s, %v, want an error that says so", data, err)
		}
	})
	t.Run("no right on the view", func(t *testing.T) {
		t.Parallel()
		c := newClinic(t)
		id := c.book(1, finished)
		c.super(`REVOKE SELECT ON notifier.appointment_dto FROM notifier_runtime`)
		if data, err := c.loader(t).loader.Load(context.Background(), []Event{eventOf(id, 1)}); !IsNotMigrated(err) {
			t.Errorf("got %s, %v, want an error that says so", data, err)
		}
	})
	t.Run("the database refuses connections", func(t *testing.T) {
		t.Parallel()
		c := newClinic(t)
		id := c.book(1, finished)
		d := c.loader(t)
		c.refuse()
		if data, err := d.loader.Load(context.Background(), []Event{eventOf(id, 1)}); err == nil {
			t.Errorf("got %s, want an error and no tombstone", data)
		}
		c.accept()
		if data, err := d.loader.Load(context.Background(), []Event{eventOf(id, 1)}); err != nil || isTombstone(data[0]) {
			t.Errorf("got %s, %v after it accepts them again", data, err)
		}
	})
}

func TestEachAppointmentIsLoadedOnce(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	a, b := c.book(1, finished), c.book(1, finished)
	c.super(`CREATE SEQUENCE asked; GRANT ALL ON asked TO PUBLIC`)
	c.raises(`PERFORM nextval('asked')`)
	data, err := c.loader(t).loader.Load(context.Background(), eventsOf([]int{a, b, a, a}, 1))
	if err != nil {
		t.Fatal(err)
	}
	if asked := pgtest.Get[int](c.db, `SELECT last_value FROM asked`); asked != 2 {
		t.Errorf("asked for %d rows, want 2", asked)
	}
	if string(data[0]) != string(data[3]) || string(data[0]) == string(data[1]) {
		t.Errorf("got %s", data)
	}
}

func TestArrayLiteral(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	want := []string{"1", "", "a b", `a"b`, `a\b`, "{x,y}", "NULL", "é😀", "line\nbreak", "'"}
	got := pgtest.Get[[]string](c.db, `SELECT $1::text::text[]`, arrayLiteral(want))
	if !slices.Equal(got, want) {
		t.Errorf("PostgreSQL reads %q, want %q", got, want)
	}
	if got := arrayLiteral(nil); got != "{}" {
		t.Errorf("no ids: %q", got)
	}
}
