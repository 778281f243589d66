package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuietLogWritesAKindOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := newLines(t)
		quiet := newQuietLog(slog.New(slog.NewTextHandler(lines, nil)))
		ctx := context.Background()
		for range 1000 {
			quiet.warn(ctx, "trouble", "a")
		}
		quiet.warn(ctx, "trouble", "b")
		time.Sleep(59 * time.Second)
		quiet.warn(ctx, "trouble", "a")
		time.Sleep(time.Second)
		quiet.warn(ctx, "trouble", "a")
		quiet.warn(ctx, "trouble", "a")

		got := lines.with("trouble")
		want := []string{"kind=a unlogged_before=0", "kind=b unlogged_before=0", "kind=a unlogged_before=1000"}
		if len(got) != len(want) {
			t.Fatalf("%d lines, want %d: %v", len(got), len(want), got)
		}
		for i := range want {
			if !strings.HasSuffix(got[i], want[i]) {
				t.Errorf("line %d is %q, want %q at its end", i, got[i], want[i])
			}
		}
	})
}

func TestQuietLogTellsWhatHappensAgainAfterItWasOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := newLines(t)
		quiet := newQuietLog(slog.New(slog.NewTextHandler(lines, nil)))
		ctx := context.Background()
		if quiet.over("trouble") {
			t.Error("what never began is over")
		}
		told := 0
		for range 100 { // a link that flaps
			quiet.warn(ctx, "trouble", "a")
			quiet.warn(ctx, "trouble", "a")
			if quiet.over("trouble") {
				told++
			}
		}
		if got := len(lines.with("trouble")); got != quietOutages || told != quietOutages {
			t.Errorf("%d beginnings and %d ends were told of 100, want %d of both", got, told, quietOutages)
		}
		time.Sleep(quietInterval)
		quiet.warn(ctx, "trouble", "a")
		if got := lines.with("trouble"); !strings.HasSuffix(got[len(got)-1], "unlogged_before=191") {
			t.Errorf("after a minute: %s, want it to stand for the last repetition and the 95 outages, of two lines each", got[len(got)-1])
		}
		if !quiet.over("trouble") {
			t.Error("the end of what was told is not")
		}
	})
}

// The watch over the logs of all other tests must see what it is there for.
func TestSecretsAreSeen(t *testing.T) {
	for _, line := range []string{patientName, phoneNumber, notesText, "postgres://u:" + dsnPassword + "@h/d"} {
		if _, found := secretIn(fmt.Sprintf("level=WARN msg=x error=%q", line)); !found {
			t.Errorf("%q would not be seen", line)
		}
	}
	if secret, found := secretIn("level=INFO msg=event_published id=1-1 account=1 appointment=9"); found {
		t.Errorf("%q is seen where it is not", secret)
	}
}
