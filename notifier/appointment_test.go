package notifier

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"notifier/sql/pgtest"
)

var eventTime = time.Date(2025, 1, 23, 9, 15, 0, 123456789, time.FixedZone("Recife", -3*3600))

// documented are the keys of the data in their order.
var documented = []string{
	"id", "date", "startTime", "endTime", "notes", "accountId", "createdAt", "updatedAt", "deletedAt",
	"doctor", "patient", "status", "appointmentProcedures", "procedures",
}

func TestDataOfTheDocumentedAppointment(t *testing.T) {
	t.Parallel()
	c := furnish(t, pgtest.Migrated(t))
	c.exec(`UPDATE doctors SET name = 'Dr. Victor' WHERE id = 1`)
	c.exec(`INSERT INTO patients VALUES (456, 1, 'João Silva')`)
	c.exec(`INSERT INTO contacts ("patientId", phone) VALUES (456, '(81) 99999-9999')`)
	c.exec(`INSERT INTO procedures VALUES (3699, 'Ultrassom: Tireoide', 100)`)
	c.exec(`INSERT INTO appointments VALUES (123, '2025-01-23', '09:00', '09:15', 'Observações sobre o agendamento',
		1, 1, 456, 5, '2025-01-22T10:00:00Z', '2025-01-23T09:15:00Z', NULL)`)
	c.exec(`INSERT INTO appointment_procedures ("appointmentId", "procedureId") VALUES (123, 3699)`)

	golden, err := os.ReadFile("testdata/appointment.json")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, golden); err != nil {
		t.Fatal(err)
	}
	if got := c.load(t, eventOf(123, 1)); got != want.String() {
		t.Errorf("got  %s\nwant %s", got, want.String())
	}
}

// exampleRow is the documented appointment as load.sql gives it.
func exampleRow() appointmentRow {
	row := make(appointmentRow, columns)
	for column, text := range map[int]string{
		colID: "123", colAccount: "1", colIDJSON: "123", colAccountJSON: "1", colDate: "2025-01-23T00:00:00.000Z",
		colStartTime: "09:00", colEndTime: "09:15", colNotes: "Observações sobre o agendamento",
		colCreatedAt: "2025-01-22T10:00:00.000Z", colUpdatedAt: "2025-01-23T09:15:00.000Z",
		colDoctorIDJSON: "1", colDoctorName: "Dr. Victor", colPatientIDJSON: "456", colPatientName: "João Silva",
		colHasContact: "true", colPhone: "(81) 99999-9999", colStatusIDJSON: "5", colStatusName: "Finalizado",
		colStatusColor: "#28a745", colProceduresJSON: `[{"id" : 3699, "name" : "Ultrassom: Tireoide", "price" : "100"}]`,
	} {
		row[column] = []byte(text)
	}
	return row
}

// FuzzQuoted: a JSON parser reads what was quoted, and finds nothing but valid UTF-8.
func FuzzQuoted(f *testing.F) {
	for _, seed := range []string{"", "a", "\"", `\\`, "\r\n\t\x00\x1f\x7f", "é😀\u2028", "\xff\xfe", "<&>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := appendQuoted([]byte("x"), []byte(text))[1:]
		var read string
		if err := json.Unmarshal(quoted, &read); err != nil || read != strings.ToValidUTF8(text, "\uFFFD") || !utf8.Valid(quoted) {
			t.Errorf("%q is quoted %q, %v", text, quoted, err)
		}
	})
}

