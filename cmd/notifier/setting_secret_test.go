package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsComeFromFlagVariableOrFile(t *testing.T) {
	file := writeFile(t, "from file\r\n")
	for _, test := range []struct {
		name, plain, path string
		args              []string
		want, fault       string
	}{
		{name: "nowhere"},
		{name: "variable", plain: "from variable", want: "from variable"},
		{name: "file, without the line end", path: file, want: "from file"},
		{name: "flag over both", plain: "a", path: file, args: []string{"--key=from flag"}, want: "from flag"},
		{name: "variable and file", plain: "a", path: file, fault: "is in the environment twice: unset one of the two"},
		{name: "empty file", path: writeFile(t, "\n"), fault: "is empty in the file that NOTIFIER_KEY_FILE names"},
		{
			name: "no such file, or the secret in the wrong variable", path: "hunter2",
			fault: "cannot be read from the file that NOTIFIER_KEY_FILE names: no such file or directory",
		},
		{name: "no end", path: "/dev/zero", fault: "cannot be read from the file that NOTIFIER_KEY_FILE names: it is longer than 65536 bytes"},
		{name: "folder", path: t.TempDir(), fault: "cannot be read from the file that NOTIFIER_KEY_FILE names: is a directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("NOTIFIER_KEY", test.plain)
			t.Setenv("NOTIFIER_KEY_FILE", test.path)
			var got string
			err := loaded(t, func(s *settings) { s.secret(&got, "key", "") }, test.args...)
			fault := ""
			if err != nil {
				fault = strings.TrimPrefix(err.Error(), "--key (NOTIFIER_KEY or NOTIFIER_KEY_FILE) ")
			}
			if got != test.want || fault != test.fault {
				t.Errorf("got %q, fault %q; want %q, fault %q", got, fault, test.want, test.fault)
			}
		})
	}
}

func TestLoadingAgainReadsAChangedFile(t *testing.T) {
	path := writeFile(t, "old")
	t.Setenv("NOTIFIER_KEY_FILE", path)
	var got string
	s := newSettings(&cobra.Command{})
	s.secret(&got, "key", "")
	for _, want := range []string{"old", "new"} {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.load(); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestHelpShowsNoSecret(t *testing.T) {
	const secret = "hunter2"
	for _, name := range []string{"DATABASE_URL", "DIRECT_URL", "JWT_SECRET", "TOKEN"} {
		t.Setenv(variablePrefix+name, secret)
	}
	for _, cmd := range newRootCommand().Commands() {
		status, stdout, stderr := runLine(t, cmd.Name(), "--jwt-secret="+secret, "--help")
		if cmd.Flags().Lookup("jwt-secret") == nil {
			status, stdout, stderr = runLine(t, cmd.Name(), "--help")
		}
		if status != exitOK || strings.Contains(stdout+stderr, secret) {
			t.Errorf("notifier %s --help: status %d\n%s%s", cmd.Name(), status, stdout, stderr)
		}
	}
}
