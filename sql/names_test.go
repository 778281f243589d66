package sql_test

import (
	"strings"
	"testing"

	"notifier/sql"
)

func TestValidateReportsAllFaultsAtOnceEachWithItsSetting(t *testing.T) {
	t.Parallel()
	faults := sql.Names{
		Tables: map[string]string{
			"doctors":    "",
			"contact":    "contacts",
			"procedures": "",
			"patients":   strings.Repeat("p", 64),
		},
		Columns: map[string]string{
			"doctors.busy":        "is$$busy",
			"appointments.status": "line\nbreak",
			"appointments.stats":  "x",
		},
		Statuses:    map[string]string{"FINALIZADO": "done", "CANCELADO": "done", "EM_ATENDIMENTO": "in\xffroom"},
		OwnerRole:   "same",
		RuntimeRole: "same",
	}
	err := sql.DefaultNames().Override(faults).Validate()
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, want := range []string{
		`--table doctors="": must not be empty`,
		`--table contact: no such key; the keys are appointmentProcedures, appointments, contacts,`,
		`--table patients="ppp`,
		`must not be longer than 63 bytes`,
		`--table procedures and --table appointmentProcedures: give both or leave both empty`,
		`--column doctors.busy="is$$busy": must not contain $$`,
		`--column appointments.status="line\nbreak": must not contain control characters`,
		`--column appointments.stats: no such key`,
		`--status CANCELADO and --status FINALIZADO: both are "done"`,
		`--status EM_ATENDIMENTO="in\xffroom": must be valid UTF-8`,
		`--owner-role and --runtime-role: must differ`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s\nin: %v", want, err)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 10 {
		t.Errorf("%d faults reported, want 10: %v", got, err)
	}
}

func TestNewRefusesFaultyNamesAndAFaultyURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		cfg        sql.Config
	}{
		{"names", "--status FINALIZADO", sql.Config{Names: sql.Names{Statuses: map[string]string{"FINALIZADO": ""}}}},
		{"URL", "read database URL", sql.Config{URL: "postgres://host:port/x"}},
	} {
		if _, err := sql.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.want)
		}
	}
}

func TestNamesThatAnotherClinicMayHaveAreValid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		names sql.Names
	}{
		{"the defaults", sql.Names{}},
		{"a table in a schema", sql.Names{Tables: map[string]string{"appointments": "agenda.consulta"}}},
		{"a column with a dot, a space and quotes", sql.Names{Columns: map[string]string{"doctors.busy": `is..bu sy"'`}}},
		{"a status that is a sentence", sql.Names{Statuses: map[string]string{"FINALIZADO": strings.Repeat("atendimento encerrado. ", 5)}}},
		{"no optional table or column", sql.Names{
			Tables:  map[string]string{"statuses": "", "contacts": "", "procedures": "", "appointmentProcedures": ""},
			Columns: map[string]string{"appointments.start": "", "appointments.deletedAt": "", "statuses.color": ""},
		}},
	} {
		if err := sql.DefaultNames().Override(c.names).Validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestOverrideLeavesItsReceiverAlone(t *testing.T) {
	t.Parallel()
	names := sql.DefaultNames()
	names.Override(sql.Names{Tables: map[string]string{"doctors": "medicos"}})
	if got := names.Tables["doctors"]; got != "doctors" {
		t.Errorf("the receiver's table became %q", got)
	}
}
