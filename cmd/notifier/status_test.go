package main

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The page knows in Portuguese what a daemon may say.
func TestTheStatusPageTranslatesEveryAdvice(t *testing.T) {
	script, err := os.ReadFile("statuspage/page.js")
	if err != nil {
		t.Fatal(err)
	}
	for code := range advice {
		if !strings.Contains(string(script), "\n  "+code+": '") {
			t.Errorf("statuspage/page.js has no Portuguese text for %s", code)
		}
	}
	for _, err := range []error{errAskTimeout, errAskUnreachable, errAskUnknown, errAskGone, errAskBroken} {
		if !strings.Contains(string(script), "\n  '"+err.Error()+"': '") {
			t.Errorf("statuspage/page.js has no Portuguese text for %q", err)
		}
	}
}

func TestWhoStopsLookingDoesNotBlindTheOthers(t *testing.T) {
	var l looker
	gone, leave := context.WithCancel(t.Context())
	leave()
	got := l.look(gone, func(ctx context.Context) *logStatus {
		if ctx.Err() != nil {
			return nil
		}
		return &logStatus{Staged: 1}
	})
	if got == nil || l.look(t.Context(), nil) != got {
		t.Errorf("got %v", got)
	}
}

func TestHoweverManyLookTheDatabaseIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looker
		looks := 0
		look := func(context.Context) *logStatus {
			looks++
			return &logStatus{Staged: looks}
		}
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if got := l.look(t.Context(), look); got.Staged != 1 {
					t.Errorf("got look %d", got.Staged)
				}
			})
		}
		group.Wait()
		time.Sleep(lookAge)
		if got := l.look(t.Context(), look); got.Staged != 2 {
			t.Errorf("after a second got look %d", got.Staged)
		}
	})
}
