package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// adminTimeout bounds a command's request: longer than any daemon takes to hear all the others.
const adminTimeout = 30 * time.Second

var errAdminTimeout = fmt.Errorf("the daemon did not answer within %s", adminTimeout)

// newAdminCommand makes a command that asks a daemon by its admin address out of one that has its texts and Args. own registers the command's own flags, nil
// for none; run gets a client for the settings, whose JSON says that the user wants JSON.
func newAdminCommand(cmd *cobra.Command, own func(*settings),
	run func(ctx context.Context, c *adminClient, args []string, out io.Writer) error,
) *cobra.Command {
	var admin adminSettings
	admin.register(cmd, own)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := admin.source.load(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), adminTimeout, errAdminTimeout)
		defer cancel()
		client := newAdminClient(admin.url, admin.token, admin.json)
		defer client.http.CloseIdleConnections()
		return run(ctx, client, args, cmd.OutOrStdout())
	}
	return cmd
}

// adminClient asks a daemon by its admin address.
type adminClient struct {
	JSON bool // the user wants JSON

	base  string
	token string
	http  *http.Client
}

// newAdminClient follows no redirects and uses no proxy: it carries a secret to an address inside.
func newAdminClient(base, token string, asJSON bool) *adminClient {
	return &adminClient{JSON: asJSON, base: strings.TrimRight(base, "/"), token: token, http: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// get asks for path and reads the answer into `into`.
func (c *adminClient) get(ctx context.Context, path string, query url.Values, into any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, http.MethodGet, path, nil, into)
}

// post sends body as JSON to path and reads the answer into `into`.
func (c *adminClient) post(ctx context.Context, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.do(ctx, http.MethodPost, path, text, into)
}

func (c *adminClient) do(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // read, or not wanted
	if response.StatusCode != http.StatusOK {
		return c.refused(response)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("what answers at %s is not notifier's admin address: %w", c.base, err)
	}
	return nil
}

// unreachable says what to look at. The error has the URL in it, which holds no secret.
func (c *adminClient) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("no daemon can be asked at %s: %w\n  is it running, and is that its --admin-addr? (--admin-url, NOTIFIER_ADMIN_URL)", c.base, err)
}

// refused turns the daemon's word into an error.
func (c *adminClient) refused(response *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 2000)) // part of it is better than nothing
	reason := printable(strings.TrimSpace(string(text)), 600)
	switch {
	case response.StatusCode == http.StatusUnauthorized && c.token == "":
		return errors.New("the daemon wants the admin token: --admin-token (NOTIFIER_ADMIN_TOKEN or NOTIFIER_ADMIN_TOKEN_FILE)")
	case response.StatusCode == http.StatusUnauthorized:
		return errors.New("the daemon has another admin token: --admin-token (NOTIFIER_ADMIN_TOKEN or NOTIFIER_ADMIN_TOKEN_FILE)")
	case response.StatusCode == http.StatusNotFound && reason == "404 page not found":
		return fmt.Errorf("what answers at %s does not know this question: is it the admin address, of this version?", c.base)
	case reason == "":
		return fmt.Errorf("the daemon answers %s", response.Status)
	}
	return errors.New(reason)
}

// printJSON writes for programs.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// printable is text from somebody else on a terminal: one line, nothing that moves the cursor or turns the writing around, and no more than limit runes.
func printable(text string, limit int) string {
	var b strings.Builder
	for _, r := range text {
		if limit--; limit < 0 {
			b.WriteRune('…')
			break
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
