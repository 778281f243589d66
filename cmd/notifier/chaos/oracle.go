package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"notifier/notifier"
	"notifier/sql/postgres"
)

// record is everything that the database knows at the end.
type record struct {
	changes map[int32][]string // of each appointment, the terminal statuses that the clinic committed and of which account, in order
	logged  map[int32][]string // of each appointment, the same in the log, in order
	latest  time.Time          // when the last of these changes was made
	events  map[string][]event // of each account, in order
	byID    map[notifier.Cursor]event
	first   int64 // numbers in the log
	last    int64
	count   int
	epoch   int64 // the last one
}

// event is a row of the log.
type event struct {
	id          notifier.Cursor
	appointment int32
	account     string
	status      string
	changedAt   time.Time
}

// ends are the last numbers of each account's events. An error says what still waits to be numbered or released.
func (w *world) ends(ctx context.Context) (map[string]int64, error) {
	conn, err := pgx.Connect(ctx, w.primary().URL(postgres.Superuser, database))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read from
	if err := noneWaits(ctx, conn); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, "SELECT account_id::text, max(seq) FROM chaos.log GROUP BY account_id")
	if err != nil {
		return nil, err
	}
	ends := map[string]int64{}
	var account string
	var seq int64
	_, err = pgx.ForEachRow(rows, []any{&account, &seq}, func() error {
		ends[account] = seq
		return nil
	})
	return ends, err
}

func newRecord() *record {
	return &record{
		changes: map[int32][]string{}, logged: map[int32][]string{},
		events: map[string][]event{}, byID: map[notifier.Cursor]event{},
	}
}

// committed is how many changes the database holds.
func (w *world) committed(ctx context.Context) (changes int, err error) {
	conn, err := pgx.Connect(ctx, w.primary().URL(postgres.Superuser, database))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read from
	err = conn.QueryRow(ctx, "SELECT count(*) FROM chaos.change").Scan(&changes)
	return changes, err
}

// readRecord reads what was committed and what was logged.
func readRecord(ctx context.Context, conn *pgx.Conn) (*record, error) {
	r := newRecord()
	rows, err := conn.Query(ctx, "SELECT appointment_id, account_id::text, status, at FROM chaos.change ORDER BY id")
	if err != nil {
		return nil, err
	}
	var appointment int32
	var account, status string
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&appointment, &account, &status, &at}, func() error {
		r.change(appointment, account, status, at)
		return nil
	}); err != nil {
		return nil, err
	}
	rows, err = conn.Query(ctx, "SELECT epoch, seq, appointment_id, account_id::text, status, changed_at FROM chaos.log ORDER BY seq")
	if err != nil {
		return nil, err
	}
	var e event
	_, err = pgx.ForEachRow(rows, []any{&e.id.Epoch, &e.id.Seq, &e.appointment, &e.account, &e.status, &e.changedAt}, func() error {
		r.add(e)
		return nil
	})
	return r, err
}

func (r *record) change(appointment int32, account, status string, at time.Time) {
	r.changes[appointment] = append(r.changes[appointment], status+"@"+account)
	if at.After(r.latest) {
		r.latest = at
	}
}

func (r *record) add(e event) {
	if r.count == 0 {
		r.first = e.id.Seq
	}
	r.last = e.id.Seq
	r.epoch = max(r.epoch, e.id.Epoch)
	r.count++
	r.logged[e.appointment] = append(r.logged[e.appointment], e.status+"@"+e.account)
	r.events[e.account] = append(r.events[e.account], e)
	r.byID[e.id] = e
}

// judge compares what was committed with what everybody has seen.
func judge(ctx context.Context, s *scenario, w *world) (*verdict, error) {
	conn, err := pgx.Connect(ctx, w.primary().URL(postgres.Superuser, database))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read from
	r, err := readRecord(ctx, conn)
	if err != nil {
		return nil, err
	}
	v := &verdict{scenario: s, seed: w.seed, resume: -1, notes: slices.Clone(w.notes)}
	v.judgeLog(r)
	v.judgeAmount(r, w)
	for _, screen := range w.screens {
		v.judgeScreen(screen, r, w)
	}
	v.judgeDaemons(ctx, w, r)
	if err := v.judgeReleases(ctx, conn); err != nil {
		return nil, err
	}
	v.judgeServers(w)
	v.failures = w.clinic.failures()
	v.conclude(s.allows)
	if w.strict && v.late() {
		v.fault("delivery was back after %.1f s, not within %s", v.resume.Seconds(), s.resume)
	}
	return v, nil
}

