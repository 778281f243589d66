package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"notifier/wsroom"
)

// The questions of conns and kick.
const (
	askConns = "conns"
	askKick  = "kick"
)

// maxConnsLimit is how many connections one answer may list: a few megabytes.
const maxConnsLimit = 10_000

var errNoQuestion = errors.New("the question cannot be understood")

// connection is one as the API tells of it.
type connection struct {
	ID            string     `json:"conn"`
	Daemon        string     `json:"daemon"`
	Account       string     `json:"account"` // "": it has not said whose it is
	Subject       string     `json:"subject"`
	Protocol      string     `json:"protocol"`
	Transport     string     `json:"transport"`
	State         string     `json:"state"`
	Since         time.Time  `json:"since"`
	UserAgent     string     `json:"user_agent"`
	RemoteAddr    string     `json:"remote_addr"`
	QueueMessages int        `json:"queue_messages"`
	QueueBytes    int        `json:"queue_bytes"`
	QueuedSeq     int64      `json:"queued_seq"`
	WrittenSeq    int64      `json:"written_seq"`
	TokenEnds     *time.Time `json:"token_ends"`
}

// connsQuestion is what one daemon is asked.
type connsQuestion struct {
	Account string `json:"account"`
	Subject string `json:"subject"`
	Limit   int    `json:"limit"`
}

// connsAnswer is what it answers: the oldest connections, and how many there are.
type connsAnswer struct {
	Total       int          `json:"total"`
	Connections []connection `json:"connections"`
}

// daemonTold is what one daemon had to say to a question, or why it had nothing.
type daemonTold struct {
	Daemon string `json:"daemon"`
	Error  string `json:"error,omitempty"`
}

func (d *daemon) answerConns(_ context.Context, body []byte) (any, error) {
	var q connsQuestion
	if json.Unmarshal(body, &q) != nil {
		return nil, errNoQuestion
	}
	list, total := d.hub.Connections(wsroom.Match{Account: q.Account, Subject: q.Subject}, min(max(q.Limit, 0), maxConnsLimit))
	answer := connsAnswer{Total: total, Connections: make([]connection, len(list))}
	for i, c := range list {
		answer.Connections[i] = d.connectionOf(c)
	}
	return answer, nil
}

func (d *daemon) connectionOf(c wsroom.Connection) connection {
	told := connection{
		ID: c.ID, Daemon: d.self.ID, Account: c.Account, Subject: c.Subject, Protocol: c.Protocol, Transport: c.Transport, State: c.State,
		Since: c.Since.UTC().Truncate(time.Millisecond), UserAgent: c.UserAgent, RemoteAddr: wsroom.AddrString(c.From),
		QueueMessages: c.Messages, QueueBytes: c.Bytes, QueuedSeq: c.Queued, WrittenSeq: c.Written,
	}
	if !c.ExpiresAt.IsZero() {
		ends := c.ExpiresAt.UTC()
		told.TokenEnds = &ends
	}
	return told
}

// connsReport is the answer of all daemons.
type connsReport struct {
	Total       int           `json:"total"`
	More        int           `json:"more"`  // that the limit left out
	Alone       bool          `json:"alone"` // --peer-addr off: other daemons cannot be asked
	Daemons     []connsDaemon `json:"daemons"`
	Connections []connection  `json:"connections"` // the oldest first
}

type connsDaemon struct {
	daemonTold
	Total int `json:"total"`
}

// conns asks all daemons for their connections.
func (d *daemon) conns(ctx context.Context, q connsQuestion) (connsReport, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return connsReport{}, err
	}
	report := connsReport{Alone: d.peers == nil, Connections: []connection{}}
	for _, said := range d.askAll(ctx, askConns, body) {
		var answer connsAnswer
		told := tell(said, &answer)
		report.Daemons = append(report.Daemons, connsDaemon{told, answer.Total})
		report.Total += answer.Total
		report.Connections = append(report.Connections, answer.Connections...)
	}
	slices.SortStableFunc(report.Connections, func(a, b connection) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	report.Connections = report.Connections[:min(len(report.Connections), q.Limit)]
	report.More = report.Total - len(report.Connections)
	return report, nil
}

// tell decodes what one daemon has said into `into`, and says whose word it was, or why there is none.
func tell(said daemonAnswer, into any) daemonTold {
	err := said.Err
	if err == nil && json.Unmarshal(said.Body, into) != nil {
		err = errAskBroken
	}
	told := daemonTold{Daemon: said.Daemon.ID}
	if err != nil {
		told.Error = err.Error()
	}
	return told
}

// kickQuestion names whom to close, by one of the three.
type kickQuestion struct {
	Account string `json:"account,omitempty"`
	Subject string `json:"subject,omitempty"`
	Conn    string `json:"conn,omitempty"`
}

// by is which of them it is; "" if it is none, or more than one.
func (q kickQuestion) by() string {
	by := ""
	for name, value := range map[string]string{"account": q.Account, "subject": q.Subject, "conn": q.Conn} {
		switch {
		case value == "":
		case by != "":
			return ""
		default:
			by = name
		}
	}
	return by
}

type kickAnswer struct {
	Closed int `json:"closed"`
}

func (d *daemon) answerKick(ctx context.Context, body []byte) (any, error) {
	var q kickQuestion
	if json.Unmarshal(body, &q) != nil || q.by() == "" {
		return nil, errNoQuestion
	}
	if ctx.Err() != nil { // who asked has given up: nobody would hear of it
		return nil, errAskTimeout
	}
	closed := d.hub.Kick(wsroom.Match{Account: q.Account, Subject: q.Subject, ID: q.Conn})
	d.metrics.kicked.Add(float64(closed))
	if closed > 0 {
		attrs := []slog.Attr{slog.String("by", q.by()), slog.Int("closed", closed)}
		if q.Account != "" {
			attrs = append(attrs, slog.String("account", q.Account))
		}
		if q.Conn != "" {
			attrs = append(attrs, slog.String("conn", q.Conn))
		}
		d.log.LogAttrs(ctx, slog.LevelInfo, "connections_kicked", attrs...)
	}
	return kickAnswer{closed}, nil
}

// kickReport is what became of a kick at all daemons.
type kickReport struct {
	Closed  int          `json:"closed"`
	Alone   bool         `json:"alone"` // --peer-addr off: other daemons cannot be asked
	Daemons []kickDaemon `json:"daemons"`
}

type kickDaemon struct {
	daemonTold
	Closed int `json:"closed"`
}

// kick has all daemons close connections.
func (d *daemon) kick(ctx context.Context, q kickQuestion) (kickReport, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return kickReport{}, err
	}
	report := kickReport{Alone: d.peers == nil}
	for _, said := range d.askAll(ctx, askKick, body) {
		var answer kickAnswer
		told := tell(said, &answer)
		report.Daemons = append(report.Daemons, kickDaemon{told, answer.Closed})
		report.Closed += answer.Closed
	}
	return report, nil
}
