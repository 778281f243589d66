package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/cmd/notifier/chaos/link"
)

// handshake is what a stock client connects with.
type handshake struct {
	Token  string `json:"token"`
	PID    string `json:"pid"`
	Offset string `json:"offset"`
}

// fakeSocketIO is as much of a server as this test needs: WebSocket only, an event on each connection, and the first
// connection is lost after it.
type fakeSocketIO struct {
	t       *testing.T
	connect chan handshake
	polled  chan struct{} // somebody tried long-polling, which is refused
}

func (f *fakeSocketIO) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	if request.URL.Query().Get("transport") != "websocket" {
		select {
		case f.polled <- struct{}{}:
		default:
		}
		http.Error(response, "no polling here", http.StatusServiceUnavailable)
		return
	}
	conn, err := websocket.Accept(response, request, nil)
	if err != nil {
		f.t.Errorf("accept: %v", err)
		return
	}
	defer conn.CloseNow()
	ctx := request.Context()
	say := func(packet string) { _ = conn.Write(ctx, websocket.MessageText, []byte(packet)) } // a client that has gone is what is tested
	say(`0{"sid":"E","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	_, packet, err := conn.Read(ctx)
	var hello handshake
	if err != nil || json.Unmarshal([]byte(strings.TrimPrefix(string(packet), "40")), &hello) != nil {
		f.t.Errorf("the client begins with %s, %v", packet, err)
		return
	}
	f.connect <- hello
	if hello.Token == "bad" {
		say(`44{"message":"no","data":{"code":"token_invalid"}}`)
		_, _, _ = conn.Read(ctx) // until the client goes
		return
	}
	id := "1-1"
	if hello.PID != "" {
		id = "1-2"
	}
	say(`40{"sid":"S","pid":"P"}`)
	say(fmt.Sprintf(`42["appointmnents.finished",{"id":7,"accountId":3},%q]`, id))
	if hello.PID != "" {
		_, _, _ = conn.Read(ctx) // until the client goes
	}
}

// doors lead to the fake, behind the one called here, and to nobody, behind the one called away.
func (f *fakeSocketIO) doors() []door {
	here, away := httptest.NewServer(f), httptest.NewServer(http.NotFoundHandler())
	f.t.Cleanup(here.Close)
	f.t.Cleanup(away.Close)
	return []door{{"here", here.Listener.Addr().String()}, {"away", away.Listener.Addr().String()}}
}

// way runs a link until the end of the test.
func (f *fakeSocketIO) way() *link.Link {
	l, err := link.Listen(f.t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	f.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			f.t.Errorf("link: %v", err)
		}
	})
	return l
}

func newFake(t *testing.T) (*fakeSocketIO, *stock) {
	t.Helper()
	fake := &fakeSocketIO{t: t, connect: make(chan handshake, 10), polled: make(chan struct{}, 1)}
	doors := fake.doors()
	all, err := newStock(t.Context(), func() []door { return slices.Clone(doors) }, rand.New(rand.NewPCG(1, 1)), webSocketOnly, byDefault)
	if err != nil {
		t.Fatal(err)
	}
	return fake, all
}

func TestStockScreensComeBackAndTellWhatTheyReceived(t *testing.T) {
	fake, all := newFake(t)
	coming, polling := &screen{}, &screen{}
	all.invite(coming, "good", fake.way(), 0)
	all.invite(polling, "good", fake.way(), 1) // as the second one it begins with long-polling, where nobody is
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- all.run(ctx) }()
	<-fake.polled // it was led away from there

	first, second := <-fake.connect, <-fake.connect
	if first != (handshake{Token: "good"}) || second != (handshake{Token: "good", PID: "P", Offset: "1-1"}) {
		t.Errorf("the client connected with %+v and %+v", first, second)
	}
	for !coming.has(2) {
		if err := pause(ctx, time.Millisecond); err != nil {
			t.Fatalf("wait for the second event: %v", err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	streams, _ := coming.history()
	if len(streams) != 2 || streams[0].recovered || !streams[1].recovered || streams[0].ended != "transport close" {
		t.Fatalf("the streams are %+v, want one that was cut and its recovery", streams)
	}
	if got := streams[1].receipts[0]; got.appointment != 7 || got.account != "3" || got.id.String() != "1-2" || time.Since(got.at) > time.Minute {
		t.Errorf("it received %+v", got)
	}
	if polling.connected() {
		t.Error("a screen is connected that was refused")
	}
}

func TestAStockScreenThatIsRefusedForGoodEndsTheRun(t *testing.T) {
	fake, all := newFake(t)
	all.invite(&screen{name: "the screen"}, "bad", fake.way(), 0)
	err := all.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the screen is told never to come back") || !strings.Contains(err.Error(), "token_invalid") {
		t.Errorf("run: %v, want that and why it was refused", err)
	}
}
