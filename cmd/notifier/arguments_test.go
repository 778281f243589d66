package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestMistypedCommandLinesAreNeverRepeated(t *testing.T) {
	const secret = "hunter2"
	for _, args := range [][]string{
		{"postgres://clinic:" + secret + "@db/clinic"},
		{"token", "postgres://clinic:" + secret + "@db/clinic"},
		{"token", "-jwt-secret=" + secret},
		{"token", "--jwt-secrets=" + secret},
		{"token", "--=" + secret},
		{"tail", "-t" + secret},
		{"tail", "--url", "wss://u:" + secret + "@example.com:notaport/ws", "--token", "t"},
		{"tail", "--token", secret + " and more"},
		{"token", "--account", "1", "--jwt-secret", "-----BEGIN PUBLIC KEY-----" + secret},
	} {
		status, stdout, stderr := runLine(t, args...)
		if status != exitUsage || stdout != "" {
			t.Errorf("%q: status %d, stdout %q; want %d and nothing", args, status, stdout, exitUsage)
		}
		if strings.Contains(stderr, secret) {
			t.Errorf("%q is repeated: %s", args, stderr)
		}
	}
}

func TestAMistypedCommandIsCorrected(t *testing.T) {
	_, _, stderr := runLine(t, "tokne")
	if want := `notifier: unknown command "tokne"; did you mean token?` + "\n"; stderr != want {
		t.Errorf("got  %q\nwant %q", stderr, want)
	}
	_, _, stderr = runLine(t, "gibberish")
	if want := `notifier: unknown command "gibberish"; see: notifier --help` + "\n"; stderr != want {
		t.Errorf("got  %q\nwant %q", stderr, want)
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		if cmd.Short == "" || !cmd.HasExample() {
			t.Errorf("%s has no summary or no example", cmd.CommandPath())
		}
		if cmd.Args == nil || cmd.RunE == nil {
			t.Errorf("%s leaves its arguments to cobra, whose refusal would repeat them", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			check(child)
		}
	}
	check(newRootCommand())
}
