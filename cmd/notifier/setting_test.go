package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// loaded registers settings on a fresh command, gives it args and loads.
func loaded(t *testing.T, register func(s *settings), args ...string) error {
	t.Helper()
	cmd := &cobra.Command{Use: "test"}
	s := newSettings(cmd)
	register(s)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return s.load()
}

func TestFlagBeatsEnvironmentBeatsDefault(t *testing.T) {
	for _, test := range []struct {
		name, env string
		args      []string
		want      time.Duration
	}{
		{"nothing said", "", nil, time.Hour},
		{"environment", "2h", nil, 2 * time.Hour},
		{"flag", "", []string{"--rest=3h"}, 3 * time.Hour},
		{"both", "2h", []string{"--rest", "3h"}, 3 * time.Hour},
		{"the last of two flags", "2h", []string{"--rest=3h", "--rest=4h"}, 4 * time.Hour},
		{"a bad variable behind a flag", "soon", []string{"--rest=3h"}, 3 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("NOTIFIER_REST", test.env)
			var got time.Duration
			if err := loaded(t, func(s *settings) { s.duration(&got, "rest", "1h", "pause") }, test.args...); err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAFlagWithoutVariableIgnoresTheEnvironment(t *testing.T) {
	t.Setenv("NOTIFIER_REST", "2h")
	var got time.Duration
	var v *setting
	if err := loaded(t, func(s *settings) { v = s.duration(&got, "rest", "1h", "pause").withoutVariable() }); err != nil {
		t.Fatal(err)
	}
	if got != time.Hour || v.flag.Usage != "pause" || v.title() != "--rest" {
		t.Errorf("got %s, help %q, title %q", got, v.flag.Usage, v.title())
	}
}

func TestTargetsHoldTheirDefaultsBeforeLoad(t *testing.T) {
	t.Setenv("NOTIFIER_REST", "2h")
	var got time.Duration
	newSettings(&cobra.Command{}).duration(&got, "rest", "1h", "pause")
	if got != time.Hour {
		t.Errorf("got %s, want 1h", got)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Setenv("NOTIFIER_COUNT", "many")
	t.Setenv("NOTIFIER_ON", "perhaps")
	var (
		text     string
		duration time.Duration
		number   int
		toggle   bool
		list     []string
	)
	err := loaded(t, func(s *settings) {
		s.text(&text, "name", "", "").example = "Ana"
		s.duration(&duration, "rest", "1h", "", atLeast(time.Second))
		s.number(&number, "count", "1", "")
		s.toggle(&toggle, "on", "false", "")
		s.choice(&text, "colour", "red", []string{"red", "blue"}, "")
		s.items(&list, "origins", "", canonicalOrigin)
		a, b := s.text(&text, "left", "", ""), s.text(&text, "right", "", "")
		s.needOneOf = append(s.needOneOf, [2]*setting{a, b})
	}, "--rest=1ms", "--colour=green", "--origins=wss://x,https://ok,nothing")

	want := `7 settings have to change:
  --name (NOTIFIER_NAME) is missing, for example Ana
  --rest (NOTIFIER_REST) 1ms is too little, at least 1s
  --count (NOTIFIER_COUNT) "many" is not a whole number
  --on (NOTIFIER_ON) "perhaps" is neither true nor false
  --colour (NOTIFIER_COLOUR) "green" is not one of red, blue
  --origins (NOTIFIER_ORIGINS) "wss://x" is not an origin like https://app.clinic.example; "nothing" is not an origin like https://app.clinic.example
  --left (NOTIFIER_LEFT) or --right (NOTIFIER_RIGHT) is missing: at least one of the two`
	var faults *settingsError
	if !errors.As(err, &faults) || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestListsTakeCommasAndRepeatedFlags(t *testing.T) {
	var got []string
	register := func(s *settings) {
		s.items(&got, "names", "", func(text string) (string, error) { return strings.ToUpper(text), nil })
	}
	if err := loaded(t, register, "--names=a, b", "--names=c,,"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"A", "B", "C"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	t.Setenv("NOTIFIER_NAMES", "d,e")
	if err := loaded(t, register); err != nil {
		t.Fatal(err)
	}
	if want := []string{"D", "E"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPairsTakeKnownKeysOnceAndEmptyValues(t *testing.T) {
	var got map[string]string
	register := func(s *settings) { s.pairs(&got, "table", []string{"doctors", "contacts"}, "names of tables") }
	if err := loaded(t, register, "--table=doctors=clinic.medicos", "--table", "contacts="); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"doctors": "clinic.medicos", "contacts": ""}; !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	err := loaded(t, register, "--table=doctor=x,contacts,doctors=a,doctors=b")
	want := `--table (NOTIFIER_TABLE) has no key "doctor", only doctors, contacts; "contacts" is not key=value; names doctors twice`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestTogglesAreTrueWithoutAValue(t *testing.T) {
	for args, want := range map[string]bool{"--on": true, "--on=true": true, "--on=false": false, "": false} {
		var got bool
		if err := loaded(t, func(s *settings) { s.toggle(&got, "on", "false", "") }, strings.Fields(args)...); err != nil || got != want {
			t.Errorf("%q: got %t, %v; want %t", args, got, err, want)
		}
	}
}

func TestAnEmptyFlagTakesADefaultAway(t *testing.T) {
	t.Setenv("NOTIFIER_CLAIM", "account")
	var claim, issuer string
	register := func(s *settings) {
		s.text(&claim, "claim", "accountId", "", notEmpty)
		s.text(&issuer, "issuer", "", "")
	}
	err := loaded(t, register, "--claim=", "--issuer=")
	if want := "--claim (NOTIFIER_CLAIM) is empty"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
