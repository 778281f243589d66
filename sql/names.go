package sql

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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
	"doctors.account",
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
			"doctors.account":                   "accountId",
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
	return Names{
		Tables:      override(n.Tables, o.Tables),
		Columns:     override(n.Columns, o.Columns),
		Statuses:    override(n.Statuses, o.Statuses),
		OwnerRole:   cmp.Or(o.OwnerRole, n.OwnerRole),
		RuntimeRole: cmp.Or(o.RuntimeRole, n.RuntimeRole),
	}
}

func override(names, by map[string]string) map[string]string {
	merged := make(map[string]string, len(names))
	maps.Copy(merged, names)
	maps.Copy(merged, by)
	return merged
}

// Validate reports all faults at once, each naming the setting of `notifier migrate` to change.
func (n Names) Validate() error {
	known := DefaultNames()
	errs := slices.Concat(
		validateMap("--table", n.Tables, known.Tables, validateTable),
		validateMap("--column", n.Columns, known.Columns, validateIdentifier),
		validateMap("--status", n.Statuses, known.Statuses, validateText),
		validateStatuses(n.Statuses),
	)
	for _, role := range []struct{ flag, name string }{{"--owner-role", n.OwnerRole}, {"--runtime-role", n.RuntimeRole}} {
		if err := validateIdentifier(role.name); err != nil {
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

func validateMap(flag string, got, known map[string]string, validate func(string) error) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := known[key]; !ok {
			errs = append(errs, fmt.Errorf("%s %s: no such key; the keys are %s",
				flag, key, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			continue
		}
		if got[key] == "" && slices.Contains(optionalNames, key) {
			continue
		}
		if err := validate(got[key]); err != nil {
			errs = append(errs, fmt.Errorf("%s %s=%q: %w", flag, key, got[key], err))
		}
	}
	return errs
}

// validateStatuses: two statuses of one name would be one route with two meanings.
func validateStatuses(statuses map[string]string) []error {
	var errs []error
	keys := slices.Sorted(maps.Keys(statuses))
	for i, key := range keys {
		for _, other := range keys[i+1:] {
			if statuses[key] == statuses[other] {
				errs = append(errs, fmt.Errorf("--status %s and --status %s: both are %q", key, other, statuses[key]))
			}
		}
	}
	return errs
}

// validateTable takes a table, or schema.table.
func validateTable(name string) error {
	schema, table, ok := strings.Cut(name, ".")
	if !ok {
		return validateIdentifier(name)
	}
	return cmp.Or(validateIdentifier(schema), validateIdentifier(table))
}

func validateIdentifier(name string) error {
	if len(name) > 63 {
		return errors.New("must not be longer than 63 bytes")
	}
	return validateText(name)
}

// validateText keeps out what could end the quotes that a migration puts around it: everything else is
// quoted, but a function's body stands between two $$, and both psql and goose read a file line by line.
func validateText(text string) error {
	switch {
	case text == "":
		return errors.New("must not be empty")
	case !utf8.ValidString(text):
		return errors.New("must be valid UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("must not contain control characters")
	case strings.Contains(text, "$$"):
		return errors.New("must not contain $$")
	}
	return nil
}

// sameNames refuses to go on with other names than the objects in the database were made with. A name that is not among
// the stored ones was no name then: what uses it is still to be made.
func sameNames(stored, wanted Names) error {
	var differ []string
	compare := func(flag string, stored, wanted map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(wanted)) {
			if name, ok := stored[key]; ok && name != wanted[key] {
				differ = append(differ, strings.TrimSpace(flag+" "+key)+fmt.Sprintf(" is %q", stored[key]))
			}
		}
	}
	compare("--table", stored.Tables, wanted.Tables)
	compare("--column", stored.Columns, wanted.Columns)
	compare("--status", stored.Statuses, wanted.Statuses)
	compare("--owner-role", map[string]string{"": stored.OwnerRole}, map[string]string{"": wanted.OwnerRole})
	compare("--runtime-role", map[string]string{"": stored.RuntimeRole}, map[string]string{"": wanted.RuntimeRole})
	if differ == nil {
		return nil
	}
	return fmt.Errorf("this database was migrated with other names (%s): leave these settings away to go on with those, "+
		"or run `notifier migrate down --all` without them first", strings.Join(differ, ", "))
}
