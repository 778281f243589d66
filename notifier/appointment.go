package notifier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// The columns of load.sql, in their order. JSON columns hold JSON texts (the clinic's numbers stay numbers), the
// others plain text; times are UTC with milliseconds and Z. All may be NULL but the first two.
const (
	colID = iota
	colAccount
	colIDJSON
	colAccountJSON
	colDate
	colStartTime
	colEndTime
	colNotes
	colCreatedAt
	colUpdatedAt
	colDeletedAt
	colDoctorIDJSON
	colDoctorName
	colPatientIDJSON
	colPatientName
	colHasContact
	colPhone
	colStatusIDJSON
	colStatusName
	colStatusColor
	colProceduresJSON
	columns
)

// appointmentRow is one row of load.sql.
type appointmentRow [][]byte

func encodeAppointment(row [][]byte) ([]byte, error) { return appointmentRow(row).encode() }

// procedure is an item of the column of procedures, which is [{id, name, price}].
type procedure struct {
	ID    json.RawMessage `json:"id"`
	Name  *string         `json:"name"`
	Price *string         `json:"price"`
}

// encode writes the data of an event as clients know it: the documented keys in their order, compact.
func (r appointmentRow) encode() ([]byte, error) {
	var procedures []procedure
	if r[colProceduresJSON] != nil {
		if err := json.Unmarshal(r[colProceduresJSON], &procedures); err != nil {
			return nil, fmt.Errorf("read procedures of view notifier.appointment_dto: %w", err)
		}
	}
	b := make([]byte, 0, 640+len(r[colNotes]))
	b = appendJSON(append(b, `{"id":`...), r[colIDJSON])
	b = appendText(append(b, `,"date":`...), r[colDate])
	b = appendText(append(b, `,"startTime":`...), r[colStartTime])
	b = appendText(append(b, `,"endTime":`...), r[colEndTime])
	b = appendText(append(b, `,"notes":`...), r[colNotes])
	b = appendJSON(append(b, `,"accountId":`...), r[colAccountJSON])
	b = appendText(append(b, `,"createdAt":`...), r[colCreatedAt])
	b = appendText(append(b, `,"updatedAt":`...), r[colUpdatedAt])
	b = appendText(append(b, `,"deletedAt":`...), r[colDeletedAt])
	b = r.appendDoctor(append(b, `,"doctor":`...))
	b = r.appendPatient(append(b, `,"patient":`...))
	b = r.appendStatus(append(b, `,"status":`...))
	b = appendFirst(append(b, `,"appointmentProcedures":`...), procedures)
	b = appendProcedures(append(b, `,"procedures":`...), procedures)
	return append(b, '}'), nil
}

func (r appointmentRow) appendDoctor(b []byte) []byte {
	if r[colDoctorIDJSON] == nil {
		return append(b, "null"...)
	}
	b = appendJSON(append(b, `{"id":`...), r[colDoctorIDJSON])
	b = appendText(append(b, `,"name":`...), r[colDoctorName])
	return append(b, '}')
}

func (r appointmentRow) appendPatient(b []byte) []byte {
	if r[colPatientIDJSON] == nil {
		return append(b, "null"...)
	}
	b = appendJSON(append(b, `{"id":`...), r[colPatientIDJSON])
	b = appendText(append(b, `,"name":`...), r[colPatientName])
	if string(r[colHasContact]) != "true" {
		return append(b, `,"contact":null}`...)
	}
	b = appendText(append(b, `,"contact":{"phone":`...), r[colPhone])
	return append(b, "}}"...)
}

func (r appointmentRow) appendStatus(b []byte) []byte {
	if r[colStatusIDJSON] == nil {
		return append(b, "null"...)
	}
	b = appendJSON(append(b, `{"id":`...), r[colStatusIDJSON])
	b = appendText(append(b, `,"name":`...), r[colStatusName])
	b = appendText(append(b, `,"color":`...), r[colStatusColor])
	return append(b, '}')
}

// appendFirst writes the documented object around the procedure with the lowest id, which the view puts first.
func appendFirst(b []byte, procedures []procedure) []byte {
	if len(procedures) == 0 {
		return append(b, "null"...)
	}
	return append(procedures[0].append(append(b, `{"procedure":`...)), '}')
}

func appendProcedures(b []byte, procedures []procedure) []byte {
	b = append(b, '[')
	for i, p := range procedures {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.append(b)
	}
	return append(b, ']')
}

func (p procedure) append(b []byte) []byte {
	b = appendJSON(append(b, `{"id":`...), p.ID)
	b = appendOptional(append(b, `,"name":`...), p.Name)
	b = appendOptional(append(b, `,"price":`...), p.Price)
	return append(b, '}')
}

// dateTime is ISO 8601 as JavaScript's Date prints it.
const dateTime = "2006-01-02T15:04:05.000Z"

// appendJSON writes an id as the server gave it. See appendQuoted for what is no UTF-8: an id may be a text.
func appendJSON(b, value []byte) []byte {
	switch {
	case value == nil:
		return append(b, "null"...)
	case !utf8.Valid(value):
		value = bytes.ToValidUTF8(value, []byte("\uFFFD"))
	}
	return append(b, value...)
}

func appendText(b, text []byte) []byte {
	if text == nil {
		return append(b, "null"...)
	}
	return appendQuoted(b, text)
}

func appendOptional(b []byte, text *string) []byte {
	if text == nil {
		return append(b, "null"...)
	}
	return appendQuoted(b, []byte(*text))
}

// appendQuoted writes a JSON string, without the escapes that only matter inside of HTML. A database without an
// encoding (SQL_ASCII) may hold what is no UTF-8; frames must be.
func appendQuoted(b, text []byte) []byte {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	const hex = "0123456789abcdef"
	b = append(b, '"')
	written := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, text[written:i]...)
		written = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, text[written:]...), '"')
}
