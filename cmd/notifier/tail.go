package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type tailSettings struct {
	url     string
	token   string
	cursor  string
	silence time.Duration
	source  *settings
}

func (t *tailSettings) register(cmd *cobra.Command) {
	t.source = newSettings(cmd)
	t.source.text(&t.url, "url", "ws://127.0.0.1:8080/ws", "the daemon: ws:// or wss://", isTailURL)
	t.source.secret(&t.token, "token", "token of the account", isToken).example = "NOTIFIER_TOKEN=$(notifier token --account 1)"
	t.source.text(&t.cursor, "cursor", "", "begin after this event id instead of now").withoutVariable()
	t.source.fromEnvFile()
	t.source.duration(&t.silence, "silence", "60s", "reconnect when neither event nor ping came for so long; "+
		"more than the daemon's --ping-interval and --ping-timeout together", atLeast(time.Millisecond))
}

func newTailCommand() *cobra.Command {
	var t tailSettings
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print an account's events as they happen",
		Long: `tail connects to a daemon as a screen would and prints the frame of each event on stdout, one
line of JSON each. Everything else goes to stderr.

When the connection is lost it comes back with the id of the last event and gets what it missed.
It ends, with status 1, when the daemon refuses the token or the connection for good, and with
status 0 on Ctrl-C or when nobody reads its output any more.`,
		Example: `  export NOTIFIER_TOKEN=$(notifier token --account 1)
  notifier tail
  notifier tail --url wss://events.clinic.example/ws | jq -r '.data.patient.name'

  # from a known event on
  notifier tail --cursor 1-42`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.source.load(); err != nil {
				return err
			}
			return newTail(t, cmd.OutOrStdout(), cmd.ErrOrStderr()).run(cmd.Context())
		},
	}
	t.register(cmd)
	return cmd
}

// tail follows one account over as many connections as it takes.
type tail struct {
	address *url.URL
	client  *http.Client
	token   string
	silence time.Duration
	backoff backoff
	out     io.Writer
	notes   io.Writer

	cursor   string // the id after which everything is still to come; "" before the first welcome
	welcomed bool   // a daemon has once answered at the address
	refusal  string // the code of the last error frame of this connection
}

// newTail expects settings that were loaded: their URL is known to be good.
func newTail(s tailSettings, out, notes io.Writer) *tail {
	return &tail{
		address: tailAddress(s.url),
		client:  &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}},
		token:   s.token,
		silence: s.silence,
		cursor:  s.cursor,
		backoff: backoff{first: 500 * time.Millisecond, most: 15 * time.Second, healthy: 10 * time.Second},
		out:     out,
		notes:   notes,
	}
}

// finalError is an end that another try would not change.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// run returns nil when ctx ends, else what made a further try pointless.
func (t *tail) run(ctx context.Context) error {
	for {
		began := time.Now()
		err := t.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var final *finalError
		if errors.As(err, &final) {
			return err
		}
		pause := t.backoff.next(time.Since(began))
		t.note("%v; trying again in %s", err, pause.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// note tells the person at the terminal something that is not an event.
func (t *tail) note(format string, arguments ...any) {
	fmt.Fprintf(t.notes, "notifier tail: "+format+"\n", arguments...)
}

// tailAddress adds what may be left out of a URL: http for ws, and the path of the plain protocol.
func tailAddress(text string) *url.URL {
	address, err := url.Parse(text)
	if err != nil { // isTailURL has parsed it before
		panic("tail: the URL was not validated")
	}
	address.Scheme = strings.Replace(address.Scheme, "http", "ws", 1)
	if address.Path == "" || address.Path == "/" {
		address.Path = "/ws"
	}
	return address
}

func isTailURL(text string) error {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" {
		return errors.New("is not a URL like ws://127.0.0.1:8080/ws")
	}
	switch address.Scheme {
	case "ws", "wss", "http", "https":
		return nil
	}
	return errors.New("begins with neither ws:// nor wss://")
}

func isToken(text string) error {
	if strings.ContainsAny(text, " \t\r\n") {
		return errors.New("has white space in it: only the token itself, without Bearer")
	}
	return nil
}
