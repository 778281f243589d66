package main

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// acceptPause is how often it is said that no connection can be taken; net/http tries every second.
const acceptPause = time.Minute

// httpErrors takes what net/http has to say: a panic is ours and an error, no room for a connection (the process's or the machine's files have run out)
// is for an operator, and all else is about strangers' broken requests.
type httpErrors struct {
	log *slog.Logger

	mu      sync.Mutex
	said    time.Time // of accept_failed
	leftOut int       // since
}

// newHTTPErrorLog is for http.Server.
func newHTTPErrorLog(logger *slog.Logger) *log.Logger {
	return log.New(&httpErrors{log: logger}, "", 0)
}

// Write implements io.Writer, one line at a time.
func (h *httpErrors) Write(line []byte) (int, error) {
	detail := slog.String("detail", strings.TrimSpace(string(line)))
	switch {
	case bytes.HasPrefix(line, []byte("http: panic")):
		h.log.LogAttrs(context.Background(), slog.LevelError, "http_panic", detail)
	case bytes.HasPrefix(line, []byte("http: Accept error")):
		h.acceptFailed(detail)
	default:
		h.log.LogAttrs(context.Background(), slog.LevelDebug, "http_request_broken", detail)
	}
	return len(line), nil
}

func (h *httpErrors) acceptFailed(detail slog.Attr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); h.said.IsZero() || now.Sub(h.said) >= acceptPause {
		h.log.LogAttrs(context.Background(), slog.LevelWarn, "accept_failed", detail, slog.Int("unlogged_before", h.leftOut))
		h.said, h.leftOut = now, 0
		return
	}
	h.leftOut++
}
