package inspect

import (
	"context"
	"fmt"
	"time"
)

const (
	behindAfter = 10 * time.Second // a daemon that works needs milliseconds
	manyDead    = 10_000           // from here on vacuum is late: a thousand rows call it
	queueHalf   = 0.5              // from here on nobody rings
	queueTenth  = 0.1
)

type backlog struct {
	Heads, Settings, Cuts int
	Staged                int
	OldestSeconds         float64
	Daemons               int
}

func (d *Database) checkBacklog(ctx context.Context) (Finding, error) {
	b, err := askOne[backlog](ctx, d, "backlog.sql")
	if err != nil {
		return Finding{}, err
	}
	return b.judge(), nil
}

func (b backlog) judge() Finding {
	oldest := time.Duration(b.OldestSeconds * float64(time.Second)).Round(time.Second)
	text := fmt.Sprintf("%d changes wait to be numbered, the oldest for %s", b.Staged, oldest)
	switch {
	case b.Heads != 1 || b.Cuts != 1 || b.Settings != 1:
		return Wrong(fmt.Sprintf("notifier.head, notifier.cut and notifier.setting have %d, %d and %d rows instead of one each: nothing can be numbered",
			b.Heads, b.Cuts, b.Settings), "notifier migrate down --all, then notifier migrate up; clients are told to fetch their lists")
	case b.Staged == 0 || oldest < behindAfter:
		return Fine(fmt.Sprintf("%d changes wait to be numbered; %d daemons were here in the last minute", b.Staged, b.Daemons))
	case b.Daemons == 0:
		return Warned(text+", and no daemon was here in the last minute", "start one: notifier serve")
	}
	return Wrong(fmt.Sprintf("%s, although %d daemons were here in the last minute", text, b.Daemons),
		"curl http://127.0.0.1:9090/readyz   # at each daemon: pump_stuck names who holds the log, log_failing what it raises")
}

type releases struct {
	Waiting, Failing int
	FirstProblem     string
}

func (d *Database) checkReleases(ctx context.Context) (Finding, error) {
	r, err := askOne[releases](ctx, d, "releases.sql")
	if err != nil {
		return Finding{}, err
	}
	if r.Failing > 0 {
		why := "they were not tried"
		if r.FirstProblem != "" && r.FirstProblem != "guarded" {
			why = "SQLSTATE " + r.FirstProblem
		}
		return Warned(fmt.Sprintf("%d doctors' releases cannot be applied (%s): these doctors stay busy", r.Failing, why),
			"SELECT * FROM notifier.effect WHERE outcome IS NULL ORDER BY seq;  -- a trigger or a lock on the doctors; or no daemon runs"), nil
	}
	return Fine(fmt.Sprintf("%d releases wait for a doctor who is serving, none fails", r.Waiting)), nil
}

type worked struct {
	Table       string
	Dead        int64
	Off, AllOff bool
}

func (d *Database) checkVacuum(ctx context.Context) (Finding, error) {
	tables, err := ask[worked](ctx, d, "vacuum.sql")
	if err != nil {
		return Finding{}, err
	}
	var n notes
	late := false
	if len(tables) > 0 && tables[0].AllOff {
		n.warning("autovacuum is off on this server", "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();")
	}
	for _, t := range tables {
		if t.Off {
			n.warning("autovacuum is off for "+t.Table, "ALTER TABLE "+t.Table+" RESET (autovacuum_enabled);")
		}
		if t.Dead > manyDead {
			late = true
			n.warning(fmt.Sprintf("%s has %d dead rows, which each look at it steps over", t.Table, t.Dead), "VACUUM "+t.Table+";")
		}
	}
	if late {
		if err := d.whoHolds(ctx, &n); err != nil {
			return Finding{}, err
		}
	}
	return n.finding("autovacuum keeps up with notifier's tables"), nil
}

// whoHolds names the oldest snapshot, because of which vacuum may remove nothing.
func (d *Database) whoHolds(ctx context.Context, n *notes) error {
	oldest, err := ask[struct {
		What   string
		Age    int64
		Remedy string
	}](ctx, d, "snapshots.sql")
	if err != nil || len(oldest) == 0 || oldest[0].Age < 2 {
		return err
	}
	n.warning(fmt.Sprintf("vacuum can remove nothing that is younger than the snapshot of %s, %d transactions ago", oldest[0].What, oldest[0].Age),
		oldest[0].Remedy)
	return nil
}

type queue struct {
	Usage float64
	Open  string // pids, as far as this role may see them
}

func (d *Database) checkQueue(ctx context.Context) (Finding, error) {
	q, err := askOne[queue](ctx, d, "queue.sql")
	if err != nil {
		return Finding{}, err
	}
	return q.judge(), nil
}

func (q queue) judge() Finding {
	text := fmt.Sprintf("the server's NOTIFY queue is %.0f %% full", q.Usage*100)
	if q.Open != "" {
		text += "; in a transaction for longer than a minute: pid " + q.Open
	}
	advice := []string{
		"SELECT pid, usename, application_name, xact_start FROM pg_stat_activity WHERE xact_start < now() - interval '1 minute' ORDER BY xact_start;  " +
			"-- as a member of pg_monitor: the one that listens holds it",
		"SELECT pg_terminate_backend(…);",
	}
	switch {
	case q.Usage >= queueHalf:
		return Wrong(text+": nobody rings any more, and when it is full every NOTIFY of this server fails", advice...)
	case q.Usage >= queueTenth:
		return Warned(text+": a session has done LISTEN and sits in a transaction", advice...)
	}
	return Fine(fmt.Sprintf("the server's NOTIFY queue is %.0f %% full", q.Usage*100))
}

type twoPhase struct {
	Most, Open, Here int
	OldestSeconds    float64
	Oldest           string // its id, as a literal
}

func (d *Database) checkTwoPhase(ctx context.Context) (Finding, error) {
	t, err := askOne[twoPhase](ctx, d, "two_phase.sql")
	if err != nil {
		return Finding{}, err
	}
	return t.judge(d.bell), nil
}

// judge: PREPARE TRANSACTION is an error after NOTIFY, and the bell is one in the clinic's transaction.
func (t twoPhase) judge(bell bool) Finding {
	var n notes
	const off = "notifier migrate up --bell=off   # daemons then find changes by their poll, every 50 ms"
	switch {
	case bell && t.Here > 0:
		n.problem(fmt.Sprintf("%d prepared transactions are open in this database, and the bell is on: whoever ends an appointment and then does "+
			"PREPARE TRANSACTION gets an error", t.Here), off)
	case bell && t.Most > 0:
		n.warning(fmt.Sprintf("max_prepared_transactions is %d and the bell is on: whoever ends an appointment and then does "+
			"PREPARE TRANSACTION gets an error", t.Most), off,
			"or, if nobody prepares transactions: ALTER SYSTEM SET max_prepared_transactions = 0;  -- and a restart")
	}
	if age := time.Duration(t.OldestSeconds * float64(time.Second)).Round(time.Second); age > time.Hour {
		n.warning(fmt.Sprintf("transaction %s has been prepared for %s: it keeps its locks, and vacuum from its work", t.Oldest, age),
			"COMMIT PREPARED "+t.Oldest+";  -- or ROLLBACK PREPARED, in its database")
	}
	if !bell {
		return n.finding("the bell is off, so transactions may be prepared; changes are found by polling")
	}
	return n.finding("the bell is on, and this server prepares no transactions")
}
