package notifier

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseBell(t *testing.T) {
	good := map[string]Bell{
		`{"v":1,"appointmentId":123,"accountId":1,"doctorId":7,"action":"FINALIZADO"}`: {
			json.RawMessage("123"), json.RawMessage("1"), json.RawMessage("7"), "FINALIZADO"},
		`{"v" : 1, "appointmentId" : -9223372036854775808, "accountId" : "clínica", "doctorId" : null, "action" : "CANCELADO"}`: {
			json.RawMessage("-9223372036854775808"), json.RawMessage(`"clínica"`), json.RawMessage("null"), "CANCELADO"},
		`{"v":1,"appointmentId":null,"accountId":1,"doctorId":7,"action":"busy"}`: {
			json.RawMessage("null"), json.RawMessage("1"), json.RawMessage("7"), "busy"},
	}
	for payload, want := range good {
		got, err := ParseBell(payload)
		if err != nil || string(got.AppointmentID) != string(want.AppointmentID) || string(got.AccountID) != string(want.AccountID) ||
			string(got.DoctorID) != string(want.DoctorID) || got.Action != want.Action {
			t.Errorf("%s: %+v, %v", payload, got, err)
		}
	}
	bad := []struct {
		payload string
		want    error
	}{
		{``, ErrBellSyntax},
		{`42`, ErrBellSyntax},
		{`"FINALIZADO"`, ErrBellSyntax},
		{`[]`, ErrBellSyntax},
		{`nothing`, ErrBellSyntax},
		{"\x00\xff\xfe", ErrBellSyntax},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":"A"`, ErrBellSyntax},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":"A"}{}`, ErrBellSyntax},
		{strings.Repeat("[", 7000), ErrBellSyntax},
		{`null`, ErrBellVersion},
		{`{}`, ErrBellVersion},
		{`{"v":2,"appointmentId":1,"accountId":1,"doctorId":1,"action":"A"}`, ErrBellVersion},
		{`{"v":"1","appointmentId":1,"accountId":1,"doctorId":1,"action":"A"}`, ErrBellVersion},
		{`{"v":1.0,"appointmentId":1,"accountId":1,"doctorId":1,"action":"A"}`, ErrBellVersion},
		{`{"v":1}`, ErrBellField},
		{`{"v":1,"accountId":1,"doctorId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"doctorId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":1}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":""}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":5}`, ErrBellField},
		{`{"v":1,"appointmentId":1.5,"accountId":1,"doctorId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1e3,"accountId":1,"doctorId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":null,"doctorId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":"","doctorId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":{"id":1},"doctorId":1,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":true,"action":"A"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":"A","patient":"x"}`, ErrBellField},
		{`{"v":1,"appointmentId":1,"accountId":1,"doctorId":1,"Action":"A"}`, ErrBellField},
		{`{"V":1,"appointmentId":1,"accountId":1,"doctorId":1,"action":"A"}`, ErrBellVersion},
	}
	for _, test := range bad {
		if got, err := ParseBell(test.payload); !errors.Is(err, test.want) {
			t.Errorf("%.80q: %+v, %v, want %v", test.payload, got, err, test.want)
		}
	}
}

// FuzzParseBell: whatever is read has whole ids and an action; an error says nothing of the payload.
func FuzzParseBell(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"appointmentId":123,"accountId":1,"doctorId":7,"action":"FINALIZADO"}`,
		`{"v":1,"appointmentId":"a","accountId":"\u0000","doctorId":null,"action":"é"}`,
		`{"v":1,"V":2}`, `{"v":2}`, `[[[`, "", "\xff", `{"v":1,"v":1}`, `{"appointmentId":-}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		bell, err := ParseBell(payload)
		if err == nil {
			if bell.Action == "" || !json.Valid(bell.AppointmentID) || !json.Valid(bell.AccountID) || !json.Valid(bell.DoctorID) {
				t.Errorf("%q is read as %+v", payload, bell)
			}
			return
		}
		if kind := kindOfBellError(err); !strings.HasPrefix(err.Error(), kind) || len(err.Error()) > len(kind)+40 {
			t.Errorf("%q: the error is more than a kind: %v", payload, err)
		}
	})
}

func ExampleParseBell() {
	bell, err := ParseBell(`{"v":1,"appointmentId":123,"accountId":1,"doctorId":7,"action":"FINALIZADO"}`)
	fmt.Println(bell.Action, string(bell.AppointmentID), string(bell.AccountID), string(bell.DoctorID), err)

	_, err = ParseBell("anybody may NOTIFY anything")
	fmt.Println(err)
	// Output:
	// FINALIZADO 123 1 7 <nil>
	// bell is not one JSON object
}
