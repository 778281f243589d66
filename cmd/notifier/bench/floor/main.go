// Floor does the least that can be done for the job of `notifier serve` with net.Conn: it LISTENs to what a plain trigger notifies (see
// ../compare/plain_trigger.sql), updates the doctor, selects the appointment, encodes one frame, and writes it to every socket of the account.
// `make bench` measures against it.
//
// It keeps none of the promises: what is notified while it is away is lost, a screen that does not read holds up all others, no connection is
// pinged, a token's end ends nothing, and a second one of it would do everything twice. Not for use.
//
//	upgrade.go       a socket: the handshake by hand, and a reader
//	token.go         whose socket it is
//	rooms.go         the sockets of an account, and a write for each
//	feed.go          what is notified, and what is made of it
//	appointment.go   what clients are sent of it
//	frame.go         as a frame
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// Where the settings come from. The secret has no flag, since the arguments of a process can be read by others.
const (
	databaseVariable = "FLOOR_DATABASE_URL"
	secretVariable   = "FLOOR_JWT_SECRET"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv(databaseVariable), []byte(os.Getenv(secretVariable)), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// run serves on a free loopback port until ctx ends. When everything is ready it says where, on a line of out.
func run(ctx context.Context, database string, secret []byte, out io.Writer) error {
	if database == "" || len(secret) == 0 {
		return errors.New(databaseVariable + " and " + secretVariable + " are needed")
	}
	rooms := newRooms()
	feed, err := openFeed(ctx, database, rooms)
	if err != nil {
		return err
	}
	defer feed.close()
	// Without keep-alive, which costs four system calls a socket and finds dead ones after minutes.
	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	door := &door{rooms: rooms, secret: secret}
	served := make(chan error, 1)
	go func() { served <- door.serve(listener) }()
	fmt.Fprintf(out, "ws://%s\n", listener.Addr())
	err = feed.run(ctx)
	if ctx.Err() != nil {
		err = nil // the end that was asked for
	}
	err = errors.Join(err, listener.Close(), <-served)
	door.close()
	return err
}
