package wsroom_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"notifier/wsroom/internal/roomtest"
)

// listenTLS is listen over TLS, under the same addresses: it is the dialer that speaks it.
func listenTLS(t testing.TB, opts ...option) *server {
	t.Helper()
	s := newServer(t, opts...)
	web := httptest.NewTLSServer(s.handler)
	t.Cleanup(func() {
		s.Drain(t)
		web.CloseClientConnections()
		web.Close()
	})
	trust := web.Client().Transport.(*http.Transport).TLSClientConfig
	s.url = "ws://" + web.Listener.Addr().String() + "/ws"
	s.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&tls.Dialer{Config: trust}).DialContext(ctx, network, addr)
	}
	return s
}

func TestThousandsOfEventsInOneGoComeOverTLSInOrder(t *testing.T) {
	t.Parallel()
	s := listenTLS(t)
	one, two := s.join("1"), s.join("1")
	const events = 2000 // the default queue has 4096
	seqs := make([]int64, events)
	for i := range seqs {
		seqs[i] = s.Publish("1", fmt.Sprintf(`{"n":%d,"notes":%q}`, i, strings.Repeat("x", i%70)))
	}
	one.wantEvents(seqs...)
	two.wantEvents(seqs...)
	big := s.Publish("1", `"`+strings.Repeat("x", 1<<20)+`"`)
	one.wantEvents(big)
	two.wantEvents(big)
}

// What comes in one record with a frame stays inside of TLS, where nothing on the network announces it.
func TestFramesThatShareARecordAreAllRead(t *testing.T) {
	t.Parallel()
	s := listenTLS(t)
	conn := rawDial(t, s, "1")
	const frames = "\x89\x84\x00\x00\x00\x00ping\x8a\x80\x00\x00\x00\x00\x89\x84\x00\x00\x00\x00last"
	if _, err := io.WriteString(conn, frames); err != nil {
		t.Fatal(err)
	}
	if err := readUntil(conn, func(text []byte) bool { return strings.HasSuffix(string(text), "\x8a\x04last") }); err != nil {
		t.Error(err)
	}
}

func TestAMuteSocketIsCutOverTLSWhileOthersReceive(t *testing.T) {
	t.Parallel()
	s := listenTLS(t, limits(1<<20))
	mute := rawDial(t, s, "1")
	if err := mute.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	quick := s.join("1")
	data := `"` + strings.Repeat("x", 64<<10) + `"`
	for s.Counts.Get("evicted bytes") == 0 {
		quick.wantEvents(s.Publish("1", data))
		if s.Seq() > 5000 {
			t.Fatal("never evicted")
		}
	}
	evicted := time.Now()
	roomtest.Eventually(t, "gone", func() bool { return s.Hub.Stats().Members == 1 })
	if took := time.Since(evicted); took > 4*time.Second { // a second for the write under way; TLS's own goodbye would wait for five more
		t.Errorf("it took %v", took)
	}
	if _, err := io.Copy(io.Discard, mute); !errors.Is(err, syscall.ECONNRESET) { // what the kernel held for it is not sent any more
		t.Errorf("want the connection reset, got %v", err)
	}
	quick.wantEvents(s.Publish("1", data))
	if s.Counts.Get("closed 4408") != 1 {
		t.Errorf("want one close with 4408, got %v", s.Counts)
	}
}

// The close frame comes, then TLS's own end, so that nobody takes it for a connection that was cut.
func TestDrainingOverTLSSaysSo(t *testing.T) {
	t.Parallel()
	s := listenTLS(t)
	conn := rawDial(t, s, "1")
	other := s.join("2")
	ended := make(chan error, 1)
	go func() {
		rest, err := io.ReadAll(conn)
		if err == nil && !strings.HasSuffix(string(rest), "\x03\xf4restart") {
			err = fmt.Errorf("want 1012 as the last words, got %q", rest)
		}
		_ = conn.Close()
		ended <- err
	}()
	go func() { _, _ = other.next() }()
	s.Drain(t)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
