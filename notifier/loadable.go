package notifier

import (
	"encoding/json"
	"log/slog"
)

// loadable is what events of a kind are about, and where its state is read. The first two columns of the statement are its id
// and its account, as text.
type loadable struct {
	kind      string
	statement string
	encode    func(row [][]byte) ([]byte, error)
}

var (
	ofAppointments = loadable{KindAppointment, loadSQL, encodeAppointment}
	ofDoctors      = loadable{KindDoctor, loadDoctorSQL, encodeDoctor}
	loadables      = []*loadable{&ofAppointments, &ofDoctors}
)

// subject is the id of what an event is about, as text and as JSON.
func (e *Event) subject() (string, json.RawMessage) {
	if e.Kind == KindDoctor {
		return e.Doctor, e.DoctorJSON
	}
	return e.Appointment, e.AppointmentJSON
}

// subjectAttr is what an event is about, for the log.
func (e *Event) subjectAttr() slog.Attr {
	if e.Kind == KindDoctor {
		return slog.String("doctor", e.Doctor)
	}
	return slog.String("appointment", e.Appointment)
}

// distinct are the ids of this kind in events, each once.
func (l *loadable) distinct(events []Event) []string {
	var ids []string
	seen := make(map[string]struct{}, len(events))
	for _, event := range events {
		id, _ := event.subject()
		if _, twice := seen[id]; event.Kind != l.kind || twice {
			continue
		}
		seen[id] = struct{}{}
		ids = append(ids, id)
	}
	return ids
}

// The columns of load_doctor.sql after the first two.
const (
	colDoctorID = 2 + iota
	colDoctorAccount
	colDoctorBusy
)

// encodeDoctor writes the data of a doctor's event, compact.
func encodeDoctor(row [][]byte) ([]byte, error) {
	b := appendJSON([]byte(`{"id":`), row[colDoctorID])
	b = appendJSON(append(b, `,"accountId":`...), row[colDoctorAccount])
	b = appendJSON(append(b, `,"isBusy":`...), row[colDoctorBusy])
	return append(b, '}'), nil
}

// testOf is what a test event says: that it is one, so that nobody takes it for more.
func testOf(e Event) []byte {
	b := appendQuoted([]byte(`{"test":true,"marker":`), []byte(e.Status))
	b = appendJSON(append(b, `,"accountId":`...), e.AccountJSON)
	b = e.ChangedAt.UTC().AppendFormat(append(b, `,"sentAt":"`...), dateTime)
	return append(b, `"}`...)
}

// tombstoneOf is sent for what is gone, belongs to another account by now, or cannot be loaded: enough for a screen to drop it.
func tombstoneOf(e Event) []byte {
	_, id := e.subject()
	b := appendJSON([]byte(`{"id":`), id)
	b = appendJSON(append(b, `,"accountId":`...), e.AccountJSON)
	b = e.ChangedAt.UTC().AppendFormat(append(b, `,"deletedAt":"`...), dateTime)
	return append(b, `"}`...)
}
