// Command conformance is the production codec and transports with the hooks that the public test suites of the Engine.IO and Socket.IO protocols ask of a
// server: an echo of raw messages on /engine.io/, and on /socket.io/ the namespaces "/" and "/custom". It checks no tokens and has no rooms, and the daemon
// does not know it.
//
//	go run ./wsroom/socketio/conformance        on port 3000 of the loopback interface, or PORT
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"notifier/wsroom"
	"notifier/wsroom/socketio/engineio"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	if err := run(ctx, port); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, port string) error {
	hub := wsroom.NewHub(wsroom.HubConfig{})
	hub.Open(0, "")
	listeners, err := listen(ctx, port)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newHandler(hub), ReadHeaderTimeout: 10 * time.Second}
	var group errgroup.Group
	for _, listener := range listeners {
		fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
		group.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve: %w", err)
			}
			return nil
		})
	}
	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(hub.Drain(ending, 0), server.Shutdown(ending), group.Wait())
}

// listen opens the port on the loopback addresses: of the two that "localhost" may stand for, a client picks either.
func listen(ctx context.Context, port string) ([]net.Listener, error) {
	var config net.ListenConfig
	first, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	second, err := config.Listen(ctx, "tcp", net.JoinHostPort("::1", port))
	if err != nil {
		return []net.Listener{first}, nil // this machine has no IPv6
	}
	return []net.Listener{first, second}, nil
}

// newHandler serves both paths, with the times and limits that the suites expect.
func newHandler(hub *wsroom.Hub) http.Handler {
	anyPage, _ := wsroom.NewOrigins("*") // the suites also run in a browser; "*" is a pattern
	config := engineio.Config{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 1_000_000, Origins: anyPage}
	none := wsroom.NewProtocol("conformance", nil, nil) // nobody joins a room
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", engineio.NewServer(hub, none, config, func(s *engineio.Session, _ *http.Request) engineio.Application {
		return echo{s}
	}))
	mux.Handle("/socket.io/", engineio.NewServer(hub, none, config, func(s *engineio.Session, _ *http.Request) engineio.Application {
		s.Expect(connectTimeout)
		return &client{session: s, namespaces: make(map[string]bool)}
	}))
	return mux
}
