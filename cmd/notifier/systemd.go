package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"
)

// systemd is whoever started us as a service of Type=notify, by the protocol of sd_notify(3): datagrams to a socket. Its zero value
// is nobody, and told nothing.
type systemd struct {
	socket string        // a path, or an abstract name after an @
	every  time.Duration // half of WatchdogSec; 0: nobody watches
	log    *slog.Logger
}

// newSystemd reads what systemd puts into the environment.
func newSystemd(getenv func(string) string, log *slog.Logger) systemd {
	s := systemd{socket: getenv("NOTIFY_SOCKET"), log: log}
	pid := getenv("WATCHDOG_PID") // somebody else's, where a shell has started us
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		s.every = time.Duration(usec) * time.Microsecond / 2
	}
	return s
}

// tell sends one state, as READY=1. That it did not arrive is logged, and ends nobody: systemd acts on what it does not hear.
func (s systemd) tell(ctx context.Context, state string) {
	if s.socket == "" {
		return
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unixgram", s.socket)
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close() // a datagram has gone or not; there is nothing left to lose
	}
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "systemd_unreachable", slog.String("state", state), slog.Any("error", err))
	}
}

// watch keeps the watchdog quiet for as long as the daemon is alive, until ctx ends. When it falls silent systemd ends the daemon
// with SIGABRT, upon which Go writes all stacks, and starts it anew.
func (s systemd) watch(ctx context.Context, alive func() bool) {
	if s.socket == "" || s.every <= 0 {
		return
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		if alive() {
			s.tell(ctx, "WATCHDOG=1")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
