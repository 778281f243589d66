package notifier

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"notifier/sql/pgtest"
)

// sent is an event's name and data, the moment in a short form replaced.
func sent(p publication) string {
	return p.event + " " + regexp.MustCompile(`"\d{4}-[0-9T:.-]+Z"}$`).ReplaceAllString(p.data, `"then"}`)
}

// routed is a clinic whose statuses and doctors all raise what the demo lets them raise.
func routed(t *testing.T) *clinic {
	t.Helper()
	c := newClinic(t)
	c.super(`INSERT INTO notifier.route VALUES ('CHECKIN', 'appointments.checkin', false), ('EM_ATENDIMENTO', 'appointments.serving', false)`)
	c.db.RouteDoctors()
	return c
}

// A visit from the door to the end, with the doctor's state: in one order, live and replayed.
func TestAVisitWithEveryRoute(t *testing.T) {
	t.Parallel()
	c := routed(t)
	d := c.serve(serve{accounts: []string{"1"}})
	id := c.book(1, booked)
	var want []string
	step := func(do string, events ...string) {
		t.Helper()
		c.exec(do)
		want = append(want, events...)
		d.rooms.awaitEvents(t, len(want))
	}
	step(fmt.Sprintf(`UPDATE appointments SET "statusId" = 2 WHERE id = %d`, id), "appointments.checkin")
	step(fmt.Sprintf(`WITH doctor AS (UPDATE doctors SET "isBusy" = true WHERE id = 1)
		UPDATE appointments SET "statusId" = 3 WHERE id = %d`, id), "appointments.serving", "doctors.busy")
	step(fmt.Sprintf(`UPDATE appointments SET "statusId" = 5 WHERE id = %d`, id), "appointmnents.finished", "doctors.busy")

	live := d.rooms.awaitEvents(t, len(want))
	checkOrder(t, live, 1)
	var got []string
	for _, p := range live {
		got = append(got, p.event)
	}
	slices.Sort(got[1:3]) // of one statement, in the order of its parts
	slices.Sort(want[1:3])
	if !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	for i, p := range live[:4] {
		if p.event != "doctors.busy" && (p.appointment() != id || isTombstone([]byte(p.data))) {
			t.Errorf("event %d is %s", i+1, p.data)
		}
	}
	if got, want := sent(live[4]), `doctors.busy {"id":1,"accountId":1,"isBusy":false}`; got != want {
		t.Errorf("after the end, %s, want %s", got, want)
	}
	replayed := d.replay(t, "1", "1-0", 5)
	for i := range live {
		if replayed[i].id != live[i].id || replayed[i].event != live[i].event || replayed[4].data != live[4].data {
			t.Errorf("live %+v, replayed %+v", live[i], replayed[i])
		}
	}
	d.rooms.awaitSettled(t, 5) // and logged
	d.metrics.await(t, "bell_ok", 3)
	if bells := d.metrics.count("bell_ok"); bells != 3 {
		t.Errorf("%d bells, want one for each of the clinic's three transactions and none for the release", bells)
	}
	if lines := d.lines.with("event_published"); !strings.Contains(lines[4], "doctor=1 members=1") {
		t.Errorf("the log says %s", lines[4])
	}
	if got := d.replay(t, "1", live[3].id, 5); len(got) != 1 || got[0].id != live[4].id {
		t.Errorf("after the appointment's end, %+v, want the doctor's state", got)
	}
}

