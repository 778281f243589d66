package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"notifier/notifier"
)

func TestADaemonsReadingHasNoHole(t *testing.T) {
	upTo8 := []stretch{{0, 3}, {3, 8}}
	for name, test := range map[string]struct {
		read         []stretch
		late, killed bool
		allows       allowance
		want         []string
	}{
		"all is well":              {read: upTo8},
		"a hole":                   {read: []stretch{{0, 3}, {4, 8}}, want: []string{"the daemon read on after 4, having read up to 3"}},
		"an overlap":               {read: []stretch{{0, 3}, {2, 8}}, want: []string{"the daemon read on after 2, having read up to 3"}},
		"it did not reach the end": {read: upTo8[:1], want: []string{"the daemon has read up to 3, the log ends at 8"}},
		"it read beyond the end":   {read: []stretch{{0, 9}}, want: []string{"the daemon has read up to 9, the log ends at 8"}},
		"it was killed before":     {read: upTo8[:1], killed: true},
		"it read nothing":          {want: []string{"the daemon has read nothing"}},
		"it was killed at once":    {killed: true},
		"it began too late":        {read: upTo8[1:], want: []string{"the daemon began to read after 3"}},
		"it came late":             {read: upTo8[1:], late: true},
		"the retention overtook it, as the scenario wants": {
			read: []stretch{{0, 3}, {4, 8}}, allows: allowance{refetch: true},
		},
		"it went back, though the scenario only cuts the log": {
			read: []stretch{{0, 3}, {2, 8}}, allows: allowance{refetch: true}, want: []string{"the daemon read on after 2"},
		},
		"it went back with the log": {read: []stretch{{0, 9}, {5, 8}}, allows: allowance{lostTail: true}},
		"it went forward with a log that went back": {
			read: []stretch{{0, 3}, {4, 8}}, allows: allowance{lostTail: true}, want: []string{"the daemon read on after 4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerdict(test.allows)
			v.judgeReading("the daemon", test.read, recordOf(aDay, logOf(aDay)), !test.late, !test.killed)
			wantFaults(t, v.faults, test.want...)
		})
	}
}

func TestADaemonPublishesInTheOrderOfTheLog(t *testing.T) {
	const fault = "the daemon published"
	for name, test := range map[string]struct {
		handed []notifier.Cursor
		allows allowance
		want   []string
	}{
		"all is well":             {[]notifier.Cursor{{Epoch: 7, Seq: 1}, {Epoch: 7, Seq: 3}, {Epoch: 8, Seq: 4}}, allowance{}, nil},
		"one twice":               {[]notifier.Cursor{{Epoch: 7, Seq: 1}, {Epoch: 7, Seq: 1}}, allowance{}, []string{fault}},
		"one too late":            {[]notifier.Cursor{{Epoch: 7, Seq: 3}, {Epoch: 7, Seq: 1}}, allowance{lostTail: true}, []string{fault}},
		"an epoch went back":      {[]notifier.Cursor{{Epoch: 8, Seq: 3}, {Epoch: 7, Seq: 4}}, allowance{lostTail: true}, []string{fault}},
		"the log went back":       {[]notifier.Cursor{{Epoch: 7, Seq: 3}, {Epoch: 8, Seq: 2}}, allowance{lostTail: true}, nil},
		"it should not have done": {[]notifier.Cursor{{Epoch: 7, Seq: 3}, {Epoch: 8, Seq: 2}}, allowance{}, []string{fault}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerdict(test.allows)
			v.judgePublishing("the daemon", test.handed)
			wantFaults(t, v.faults, test.want...)
		})
	}
}

// What a daemon logs.
const (
	serving = `{"level":"INFO","msg":"serving","addr":"127.0.0.1:1","admin_addr":"%s"}` + "\n"
	read    = `{"level":"DEBUG","msg":"events_read","after":0,"last":8,"wanted":3}` + "\n"
	handed  = `{"level":"INFO","msg":"event_published","id":"7-8","account":"2"}` + "\n"
)

