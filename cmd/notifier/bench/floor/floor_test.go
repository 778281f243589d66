package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"notifier/auth"
	"notifier/sql/pgtest"
)

// TestMain fails when a goroutine is left behind.
func TestMain(m *testing.M) {
	status := pgtest.Tests{M: m}.Run()
	if err := goleak.Find(); status == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

var secret = []byte("floor-test-5c0b94a1e2")

func TestOnlyTokensOfOursOpenTheDoor(t *testing.T) {
	t.Parallel()
	sign := func(key string, account string, ttl time.Duration) string {
		token, err := auth.Sign([]byte(key), auth.Claims{Account: account, TTL: ttl})
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	good := sign(string(secret), "42", time.Hour)
	if account, err := accountOf(good, secret); err != nil || account != 42 {
		t.Errorf("a good token: %d, %v", account, err)
	}
	for name, authorization := range map[string]string{
		"none":            "",
		"no bearer":       strings.TrimPrefix(good, "Bearer "),
		"another key":     sign("another-key-77f10", "42", time.Hour),
		"expired":         sign(string(secret), "42", -time.Second),
		"account a text":  sign(string(secret), "abc", time.Hour),
		"one part":        "Bearer abc",
		"no signature":    good[:strings.LastIndexByte(good, '.')+1],
		"other algorithm": signedHeader(`{"alg":"none"}`, `{"accountId":42,"exp":4102444800}`),
		"no JSON":         signedHeader(`{"alg":"HS256"}`, `{`),
		"no account":      signedHeader(`{"alg":"HS256"}`, `{"exp":4102444800}`),
	} {
		if account, err := accountOf(authorization, secret); err == nil {
			t.Errorf("%s: opens account %d", name, account)
		}
	}
}

func TestTheHandshakeIsAnsweredAsTheStandardSays(t *testing.T) {
	t.Parallel()
	if got, want := accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want { // RFC 6455, section 1.3
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFramesHaveTheLengthOfTheirPayload(t *testing.T) {
	t.Parallel()
	for size, want := range map[int][]byte{
		0: {0x81, 0}, 125: {0x81, 125}, 126: {0x81, 126, 0, 126}, 65535: {0x81, 126, 255, 255}, 65536: {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		if got := appendHeader(nil, size); !slices.Equal(got, want) {
			t.Errorf("%d bytes: got % x, want % x", size, got, want)
		}
	}
	want := "\x81\x52" + `{"type":"event","event":"appointmnents.finished","data":{"id":1,"procedures":[2]}}`
	if got := string(appendEvent(nil, []byte(`{"id":1`), []byte(`2`))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhoLeavesARoomIsNoMember(t *testing.T) {
	t.Parallel()
	r := newRooms()
	var all []*socket
	for i := range 4 {
		server, client := net.Pipe()
		defer server.Close()
		defer client.Close()
		s := &socket{conn: server, account: int64(1 + i/3)}
		r.join(s)
		all = append(all, s)
	}
	r.leave(all[0])
	r.leave(all[2]) // which has taken its place
	if got := r.members(1, nil); len(got) != 1 || got[0] != all[1].conn {
		t.Errorf("account 1 has %d members, want the second one alone", len(got))
	}
	r.leave(all[1])
	if got := r.members(1, nil); len(got) > 0 || len(r.all) != 1 {
		t.Errorf("account 1 has %d members, and there are %d rooms", len(got), len(r.all))
	}
}

// TestItServesUntilItIsTold: who is connected then is cut, and nothing is left of it.
func TestItServesUntilItIsTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said := make(chan string, 1)
	ended := make(chan error, 1)
	url := pgtest.Clinic(t).URL(pgtest.Owner)
	go func() { ended <- run(ctx, url, secret, lines(said)) }()
	var base string
	select {
	case base = <-said:
	case err := <-ended:
		t.Fatal(err)
	}
	if _, _, err := websocket.Dial(ctx, base+"/ws", nil); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a token: %v, want 401", err)
	}
	token, err := auth.Sign(secret, auth.Claims{Account: "42"})
	if err != nil {
		t.Fatal(err)
	}
	conn, _, err := websocket.Dial(ctx, base+"/ws", &websocket.DialOptions{HTTPHeader: map[string][]string{"Authorization": {"Bearer " + token}}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, frame, err := conn.Read(t.Context()); err != nil || string(frame) != `{"type":"welcome","accountId":"42"}` {
		t.Errorf("welcome: %s, %v", frame, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("the connection lives on")
	}
}

func TestItSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), "", secret, nil); err == nil || !strings.Contains(err.Error(), databaseVariable) {
		t.Errorf("without a database: %v", err)
	}
	if err := run(t.Context(), "postgres://nobody@127.0.0.1:1/none", secret, nil); err == nil {
		t.Error("it serves without a database")
	}
}

// lines are what is written, without their ends.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- strings.TrimSpace(string(p))
	return len(p), nil
}
