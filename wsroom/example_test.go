package wsroom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coder/websocket"

	"notifier/wsroom"
)

// doorman knows one token.
type doorman struct{}

func (doorman) Authenticate(_ context.Context, token string) (account, subject string, expiresAt time.Time, err error) {
	if token != "letmein" {
		return "", "", time.Time{}, fmt.Errorf("unknown token")
	}
	return "1", "7", time.Date(2999, 1, 23, 10, 0, 0, 0, time.UTC), nil
}

// forgetful is a log that remembers nothing.
type forgetful struct{}

func (forgetful) Replay(context.Context, string, string, int64, func(string, int64, string, []byte)) (bool, error) {
	return false, nil
}

// A feed publishes, a browser listens.
func ExampleNewHandler() {
	hub := wsroom.NewHub(wsroom.HubConfig{})
	hub.Open(42, "1-42") // the feed runs, and is at 42
	server := httptest.NewServer(wsroom.NewHandler(hub, doorman{}, forgetful{}, wsroom.HandlerConfig{}))
	defer server.Close()

	ctx := context.Background()
	browser, _, err := websocket.Dial(ctx, server.URL, &websocket.DialOptions{Subprotocols: []string{"notifier.v1", "bearer.letmein"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	print := func() {
		_, frame, err := browser.Read(ctx)
		if err != nil {
			fmt.Println(websocket.CloseStatus(err))
			return
		}
		fmt.Println(string(frame))
	}
	print()

	if _, here := hub.Claim(43, "1-43")["1"]; here { // who is here before anything is loaded
		hub.Publish("1", "1-43", 43, "appointmnents.finished", []byte(`{"id":123}`))
	}
	hub.Settle(43, "1-43")
	print()

	go func() { _ = hub.Drain(ctx, 0) }()
	print()
	print()
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// {"type":"welcome","accountId":"1","cursor":"1-42","recovered":false,"expiresAt":"2999-01-23T10:00:00Z"}
	// {"type":"event","id":"1-43","event":"appointmnents.finished","data":{"id":123}}
	// {"type":"error","code":"restart","message":"the server restarts: come back with your cursor"}
	// StatusServiceRestart
}
