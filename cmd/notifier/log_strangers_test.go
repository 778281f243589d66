package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesOfStrangersAreSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		strangers := newStrangersLog(slog.NewTextHandler(&out, nil))
		ctx, stop := context.WithCancel(t.Context())
		go func() { _ = strangers.run(ctx) }()
		log := slog.New(strangers).With(slog.String("version", "1"))
		knock := func(times int, attrs ...slog.Attr) {
			for range times {
				log.LogAttrs(ctx, slog.LevelInfo, "connection_closed", attrs...)
			}
		}
		count := func(want int, parts ...string) {
			t.Helper()
			got := 0
			for line := range strings.Lines(out.String()) {
				got++
				for _, part := range parts {
					if !strings.Contains(line, part) {
						got--
						break
					}
				}
			}
			if got != want {
				t.Errorf("%d lines with %q, want %d", got, parts, want)
			}
		}
		missing, invalid := slog.String("code", "token_missing"), slog.String("code", "token_invalid")
		knock(10_000, missing)
		knock(strangerLines, invalid)
		knock(300, invalid, slog.String("account", "1"))
		for range 300 {
			log.LogAttrs(ctx, slog.LevelInfo, "event_published", missing)
		}
		count(strangerLines, "connection_closed", "token_missing", "version=1")
		count(strangerLines+300, "connection_closed", "token_invalid")
		count(300, "event_published")
		count(0, "lines_left_out")

		time.Sleep(strangerInterval)
		synctest.Wait()
		count(1, "lines_left_out", "event=connection_closed", "code=token_missing", "lines=9980")
		count(1, "lines_left_out")
		knock(strangerLines+1, missing) // the next minute is a new one
		count(2*strangerLines, "msg=connection_closed", "token_missing")
		stop()
		strangers.sumUp(context.WithoutCancel(ctx)) // as the daemon does before it says that it has stopped
		count(1, "lines_left_out", "lines=1\n")
	})
}

func TestWhatIsRememberedOfStrangersIsBounded(t *testing.T) {
	var out bytes.Buffer
	strangers := newStrangersLog(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log := slog.New(strangers)
	for i := range 10 * strangerKinds {
		log.LogAttrs(t.Context(), slog.LevelInfo, "connect_refused", slog.String("code", strings.Repeat("x", i)))
	}
	if got := len(strangers.counts.lines); got > strangerKinds+1 {
		t.Errorf("%d kinds are remembered, want at most %d", got, strangerKinds+1)
	}
	if got, want := strings.Count(out.String(), "\n"), strangerKinds+strangerLines; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
	out.Reset()
	for range 100 {
		log.LogAttrs(t.Context(), slog.LevelDebug, "connection_closed")
	}
	if got := strings.Count(out.String(), "\n"); got != 100 {
		t.Errorf("%d lines at debug, want all", got)
	}
}

// lockedBuffer is written by one goroutine while another one reads.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}
