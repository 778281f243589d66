package notifier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The NOTIFY channels. BellChannel is rung by the trigger, EventChannel by the pump with the log's last
// number. Anybody may NOTIFY on either, so a payload never counts for more than "look now".
const (
	BellChannel  = "notifier_bell"
	EventChannel = "notifier_event"
)

// Bell is the trigger's payload, version 1. Ids are the JSON texts of the clinic's own ids: a number, or a
// string with its quotes; DoctorID may be null.
type Bell struct {
	AppointmentID json.RawMessage
	AccountID     json.RawMessage
	DoctorID      json.RawMessage
	Action        string // the status that was reached, such as FINALIZADO
}

// Why a payload was not understood. The texts name kinds, never contents.
var (
	ErrBellSyntax  = errors.New("bell is not one JSON object")
	ErrBellVersion = errors.New("bell has another version than 1")
	ErrBellField   = errors.New("bell lacks a field or has one that version 1 does not know")
)

// ParseBell decodes a payload strictly: exactly the fields of version 1, each of its type.
func ParseBell(payload string) (Bell, error) {
	var fields struct {
		Version       *int            `json:"v"`
		AppointmentID json.RawMessage `json:"appointmentId"`
		AccountID     json.RawMessage `json:"accountId"`
		DoctorID      json.RawMessage `json:"doctorId"`
		Action        *string         `json:"action"`
	}
	var version struct {
		Version json.RawMessage `json:"v"`
	}
	if err := json.Unmarshal([]byte(payload), &version); err != nil {
		return Bell{}, ErrBellSyntax
	}
	if string(version.Version) != "1" {
		return Bell{}, ErrBellVersion
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(payload)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&fields); err != nil {
		return Bell{}, ErrBellField
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Bell{}, ErrBellSyntax
	}
	if fields.Action == nil || *fields.Action == "" {
		return Bell{}, fmt.Errorf("%w: action", ErrBellField)
	}
	if !isID(fields.AppointmentID) || !isID(fields.AccountID) {
		return Bell{}, fmt.Errorf("%w: appointmentId or accountId", ErrBellField)
	}
	if doctor := string(fields.DoctorID); doctor != "null" && !isID(fields.DoctorID) {
		return Bell{}, fmt.Errorf("%w: doctorId", ErrBellField)
	}
	return Bell{fields.AppointmentID, fields.AccountID, fields.DoctorID, *fields.Action}, nil
}

// isID tells whether a JSON text is a whole number or a string that is not empty.
func isID(text json.RawMessage) bool {
	switch {
	case len(text) == 0:
		return false
	case text[0] == '"':
		return len(text) > 2
	case text[0] == '-':
		text = text[1:]
	}
	return len(text) > 0 && len(bytes.Trim(text, "0123456789")) == 0
}
