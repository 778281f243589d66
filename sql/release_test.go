package sql_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"notifier/sql/pgtest"
)

func TestAFinalisationFreesTheDoctorAndACancellationDoesNot(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	id := c.book(2, checkin)
	c.change(id, cancelado)
	c.pump()
	equal(t, "release", c.release(0), []settled{{1, "released", ""}})
	if c.busy(1) || !c.busy(2) {
		t.Errorf("busy: doctor 1 %v, doctor 2 %v; want only doctor 2", c.busy(1), c.busy(2))
	}
	equal(t, "release again", c.release(0), nil)

	c.finish(1) // he is free already
	c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = true WHERE id = 2`)
	c.finish(2)
	c.finish(2)
	c.pump()
	equal(t, "release", c.release(0), []settled{{3, "was_free", ""}, {4, "released", ""}, {5, "was_free", ""}})
	got := pgtest.Get[string](c.DB, `SELECT string_agg(outcome || ' ' || tries || ' ' || (settled_at IS NOT NULL), ', ' ORDER BY seq)
		FROM notifier.effect`)
	if want := "released 1 true, was_free 1 true, released 1 true, was_free 1 true"; got != want {
		t.Errorf("the settled effects are %s, want %s", got, want)
	}
}

func TestADoctorIsReleasedOnlyWhileNobodyIsBeingServed(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	for _, x := range []struct {
		name string
		do   string // beside the finalised appointment 1 of doctor 1; appointment 2 is his, 3 another doctor's
		busy bool
	}{
		{"nothing else", ``, false},
		{"another appointment is being served", `UPDATE appointments SET "statusId" = 3 WHERE id = 2`, true},
		{"this one is reopened and being served", `UPDATE appointments SET "statusId" = 3 WHERE id = 1`, true},
		{"a deleted one stands as being served", `UPDATE appointments SET "statusId" = 3, "deletedAt" = now() WHERE id = 2`, false},
		{"another doctor is serving", `UPDATE appointments SET "statusId" = 3 WHERE id = 3`, false},
		{"another appointment waits", `UPDATE appointments SET "statusId" = 2 WHERE id = 2`, false},
		{"the served one moved to another doctor", `UPDATE appointments SET "statusId" = 3, "doctorId" = 2 WHERE id = 2`, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			c.reset()
			c.book(1, checkin)
			c.book(1, agendado)
			c.book(2, agendado)
			c.change(1, finalizado)
			c.pump()
			c.Exec(pgtest.App, x.do)
			want := []settled{{1, "released", ""}}
			if x.busy {
				want = []settled{{1, "", "guarded"}}
			}
			equal(t, "release", c.release(0), want)
			if got := c.busy(1); got != x.busy {
				t.Errorf("busy: %v, want %v", got, x.busy)
			}
		})
	}
}

func TestAGuardedDoctorIsReleasedAtOnceByAnEventOfHisAndElseByTheRetry(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	for _, x := range []struct {
		name  string
		ends  int // the status in which the service ends
		event bool
	}{
		{"by cancellation", cancelado, true},
		{"by finalisation", finalizado, true},
		{"without any event", checkin, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			c.reset()
			serving := c.book(1, emAtendimento)
			c.finish(1)
			c.pump()
			equal(t, "release while serving", c.release(0), []settled{{1, "", "guarded"}})
			equal(t, "the same again is no news", c.release(0), nil)
			// Only an event or the retry may bring it now; the retry is far away.
			c.Exec(pgtest.Superuser, `UPDATE notifier.effect SET retry_at = now() + interval '1 day'`)
			c.change(serving, x.ends)
			if got := c.pump() == 1; got != x.event {
				t.Fatalf("the end of the service was an event: %v, want %v", got, x.event)
			}
			released := len(c.release(1)) > 0 // since event 1: the cursor that the daemon was at
			if released != x.event {
				t.Errorf("released before the retry: %v, want %v", released, x.event)
			}
			c.retryNow()
			c.release(1)
			if c.busy(1) {
				t.Error("the doctor is still busy after the retry")
			}
		})
	}
}

func TestALockedDoctorHoldsUpHimselfAndNobodyElse(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	for doctor := range 4 {
		c.finish(doctor + 1)
	}
	c.pump()
	holder := c.Connect(pgtest.App)
	execute(t, holder, `BEGIN`)
	execute(t, holder, `SELECT FROM doctors WHERE id IN (1, 2) FOR UPDATE`)
	// One doctor a call: the locked ones take nobody's place. Which one is left to chance then.
	var released []int64
	for range 2 {
		released = append(released, value[int64](t, c.runtime, `SELECT seq FROM notifier.release(1, 0)`))
	}
	slices.Sort(released)
	equal(t, "released for the events", released, []int64{3, 4})
	equal(t, "nothing but locked doctors", c.release(0), nil)
	execute(t, holder, `COMMIT`)
	equal(t, "after the lock", c.release(0), []settled{{1, "released", ""}, {2, "released", ""}})
}

func TestALockedTableOfDoctorsFailsTheReleaseAndNothingElse(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	id := c.book(1, checkin)
	holder := c.Connect(pgtest.Owner)
	execute(t, holder, `BEGIN`)
	execute(t, holder, `LOCK TABLE doctors`)
	c.change(id, finalizado)
	if got := c.pump(); got != 1 {
		t.Errorf("numbered %d beside the lock, want 1", got)
	}
	_, err := c.tryRelease(0)
	wantState(t, err, "55P03")
	execute(t, holder, `COMMIT`)
	equal(t, "after the lock", c.release(0), []settled{{1, "released", ""}})
}

func TestATriggerOnDoctorsThatRaisesHoldsUpThatDoctorOnly(t *testing.T) {
	t.Parallel()
	const function = `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.id = 1 THEN RAISE EXCEPTION ''patient João Silva'' USING ERRCODE = ''23000''; END IF; RETURN NEW; END';`
	for _, x := range []struct{ name, trigger string }{
		{"before the update", `CREATE TRIGGER refuse BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION refuse()`},
		{"at the commit", `CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON doctors DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION refuse()`},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			c.Exec(pgtest.Owner, function+x.trigger)
			c.finish(1)
			c.finish(2)
			c.pump()
			equal(t, "release", c.release(0), []settled{{1, "", "23000"}, {2, "released", ""}})
			c.retryNow()
			equal(t, "the same fault again is no news", c.release(0), nil)
			got := pgtest.Get[string](c.DB, `SELECT string_agg(problem || ' ' || tries, ', ') FROM notifier.effect WHERE outcome IS NULL`)
			if want := "23000 2"; got != want {
				t.Errorf("noted %q, want the SQLSTATE and two tries: %q", got, want)
			}
			c.Exec(pgtest.Owner, `DROP TRIGGER refuse ON doctors`)
			c.retryNow()
			equal(t, "after the trigger is gone", c.release(0), []settled{{1, "released", ""}})
		})
	}
}

