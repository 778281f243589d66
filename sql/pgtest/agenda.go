package pgtest

import (
	"context"
	_ "embed"
	"fmt"
	"sync"
	"testing"

	"notifier/sql"
	"notifier/sql/postgres"
)

// AgendaSchema is a clinic's schema of our own invention, as unlike the platform's as notifier carries.
//
//go:embed agenda.sql
var AgendaSchema string

// The roles of notifier on an Agenda database.
const (
	AgendaOwnerRole = "agenda_notifier"
	AgendaRuntime   = "agenda_daemon"
)

// AgendaNames are the settings of `notifier migrate` for AgendaSchema.
func AgendaNames() sql.Names {
	return sql.Names{
		Tables: map[string]string{
			"appointments":          "agenda.visit",
			"doctors":               "agenda.professional",
			"patients":              "agenda.person",
			"contacts":              "agenda.person",
			"statuses":              "",
			"procedures":            "agenda.service",
			"appointmentProcedures": "agenda.visit_service",
		},
		Columns: map[string]string{
			"appointments.id":                   "visit_id",
			"appointments.account":              "clinic_id",
			"appointments.doctor":               "professional_id",
			"appointments.patient":              "person_id",
			"appointments.status":               "state",
			"appointments.date":                 "begins_on",
			"appointments.start":                "begins_at",
			"appointments.end":                  "ends_at",
			"appointments.notes":                "remarks",
			"appointments.createdAt":            "created_at",
			"appointments.updatedAt":            "updated_at",
			"appointments.deletedAt":            "removed_at",
			"doctors.id":                        "professional_id",
			"doctors.name":                      "full_name",
			"doctors.busy":                      "in_session",
			"doctors.account":                   "clinic_id",
			"patients.id":                       "person_id",
			"patients.name":                     "full_name",
			"contacts.patient":                  "person_id",
			"contacts.phone":                    "mobile",
			"procedures.id":                     "service_id",
			"procedures.name":                   "title",
			"procedures.price":                  "fee",
			"appointmentProcedures.appointment": "visit_id",
			"appointmentProcedures.procedure":   "service_id",
		},
		Statuses: map[string]string{
			"FINALIZADO":     "done",
			"CANCELADO":      "called_off",
			"EM_ATENDIMENTO": "in_room",
		},
		OwnerRole:   AgendaOwnerRole,
		RuntimeRole: AgendaRuntime,
	}
}

var agenda struct {
	once sync.Once
	err  error
}

// Agenda is a database with AgendaSchema, no rows, and notifier installed. The daemon's role is AgendaRuntime.
func Agenda(t testing.TB) *DB {
	t.Helper()
	server := Server(t)
	agenda.once.Do(func() { agenda.err = prepareAgenda(server) })
	if agenda.err != nil {
		t.Fatalf("prepare the agenda template: %v", agenda.err)
	}
	return clone(t, "template_agenda")
}

func prepareAgenda(server *postgres.Server) error {
	ctx := context.Background()
	if err := run(ctx, server.URL(Superuser, "postgres"), "CREATE DATABASE template_agenda OWNER "+Owner); err != nil {
		return err
	}
	url := server.URL(Owner, "template_agenda")
	if err := run(ctx, url, AgendaSchema); err != nil {
		return err
	}
	migrator, err := sql.New(sql.Config{URL: url, Names: AgendaNames()})
	if err != nil {
		return err
	}
	if _, err := migrator.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return run(ctx, server.URL(Superuser, "template_agenda"), "UPDATE notifier.setting SET bell_until = 'infinity'")
}
