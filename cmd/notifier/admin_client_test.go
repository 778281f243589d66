package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// adminServer answers like an admin address, and says what it was asked with.
func adminServer(t *testing.T, answer http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

func TestACommandBringsItsTokenAndItsQuestion(t *testing.T) {
	const token = "the-token-of-this-test"
	var asked []string
	url := adminServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			asked = append(asked, string(body))
			_, _ = io.WriteString(w, `{"closed":1,"daemons":[{"daemon":"a","closed":1},{"daemon":"b","error":"it did not answer in time"}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"total":0,"daemons":[{"daemon":"a","total":0}],"connections":[]}`)
	})
	t.Setenv("NOTIFIER_ADMIN_TOKEN", token)
	t.Setenv("NOTIFIER_ADMIN_URL", url+"/")
	status, stdout, stderr := runLine(t, "conns", "--account", "a b&c")
	if status != exitOK || stdout != "daemon a: 0 connections\n" || stderr != "" {
		t.Errorf("conns: %d, %q, %q", status, stdout, stderr)
	}
	status, stdout, stderr = runLine(t, "kick", "--conn", "a.1")
	kicked := "daemon a: 1 closed\ndaemon b: no answer: it did not answer in time\n1 connection closed. Clients come back with their cursor.\n" +
		"What became of those at the daemons without an answer is not known: see notifier conns, and kick again.\n"
	if status != exitFailed || stdout != kicked || !strings.Contains(stderr, errUnanswered.Error()) {
		t.Errorf("kick: %d, %q, %q", status, stdout, stderr)
	}
	want := []string{"GET /api/conns?account=a+b%26c&limit=100 Bearer " + token, "POST /api/kick Bearer " + token, `{"conn":"a.1"}`}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked\n%q, want\n%q", asked, want)
	}
	for _, args := range [][]string{{"kick"}, {"kick", "--conn", "a.1", "--account", "1"}, {"conns", "--limit", "0"}, {"conns", "1"}} {
		if status, _, _ := runLine(t, args...); status != exitUsage {
			t.Errorf("%q: status %d", args, status)
		}
	}
}

func TestWhatACommandCannotGetItExplains(t *testing.T) {
	const token = "the-token-of-this-test"
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, test := range []struct {
		name, token string
		answer      http.HandlerFunc
		want        string
	}{
		{"a token is wanted", "", answer(401, "x"), "wants the admin token"},
		{"another token", token, answer(401, "x"), "has another admin token"},
		{"what the daemon says", token, answer(403, adminNeedsAny), "Set --admin-token"},
		{"what somebody else says", token, answer(400, "a\x1b]0;b"), "a?]0;b"},
		{"another server", token, answer(200, "<html>"), "is not notifier's admin address"},
		{"another version", token, http.NotFound, "does not know this question"},
		{"nothing", token, answer(502, ""), "502 Bad Gateway"},
		{"a redirect, which could take the token away", token, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, "Found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := newAdminClient(adminServer(t, test.answer), test.token, false)
			defer client.http.CloseIdleConnections()
			err := client.get(t.Context(), "/api/conns", nil, new(connsReport))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), token) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	client := newAdminClient("http://127.0.0.1:1", token, false)
	if err := client.get(t.Context(), "/api/conns", nil, new(connsReport)); err == nil || !strings.Contains(err.Error(), "--admin-addr") {
		t.Errorf("nobody there: %v", err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 0, errAdminTimeout)
	defer cancel()
	if err := client.get(ctx, "/api/conns", nil, new(connsReport)); err == nil || !strings.Contains(err.Error(), "did not answer within") {
		t.Errorf("too late: %v", err)
	}
}

func TestAdminURLs(t *testing.T) {
	for text, want := range map[string]bool{
		"http://127.0.0.1:9090": true, "https://ops.clinic.example/notifier/": true, "http://[::1]:9090": true,
		"127.0.0.1:9090": false, "http://": false, "ftp://x": false, "http://a:b@x": false, "http://x?y": false, "http://x#y": false,
	} {
		if err := isAdminURL(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFlagsOfACallHaveNoVariable(t *testing.T) {
	t.Setenv("NOTIFIER_ACCOUNT", "7")
	var a adminSettings
	var account string
	a.register(&cobra.Command{}, func(s *settings) { s.text(&account, "account", "", "an account") })
	if err := a.source.load(); err != nil || account != "" || a.url != "http://127.0.0.1:9090" {
		t.Errorf("%v; account %q, URL %q", err, account, a.url)
	}
}

func TestTheTableOfConnections(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 0, 0, 0, time.Local)
	ends := at.Add(time.Hour)
	var out strings.Builder
	report := connsReport{
		Total: 5, More: 3, Alone: true,
		Daemons: []connsDaemon{{daemonTold{Daemon: "a"}, 5}, {daemonTold{Daemon: "b", Error: "it cannot be\x1b reached"}, 0}},
		Connections: []connection{
			{
				ID: "a.1", Account: "1", Subject: "7\x1b[2J", Protocol: "socketio", Transport: "polling", State: "live", Since: at, TokenEnds: &ends,
				UserAgent: strings.Repeat("u", 100), RemoteAddr: "10.0.0.1:5", QueueMessages: 2, QueueBytes: 300, QueuedSeq: 12, WrittenSeq: 10,
			},
			{ID: "a.2", Protocol: "ws", Transport: "websocket", State: "waiting", Since: at},
		},
	}
	if err := report.print(&out, at); err != nil {
		t.Fatal(err)
	}
	want := `CONN  ACCOUNT  SUBJECT  PROTOCOL          STATE    SINCE                QUEUE     AT        TOKEN ENDS  REMOTE      USER AGENT
a.1   1        7?[2J    socketio polling  live     2026-11-23 04:00:00  2, 300 B  10 of 12  in 1h0m0s   10.0.0.1:5  ` + strings.Repeat("u", 60) + `…
a.2   -        -        ws                waiting  2026-11-23 04:00:00  0         0         -                       -
… and 3 more: --limit, --account, --subject

daemon a: 5 connections
daemon b: no answer: it cannot be? reached
this daemon is alone (--peer-addr off): if there are others, ask each by its own --admin-url
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}