// What is delivered is how it is then, and only to whom the doctor belongs then.
func TestADoctorsStateAtDelivery(t *testing.T) {
	t.Parallel()
	c := routed(t)
	c.exec(`UPDATE doctors SET "isBusy" = true WHERE id = 1`)
	c.exec(`UPDATE doctors SET "isBusy" = false WHERE id = 1`)
	c.exec(`UPDATE doctors SET "isBusy" = true WHERE id = 11; `)
	c.exec(`UPDATE doctors SET "accountId" = 2 WHERE id = 11`)
	c.exec(`UPDATE doctors SET "isBusy" = true WHERE id = 3`)
	c.exec(`DELETE FROM doctors WHERE id = 3`)
	c.exec(`UPDATE doctors SET "isBusy" = true WHERE id = 2`)
	d := c.serve(serve{accounts: []string{"1", "3"}}) // nobody of account 2 is here
	d.rooms.awaitSettled(t, 5)
	want := []string{
		`1 doctors.busy {"id":1,"accountId":1,"isBusy":false}`,
		`1 doctors.busy {"id":1,"accountId":1,"isBusy":false}`,
		`1 doctors.busy {"id":11,"accountId":1,"deletedAt":"then"}`,
		`3 doctors.busy {"id":3,"accountId":3,"deletedAt":"then"}`,
	}
	var got []string
	for _, p := range d.rooms.awaitEvents(t, len(want)) {
		got = append(got, p.account+" "+sent(p))
	}
	if !slices.Equal(got, want) {
		t.Errorf("sent\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := d.metrics.count("tombstones"); n != 2 {
		t.Errorf("%d tombstones counted, want 2", n)
	}
	if other := d.replay(t, "2", "1-0", 5); len(other) != 1 || sent(other[0]) != `doctors.busy {"id":2,"accountId":2,"isBusy":true}` {
		t.Errorf("account 2 is sent %+v", other)
	}
}

func TestADoctorWhoCannotBeLoaded(t *testing.T) {
	t.Parallel()
	c := routed(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.super(`CREATE OR REPLACE VIEW notifier.doctor_dto AS SELECT d.id, d."accountId" AS account_id, (1 / (d.id - 11))::boolean AS is_busy FROM doctors AS d`)
	c.exec(`UPDATE doctors SET "isBusy" = true WHERE id IN (1, 11)`)
	got := d.rooms.awaitEvents(t, 2)
	texts := []string{sent(got[0]), sent(got[1])}
	slices.Sort(texts)
	want := []string{`doctors.busy {"id":1,"accountId":1,"isBusy":false}`, `doctors.busy {"id":11,"accountId":1,"deletedAt":"then"}`}
	if !slices.Equal(texts, want) {
		t.Errorf("sent %q, want %q", texts, want)
	}
	if lines := d.lines.with("doctors_not_loaded"); len(lines) != 1 || !strings.Contains(lines[0], "problem=22012") {
		t.Errorf("log: %v", lines)
	}
}

func TestATestEventReachesItsAccountAndAsksForNothing(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1", "2"}})
	c.db.Exec(pgtest.Runtime, `SELECT notifier.send_test('1', 'é "1"')`)
	got := d.rooms.awaitEvents(t, 1)
	if want := `notifier.test {"test":true,"marker":"é \"1\"","accountId":1,"sentAt":"then"}`; sent(got[0]) != want || got[0].account != "1" {
		t.Errorf("account %s is sent %s, want %s", got[0].account, sent(got[0]), want)
	}
	c.finish(2)
	d.rooms.awaitEvents(t, 2)
	if replayed := d.replay(t, "1", "1-0", 2); len(replayed) != 1 || replayed[0].data != got[0].data {
		t.Errorf("replayed %+v, live %+v", replayed, got[0])
	}
}

// A later release may write kinds that this one does not know: it goes on behind them.
func TestAnEventOfAnUnknownKindIsPassedOver(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	d := c.serve(serve{accounts: []string{"1"}})
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
	c.super(`INSERT INTO notifier.staging (account_id, status, event, releases_doctor, kind) VALUES (1, 's', 'later', false, 'later')`)
	c.finish(1)
	live := d.rooms.awaitEvents(t, 2)
	if live[1].seq != 3 || live[1].event != "appointmnents.finished" {
		t.Errorf("then came %+v, want the appointment's", live[1])
	}
	if replayed := d.replay(t, "1", "1-0", 3); len(replayed) != 2 || replayed[1].id != live[1].id {
		t.Errorf("replayed %+v", replayed)
	}
	if n := d.metrics.count("tombstones"); n != 0 {
		t.Errorf("%d tombstones", n)
	}
}
