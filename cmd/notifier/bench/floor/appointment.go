package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

//go:embed appointment.sql
var appointmentSQL string

// The columns of appointment.sql, as texts.
const (
	colID = iota
	colDate
	colStartTime
	colEndTime
	colNotes
	colAccountID
	colCreatedAt
	colUpdatedAt
	colDeletedAt
	colDoctorID
	colDoctorName
	colPatientID
	colPatientName
	colContactID
	colPhone
	colStatusID
	colStatusName
	colStatusColor
	colProcedureID
	colProcedureName
	colProcedurePrice
)

// appendAppointment appends what clients are sent, but for the list of procedures at its end: each row has one, and the first is here.
func appendAppointment(b []byte, row [][]byte) []byte {
	b = append(append(b, `{"id":`...), row[colID]...)
	b = appendText(append(b, `,"date":`...), row[colDate])
	b = appendText(append(b, `,"startTime":`...), row[colStartTime])
	b = appendText(append(b, `,"endTime":`...), row[colEndTime])
	b = appendText(append(b, `,"notes":`...), row[colNotes])
	b = append(append(b, `,"accountId":`...), row[colAccountID]...)
	b = appendText(append(b, `,"createdAt":`...), row[colCreatedAt])
	b = appendText(append(b, `,"updatedAt":`...), row[colUpdatedAt])
	b = appendText(append(b, `,"deletedAt":`...), row[colDeletedAt])
	b = append(append(b, `,"doctor":{"id":`...), row[colDoctorID]...)
	b = appendText(append(b, `,"name":`...), row[colDoctorName])
	b = append(append(b, `},"patient":{"id":`...), row[colPatientID]...)
	b = appendText(append(b, `,"name":`...), row[colPatientName])
	if row[colContactID] == nil {
		b = append(b, `,"contact":null`...)
	} else {
		b = append(appendText(append(b, `,"contact":{"phone":`...), row[colPhone]), '}')
	}
	b = append(append(b, `},"status":{"id":`...), row[colStatusID]...)
	b = appendText(append(b, `,"name":`...), row[colStatusName])
	b = appendText(append(b, `,"color":`...), row[colStatusColor])
	b = append(b, `},"appointmentProcedures":`...)
	if row[colProcedureID] == nil {
		return append(b, "null"...)
	}
	return append(appendProcedure(append(b, `{"procedure":`...), row), '}')
}

func appendProcedure(b []byte, row [][]byte) []byte {
	b = append(append(b, `{"id":`...), row[colProcedureID]...)
	b = appendText(append(b, `,"name":`...), row[colProcedureName])
	b = appendText(append(b, `,"price":`...), row[colProcedurePrice])
	return append(b, '}')
}

func appendText(b, text []byte) []byte {
	switch {
	case text == nil:
		return append(b, "null"...)
	case bytes.ContainsFunc(text, mustBeEscaped):
		quoted, _ := json.Marshal(string(text)) // any text can be
		return append(b, quoted...)
	}
	return append(append(append(b, '"'), text...), '"')
}

func mustBeEscaped(r rune) bool { return r < ' ' || r == '"' || r == '\\' }
