package main

import (
	"os"
	"regexp"
	"testing"
	"time"

	"notifier/notifier"
)

// Which of them take a daemon out of service is a promise to operators, and so is the page that tells what to do.
func TestEveryProblemHasItsAdviceAndItsPlaceInTheDocumentation(t *testing.T) {
	problems := []string{
		"draining", "keys_never_loaded", notifier.NotMigrated, notifier.DatabaseAway, notifier.ReadOnly, notifier.LogFailing,
		notifier.PumpStuck, notifier.StagingGrowing, notifier.ListenerDown, feedHung, roomsHung,
	}
	warnings := []string{notifier.ReleaseFailing, notifier.ListenerDeaf, notifier.NotifyQueueFull}
	if len(advice) != len(problems)+len(warnings) {
		t.Errorf("%d advices for %d codes", len(advice), len(problems)+len(warnings))
	}
	page, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var h health
	for _, code := range append(problems, warnings...) {
		h.add(code, time.Time{})
		if !regexp.MustCompile("(?m)^\\| (`\\w+`, )*`" + code + "`[,` ]").Match(page) {
			t.Errorf("deploy/README.md does not explain %s", code)
		}
	}
	if len(h.Problems) != len(problems) || len(h.Warnings) != len(warnings) {
		t.Errorf("%d problems and %d warnings, want %d and %d", len(h.Problems), len(h.Warnings), len(problems), len(warnings))
	}
	for _, one := range append(h.Problems, h.Warnings...) {
		if one.Message == "" {
			t.Errorf("no advice for %s", one.Code)
		}
	}
}
