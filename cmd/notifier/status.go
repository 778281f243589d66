package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"notifier/cmd/notifier/ledger"
	"notifier/notifier"
)

// askStatus is the question of the status page.
const askStatus = "status"

const (
	recentEvents = 20
	// lookAge is how old the database's word may be: however many look at the page, it is asked once a second.
	lookAge = time.Second
)

// daemonStatus is what one daemon says of itself.
type daemonStatus struct {
	ID          string         `json:"id"`
	Version     string         `json:"version"`
	Since       time.Time      `json:"since"`
	Ready       bool           `json:"ready"`
	Problems    []problem      `json:"problems"`
	Warnings    []problem      `json:"warnings"`
	Listener    bool           `json:"listener"`
	Connections map[string]int `json:"connections"` // by protocol, those included that wait for their token
	Accounts    int            `json:"accounts"`
	Seq         int64          `json:"seq"` // the last event that its clients were sent
	Lag         int64          `json:"lag"` // events of the log behind that; as the asked daemon sees it
	Error       string         `json:"error,omitempty"`
	Facts       []ledger.Facts `json:"facts,omitempty"` // of the events that it was asked for; not in the report
}

// statusReport is GET /api/status.
type statusReport struct {
	Asked       string         `json:"asked"` // the daemon that answers
	At          time.Time      `json:"at"`
	Alone       bool           `json:"alone"` // --peer-addr off: it cannot know of others
	Daemons     []daemonStatus `json:"daemons"`
	Connections int            `json:"connections"`
	Log         *logStatus     `json:"log"` // null while the database is away
}

// logStatus is how the log stands, as the database has it.
type logStatus struct {
	Cursor     string        `json:"cursor"`      // of the last event
	LastMinute int           `json:"last_minute"` // events in it, up to 2000
	Staged     int           `json:"staged"`      // changes not numbered yet, up to 10000
	Waiting    int           `json:"waiting"`     // releases not settled, up to 10000
	Events     []eventStatus `json:"events"`      // the newest first
}

// eventStatus is one event of the log.
type eventStatus struct {
	ID          string     `json:"id"`
	Seq         int64      `json:"seq"`
	Event       string     `json:"event"`
	Status      string     `json:"status"`
	Appointment string     `json:"appointment"`
	Account     string     `json:"account"`
	ChangedAt   time.Time  `json:"changed_at"`
	NumberedAt  time.Time  `json:"numbered_at"`
	Effect      string     `json:"effect"` // of its release: an outcome, or why it waits; "": it has none
	SettledAt   *time.Time `json:"settled_at"`
	Reached     reached    `json:"reached"`

	epoch int64
}

// reached is to how many connections an event went, as far as the daemons that are asked remember.
type reached struct {
	Members  int   `json:"members"`  // in whose queues it was put
	Written  int64 `json:"written"`  // whose sockets took it
	Replayed int64 `json:"replayed"` // to whom it was sent later, as a part of what they had missed
	Sure     bool  `json:"sure"`     // all remember; else it may be more
}

func (r *reached) add(f ledger.Facts) {
	r.Members += f.Members
	r.Written += f.Sent.Written
	if f.Replayed != nil {
		r.Replayed += f.Replayed.Written
	}
	r.Sure = r.Sure && f.State != ledger.Before && f.State != ledger.Forgotten
}

func (d *daemon) answerStatus(_ context.Context, body []byte) (any, error) {
	var events []ledger.Event
	if json.Unmarshal(body, &events) != nil {
		return nil, errNoQuestion
	}
	stats, h := d.hub.Stats(), d.health()
	return daemonStatus{
		ID: d.self.ID, Version: d.self.Version, Since: d.self.StartedAt.UTC().Truncate(time.Second),
		Ready: h.Ready, Problems: h.Problems, Warnings: h.Warnings, Listener: h.Listener,
		Connections: stats.Protocols, Accounts: stats.Rooms, Seq: stats.Seq,
		Facts: d.ledger.Facts(events),
	}, nil
}

// serveStatus asks the database, and then all daemons, also what they remember of the last events. It does not look for daemons that began just now: the
// next call, in two seconds, has them.
func (d *daemon) serveStatus(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	report := statusReport{Asked: d.self.ID, At: time.Now().UTC(), Alone: d.peers == nil, Log: d.looker.look(ctx, d.overview)}
	events := []ledger.Event{}
	if report.Log != nil {
		report.Log = report.Log.clone()
		for _, e := range report.Log.Events {
			events = append(events, ledger.Event{ID: e.ID, Epoch: e.epoch, Seq: e.Seq})
		}
	}
	body, err := json.Marshal(events)
	if err == nil {
		for _, said := range d.askKnown(ctx, askStatus, body) {
			report.take(said)
		}
		report.judge()
	}
	say(w, report, err)
}

// take adds what one daemon has said.
func (r *statusReport) take(said daemonAnswer) {
	var status daemonStatus
	if told := tell(said, &status); told.Error != "" {
		status = daemonStatus{ID: said.Daemon.ID, Version: said.Daemon.Version, Since: said.Daemon.StartedAt.UTC(), Error: told.Error}
	}
	for _, n := range status.Connections {
		r.Connections += n
	}
	if r.Log != nil {
		for i := range r.Log.Events {
			if i < len(status.Facts) {
				r.Log.Events[i].Reached.add(status.Facts[i])
			} else {
				r.Log.Events[i].Reached.Sure = false
			}
		}
	}
	status.Facts = nil
	r.Daemons = append(r.Daemons, status)
}

// judge says how far each daemon is behind the one that is the furthest, or the log.
func (r *statusReport) judge() {
	var head int64
	for _, status := range r.Daemons {
		head = max(head, status.Seq)
	}
	if r.Log != nil && len(r.Log.Events) > 0 {
		head = max(head, r.Log.Events[0].Seq)
	}
	for i, status := range r.Daemons {
		if status.Error == "" {
			r.Daemons[i].Lag = head - status.Seq
		}
	}
}

// clone is for who adds to events that others look at, too.
func (l *logStatus) clone() *logStatus {
	own := *l
	own.Events = slices.Clone(l.Events)
	return &own
}

// overview is the database's part of it; nil if it does not answer, which the daemons' own problems tell.
func (d *daemon) overview(ctx context.Context) *logStatus {
	o, err := notifier.Look(ctx, d.pool, recentEvents)
	if err != nil {
		return nil
	}
	status := &logStatus{
		Cursor:     notifier.Cursor{Epoch: o.Epoch, Seq: o.Seq}.String(),
		LastMinute: o.LastMinute, Staged: o.Staged, Waiting: o.Waiting, Events: make([]eventStatus, len(o.Events)),
	}
	for i, e := range o.Events {
		status.Events[i] = eventStatus{
			ID: e.ID(), Seq: e.Seq, Event: e.Name, Status: e.Status, Appointment: e.Appointment, Account: e.Account,
			ChangedAt: e.ChangedAt.UTC(), NumberedAt: e.NumberedAt.UTC(), Effect: e.Effect, SettledAt: e.SettledAt,
			Reached: reached{Sure: true}, epoch: e.Epoch,
		}
	}
	return status
}

// looker lets those who ask at the same time share a look.
type looker struct {
	mu   sync.Mutex
	seen *logStatus
	at   time.Time
}

func (l *looker) look(ctx context.Context, look func(context.Context) *logStatus) *logStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) >= lookAge {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), askPatience, errAskTimeout) // it is for the others, too
		defer cancel()
		l.seen, l.at = look(ctx), time.Now()
	}
	return l.seen
}
