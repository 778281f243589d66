package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
)

func TestTheLogIsJSONUnlessAskedOtherwise(t *testing.T) {
	for _, format := range []string{"", logJSON} {
		var out bytes.Buffer
		newLogger(slog.LevelInfo, format, &out).Info("listener connected", slog.Int("attempt", 1))
		var line struct {
			Level, Msg string
			Attempt    int
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "listener connected" || line.Attempt != 1 {
			t.Errorf("format %q: %v in %q", format, err, out.String())
		}
	}
	var out bytes.Buffer
	newLogger(slog.LevelInfo, logText, &out).Info("listener connected")
	if !strings.Contains(out.String(), `msg="listener connected"`) {
		t.Errorf("text: %q", out.String())
	}
}

func TestTheLogKeepsToItsLevelEvenIfItChanges(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	level.Set(slog.LevelWarn)
	log := newLogger(&level, logText, &out)
	log.Info("before")
	level.Set(slog.LevelDebug)
	log.Debug("after")
	if got := out.String(); strings.Contains(got, "before") || !strings.Contains(got, "after") {
		t.Errorf("got %q", got)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(&bytes.Buffer{}) {
		t.Error("a file or a buffer is taken for a terminal")
	}
}

func TestLogLevelsAreParsed(t *testing.T) {
	for text, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		var l logSettings
		if err := loaded(t, l.register, "--log-level="+text); err != nil || l.level != want {
			t.Errorf("%s: got %v, %v", text, l.level, err)
		}
	}
	var l logSettings
	err := loaded(t, l.register, "--log-level=loud", "--log-format=xml")
	want := `2 settings have to change:
  --log-level (NOTIFIER_LOG_LEVEL) "loud" is not one of debug, info, warn, error
  --log-format (NOTIFIER_LOG_FORMAT) "xml" is not one of json, text`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
