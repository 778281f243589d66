package socket

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// The client library reads what we frame, at every length of header.
func TestFramesAreReadByAClient(t *testing.T) {
	near, far := tcp(t)
	lengths := []int{0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for _, n := range lengths {
			frame := AppendTextFunc([]byte("prefix"), func(dst []byte) []byte { return append(dst, bytes.Repeat([]byte("f"), n)...) })
			if !bytes.Equal(frame[6:], AppendText(nil, bytes.Repeat([]byte("f"), n))) {
				t.Errorf("%d: want both ways to frame to agree", n)
			}
			_ = c.Write(frame[6:])
		}
		c.Finish(4401, AppendClose(nil, 4401, strings.Repeat("r", 200)))
		c.Discard()
	})}
	listener := &single{conn: far, closed: make(chan struct{})}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(listener) }()
	defer func() { _ = web.Close(); <-served }()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	client, _, err := websocket.Dial(t.Context(), "ws://x.example/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	client.SetReadLimit(-1)
	for _, n := range lengths {
		_, got, err := client.Read(t.Context())
		if err != nil || len(got) != n {
			t.Fatalf("want %d bytes, got %d, %v", n, len(got), err)
		}
	}
	var closed websocket.CloseError
	if _, _, err = client.Read(t.Context()); !errors.As(err, &closed) || closed.Code != 4401 || len(closed.Reason) != 123 {
		t.Errorf("want 4401 with a reason cut to 123 bytes, got %v", err)
	}
}
