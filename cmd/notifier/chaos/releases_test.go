package main

import (
	"strings"
	"testing"

	"notifier/sql/pgtest"
)

// surgery is a clinic's database as a scenario has it, with one event: appointment 1 of doctor 1 was finished.
func surgery(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.Migrated(t)
	db.Exec(pgtest.Owner, seedSQL)
	db.Exec(pgtest.Superuser, schemaSQL)
	db.Exec(pgtest.Superuser, `
		INSERT INTO notifier.event (seq, epoch, appointment_id, account_id, doctor_id, status, event, changed_at)
		VALUES (1, 7, 1, 1, 1, 'FINALIZADO', 'appointmnents.finished', now())`)
	return db
}

const (
	asked    = `INSERT INTO notifier.effect (seq, appointment_id, doctor_id) VALUES (1, 1, 1);`
	attend   = `UPDATE doctors SET "isBusy" = true WHERE id = 1; INSERT INTO chaos.attended (doctor_id) VALUES (1);`
	free     = `UPDATE doctors SET "isBusy" = false WHERE id = 1;`
	serves   = `UPDATE appointments SET "statusId" = 3 WHERE id = 41;` // another appointment of doctor 1
	longAgo  = `UPDATE chaos.attended SET at = clock_timestamp() - interval '1 second';`
	released = `UPDATE notifier.effect SET outcome = 'released', settled_at = clock_timestamp();`
	needless = `UPDATE notifier.effect SET outcome = 'was_free', settled_at = clock_timestamp();`
	guarded  = `UPDATE notifier.effect SET problem = 'guarded';`
)

func TestReleasesAreComparedWithFinalisations(t *testing.T) {
	const nobody = "nobody was released"
	for name, test := range map[string]struct {
		statements string
		want       []string
	}{
		"all is well":              {asked + attend + free + released, nil},
		"it was asked for nothing": {attend + free, []string{"1 finalisations asked", "1 doctors were released more or less often"}},
		"it was asked for another": {
			asked + attend + free + released + `UPDATE notifier.effect SET doctor_id = 2;`,
			[]string{"1 finalisations asked", "2 doctors were released more"},
		},
		"a release that nobody noted":   {asked + attend + free, []string{"1 doctors were released more or less often"}},
		"a release that nobody made":    {asked + attend + released, []string{"1 doctors were released more or less often", nobody}},
		"two for one":                   {asked + attend + free + attend + free + released, []string{"1 doctors were released more or less often"}},
		"while he served":               {asked + attend + serves + free + released, []string{"1 doctors were released while they served"}},
		"he was free":                   {asked + needless, []string{nobody}},
		"he was busy, just about":       {asked + attend + needless, []string{nobody}},
		"he had been busy for a second": {asked + attend + longAgo + needless, []string{"1 releases were said to be needless", nobody}},
		"and was released since": {
			asked + attend + longAgo + free + released +
				`INSERT INTO notifier.effect (seq, appointment_id, doctor_id, outcome, settled_at) VALUES (2, 1, 1, 'was_free', clock_timestamp());`, nil,
		},
		"he was finished with long ago, and is busy still": {
			asked + attend + longAgo + released + `UPDATE chaos.attended SET at = clock_timestamp() - interval '1 minute';
				INSERT INTO chaos.change (appointment_id, account_id, doctor_id, status) VALUES (1, 1, 1, 'FINALIZADO');`,
			[]string{"1 doctors were released more or less often", "1 doctors were never released", nobody},
		},
		"it waits": {asked + attend + serves + guarded, []string{nobody}},
	} {
		t.Run(name, func(t *testing.T) {
			db := surgery(t)
			db.Exec(pgtest.Superuser, test.statements)
			v := newVerdict(allowance{})
			if err := v.judgeReleases(t.Context(), db.Connect(pgtest.Superuser)); err != nil {
				t.Fatal(err)
			}
			wantFaults(t, v.faults, test.want...)
			if waits := v.guarded == 1; waits != strings.Contains(test.statements, guarded) {
				t.Errorf("%d are guarded", v.guarded)
			}
		})
	}
}

func TestTheEndIsWaitedFor(t *testing.T) {
	const finish = `UPDATE appointments SET "statusId" = 5 WHERE id = 2;`
	for name, test := range map[string]struct{ statements, want string }{
		"nothing waits":                       {"", ""},
		"a change waits to be numbered":       {finish, "1 changes wait to be numbered, 0 releases to be settled"},
		"a release waits":                     {asked, "0 changes wait to be numbered, 1 releases to be settled"},
		"a release waits since he is serving": {asked + attend + serves + guarded, ""},
		"a release is settled":                {asked + attend + free + released, ""},
		"another doctor serves": {
			asked + `UPDATE appointments SET "statusId" = 3 WHERE id = 2;`,
			"0 changes wait to be numbered, 1 releases to be settled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := surgery(t)
			db.Exec(pgtest.Superuser, test.statements)
			err := noneWaits(t.Context(), db.Connect(pgtest.Superuser))
			switch {
			case test.want == "" && err != nil, test.want != "" && (err == nil || err.Error() != test.want):
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestTheRecordIsWhatTheDatabaseHolds(t *testing.T) {
	db := surgery(t)
	conn := db.Connect(pgtest.App)
	var made int64
	for _, m := range []struct {
		ids    []int32
		status string
	}{{[]int32{1, 2}, finished}, {[]int32{1}, cancelled}, {[]int32{1}, cancelled}, {[]int32{2}, "CHECKIN"}} {
		n, err := change(t.Context(), conn, m.ids, m.status)
		if err != nil {
			t.Fatal(err)
		}
		made += n
	}
	db.Exec(pgtest.App, moveSQL, 2)
	db.Exec(pgtest.App, bornSQL, 2)
	r, err := readRecord(t.Context(), db.Connect(pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	if made != 3 || len(r.changes) != 3 || strings.Join(r.changes[1], " ") != "FINALIZADO@1 CANCELADO@1" ||
		strings.Join(r.changes[2], " ") != "FINALIZADO@2" || strings.Join(r.changes[401], " ") != "CANCELADO@3" {
		t.Errorf("%d changes: %v", made, r.changes)
	}
	if r.latest.IsZero() || r.count != 1 || r.first != 1 || r.last != 1 || r.epoch != 7 || len(r.events["1"]) != 1 || r.logged[1][0] != "FINALIZADO@1" {
		t.Errorf("the log is read as %+v", r)
	}
}
