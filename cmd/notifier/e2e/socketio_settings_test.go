package e2e

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestServeKeepsToItsSocketIOSettings(t *testing.T) {
	p := serveReady(t, clinic(t), "--socketio-path", "live", "--socketio-max-payload", "2000", "--socketio-connect-timeout", "500ms",
		"--socketio-refuse-by-leaving", "--ping-interval", "7s", "--ping-timeout", "3s")

	for _, path := range []string{"/live", "/live/"} {
		body := get(t, "http://"+p.addr+path+"?EIO=4&transport=polling")
		if !strings.HasPrefix(body, "0{") || !strings.Contains(body, `"pingInterval":7000,"pingTimeout":3000,"maxPayload":2000}`) {
			t.Errorf("GET %s: %q", path, body)
		}
	}
	if body := get(t, "http://"+p.addr+"/socket.io/?EIO=4&transport=polling"); body != "404 page not found\n" {
		t.Errorf("the default path: %q", body)
	}

	ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
	defer cancel()
	conn := dialLive(ctx, t, p.addr)
	expect(ctx, t, conn, "0{")
	if err := conn.Write(ctx, websocket.MessageText, []byte(`40{"token":"none of ours"}`)); err != nil {
		t.Fatal(err)
	}
	expect(ctx, t, conn, `40{"sid":`)
	expect(ctx, t, conn, "41")
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != 4401 {
		t.Errorf("after the time for a good token: %v", err)
	}

	conn = dialLive(ctx, t, p.addr)
	expect(ctx, t, conn, "0{")
	if err := conn.Write(ctx, websocket.MessageText, []byte("40"+strings.Repeat(" ", 2000))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("after a message that is too big: %v", err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func dialLive(ctx context.Context, t *testing.T, addr string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(ctx, "ws://"+addr+"/live/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// expect wants the next message to begin like this.
func expect(ctx context.Context, t *testing.T, conn *websocket.Conn, prefix string) {
	t.Helper()
	_, message, err := conn.Read(ctx)
	if err != nil || !strings.HasPrefix(string(message), prefix) {
		t.Fatalf("want %s…, got %q, %v", prefix, message, err)
	}
}
