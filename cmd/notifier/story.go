package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"notifier/cmd/notifier/ledger"
	"notifier/notifier"
)

// askFacts is the question of trace and send-test: what a daemon's ledger has of some events.
const askFacts = "facts"

// maxAppointmentID is how long an id may be that somebody asks for; a longer one is none.
const maxAppointmentID = 1000

// traceReport is GET /api/trace: the story of each event of an appointment. All times are by the database's clock.
type traceReport struct {
	Appointment string       `json:"appointment"`
	Alone       bool         `json:"alone"`           // --peer-addr off: other daemons cannot be asked
	Waiting     int          `json:"waiting"`         // changes that are committed and not numbered yet
	Since       *time.Time   `json:"since,omitempty"` // when the oldest of those was made
	Events      []traceEvent `json:"events"`          // in the log's order
	Daemons     []daemonTold `json:"daemons"`         // who was asked
}

// traceEvent is one event.
type traceEvent struct {
	ID         string        `json:"id"`
	Event      string        `json:"event"`
	FromStatus string        `json:"from_status"`
	Status     string        `json:"status"`
	Account    string        `json:"account"`
	ChangedAt  time.Time     `json:"changed_at"`  // when the row was written, in the clinic's transaction
	NumberedAt time.Time     `json:"numbered_at"` // it was committed before
	Doctor     *traceDoctor  `json:"doctor"`      // null: it asks for no release
	Daemons    []traceDaemon `json:"daemons"`     // those that could be asked, the oldest first
}

// traceDoctor is what became of the release.
type traceDoctor struct {
	Outcome   string     `json:"outcome"` // released, was_free, guarded, gone; "": it waits
	Waits     string     `json:"waits"`   // why: guarded, an SQLSTATE; "": it was not tried yet, or does not wait
	Tries     int        `json:"tries"`
	SettledAt *time.Time `json:"settled_at,omitempty"`
	RetryAt   *time.Time `json:"retry_at,omitempty"`
}

// traceDaemon is one daemon's part.
type traceDaemon struct {
	Daemon string `json:"daemon"`
	ledger.Facts
}

func (d *daemon) answerFacts(_ context.Context, body []byte) (any, error) {
	var events []ledger.Event
	if json.Unmarshal(body, &events) != nil {
		return nil, errNoQuestion
	}
	return d.ledger.Facts(events), nil
}

func (d *daemon) serveTrace(w http.ResponseWriter, r *http.Request) {
	appointment := r.URL.Query().Get("appointment")
	if appointment == "" || len(appointment) > maxAppointmentID || !utf8.ValidString(appointment) || strings.ContainsRune(appointment, 0) {
		http.Error(w, "name an appointment by its id", http.StatusBadRequest)
		return
	}
	report, err := d.traceOf(r.Context(), appointment, d.askAll)
	if err != nil {
		d.cannotAsk(w, r, err)
		return
	}
	say(w, report, nil)
}

// cannotAsk is for a database that does not answer. The cause is for the log.
func (d *daemon) cannotAsk(w http.ResponseWriter, r *http.Request, err error) {
	var refused notifier.TestRefusedError
	if errors.As(err, &refused) {
		http.Error(w, refused.Reason, http.StatusUnprocessableEntity)
		return
	}
	d.log.LogAttrs(r.Context(), slog.LevelWarn, "admin_question_failed", slog.Any("error", err))
	http.Error(w, "the database does not answer: see admin_question_failed in the daemon's log, and /readyz", http.StatusServiceUnavailable)
}

// traceOf puts together what the database knows and what the daemons remember, of an appointment or of a test.
func (d *daemon) traceOf(ctx context.Context, appointment string,
	ask func(ctx context.Context, question string, body []byte) []daemonAnswer,
) (traceReport, error) {
	story, err := d.readStory(ctx, appointment)
	if err != nil {
		return traceReport{}, err
	}
	report := traceReport{
		Appointment: appointment, Alone: d.peers == nil, Waiting: story.Staged, Since: story.StagedSince,
		Events: make([]traceEvent, len(story.Events)), Daemons: []daemonTold{},
	}
	asked := make([]ledger.Event, len(story.Events))
	for i, e := range story.Events {
		report.Events[i] = traceEventOf(e)
		asked[i] = ledger.Event{ID: e.ID(), Epoch: e.Epoch, Seq: e.Seq}
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return traceReport{}, err
	}
	for _, said := range ask(ctx, askFacts, body) {
		var facts []ledger.Facts
		told := tell(said, &facts)
		if told.Error == "" && len(facts) != len(asked) {
			told.Error = errAskBroken.Error()
		}
		report.Daemons = append(report.Daemons, told)
		if told.Error != "" {
			continue
		}
		for i, f := range facts {
			e := &report.Events[i]
			e.Daemons = append(e.Daemons, traceDaemon{told.Daemon, f})
		}
	}
	return report, nil
}

// readStory lets one ask at a time: each reads the log through, on a connection that the feed could need.
func (d *daemon) readStory(ctx context.Context, appointment string) (notifier.Story, error) {
	select {
	case d.storyTurn <- struct{}{}:
		defer func() { <-d.storyTurn }()
		return notifier.ReadStory(ctx, d.pool, appointment)
	case <-ctx.Done():
		return notifier.Story{}, context.Cause(ctx)
	}
}

func traceEventOf(e notifier.StoryEvent) traceEvent {
	event := traceEvent{
		ID: e.ID(), Event: e.Name, FromStatus: e.FromStatus, Status: e.Status, Account: e.Account,
		ChangedAt: e.ChangedAt.UTC(), NumberedAt: e.NumberedAt.UTC(), Daemons: []traceDaemon{},
	}
	if e.Effect == "" {
		return event
	}
	event.Doctor = &traceDoctor{SettledAt: e.SettledAt, RetryAt: e.RetryAt}
	if e.Tries != nil {
		event.Doctor.Tries = *e.Tries
	}
	switch {
	case e.SettledAt != nil:
		event.Doctor.Outcome, event.Doctor.RetryAt = e.Effect, nil
	case e.Effect != "waiting":
		event.Doctor.Waits = e.Effect
	}
	return event
}
