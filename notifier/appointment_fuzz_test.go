package notifier

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAppointmentRow: whatever a view gives for an appointment, clients are sent JSON with the documented keys, and every text as it was. What is
// JSON in the row comes from the server's own to_json, but that the view is the DBA's.
func FuzzAppointmentRow(f *testing.F) {
	f.Add("João", "uma \"nota\"\\\n", "(81) 99999-9999", []byte(`[{"id":7,"name":"Consulta","price":"99.9"}]`), uint32(0))
	f.Add("", "\xff\xfe\x00", "\u2028", []byte(`[{"id":"a","name":null},{}]`), uint32(1<<colDoctorIDJSON|1<<colNotes))
	f.Add("a", "b", "c", []byte("[{\"id\":\"\xff\"}]"), uint32(0)) // a text of a database without an encoding
	f.Add("a", "b", "c", []byte(`null`), uint32(1<<colHasContact))
	f.Add("a", "b", "c", []byte(`{"id":1}`), ^uint32(0))
	f.Fuzz(func(t *testing.T, name, notes, phone string, procedures []byte, nulls uint32) {
		row := make(appointmentRow, columns)
		for i := range row {
			row[i] = []byte(name)
		}
		row[colNotes], row[colPhone], row[colProceduresJSON], row[colHasContact] = []byte(notes), []byte(phone), procedures, []byte("true")
		for i, text := range map[int]string{colIDJSON: `1`, colAccountJSON: `"a"`, colDoctorIDJSON: `2`, colPatientIDJSON: `3`, colStatusIDJSON: `"x"`} {
			row[i] = []byte(text)
		}
		for i := range row {
			if nulls&(1<<i) != 0 {
				row[i] = nil
			}
		}
		data, err := row.encode()
		var items []procedure
		if decodes := row[colProceduresJSON] == nil || json.Unmarshal(procedures, &items) == nil; (err == nil) != decodes {
			t.Fatalf("procedures %q: %v", procedures, err)
		}
		if err != nil {
			if data != nil {
				t.Errorf("an error, and %q", data)
			}
			return
		}
		wantAppointment(t, data, name, notes, nulls)
	})
}

// wantAppointment reads the data as a client would.
func wantAppointment(t *testing.T, data []byte, name, notes string, nulls uint32) {
	t.Helper()
	var read struct {
		Notes, StartTime      *string
		Doctor, Patient       *struct{ Name *string }
		Status                *struct{ Name, Color *string }
		AppointmentProcedures *struct{ Procedure *struct{} }
		Procedures            []struct{ Name *string }
	}
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	same := func(what string, got *string, want string, column int) {
		t.Helper()
		if null := nulls&(1<<column) != 0; null != (got == nil) || !null && *got != strings.ToValidUTF8(want, "\uFFFD") {
			t.Errorf("%s of %q: want %q, or null: %v", what, data, want, null)
		}
	}
	same("notes", read.Notes, notes, colNotes)
	same("startTime", read.StartTime, name, colStartTime)
	if read.Doctor != nil {
		same("doctor", read.Doctor.Name, name, colDoctorName)
	}
	if read.Patient != nil {
		same("patient", read.Patient.Name, name, colPatientName)
	}
	if read.Status != nil {
		same("color", read.Status.Color, name, colStatusColor)
	}
	if len(read.Procedures) > 0 != (read.AppointmentProcedures != nil) || read.Procedures == nil {
		t.Errorf("%d procedures, and the first is %v: %q", len(read.Procedures), read.AppointmentProcedures, data)
	}
	var keys []string
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	_, _ = decoder.Token() // the brace
	for decoder.More() {
		key, _ := decoder.Token() // it was read before
		keys = append(keys, key.(string))
		var value json.RawMessage
		_ = decoder.Decode(&value)
	}
	const want = "id date startTime endTime notes accountId createdAt updatedAt deletedAt doctor patient status appointmentProcedures procedures"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("the keys are %s", got)
	}
	if !utf8.Valid(data) {
		t.Errorf("%q is no UTF-8", data)
	}
}
