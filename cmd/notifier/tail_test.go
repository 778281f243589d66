package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// follow runs a tail without pauses until it ends by itself.
func follow(t *testing.T, url, cursor string) (stdout, notes string, err error) {
	t.Helper()
	var out, said bytes.Buffer
	subject := newTail(tailSettings{url: url, token: testToken, cursor: cursor, silence: time.Minute}, &out, &said)
	subject.backoff = backoff{first: time.Nanosecond, most: time.Nanosecond, healthy: time.Hour}
	err = subject.run(t.Context())
	if strings.Contains(said.String()+fmt.Sprint(err), testToken) {
		t.Error("the token is repeated")
	}
	return out.String(), said.String(), err
}

func TestTailPrintsEventsAndComesBackWithItsCursor(t *testing.T) {
	url := served(t,
		talk(t, "", func(_ context.Context, conn *websocket.Conn) {
			send(t, conn, welcome("1-5", false), event("1-6"), `{"type":"confetti"}`, event("1-7"))
		}), // cut
		talk(t, "1-7", func(_ context.Context, conn *websocket.Conn) {
			send(t, conn, welcome("1-7", true), event("1-9"), `{"type":"cursor","cursor":"1-20"}`)
			bye(t, conn, websocket.StatusServiceRestart, "restart")
		}),
		talk(t, "1-20", func(_ context.Context, conn *websocket.Conn) {
			send(t, conn, welcome("1-20", true), `{"type":"expiring","expiresAt":"2025-01-23T10:00:00Z"}`)
			bye(t, conn, closeToken, "token_expired")
		}),
	)
	stdout, notes, err := follow(t, url, "")
	if want := event("1-6") + "\n" + event("1-7") + "\n" + event("1-9") + "\n"; stdout != want {
		t.Errorf("stdout\n%s\nwant\n%s", stdout, want)
	}
	if err == nil || !strings.Contains(err.Error(), "refused the token (token_expired)") {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"account 1, from cursor 1-5", "1012, restart", "the token ends at 2025-01-23T10:00:00Z"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not said:\n%s", want, notes)
		}
	}
	if strings.Contains(notes, "missing") {
		t.Errorf("nothing was missed:\n%s", notes)
	}
}

func TestTailBeginsAtAGivenCursor(t *testing.T) {
	url := served(t, talk(t, "1-42", func(_ context.Context, conn *websocket.Conn) {
		send(t, conn, welcome("1-42", true), event("1-43"))
		bye(t, conn, closeToken, "token_expired")
	}))
	if stdout, _, _ := follow(t, url+"/", "1-42"); stdout != event("1-43")+"\n" {
		t.Errorf("stdout %q", stdout)
	}
}

func TestTailSaysWhenEventsMayBeMissing(t *testing.T) {
	url := served(t,
		talk(t, "", func(_ context.Context, conn *websocket.Conn) { send(t, conn, welcome("1-5", false)) }),
		talk(t, "1-5", func(_ context.Context, conn *websocket.Conn) { send(t, conn, welcome("2-90", false)) }),
		talk(t, "2-90", func(_ context.Context, conn *websocket.Conn) { bye(t, conn, closeToken, "token_expired") }),
	)
	_, notes, _ := follow(t, url, "")
	if !strings.Contains(notes, "events may be missing after 1-5") || strings.Count(notes, "missing") != 1 {
		t.Errorf("notes:\n%s", notes)
	}
}

func TestTailEndsWhereComingBackIsPointless(t *testing.T) {
	for _, test := range []struct {
		status websocket.StatusCode
		code   string
		want   string
	}{
		{closeToken, "token_invalid", "the server refused the token (token_invalid)"},
		{closeForbidden, "account_forbidden", "the server forbade the connection (account_forbidden)"},
		{websocket.StatusPolicyViolation, "flood", "the server closed the connection for good (1008, flood)"},
		{websocket.StatusMessageTooBig, "protocol_violated", "the server closed the connection for good (1009, protocol_violated)"},
		{closeForbidden, "<b>Red</b>", "the server forbade the connection (no reason given)"},
	} {
		t.Run(test.want, func(t *testing.T) {
			url := served(t, talk(t, "", func(_ context.Context, conn *websocket.Conn) { bye(t, conn, test.status, test.code) }))
			_, _, err := follow(t, url, "")
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTailComesBackWhereTheServerWantsItTo(t *testing.T) {
	for status, code := range map[websocket.StatusCode]string{
		4408: "slow", 4429: "too_many_connections", 1012: "resync", 1013: "unavailable", 1011: "internal", 1000: "",
	} {
		t.Run(code, func(t *testing.T) {
			url := served(t,
				talk(t, "", func(_ context.Context, conn *websocket.Conn) { bye(t, conn, status, code) }),
				talk(t, "", func(_ context.Context, conn *websocket.Conn) { bye(t, conn, closeToken, "token_expired") }),
			)
			if _, _, err := follow(t, url, ""); err == nil || !strings.Contains(err.Error(), "token_expired") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTailTellsAWrongAddressFromADaemonThatIsAway(t *testing.T) {
	answer := func(status int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	url := served(t,
		answer(http.StatusServiceUnavailable),
		answer(http.StatusTooManyRequests),
		talk(t, "", func(_ context.Context, conn *websocket.Conn) { send(t, conn, welcome("1-5", false)) }),
		answer(http.StatusNotFound), // a proxy, since there was a daemon before
		talk(t, "1-5", func(_ context.Context, conn *websocket.Conn) { bye(t, conn, closeToken, "token_expired") }),
	)
	if _, _, err := follow(t, url, ""); err == nil || !strings.Contains(err.Error(), "token_expired") {
		t.Errorf("got %v", err)
	}
	url = served(t, answer(http.StatusNotFound))
	if _, _, err := follow(t, url, ""); err == nil || !strings.Contains(err.Error(), "404 Not Found instead of a WebSocket: is --url (NOTIFIER_URL)") {
		t.Errorf("got %v", err)
	}
}

func TestTailEndsAtFramesThatItCannotRead(t *testing.T) {
	for frame, want := range map[string]string{
		"hello": "does not speak notifier's plain protocol",
		`{"type":"event","id":"1-6","data":"` + strings.Repeat("x", frameLimit) + `"}`: "a frame of more than",
	} {
		url := served(t, talk(t, "", func(ctx context.Context, conn *websocket.Conn) {
			_ = conn.Write(ctx, websocket.MessageText, []byte(frame)) // is cut off in the middle if it is too long
			_, _, _ = conn.Read(ctx)
		}))
		if stdout, _, err := follow(t, url, ""); stdout != "" || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, %v; want %q", stdout, err, want)
		}
	}
}

func TestTailKeepsAnEventOnOneLine(t *testing.T) {
	url := served(t, talk(t, "", func(_ context.Context, conn *websocket.Conn) {
		send(t, conn, welcome("1-5", false), "{\n  \"type\": \"event\",\n  \"id\": \"1-6\"\n}")
		bye(t, conn, closeToken, "token_expired")
	}))
	if stdout, _, _ := follow(t, url, ""); stdout != `{"type":"event","id":"1-6"}`+"\n" {
		t.Errorf("stdout %q", stdout)
	}
}

func TestTailEndsQuietlyWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := served(t, talk(t, "", func(serverCtx context.Context, conn *websocket.Conn) {
		cancel()
		_, _, _ = conn.Read(serverCtx)
	}))
	subject := newTail(tailSettings{url: url, token: testToken, silence: time.Minute}, new(bytes.Buffer), new(bytes.Buffer))
	if err := subject.run(ctx); err != nil {
		t.Errorf("got %v", err)
	}
}
