package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"notifier/notifier"
)

const (
	askPatience = 3 * time.Second // for one daemon's answer: a person waits for all of them
	maxQuestion = 64 << 10
	maxAnswer   = 64 << 20 // of one daemon; what answers bounds itself far below
	askPath     = "/ask/"
)

// Why a daemon has no answer: texts for people, which repeat nothing of the cause. That is in the log.
var (
	errAskTimeout     = errors.New("it did not answer in time")
	errAskUnreachable = errors.New("it cannot be reached: see peer_unreachable in the log, and --peer-addr")
	errAskUnknown     = errors.New("it does not know the question: it is of another version")
	errAskGone        = errors.New("it has just ended")
	errAskBroken      = errors.New("its answer cannot be understood")
)

// daemonAnswer is what one daemon has said, or why it has not.
type daemonAnswer struct {
	Daemon notifier.Daemon
	Body   []byte // JSON
	Err    error
}

// answerer answers a question with something for JSON. An error is for whoever asked: it must not hold secrets.
type answerer func(ctx context.Context, body []byte) (any, error)

// questions are those that a daemon answers. They are registered before it runs.
type questions map[string]answerer

// answers registers what a daemon answers to a question of askAll.
func (d *daemon) answers(question string, answer func(ctx context.Context, body []byte) (any, error)) {
	if d.questions == nil {
		d.questions = make(questions)
	}
	d.questions[question] = answer
	d.peers.handle("POST "+askPath+question, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), askPatience, errAskTimeout)
		defer cancel()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
		if err != nil {
			http.Error(w, "the question cannot be read", http.StatusBadRequest)
			return
		}
		said, err := answer(ctx, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(said) // who asked has gone: nobody to tell
	})
}

// askAll puts one question to every daemon on the database, this one included, at the same time. It looks who is there first, which may take a second, or
// three while the database is away; so that a daemon is not passed over that has just begun. Each has askPatience. The oldest daemon comes first.
func (d *daemon) askAll(ctx context.Context, question string, body []byte) []daemonAnswer {
	return d.askThese(ctx, d.peers.others(ctx, true), question, body)
}

// askKnown is askAll for who asks all the time: it does not look first. A daemon that began in the last 5 s may be missing.
func (d *daemon) askKnown(ctx context.Context, question string, body []byte) []daemonAnswer {
	return d.askThese(ctx, d.peers.others(ctx, false), question, body)
}

func (d *daemon) askThese(ctx context.Context, others []notifier.Daemon, question string, body []byte) []daemonAnswer {
	ctx, cancel := context.WithTimeoutCause(ctx, askPatience, errAskTimeout)
	defer cancel()
	said := make([]daemonAnswer, 1+len(others))
	var group sync.WaitGroup
	group.Go(func() { said[0] = d.askSelf(ctx, question, body) })
	for i, other := range others {
		group.Go(func() {
			answer, err := d.peers.ask(ctx, other.ID, question, body)
			said[1+i] = daemonAnswer{Daemon: other, Body: answer, Err: err}
		})
	}
	group.Wait()
	slices.SortFunc(said, func(a, b daemonAnswer) int {
		return cmp.Or(a.Daemon.StartedAt.Compare(b.Daemon.StartedAt), cmp.Compare(a.Daemon.ID, b.Daemon.ID))
	})
	return said
}

func (d *daemon) askSelf(ctx context.Context, question string, body []byte) daemonAnswer {
	said := daemonAnswer{Daemon: d.self, Err: errAskUnknown}
	answer, known := d.questions[question]
	if !known {
		return said
	}
	value, err := answer(ctx, body)
	if said.Err = err; err == nil {
		said.Body, said.Err = json.Marshal(value)
	}
	return said
}

// others are the daemons beside this one; none, if it is alone.
func (p *peers) others(ctx context.Context, look bool) []notifier.Daemon {
	if p == nil {
		return nil
	}
	return p.roster.Others(ctx, look)
}

// ask puts a question to another daemon.
func (p *peers) ask(ctx context.Context, id, question string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://peer"+askPath+question, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask peer: %w", err)
	}
	response, err := p.Send(id, request)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, errAskTimeout
	case errors.Is(err, errPeerUnknown):
		return nil, errAskGone
	default:
		return nil, errAskUnreachable // the cause was logged
	}
	defer func() { _ = response.Body.Close() }() // read, or not wanted
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case ctx.Err() != nil:
		return nil, errAskTimeout
	case err != nil:
		return nil, errAskUnreachable
	case response.StatusCode == http.StatusNotFound:
		return nil, errAskUnknown
	case response.StatusCode == http.StatusUnprocessableEntity:
		return nil, errors.New(printable(string(bytes.TrimSpace(answer)), 300))
	case response.StatusCode != http.StatusOK || !json.Valid(answer):
		return nil, errAskBroken
	}
	return bytes.TrimSpace(answer), nil
}

// newSelf is what a daemon says of itself. One that is alone has an id, too: connections are called after it.
func newSelf() notifier.Daemon {
	return notifier.Daemon{ID: newDaemonID(), Version: thisBuild().version, StartedAt: time.Now()}
}
