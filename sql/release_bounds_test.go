package sql_test

import (
	"testing"

	"notifier/sql"
	"notifier/sql/pgtest"
)

func TestAReleaseDoesNotKeepDoctorsLockedForLongWhateverTheirTriggersWaitFor(t *testing.T) {
	t.Parallel()
	const doctors = 60
	c := newClinic(t)
	c.Exec(pgtest.Owner, `
		INSERT INTO doctors (id, "accountId", name, "isBusy") SELECT n, 1, 'Dr.', true FROM generate_series(101, 160) AS n;
		CREATE TABLE audit (doctor integer);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
		'BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END';
		CREATE TRIGGER note BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION note()`)
	for n := range doctors {
		c.finish(101 + n)
	}
	c.pump()
	locker := c.Connect(pgtest.Owner)
	execute(t, locker, `BEGIN; LOCK TABLE audit`)

	// Each try takes the lock timeout of 100 ms, so sixty would be six seconds with sixty rows locked.
	execute(t, c.runtime, `SELECT * FROM notifier.release(100, 0)`)
	if tried := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.effect WHERE tries > 0`); tried < 1 || tried > 10 {
		t.Errorf("one call tried %d doctors, want a few", tried)
	}
	execute(t, locker, `ROLLBACK`)
	c.retryNow()
	c.release(0)
	if left := pgtest.Get[int](c.DB, `SELECT count(*) FROM notifier.effect WHERE outcome IS NULL`); left != 0 {
		t.Errorf("%d doctors are still to be released after the lock has gone", left)
	}
}

func TestAnEpochBeforeAnUninstallIsNotOneAfterIt(t *testing.T) {
	t.Parallel()
	db := pgtest.Clinic(t)
	m, _ := migrator(t, db, sql.Config{Names: sql.Names{OwnerRole: "reinstall_owner", RuntimeRole: "reinstall_runtime"}})
	up(t, m)
	const epoch = `SELECT epoch FROM notifier.head`
	before := pgtest.Get[int64](db, epoch)
	db.Exec(pgtest.Superuser, `SELECT pg_sleep(1.1)`) // epochs are named by the second
	down(t, m, true)
	up(t, m)
	if after := pgtest.Get[int64](db, epoch); after <= before || before < 1_700_000_000 {
		t.Errorf("the first epoch was %d and is %d after the reinstallation: an old cursor would be good again", before, after)
	}
}
