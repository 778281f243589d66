package main

import (
	"encoding/json"
	"strings"
	"testing"

	"notifier/sql"
)

func TestRoutesAreToldAndChanged(t *testing.T) {
	owner, runtime := reconcileClinic(t)
	run := func(want int, args ...string) string {
		t.Helper()
		status, stdout, stderr := runLine(t, append([]string{"routes"}, args...)...)
		if status != want {
			t.Errorf("routes %v: status %d, want %d; %s", args, status, want, stderr)
		}
		return stdout + stderr
	}
	for _, x := range []struct {
		status int
		args   string
		says   []string
	}{
		{exitOK, "add CHECKIN appointments.checkin", []string{"CHECKIN raises appointments.checkin\n"}},
		{exitOK, "add FALTOU appointments.missed --release", []string{"FALTOU raises appointments.missed and releases the doctor\n"}},
		{exitOK, "add --doctors", []string{"a change of a doctor's state raises doctors.busy\n"}},
		{exitFailed, "add FALTADO appointments.missed", []string{`the clinic has no status "FALTADO"; it has AGENDADO, CANCELADO,`}},
		{exitFailed, "add CHECKIN connect", []string{"means something else to screens"}},
		{exitFailed, "add FINALIZADO done", []string{"raises appointmnents.finished already and releases the doctor"}},
		{exitOK, "list", []string{
			"STATUS          EVENT                   RELEASES THE DOCTOR",
			"AGENDADO        -", "CHECKIN         appointments.checkin", "FALTOU          appointments.missed     yes",
			"busy or free      doctors.busy  on doctors, enabled",
		}},
		{exitOK, "remove FALTOU", []string{"FALTOU raises appointments.missed and releases the doctor no more\n"}},
		{exitFailed, "remove FALTOU", []string{"what has a route: CANCELADO, CHECKIN, FINALIZADO"}},
		{exitOK, "remove --doctors", []string{"a change of a doctor's state raises doctors.busy no more\n"}},
		{exitFailed, "remove --doctors", []string{"nothing to remove"}},
		{exitOK, "list", []string{"busy or free      -"}},
	} {
		text := run(x.status, append(strings.Fields(x.args), "--database-url", owner)...)
		for _, want := range x.says {
			if !strings.Contains(text, want) {
				t.Errorf("routes %s says\n%s, want %q in it", x.args, text, want)
			}
		}
	}

	var routes sql.Routes
	err := json.Unmarshal([]byte(run(exitOK, "list", "--json", "--database-url", runtime)), &routes)
	if err != nil || len(routes.Statuses) != 6 || routes.Doctors != nil {
		t.Errorf("as JSON, by the daemon's role: %+v, %v", routes, err)
	}
	for _, args := range []string{"add EM_ATENDIMENTO x", "add --doctors", "remove FINALIZADO"} {
		if text := run(exitFailed, append(strings.Fields(args), "--database-url", runtime)...); !strings.Contains(text, "owner of the clinic's tables") {
			t.Errorf("routes %s by the daemon's role: %s", args, text)
		}
	}
	execSQL(t, owner, `SELECT notifier.enlist('old', '127.0.0.1:1', '', '0.1.0')`)
	if text := run(exitFailed, "add", "--doctors", "--database-url", owner); !strings.Contains(text, "old at 127.0.0.1:1, version 0.1.0") {
		t.Errorf("beside a daemon of the previous release: %s", text)
	}
	if text := run(exitOK, "list", "--database-url", runtime); !strings.Contains(text, "none is raised while it is here: old at") {
		t.Errorf("listed beside it: %s", text)
	}
}

func TestRoutesThatCannotBeUnderstood(t *testing.T) {
	for _, args := range []string{
		"add", "add CHECKIN", "add CHECKIN a b", "add --doctors a b", "add --doctors --release", "remove", "remove CHECKIN FALTOU",
		"remove --doctors CHECKIN", "list CHECKIN", "change",
	} {
		args := append(append([]string{"routes"}, strings.Fields(args)...), "--database-url", "postgres://x@127.0.0.1:1/x")
		if status, _, stderr := runLine(t, args...); status != exitUsage {
			t.Errorf("%v: status %d, want %d: %s", args, status, exitUsage, stderr)
		}
	}
	if status, _, stderr := runLine(t, "routes", "list"); status != exitUsage || !strings.Contains(stderr, "--database-url") {
		t.Errorf("without a URL: status %d: %s", status, stderr)
	}
}
