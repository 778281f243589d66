package notifier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// The NOTIFY channels. BellChannel is rung by the trigger, EventChannel by the pump with the log's last
// number. Anybody may NOTIFY on either, so a payload never counts for more than "look now".
const (
	BellChannel  = "notifier_bell"
	EventChannel = "notifier_event"
)

// Bell is the trigger's payload, version 1. Ids are the JSON texts of the clinic's own ids: a number, or a
// string with its quotes; AppointmentID is null where a doctor or a test rings, and DoctorID may be.
type Bell struct {
	AppointmentID json.RawMessage
	AccountID     json.RawMessage
	DoctorID      json.RawMessage
	Action        string // the status that was reached, such as FINALIZADO; busy or free; test
}

// Why a payload was not understood. The texts name kinds, never contents.
var (
	ErrBellSyntax  = errors.New("bell is not one JSON object")
	ErrBellVersion = errors.New("bell has another version than 1")
	ErrBellField   = errors.New("bell lacks a field or has one that version 1 does not know")
)

// ParseBell decodes a payload strictly: exactly the fields of version 1, each of its type.
func ParseBell(payload string) (Bell, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(payload), &fields); err != nil {
		return Bell{}, ErrBellSyntax
	}
	if string(fields["v"]) != "1" {
		return Bell{}, ErrBellVersion
	}
	bell := Bell{AppointmentID: fields["appointmentId"], AccountID: fields["accountId"], DoctorID: fields["doctorId"]}
	switch {
	case len(fields) != 5: // with those below: a field more, or one less
		return Bell{}, ErrBellField
	case json.Unmarshal(fields["action"], &bell.Action) != nil || bell.Action == "":
		return Bell{}, fmt.Errorf("%w: action", ErrBellField)
	case !isID(bell.AccountID):
		return Bell{}, fmt.Errorf("%w: accountId", ErrBellField)
	case !isID(bell.AppointmentID) && !isNull(bell.AppointmentID), !isID(bell.DoctorID) && !isNull(bell.DoctorID):
		return Bell{}, fmt.Errorf("%w: appointmentId or doctorId", ErrBellField)
	}
	return bell, nil
}

func isNull(text json.RawMessage) bool { return string(text) == "null" }

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
