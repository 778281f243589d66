package main

import (
	"slices"
	"strings"
	"testing"
)

func TestUnknownVariablesAreListed(t *testing.T) {
	got := unknownVariables(newRootCommand(), []string{
		"NOTIFIER_TOKEN=x", "NOTIFIER_TOKEN_FILE=x", "NOTIFIER_JWT_SECRET_FILE=x", // known
		"NOTIFIER_URL_FILE=x",                              // no secret, so no file
		"NOTIFIER_CURSOR=x",                                // a flag only
		"NOTIFIER_JWT_SECRTE=x", "PATH=/bin", "NOTIFIERS=", // a typo, and not ours
		"NOTIFIER_PORT=tcp://10.0.0.1:80", "NOTIFIER_PORT_8080_TCP_ADDR=10.0.0.1", // from Kubernetes
		"NOTIFIER_SERVICE_HOST=10.0.0.1", "NOTIFIER_SERVICE_PORT=80", "NOTIFIER_SERVICE_PORT_WS=80",
	})
	want := []string{"NOTIFIER_CURSOR", "NOTIFIER_JWT_SECRTE", "NOTIFIER_URL_FILE"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheWarningNamesVariablesAndNoValues(t *testing.T) {
	t.Setenv("NOTIFIER_JWT_SECRTE", "hunter2")
	status, stdout, stderr := runLine(t, "version")
	if status != exitOK || strings.Count(stdout, "\n") != 1 {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	if !strings.Contains(stderr, "warning") || !strings.Contains(stderr, "NOTIFIER_JWT_SECRTE") || strings.Contains(stderr, "hunter2") {
		t.Errorf("stderr: %q", stderr)
	}
	if _, _, stderr := runLine(t, "__complete", "tail", "--u"); strings.Contains(stderr, "warning") {
		t.Errorf("completion is disturbed: %q", stderr)
	}
}
