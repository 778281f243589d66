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
