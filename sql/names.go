package sql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Names says how the clinic calls its tables, columns, statuses and the two roles of notifier: all that
// differs from one clinic's schema to another's. Keys are fixed (DefaultNames lists them), values are the
// names as they stand in the catalog, unquoted; a table may be written schema.table (without a schema it
// is in public). An optional table or column that the clinic does not have is the empty string.
type Names struct {
	Tables      map[string]string `json:"tables"`
	Columns     map[string]string `json:"columns"` // keyed table.column
	Statuses    map[string]string `json:"statuses"`
	OwnerRole   string            `json:"ownerRole"`
	RuntimeRole string            `json:"runtimeRole"`
}

// optionalNames may be empty. Without statuses, the status column of an appointment holds the status itself.
// Procedures need both of their tables.
var optionalNames = []string{
	"statuses", "contacts", "procedures", "appointmentProcedures",
	"appointments.start", "appointments.end", "appointments.notes",
	"appointments.createdAt", "appointments.updatedAt", "appointments.deletedAt",
	"statuses.color",
}

// DefaultNames fits the schema of clinic.sql.
func DefaultNames() Names {
	return Names{
		Tables: map[string]string{
			"appointments":          "appointments",
			"doctors":               "doctors",
			"patients":              "patients",
			"contacts":              "contacts",
			"statuses":              "appointment_status",
			"procedures":            "procedures",
			"appointmentProcedures": "appointment_procedures",
		},
		Columns: map[string]string{
			"appointments.id":                   "id",
			"appointments.account":              "accountId",
			"appointments.doctor":               "doctorId",
			"appointments.patient":              "patientId",
			"appointments.status":               "statusId",
			"appointments.date":                 "date",
			"appointments.start":                "startTime",
			"appointments.end":                  "endTime",
			"appointments.notes":                "notes",
			"appointments.createdAt":            "createdAt",
			"appointments.updatedAt":            "updatedAt",
			"appointments.deletedAt":            "deletedAt",
			"doctors.id":                        "id",
			"doctors.name":                      "name",
			"doctors.busy":                      "isBusy",
			"patients.id":                       "id",
			"patients.name":                     "name",
			"contacts.patient":                  "patientId",
			"contacts.phone":                    "phone",
			"statuses.id":                       "id",
			"statuses.code":                     "code",
			"statuses.name":                     "name",
			"statuses.color":                    "color",
			"procedures.id":                     "id",
			"procedures.name":                   "name",
			"procedures.price":                  "price",
			"appointmentProcedures.appointment": "appointmentId",
			"appointmentProcedures.procedure":   "procedureId",
		},
		Statuses: map[string]string{
			"FINALIZADO":     "FINALIZADO",
			"CANCELADO":      "CANCELADO",
			"EM_ATENDIMENTO": "EM_ATENDIMENTO",
		},
		OwnerRole:   "notifier_owner",
		RuntimeRole: "notifier_runtime",
	}
}

// Override returns the names with the given ones in place of their own. Empty maps and roles change
// nothing; unknown keys are kept for Validate to report.
func (n Names) Override(o Names) Names {
	merged := Names{
		Tables:      maps.Clone(n.Tables),
		Columns:     maps.Clone(n.Columns),
		Statuses:    maps.Clone(n.Statuses),
		OwnerRole:   n.OwnerRole,
		RuntimeRole: n.RuntimeRole,
	}
	maps.Copy(merged.Tables, o.Tables)
	maps.Copy(merged.Columns, o.Columns)
	maps.Copy(merged.Statuses, o.Statuses)
	if o.OwnerRole != "" {
		merged.OwnerRole = o.OwnerRole
	}
	if o.RuntimeRole != "" {
		merged.RuntimeRole = o.RuntimeRole
	}
	return merged
}

// Validate reports all faults at once, each naming the setting of `notifier migrate` to change.
func (n Names) Validate() error {
	known := DefaultNames()
	errs := slices.Concat(
		validateMap("--table", n.Tables, known.Tables),
		validateMap("--column", n.Columns, known.Columns),
		validateMap("--status", n.Statuses, known.Statuses),
	)
	for _, role := range []struct{ flag, name string }{{"--owner-role", n.OwnerRole}, {"--runtime-role", n.RuntimeRole}} {
		if err := validateName(role.name, false); err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", role.flag, role.name, err))
		}
	}
	if n.OwnerRole == n.RuntimeRole {
		errs = append(errs, errors.New("--owner-role and --runtime-role: must differ, "+
			"since the runtime role must not own what it uses"))
	}
	if (n.Tables["procedures"] == "") != (n.Tables["appointmentProcedures"] == "") {
		errs = append(errs, errors.New("--table procedures and --table appointmentProcedures: give both or leave both empty"))
	}
	return errors.Join(errs...)
}

func validateMap(flag string, got, known map[string]string) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := known[key]; !ok {
			errs = append(errs, fmt.Errorf("%s %s: no such key; the keys are %s",
				flag, key, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			continue
		}
		if err := validateName(got[key], slices.Contains(optionalNames, key)); err != nil {
			errs = append(errs, fmt.Errorf("%s %s=%q: %w", flag, key, got[key], err))
		}
	}
	return errs
}

func validateName(name string, optional bool) error {
	switch {
	case name == "" && optional:
		return nil
	case name == "":
		return errors.New("must not be empty")
	case strings.ContainsRune(name, 0):
		return errors.New("must not contain a NUL")
	}
	for part := range strings.SplitSeq(name, ".") {
		if len(part) == 0 || len(part) > 63 {
			return errors.New("each part of a name has 1 to 63 bytes")
		}
	}
	return nil
}
