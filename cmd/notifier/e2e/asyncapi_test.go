package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"notifier/sql/pgtest"
	"notifier/wsroom/spec"
	"notifier/wsroom/spec/spectest"
)

// described is a client of either protocol that holds each frame against the AsyncAPI document.
type described struct {
	*screen
	name func(text string) (string, error)
}

// await reads up to a message of this name, and wants each before it to be one of the document's, too.
func (c *described) await(want string) {
	c.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(c.t.Context(), e2ePatience)
		_, text, err := c.conn.Read(ctx)
		cancel()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", want, err)
		}
		switch got, err := c.name(string(text)); {
		case err != nil:
			c.t.Fatalf("not in the document: %s: %v", text, err)
		case got == want:
			return
		}
	}
}

// What a real clinic's changes become is what the document says; wsroom/spec has the frames that do not depend on a database.
func TestEventsOfARealClinicAreInTheAsyncAPIDocument(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	db.RouteDoctors()
	db.Exec(pgtest.Superuser, `INSERT INTO notifier.route VALUES ('CHECKIN', 'appointments.checkin', false)`)
	db.Exec(pgtest.Owner, `INSERT INTO patients (id, "accountId", name) VALUES (458, 1, 'Sem Contato')`)
	book(db, 1, 1, 3)
	p := serveReady(t, db)
	document := spectest.Load(t)
	screen := &described{dial(t, p.addr, "", nil), func(text string) (string, error) { return document.Frame([]byte(text)) }}
	screen.say(`{"type":"auth","token":"` + token(t, "1") + `"}`)
	screen.await("welcome")
	socketIO := &described{stockless(t, p.addr), document.Packet}
	socketIO.await("open")
	socketIO.say(`40{"token":"` + token(t, "1") + `"}`)
	socketIO.await("connected")

	for _, step := range []struct{ do, plain, packet string }{
		{`UPDATE appointments SET "statusId" = 5 WHERE id = 1`, "appointmentEvent", "appointmentPacket"},
		{`SELECT`, "doctorEvent", "doctorPacket"}, // released
		{`INSERT INTO appointment_procedures ("appointmentId", "procedureId") VALUES (2, 3699)`, "", ""},
		{`UPDATE appointments SET "statusId" = 6, notes = E'"\\ \t\u2028', "patientId" = 458 WHERE id = 2`, "appointmentEvent", "appointmentPacket"},
		{`UPDATE appointments SET "statusId" = 5 WHERE id = 3; DELETE FROM appointments WHERE id = 3`, "goneEvent", "gonePacket"},
		{`UPDATE doctors SET "isBusy" = true WHERE id = 1`, "doctorEvent", "doctorPacket"},
	} {
		db.Exec(pgtest.Owner, step.do)
		if step.plain != "" {
			screen.await(step.plain)
			socketIO.await(step.packet)
		}
	}
	db.Exec(pgtest.Runtime, `SELECT notifier.send_test('1', 'a marker')`)
	screen.await("testEvent")
	socketIO.await("testPacket")
}

// stockless is a bare WebSocket to /socket.io/.
func stockless(t *testing.T, addr string) *screen {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &screen{t, conn}
}

func TestTheAsyncAPIDocumentIsServedOnThePublicAddress(t *testing.T) {
	t.Parallel()
	p := serve(t, clinic(t))
	response, err := http.Get("http://" + p.addr + "/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !bytes.Equal(body, spec.Document) {
		t.Errorf("status %d, %d bytes, %v", response.StatusCode, len(body), err)
	}
}
