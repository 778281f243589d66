package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatTheHTTPServerSaysIsSorted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		errors := newHTTPErrorLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		errors.Print("http: panic serving 127.0.0.1:4000: x")
		errors.Print("http: TLS handshake error from 127.0.0.1:4000: EOF")
		for range 90 {
			errors.Print("http: Accept error: accept tcp 127.0.0.1:8080: accept4: too many open files; retrying in 1s")
			time.Sleep(time.Second)
		}
		got := out.String()
		for part, want := range map[string]int{
			"level=ERROR msg=http_panic": 1, "level=DEBUG msg=http_request_broken": 1, "level=WARN msg=accept_failed": 2,
			"unlogged_before=0": 1, "unlogged_before=59": 1, "too many open files": 2,
		} {
			if n := strings.Count(got, part); n != want {
				t.Errorf("%q is there %d times, want %d: %s", part, n, want, got)
			}
		}
	})
}

// A warning for who will run out of files under load, and for nobody else.
func TestAFileLimitThatIsTooLowIsSaidAtTheStart(t *testing.T) {
	for _, test := range []struct {
		connections int
		allowed     uint64
		warned      bool
	}{{50000, 1024, true}, {50000, 54295, true}, {50000, 54296, false}, {0, 1024, false}} {
		var out bytes.Buffer
		d := &daemon{log: slog.New(slog.NewTextHandler(&out, nil))}
		d.settings.maxConnections, d.settings.maxHandshakes = test.connections, 4096
		d.warnOfFileLimit(test.allowed)
		if got := strings.Contains(out.String(), "level=WARN msg=file_limit_low files="); got != test.warned {
			t.Errorf("%d connections by %d files: %q", test.connections, test.allowed, &out)
		}
	}
}