func TestADaemonsJournalIsJudged(t *testing.T) {
	for name, test := range map[string]struct {
		log    string
		status int // of /livez
		exited error
		want   []string
	}{
		"all is well": {log: serving + read + handed},
		"a warning":   {log: serving + read + `{"level":"WARN","msg":"feed_failed"}` + "\n" + handed},
		"an error": {
			log:  serving + read + `{"level":"ERROR","msg":"broken"}` + "\n" + handed,
			want: []string{`the daemon says: {"level":"ERROR"`},
		},
		"a panic": {log: serving + read + handed + "panic: oh\n", want: []string{"the daemon says: panic: oh"}},
		"an event without its id": {
			log:  serving + read + strings.Replace(handed, `"id":"7-8",`, "", 1),
			want: []string{`the daemon says: {"level":"INFO","msg":"event_published","account"`},
		},
		"it read nothing":      {log: serving + handed, want: []string{"the daemon has read nothing"}},
		"it published nothing": {log: serving + read, want: []string{"the daemon has published nothing"}},
		"it is dead": {
			log: serving + read + handed, status: http.StatusServiceUnavailable,
			want: []string{"the daemon is dead at the end"},
		},
		"it ended as it was told": {log: serving + read + handed, exited: errors.New("signal: killed")},
		"it ended with a status": {
			log: serving + read + handed, exited: errors.New("exit status 2"),
			want: []string{"the daemon ended: exit status 2"},
		},
		"it ended by another's hand": {
			log: serving + read + handed, exited: errors.New("signal: segmentation fault"),
			want: []string{"the daemon ended: signal: segm"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/livez" && test.status != 0 {
					w.WriteHeader(test.status)
				}
			}))
			defer admin.Close()
			journals := []*journal{newJournal(io.Discard)}
			journal := journals[0]
			if _, err := fmt.Fprint(journal, strings.Replace(test.log, "%s", admin.Listener.Addr().String(), 1)); err != nil {
				t.Fatal(err)
			}
			if test.exited != nil {
				journal.exit(test.exited)
			}
			w := quietWorld()
			w.nodes = []*node{{daemon: &daemon{name: "the daemon", journal: journal, journals: journals}}}
			v := newVerdict(allowance{})
			v.judgeDaemons(t.Context(), w, recordOf(aDay, logOf(aDay)))
			wantFaults(t, v.faults, test.want...)
		})
	}
}

func TestWhyATransactionOfTheClinicFailed(t *testing.T) {
	connecting := func() error {
		_, err := pgx.Connect(t.Context(), "postgres:///?host="+t.TempDir())
		return err
	}
	for name, test := range map[string]struct {
		err  error
		kind string
		lost bool
	}{
		"a deadlock":                 {&pgconn.PgError{Code: "40P01"}, "40P01", false},
		"a statement was canceled":   {&pgconn.PgError{Code: "57014"}, "57014", false},
		"its transaction had failed": {&pgconn.PgError{Code: "25P02"}, "25P02", false},
		"the server goes":            {fmt.Errorf("exec: %w", &pgconn.PgError{Code: "57P01"}), lostLink, true},
		"the server is a replica":    {&pgconn.PgError{Code: "25006"}, lostLink, true},
		"the connection":             {&pgconn.PgError{Code: "08006"}, lostLink, true},
		"the end of the line":        {io.ErrUnexpectedEOF, lostLink, true},
		"no patience any more":       {fmt.Errorf("exec: %w", context.DeadlineExceeded), hung, true},
		"nobody there":               {connecting(), lostLink, true},
		"nobody there in time":       {errors.Join(connecting(), context.DeadlineExceeded), lostLink, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(nil, 1, 1, 1)
			if lost := c.failed(test.err); lost != test.lost {
				t.Errorf("lost: %t, want %t", lost, test.lost)
			}
			if got := c.failures(); len(got) != 1 || got[test.kind] != 1 {
				t.Errorf("%v is counted as %v, want %s", test.err, got, test.kind)
			}
		})
	}
}
