package socketio_test

import (
	"context"
	"net"
	"testing"
	"time"

	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// stubborn answers "slow" only when it is let, whatever has become of who asks.
type stubborn struct {
	tokens
	asked, let chan struct{}
}

func (a stubborn) Authenticate(ctx context.Context, token string) (string, string, time.Time, error) {
	if token == "slow" {
		close(a.asked)
		<-a.let
	}
	return a.tokens.Authenticate(ctx, token)
}

func listenStubborn(t *testing.T) (*server, stubborn) {
	authn := stubborn{asked: make(chan struct{}), let: make(chan struct{})}
	s := newServerOn(t, &roomtest.Journal{}, authn, configured(func(c *socketio.Config) { c.NoRecovery = true }))
	s.url = "http://" + s.Listen(t, s.handler) + "/socket.io/"
	s.dial = (&net.Dialer{}).DialContext
	return s, authn
}

// A client that has left may come in again at once, though its opener has not noticed yet.
func TestCONNECTWaitsForTheOpenerOfTheOneBefore(t *testing.T) {
	for name, frames := range map[string][]string{
		"once":                           {"41", `40{"token":"2"}`},
		"it changes its mind once more":  {"41", `40{"token":"3"}`, "41", `40{"token":"2"}`},
		"it goes on before it is let in": {"41", `40{"token":"2"}`, "3"},
	} {
		t.Run(name, func(t *testing.T) {
			s, authn := listenStubborn(t)
			w := s.connect("")
			w.send(`40{"token":"slow"}`)
			<-authn.asked
			for _, frame := range frames {
				w.send("%s", frame)
			}
			w.send("40/x") // its answer says that all of them are taken
			w.want(`44/x,{"message":"Invalid namespace"}`)
			close(authn.let)
			w.greeted()
			s.Publish("2", `{"to":2}`)
			w.want(`42["` + roomtest.EventName + `",{"to":2}]`)
		})
	}
}

func TestOnlyOneCONNECTWaits(t *testing.T) {
	for name, frames := range map[string][]string{
		"a second CONNECT":         {"41", `40{"token":"2"}`, `40{"token":"2"}`},
		"a second DISCONNECT":      {"41", "41"},
		"a third DISCONNECT":       {"41", `40{"token":"2"}`, "41", "41"},
		"an event before it is in": {"41", `40{"token":"2"}`, `42["x"]`},
	} {
		t.Run(name, func(t *testing.T) {
			s, authn := listenStubborn(t)
			defer close(authn.let)
			w := s.connect("")
			w.send(`40{"token":"slow"}`)
			<-authn.asked
			for _, frame := range frames {
				w.send("%s", frame)
			}
			w.wantClose(1008, "protocol_violated")
		})
	}
}