// judgeLog compares the clinic's changes with the log: the same for every appointment, in the same order, under
// numbers without a gap.
func (v *verdict) judgeLog(r *record) {
	appointments := maps.Clone(r.changes)
	maps.Copy(appointments, r.logged)
	for appointment := range appointments {
		committed, logged := r.changes[appointment], r.logged[appointment]
		v.changes += len(committed)
		lost, doubled := difference(committed, logged)
		v.lost += lost
		v.doubled += doubled
		if lost == 0 && doubled == 0 && !slices.Equal(committed, logged) {
			v.inverted++
		}
		if v.story == "" && !slices.Equal(committed, logged) {
			v.story = storyOfAppointment(appointment, committed, logged)
		}
	}
	if r.count > 0 && r.last-r.first+1 != int64(r.count) {
		v.fault("the log has %d events between %d and %d: a gap", r.count, r.first, r.last)
	}
	if r.count > 0 && r.first != 1 {
		v.fault("the log begins with number %d", r.first)
	}
}

// judgeAmount wants a comparison of as much as was asked for: one of nothing with nothing finds nothing. And what the
// clinic was told is committed must be there, unless the scenario takes it away.
func (v *verdict) judgeAmount(r *record, w *world) {
	if v.changes < w.changes {
		v.fault("%d changes were committed, want %d", v.changes, w.changes)
	}
	if told := int(w.clinic.changes.Load()); v.changes < told && !v.scenario.allows.lostCommits {
		v.fault("the clinic was told that %d changes are committed, and %d are", told, v.changes)
	}
	if !r.latest.After(w.overAt) {
		v.fault("nothing was committed after the fault")
	}
}

// difference counts what is only in the first and what is only in the second, whatever the order.
func difference(first, second []string) (onlyFirst, onlySecond int) {
	balance := map[string]int{}
	for _, status := range first {
		balance[status]++
	}
	for _, status := range second {
		balance[status]--
	}
	for _, n := range balance {
		onlyFirst += max(n, 0)
		onlySecond += max(-n, 0)
	}
	return onlyFirst, onlySecond
}

// conclude turns counts into broken promises, as far as the scenario does not make them inevitable. And what it does
// make inevitable must have happened: else its fault was none, and nothing was proved.
func (v *verdict) conclude(allows allowance) {
	v.count(v.lost, "committed changes are not in the log")
	v.count(v.doubled, "events in the log are no committed change")
	v.count(v.inverted, "appointments whose events are in another order than their changes")
	v.count(v.missed, "events that a screen did not get")
	v.count(v.disordered, "events came to a screen after a later one")
	v.count(v.misrouted, "events came to a screen of another account")
	v.count(v.repeated, "events came twice to a screen that was not told to fetch its list")
	v.count(v.unknown, "events at a screen are not in the log")
	v.expect(allows.linksCut, v.cuts, "times a screen lost its connection")
	v.expect(allows.refetch, v.refetches, "times a screen was told to fetch its list")
	v.expect(allows.lostTail, v.void, "events at screens are lost in the database")
	v.expect(allows.linkLost, v.failures[lostLink], "connections of the clinic ended")
	for _, kind := range slices.Sorted(maps.Keys(v.failures)) {
		if kind != lostLink && !slices.Contains(allows.clinic, kind) {
			v.fault("%d transactions of the clinic failed: %s", v.failures[kind], kind)
		}
	}
	for _, kind := range allows.clinic {
		v.expect(true, v.failures[kind], "transactions of the clinic failed: "+kind)
	}
}

// expect is a fault if something happened that should not, or did not that should.
func (v *verdict) expect(inevitable bool, n int, what string) {
	switch {
	case inevitable && n == 0:
		v.fault("0 %s: the fault was none", what)
	case inevitable:
		v.note("%d %s", n, what)
	default:
		v.count(n, what)
	}
}
