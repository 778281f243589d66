package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"notifier/notifier"
)

// asked is a daemon that answers questions, and its peers.
func (l *list) asked(t *testing.T) (*daemon, *peerUnderTest) {
	t.Helper()
	u := l.serve(t, "127.0.0.1:0")
	return &daemon{peers: u.peers, self: notifier.Daemon{ID: u.ID()}, metrics: u.metrics}, u
}

func TestAQuestionIsPutToEveryDaemon(t *testing.T) {
	l := newList()
	one, _ := l.asked(t)
	two, _ := l.asked(t)
	three, broken := l.asked(t)
	old, older := l.asked(t)
	older.handle("/ask/", http.NotFound)
	l.put(notifier.Daemon{ID: "gone", Address: "127.0.0.1:1", Certificate: []byte("none")})
	for _, d := range []*daemon{one, two} {
		d.answers("name", func(_ context.Context, body []byte) (any, error) { return d.self.ID + string(body), nil })
	}
	three.answers("name", func(context.Context, []byte) (any, error) { return nil, errors.New("not\x1b[2J today") })
	broken.handle("POST /ask/broken", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{") })

	want := map[string]string{
		one.self.ID: `"` + one.self.ID + `!"`, two.self.ID: `"` + two.self.ID + `!"`, three.self.ID: "not?[2J today",
		old.self.ID: errAskUnknown.Error(), "gone": errAskUnreachable.Error(),
	}
	for _, said := range one.askAll(t.Context(), "name", []byte("!")) {
		got := string(said.Body)
		if said.Err != nil {
			got = said.Err.Error()
		}
		if got != want[said.Daemon.ID] {
			t.Errorf("%s: got %s, want %s", said.Daemon.ID, got, want[said.Daemon.ID])
		}
		delete(want, said.Daemon.ID)
	}
	if len(want) > 0 {
		t.Errorf("not asked: %v", want)
	}
	for _, said := range one.askAll(t.Context(), "broken", nil) {
		if said.Daemon.ID == three.self.ID && !errors.Is(said.Err, errAskBroken) {
			t.Errorf("an answer that is not JSON: %v", said.Err)
		}
	}
	if got := one.askAll(t.Context(), "name", []byte(strings.Repeat("x", maxQuestion+1))); len(got) != 5 {
		t.Errorf("a long question: %d answers", len(got))
	}
}

func TestADaemonThatDoesNotAnswerHoldsNobodyUp(t *testing.T) {
	l := newList()
	one, _ := l.asked(t)
	two, _ := l.asked(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	one.answers("slow", func(context.Context, []byte) (any, error) { return "here", nil })
	two.answers("slow", func(ctx context.Context, _ []byte) (any, error) {
		close(arrived)
		<-release
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context()) // as askPatience ends it
	go func() {
		<-arrived
		cancel()
	}()
	for _, said := range one.askAll(ctx, "slow", nil) {
		switch said.Daemon.ID {
		case one.self.ID:
			if string(said.Body) != `"here"` {
				t.Errorf("itself: %s, %v", said.Body, said.Err)
			}
		default:
			if !errors.Is(said.Err, errAskTimeout) {
				t.Errorf("the slow one: %v", said.Err)
			}
		}
	}
	close(release)
}

func TestADaemonThatIsAloneAsksItself(t *testing.T) {
	d := &daemon{self: notifier.Daemon{ID: "alone"}}
	d.answers("name", func(context.Context, []byte) (any, error) { return d.self.ID, nil })
	for _, ask := range []func(context.Context, string, []byte) []daemonAnswer{d.askAll, d.askKnown} {
		got := ask(t.Context(), "name", nil)
		if len(got) != 1 || string(got[0].Body) != `"alone"` || got[0].Err != nil {
			t.Errorf("got %s", fmt.Sprint(got))
		}
	}
}