func TestADeletedDoctorIsGoneAndBlocksNothing(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	c.finish(2)
	c.pump()
	c.Exec(pgtest.App, `DELETE FROM appointments; DELETE FROM doctors WHERE id = 1`)
	equal(t, "release", c.release(0), []settled{{1, "gone", ""}, {2, "released", ""}})
}

func TestADoctorWhoIsBeingDeletedIsNotGoneUntilThatCommits(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.finish(1)
	c.pump()
	c.Exec(pgtest.App, `DELETE FROM appointments`)
	holder := c.Connect(pgtest.App)
	execute(t, holder, `BEGIN`)
	execute(t, holder, `DELETE FROM doctors WHERE id = 1`)
	equal(t, "while it may still be rolled back", c.release(0), nil)
	execute(t, holder, `ROLLBACK`)
	equal(t, "afterwards", c.release(0), []settled{{1, "released", ""}})
}

// A release is stopped in its middle: it has judged that the doctor may be released, and has not locked his row when
// somebody calls his next patient.
func TestAServiceThatBeginsWhileAReleaseIsUnderWayKeepsTheDoctorBusy(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	next := c.book(1, checkin)
	c.finish(1)
	c.pump()
	c.Exec(pgtest.Owner, `CREATE OR REPLACE FUNCTION notifier.may_release(doctor integer) RETURNS boolean LANGUAGE plpgsql AS $$
		DECLARE
			allowed boolean := NOT EXISTS (SELECT FROM public.appointments AS a WHERE a."doctorId" = doctor AND a."statusId" = 3);
		BEGIN
			PERFORM pg_advisory_xact_lock(42);
			RETURN allowed;
		END $$`)
	gate := c.Connect(pgtest.Superuser)
	execute(t, gate, `SELECT pg_advisory_lock(42)`)
	c.Exec(pgtest.Superuser, `ALTER FUNCTION notifier.release(integer, bigint) SET lock_timeout = 0`) // the gate may take its time
	result := make(chan []settled, 1)
	go func() {
		rows, err := c.tryRelease(0)
		if err != nil {
			t.Errorf("release: %v", err)
		}
		result <- rows
	}()
	eventually(t, "the release stands at the gate", func() bool {
		return value[bool](t, gate, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event = 'advisory' AND query LIKE '%notifier.release%')`)
	})
	c.serve(next)
	execute(t, gate, `SELECT pg_advisory_unlock(42)`)
	equal(t, "release", <-result, []settled{{1, "", "guarded"}})
	if !c.busy(1) {
		t.Error("the doctor was released while he serves")
	}
}

func TestAServiceThatIsCommittingIsSkippedAndThenGuarded(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	next := c.book(1, checkin)
	c.finish(1)
	c.pump()
	app := c.Connect(pgtest.App)
	execute(t, app, `BEGIN`)
	execute(t, app, `UPDATE doctors SET "isBusy" = true WHERE id = 1`)
	execute(t, app, `UPDATE appointments SET "statusId" = 3 WHERE id = $1`, next)
	equal(t, "while the clinic holds the doctor", c.release(0), nil)
	execute(t, app, `COMMIT`)
	equal(t, "after its commit", c.release(0), []settled{{1, "", "guarded"}})
}

func TestTwoDaemonsReleaseEachDoctorOnce(t *testing.T) {
	t.Parallel()
	const rounds = 40
	c := newClinic(t)
	c.Exec(pgtest.Owner, `CREATE TABLE freed (doctor integer);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN INSERT INTO public.freed VALUES (NEW.id); RETURN NULL; END';
		CREATE TRIGGER note AFTER UPDATE ON doctors FOR EACH ROW WHEN (OLD."isBusy" AND NOT NEW."isBusy") EXECUTE FUNCTION note()`)
	daemons := []func() ([]settled, error){}
	for range 2 {
		conn := c.Connect(pgtest.Runtime)
		daemons = append(daemons, func() ([]settled, error) { return release(conn, 0) })
	}
	for range rounds {
		c.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = true;
			INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
			SELECT now(), '', '', 1, d, 1, 5 FROM generate_series(1, 4) AS d`)
		c.pump()
		var both sync.WaitGroup
		for _, daemon := range daemons {
			both.Go(func() {
				if _, err := daemon(); err != nil {
					t.Errorf("release: %v", err)
				}
			})
		}
		both.Wait()
		c.release(0) // what each left to the other while it held the row
	}
	got := pgtest.Get[string](c.DB, `SELECT (SELECT count(*) FROM freed) || ' freed, '
		|| string_agg(n || ' ' || outcome, ', ') FROM (SELECT outcome, count(*) AS n FROM notifier.effect GROUP BY outcome) AS o`)
	if want := "160 freed, 160 released"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Many doctors are taken together, and one of them spoils it for none of the others.
func TestOfManyDoctorsEachGetsHisOwnOutcome(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.Exec(pgtest.Owner, `
		INSERT INTO doctors (id, "accountId", name, "isBusy") SELECT n, 1, 'Dr.', n <> 105 FROM generate_series(101, 120) AS n;
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.id IN (106, 115) THEN RAISE EXCEPTION ''no'' USING ERRCODE = ''23000''; END IF; RETURN NEW; END';
		CREATE TRIGGER refuse BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION refuse()`)
	serving := c.book(110, emAtendimento)
	want := map[int64]settled{}
	for n := range 20 {
		for range 2 {
			c.finish(101 + n)
		}
		first, second := int64(2*n+1), int64(2*n+2)
		want[first], want[second] = settled{first, "released", ""}, settled{second, "was_free", ""}
	}
	want[9] = settled{9, "was_free", ""}
	for _, seq := range []int64{11, 12, 29, 30} {
		want[seq] = settled{seq, "", "23000"}
	}
	for _, seq := range []int64{19, 20} {
		want[seq] = settled{seq, "", "guarded"}
	}
	for _, seq := range []int64{37, 38} {
		want[seq] = settled{seq, "gone", ""}
	}
	c.pump()
	c.Exec(pgtest.Superuser, `DELETE FROM appointments WHERE "doctorId" = 119; DELETE FROM doctors WHERE id = 119`)
	got := map[int64]settled{}
	for _, s := range c.release(0) {
		if _, twice := got[s.Seq]; twice {
			t.Errorf("told of %d twice", s.Seq)
		}
		got[s.Seq] = s
	}
	if !maps.Equal(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
	for n := 101; n <= 120; n++ {
		if stays := n == 106 || n == 110 || n == 115; n != 119 && c.busy(n) != stays {
			t.Errorf("doctor %d: busy %v, want %v", n, !stays, stays)
		}
	}
	c.change(serving, finalizado)
	c.Exec(pgtest.Owner, `DROP TRIGGER refuse ON doctors`)
	c.pump()
	c.retryNow()
	c.release(0)
	if left := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.effect WHERE outcome IS NULL`); left != 0 {
		t.Errorf("%d effects still wait", left)
	}
}

// A call that asks for one doctor gets to him past those who cannot be released.
func TestWhoCannotBeReleasedTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.Exec(pgtest.Owner, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.id = 1 THEN RAISE EXCEPTION ''no''; END IF; RETURN NEW; END';
		CREATE TRIGGER refuse BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION refuse()`)
	c.book(2, emAtendimento)
	for doctor := range 3 {
		c.finish(doctor + 1)
	}
	c.pump()
	execute(t, c.runtime, `SELECT notifier.release(1, 0)`)
	if c.busy(3) || !c.busy(1) || !c.busy(2) {
		t.Error("the wrong doctors are free")
	}
}

// A trigger that returns NULL raises nothing and leaves the doctor busy: that is no release.
func TestADoctorWhomATriggerLeavesBusyIsNotReleased(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.Exec(pgtest.Owner, `CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.id = 1 THEN RETURN NULL; END IF; RETURN NEW; END';
		CREATE TRIGGER keep BEFORE UPDATE ON doctors FOR EACH ROW WHEN (OLD."isBusy" AND NOT NEW."isBusy") EXECUTE FUNCTION keep()`)
	for doctor := range 3 {
		c.finish(doctor + 1)
	}
	c.pump()
	equal(t, "release", c.release(0), []settled{{1, "", "09000"}, {2, "released", ""}, {3, "released", ""}})
	c.Exec(pgtest.Owner, `DROP TRIGGER keep ON doctors`)
	c.retryNow()
	equal(t, "release without the trigger", c.release(0), []settled{{1, "released", ""}})
}

func TestADBAReplacesTheRule(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.book(1, emAtendimento)
	c.finish(1)
	c.pump()
	c.Exec(pgtest.Owner, `CREATE OR REPLACE FUNCTION notifier.may_release(doctor integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'`)
	equal(t, "release", c.release(0), []settled{{1, "released", ""}})
	if got := pgtest.Get[bool](c.DB, `SELECT has_function_privilege('notifier_runtime', 'notifier.may_release(integer)', 'EXECUTE')`); got {
		t.Error("the replaced rule may be called by the runtime role")
	}
}

func TestARetryComesLaterEachTimeUpToFiveSeconds(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.book(1, emAtendimento)
	c.finish(1)
	c.pump()
	var last float64
	for try := range 10 {
		c.retryNow()
		c.release(0)
		var pause float64
		row := c.runtime.QueryRow(context.Background(),
			`SELECT extract(epoch FROM retry_at - asked_at) - extract(epoch FROM clock_timestamp() - asked_at) FROM notifier.effect`)
		if err := row.Scan(&pause); err != nil {
			t.Fatal(err)
		}
		if pause > 5 || try > 0 && try < 5 && pause <= last {
			t.Errorf("try %d: the next comes after %.2f s, the one before it after %.2f s", try, pause, last)
		}
		last = pause
	}
}