func TestDataOfAppointmentsThatLackOrHaveMore(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.exec(`INSERT INTO procedures VALUES (7, 'Consulta', 99.90), (8, 'Raio X', 100), (9, 'Retorno', 0), (10, 'Exame', 1234567.00500)`)
	c.super(`ALTER TABLE appointments ALTER "doctorId" DROP NOT NULL, ALTER "patientId" DROP NOT NULL`)
	long := strings.Repeat("çã€😀\"\\\n", 1200)[:8000]
	long = strings.ToValidUTF8(long, "")

	tests := []struct {
		name, change string
		args         []any
		want         map[string]string // key to JSON
	}{
		{"contact without phone", `UPDATE contacts SET phone = NULL WHERE "patientId" = 1`, nil,
			map[string]string{"patient": `{"id":1,"name":"Maria Sigilosa","contact":{"phone":null}}`}},
		{"no contact", `DELETE FROM contacts WHERE "patientId" = 1`, nil,
			map[string]string{"patient": `{"id":1,"name":"Maria Sigilosa","contact":null}`}},
		{"no notes", `UPDATE appointments SET notes = NULL WHERE id = $1`, []any{"id"},
			map[string]string{"notes": `null`}},
		{"empty notes", `UPDATE appointments SET notes = '' WHERE id = $1`, []any{"id"},
			map[string]string{"notes": `""`}},
		{"no procedure", `SELECT $1::integer`, []any{"id"},
			map[string]string{"appointmentProcedures": `null`, "procedures": `[]`}},
		{"three procedures, the lowest id first", `INSERT INTO appointment_procedures ("appointmentId", "procedureId")
			SELECT $1, p FROM (VALUES (9), (7), (8)) AS v (p)`, []any{"id"}, map[string]string{
			"appointmentProcedures": `{"procedure":{"id":7,"name":"Consulta","price":"99.9"}}`,
			"procedures": `[{"id":7,"name":"Consulta","price":"99.9"},{"id":8,"name":"Raio X","price":"100"},` +
				`{"id":9,"name":"Retorno","price":"0"}]`}},
		{"a price with zeros inside", `INSERT INTO appointment_procedures ("appointmentId", "procedureId") VALUES ($1, 10)`, []any{"id"},
			map[string]string{"procedures": `[{"id":10,"name":"Exame","price":"1234567.005"}]`}},
		{"quotes, backslash, newlines, emoji", `UPDATE appointments SET notes = $2 WHERE id = $1`, []any{"id", "\"a\" \\ \r\n\t😀 é"},
			map[string]string{"notes": `"\"a\" \\ \r\n\t😀 é"`}},
		{"HTML is left as it is", `UPDATE appointments SET notes = $2 WHERE id = $1`, []any{"id", "<b>a & b</b>"},
			map[string]string{"notes": `"<b>a & b</b>"`}},
		{"line separators", `UPDATE appointments SET notes = $2 WHERE id = $1`, []any{"id", "a\u2028b\u2029c"},
			map[string]string{"notes": `"a\u2028b\u2029c"`}},
		{"control characters", `UPDATE appointments SET notes = $2 WHERE id = $1`, []any{"id", "a\x01b\x7f"},
			map[string]string{"notes": `"a\u0001b` + "\x7f" + `"`}},
		{"8,000 characters", `UPDATE appointments SET notes = $2 WHERE id = $1`, []any{"id", long},
			map[string]string{"notes": quoted(t, long)}},
		{"soft-deleted", `UPDATE appointments SET "deletedAt" = '2025-02-01 12:30:00.5' WHERE id = $1`, []any{"id"},
			map[string]string{"deletedAt": `"2025-02-01T12:30:00.500Z"`}},
		{"infinite dates", `UPDATE appointments SET date = 'infinity', "updatedAt" = '-infinity' WHERE id = $1`, []any{"id"},
			map[string]string{"date": `null`, "updatedAt": `null`}},
		{"no doctor, no patient", `UPDATE appointments SET "doctorId" = NULL, "patientId" = NULL WHERE id = $1`, []any{"id"},
			map[string]string{"doctor": `null`, "patient": `null`}},
		{"another status by now", `UPDATE appointments SET "statusId" = 2 WHERE id = $1`, []any{"id"},
			map[string]string{"status": `{"id":2,"name":"Check-in","color":"#17a2b8"}`}},
	}
	for _, test := range tests {
		id := c.book(1, finished)
		args := slices.Clone(test.args)
		if len(args) > 0 {
			args[0] = id
		}
		c.exec(test.change, args...)
		data := c.load(t, eventOf(id, 1))
		keys, values := members(t, data)
		if !slices.Equal(keys, documented) {
			t.Errorf("%s: keys %v, want %v", test.name, keys, documented)
		}
		for key, want := range test.want {
			if got := values[key]; !sameText(t, got, want) {
				t.Errorf("%s: %s is %.300s, want %.300s", test.name, key, got, want)
			}
		}
		if compact := new(bytes.Buffer); json.Compact(compact, []byte(data)) != nil || compact.String() != data {
			t.Errorf("%s: not compact: %.300s", test.name, data)
		}
	}
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	gone, moved, other := c.book(1, finished), c.book(1, finished), c.book(1, finished)
	c.exec(`DELETE FROM appointments WHERE id = $1`, gone)
	c.exec(`UPDATE appointments SET "accountId" = 2 WHERE id = $1`, moved)

	d := newDaemon(t, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	data, err := d.loader.Load(context.Background(), []Event{eventOf(gone, 1), eventOf(moved, 1), eventOf(other, 1), eventOf(moved, 2)})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []int{gone, moved} {
		want := `{"id":` + strconv.Itoa(id) + `,"accountId":1,"deletedAt":"2025-01-23T12:15:00.123Z"}`
		if string(data[i]) != want {
			t.Errorf("event %d: got %s, want %s", i, data[i], want)
		}
	}
	for i := 2; i < 4; i++ {
		if keys, _ := members(t, string(data[i])); !slices.Equal(keys, documented) {
			t.Errorf("event %d is not the appointment: %s", i, data[i])
		}
	}
	if got := d.metrics.count("tombstones"); got != 2 {
		t.Errorf("%d tombstones counted, want 2", got)
	}
}

// load reads one event's data through a loader of its own.
func (c *clinic) load(t *testing.T, event Event) string {
	t.Helper()
	d := newDaemon(t, serve{url: c.db.URL(pgtest.Runtime)})
	defer d.pool.Close()
	data, err := d.loader.Load(context.Background(), []Event{event})
	if err != nil {
		t.Fatal(err)
	}
	return string(data[0])
}

// members are an object's keys in their order, and its values as they stand.
func members(t *testing.T, object string) (keys []string, values map[string]string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	values = map[string]string{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key.(string))
		values[key.(string)] = string(value)
	}
	return keys, values
}

// sameText compares two JSON texts byte for byte, but for how a string's characters are escaped.
func sameText(t *testing.T, got, want string) bool {
	t.Helper()
	if !strings.HasPrefix(want, `"`) {
		return got == want
	}
	var a, b string
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		return false
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	return a == b && !strings.Contains(got, `\u003c`)
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
