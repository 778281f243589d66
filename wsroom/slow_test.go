package wsroom_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// limits are so many messages in a queue, of a megabyte.
func limits(messages int) option {
	return limited(wsroom.Limits{QueueMessages: messages, QueueBytes: 1 << 20})
}

// In a bubble time stands still while anything can go on: a publisher that waited for a mute member would be seen by the clock.
func TestThePublisherNeverWaitsForMuteMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, limits(64))
		for range 100 {
			rawDial(t, s, "1")
		}
		quick := s.join("1").read()
		began := time.Now()
		for seq := int64(101); seq <= 600; seq++ {
			s.Publish("1", `{}`)
			if f := quick.want(t, "event"); f.ID != roomtest.CursorOf(seq) {
				t.Fatalf("want %s, got %+v", roomtest.CursorOf(seq), f)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("want the publisher never to wait, it took %v", took)
		}
		if got := s.Counts.Get("evicted messages"); got != 100 {
			t.Errorf("want 100 evicted, got %d", got)
		}
		time.Sleep(time.Second) // that a write under way has
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 1 {
			t.Errorf("want the quick one left, got %d", members)
		}
	})
}

// A member that was only slow is told: what was under way, then 4408 and no error frame.
func TestASlowMemberIsToldWhenItReadsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t, limits(2))
		conn := rawDial(t, s, "1")
		for range 4 {
			s.Publish("1", `{}`)
		}
		time.Sleep(900 * time.Millisecond)
		got, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		want := "\x88\x06\x11\x38slow" // 4408
		if !bytes.HasSuffix(got, []byte(want)) || bytes.Count(got, []byte(`"event"`)) > 4 || bytes.Contains(got, []byte("error")) {
			t.Errorf("want an event and %q, got %q", want, got)
		}
		synctest.Wait()
		if s.Counts.Get("closed 4408") != 1 {
			t.Error("want one close with 4408")
		}
	})
}

// A slow link: a message takes longer than a ping and its timeout, and until it is through the client has no ping to answer.
func TestASlowReaderIsNotTakenForDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		conn := rawDial(t, s, "1")
		s.Publish("1", `"`+strings.Repeat("x", 160<<10)+`"`)
		for range 10 {
			time.Sleep(8 * time.Second)
			if _, err := io.CopyN(io.Discard, conn, 16<<10); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if members := s.Hub.Stats().Members; members != 1 {
			t.Errorf("want it here after 80s of reading, got %d members", members)
		}
	})
}

// A client that pings while it does not read neither holds up the reader nor loses its connection.
func TestPingsAreAnsweredInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		conn := rawDial(t, s, "1")
		synctest.Wait() // live: before that the library answers
		s.Publish("1", `{}`)
		if _, err := conn.Write([]byte{0x89, 0x84, 0, 0, 0, 0, 'p', 'i', 'n', 'g'}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(8 * time.Second)
		r := bufio.NewReader(conn)
		for _, want := range []byte{0x1, 0xa} {
			if opcode, payload, err := readFrame(r); err != nil || opcode != want {
				t.Errorf("want opcode %x, got %x %q, %v", want, opcode, payload, err)
			}
		}
	})
}

// A mute member again, with sockets, whose buffers hide a slow reader for a while.
func TestAMuteSocketIsEvictedWhileOthersReceive(t *testing.T) {
	s := listen(t, limits(1<<20))
	mute, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "ws://"), "/ws"))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if err := handshake(mute, "1"); err != nil {
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
	roomtest.Eventually(t, "gone", func() bool { return s.Hub.Stats().Members == 1 })
	if _, err := io.Copy(io.Discard, mute); !errors.Is(err, syscall.ECONNRESET) { // what the kernel held for it is not sent any more
		t.Errorf("want the connection reset, got %v", err)
	}
	quick.wantEvents(s.Publish("1", data))
	if s.Counts.Get("closed 4408") != 1 {
		t.Errorf("want one close with 4408, got %v", s.Counts)
	}
}

// A message over the limit is not read: not into memory, and not to its end.
func TestBigMessagesCostNoMemory(t *testing.T) {
	s := listen(t)
	header := []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0} // 1 MiB, masked with zeros
	body := bytes.Repeat([]byte("x"), 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 30
	for range n {
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "ws://"), "/ws"))
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(conn, "1"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(header); err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(body) // the server may be gone before the end
		got, _ := io.ReadAll(conn)
		if !bytes.Contains(got, []byte("\x03\xf1protocol_violated")) { // 1009
			t.Fatalf("want 1009, got %q", got)
		}
		_ = conn.Close()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 200<<10 {
		t.Errorf("want less than 200 KiB allocated for each connection, got %d KiB", each>>10)
	}
	roomtest.Eventually(t, "gone", func() bool { return s.Hub.Stats().Members == 0 })
}

// Each connection's end is one line, with the cause and without the token.
func TestEndsAreLoggedOnceWithoutTokens(t *testing.T) {
	s := listen(t)
	s.connect("", "Authorization: Bearer bad").wantEnd(4401, "token_invalid")
	c := s.join("1")
	c.send(`{"type":"auth","token":"secret-token"}`)
	c.wantEnd(4403, "account_forbidden")
	roomtest.Eventually(t, "two lines", func() bool { return strings.Count(s.Record.String(), "connection_closed") == 2 })
	log := s.Record.String()
	for _, want := range []string{
		`"close_code":4401,"code":"token_invalid","cause":"authenticate: signature does not verify"`,
		`"close_code":4403,"code":"account_forbidden","account":"1"`,
		`"remote_addr":"127.0.0.1:`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("want %s in the log, got %s", want, log)
		}
	}
	if strings.Contains(log, "secret-token") {
		t.Errorf("want no token in the log, got %s", log)
	}
}

// Members that come and go while the feed publishes: each gets exactly what follows its welcome, in order, with or without a cursor.
func TestOrderAndCompletenessUnderConcurrency(t *testing.T) {
	s := listen(t)
	const events, clients = 1500, 24
	published := make(chan struct{})
	go func() {
		defer close(published)
		for range events {
			s.Publish("1", `{}`)
			if s.Seq()%5 == 0 {
				runtime.Gosched()
			}
		}
	}()
	done := make(chan error, clients)
	for i := range clients {
		query := ""
		if i%2 == 0 {
			query = "?cursor=1-100"
		}
		go func() {
			conn := s.connect(query, "Authorization: Bearer 1")
			welcome, err := conn.next()
			if err != nil {
				done <- err
				return
			}
			at, _ := s.Journal.Seq(welcome.Cursor)
			for at < 100+events {
				f, err := conn.next()
				if err != nil {
					done <- err
					return
				}
				if at++; f.ID != roomtest.CursorOf(at) {
					done <- fmt.Errorf("want %s, got %+v", roomtest.CursorOf(at), f)
					return
				}
			}
			done <- nil
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	<-published
}
