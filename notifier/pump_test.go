package notifier

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"notifier/sql"
	"notifier/sql/pgtest"
)

var (
	keys       = regexp.MustCompile(`(TABLE (?:accounts|doctors|patients|appointments) \(\s+id\s+)serial PRIMARY KEY`)
	references = regexp.MustCompile(`("(?:account|doctor|patient|appointment)Id"\s+)integer`)
)

// stagedByUUID is a clinic whose ids are UUIDs, so that an event takes some 300 bytes, and so many events to number.
func stagedByUUID(t *testing.T, events int) *pgtest.DB {
	t.Helper()
	db := pgtest.Empty(t)
	tables := keys.ReplaceAllString(sql.Clinic, "${1}uuid PRIMARY KEY DEFAULT gen_random_uuid()")
	db.Exec(pgtest.Owner, references.ReplaceAllString(tables, "${1}uuid"))
	migrator, err := sql.New(sql.Config{URL: db.URL(pgtest.Owner)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Up(context.Background()); err != nil {
		t.Fatal(err)
	}
	db.Exec(pgtest.Owner, `INSERT INTO accounts (name) VALUES ('a');
		INSERT INTO doctors ("accountId", name) SELECT id, 'd' FROM accounts;
		INSERT INTO patients ("accountId", name) SELECT id, 'p' FROM accounts`)
	db.Exec(pgtest.Owner, `INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT '2025-01-23', '09:00', '09:15', a.id, d.id, p.id, 1 FROM accounts AS a, doctors AS d, patients AS p, generate_series(1, $1)`, events)
	db.Exec(pgtest.Owner, `UPDATE appointments SET "statusId" = 5`)
	return db
}

// A daemon that is frozen, or cut off, while it pumps does not read the answer. The others number all the same.
func TestADaemonThatDoesNotReadWhatItNumberedHoldsUpNobody(t *testing.T) {
	t.Parallel()
	db := stagedByUUID(t, pumpBatch+1)
	frozen := db.Connect(pgtest.Runtime).PgConn().Frontend()
	frozen.Send(&pgproto3.Query{String: fmt.Sprintf(`SELECT * FROM notifier.advance(%d, 0, %d, 0)`, pumpBatch, broughtBatch)})
	if err := frozen.Flush(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the events to be numbered", func() bool {
		return pgtest.Get[int64](db, `SELECT seq FROM notifier.head`) == pumpBatch
	})
	pool := newDaemon(t, serve{url: db.URL(pgtest.Runtime)}).pool
	t.Cleanup(pool.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if p, ok, err := pump(ctx, pool, pumpBatch, 0, &timeLimit{}, NoMetrics{}); err != nil || !ok || p.events != 1 || len(p.read) != 1 {
		t.Errorf("the other has numbered %d events and read %d: %v, %v", p.events, len(p.read), ok, err)
	}
}
