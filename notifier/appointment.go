package notifier

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// appointment is the data of an event as clients know it: the documented keys in their order. Ids are JSON
// texts (the clinic's numbers stay numbers), times UTC with milliseconds and Z.
type appointment struct {
	ID         json.RawMessage `json:"id"`
	Date       *string         `json:"date"`
	StartTime  *string         `json:"startTime"`
	EndTime    *string         `json:"endTime"`
	Notes      *string         `json:"notes"`
	AccountID  json.RawMessage `json:"accountId"`
	CreatedAt  *string         `json:"createdAt"`
	UpdatedAt  *string         `json:"updatedAt"`
	DeletedAt  *string         `json:"deletedAt"`
	Doctor     *person         `json:"doctor"`
	Patient    *patient        `json:"patient"`
	Status     *status         `json:"status"`
	First      *procedureLink  `json:"appointmentProcedures"`
	Procedures []procedure     `json:"procedures"`
}

type person struct {
	ID   json.RawMessage `json:"id"`
	Name *string         `json:"name"`
}

type patient struct {
	person
	Contact *contact `json:"contact"`
}

type contact struct {
	Phone *string `json:"phone"`
}

type status struct {
	ID    json.RawMessage `json:"id"`
	Name  *string         `json:"name"`
	Color *string         `json:"color"`
}

// procedureLink is the documented object around the procedure with the lowest id.
type procedureLink struct {
	Procedure procedure `json:"procedure"`
}

type procedure struct {
	ID    json.RawMessage `json:"id"`
	Name  *string         `json:"name"`
	Price *string         `json:"price"`
}

// appointmentRow takes one row of load.sql. It is used again for every row of a batch.
type appointmentRow struct {
	id, account             string
	a                       appointment
	doctorID, patientID     json.RawMessage
	statusID                json.RawMessage
	doctorName, patientName *string
	hasContact              bool
	phone                   *string
	statusName, statusColor *string
	procedures              json.RawMessage
}

// fields are where the columns of load.sql go, in their order.
func (r *appointmentRow) fields() []any {
	return []any{
		&r.id, &r.account, &r.a.ID, &r.a.AccountID, &r.a.Date, &r.a.StartTime, &r.a.EndTime, &r.a.Notes,
		&r.a.CreatedAt, &r.a.UpdatedAt, &r.a.DeletedAt, &r.doctorID, &r.doctorName, &r.patientID, &r.patientName,
		&r.hasContact, &r.phone, &r.statusID, &r.statusName, &r.statusColor, &r.procedures,
	}
}

// encode writes the row as clients see it.
func (r *appointmentRow) encode() ([]byte, error) {
	a := r.a
	if r.doctorID != nil {
		a.Doctor = &person{r.doctorID, r.doctorName}
	}
	if r.patientID != nil {
		a.Patient = &patient{person: person{r.patientID, r.patientName}}
		if r.hasContact {
			a.Patient.Contact = &contact{r.phone}
		}
	}
	if r.statusID != nil {
		a.Status = &status{r.statusID, r.statusName, r.statusColor}
	}
	if r.procedures != nil {
		if err := json.Unmarshal(r.procedures, &a.Procedures); err != nil {
			return nil, fmt.Errorf("read procedures of view notifier.appointment_dto: %w", err)
		}
	}
	if len(a.Procedures) > 0 {
		a.First = &procedureLink{a.Procedures[0]}
	} else {
		a.Procedures = []procedure{}
	}
	return encode(a)
}

// tombstone is sent for an appointment that is gone, belongs to another account by now, or cannot be loaded:
// enough for a screen to drop it.
type tombstone struct {
	ID        json.RawMessage `json:"id"`
	AccountID json.RawMessage `json:"accountId"`
	DeletedAt string          `json:"deletedAt"`
}

// dateTime is ISO 8601 as JavaScript's Date prints it.
const dateTime = "2006-01-02T15:04:05.000Z"

func tombstoneOf(e Event) []byte {
	data, err := encode(tombstone{e.AppointmentJSON, e.AccountJSON, e.ChangedAt.UTC().Format(dateTime)})
	if err != nil {
		panic(err) // both ids come from PostgreSQL's to_json, which writes nothing but JSON
	}
	return data
}

// encode writes compact JSON without HTML's escapes, since frames are no part of a page.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode appointment: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
