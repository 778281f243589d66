package e2e

import (
	"slices"
	"strings"
	"testing"

	"notifier/sql/pgtest"
	"notifier/wsroom/socketio/stocktest"
)

// Every kind of event, by both protocols, live and recovered after a restart, in one order, to its own account only.
func TestEventsOfEveryKindAreDeliveredAndRecovered(t *testing.T) {
	t.Parallel()
	db := clinic(t) // doctor 1 of account 1 and doctor 2 of account 2 are busy
	db.Exec(pgtest.Superuser, `INSERT INTO notifier.route VALUES ('EM_ATENDIMENTO', 'appointments.serving', false)`)
	db.RouteDoctors()
	book(db, 1, 1, 2)
	book(db, 2, 3, 1)
	p := serveReady(t, db)
	to := openLink(t, p.addr)
	plain, welcome := join(t, p.addr, "1", "")
	stock := joinStock(t, to.Addr(), `["websocket"]`, `"hears":["appointments.serving","doctors.busy","notifier.test"]`)
	stock.Next("connect")

	finish(db, 1)
	finish(db, 3) // of the other account
	stock.WantEvents(1, 1)
	want := []string{`doctors.busy {"id":1,"accountId":1,"isBusy":false}`, `notifier.test {"test":true,"marker":"um","accountId":1,`}
	wantHeard(t, stock, want[0])
	db.Exec(pgtest.Runtime, `SELECT notifier.send_test('2', 'dois'), notifier.send_test('1', 'um')`)
	wantHeard(t, stock, want[1])
	if got := plain.event(); got.Event != "appointmnents.finished" || appointmentID(t, got) != 1 {
		t.Errorf("got %s %s, want the appointment first", got.Event, got.Data)
	}
	wantPlain(t, plain, want)

	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v; its log: %s", err, p.logs.text())
	}
	to.Refuse(true)
	stock.Next("disconnect")
	db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 3 WHERE id = 2`)
	db.Exec(pgtest.App, `UPDATE doctors SET "isBusy" = true`)
	db.Exec(pgtest.Runtime, `SELECT notifier.send_test('1', 'três')`)
	again := serveReady(t, db)
	to.lead(again)
	if got := stock.Next("connect"); !got.Recovered {
		t.Error("not recovered")
	}
	missed := []string{`appointments.serving {"id":2,`, `doctors.busy {"id":1,"accountId":1,"isBusy":true}`,
		`notifier.test {"test":true,"marker":"três","accountId":1,`}
	wantHeard(t, stock, missed...)
	back, welcomed := join(t, again.addr, "1", "?cursor="+welcome.Cursor)
	if !welcomed.Recovered {
		t.Error("the cursor is not good")
	}
	if got := back.event(); appointmentID(t, got) != 1 {
		t.Errorf("got %s %s, want the appointment first", got.Event, got.Data)
	}
	// How it is at delivery.
	wantPlain(t, back, slices.Concat([]string{missed[1]}, want[1:], missed))
	assertPrivate(t, p.logs.text()+again.logs.text())
}

func wantHeard(t *testing.T, stock *stocktest.Client, want ...string) {
	t.Helper()
	for _, text := range want {
		if got := stock.Next("heard", "event", "connect", "disconnect"); !strings.HasPrefix(got.ID+" "+got.Message, text) {
			t.Errorf("the stock client hears %s %s, want %s", got.ID, got.Message, text)
		}
	}
}

func wantPlain(t *testing.T, screen *screen, want []string) {
	t.Helper()
	for _, text := range want {
		if got := screen.event(); !strings.HasPrefix(got.Event+" "+string(got.Data), text) {
			t.Errorf("the screen got %s %s, want %s", got.Event, got.Data, text)
		}
	}
}
