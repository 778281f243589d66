package socketio_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// small are limits that a test can reach.
func small(messages, bytes int) option {
	return func(h *wsroom.HubConfig, _ *socketio.Config) {
		h.Limits = wsroom.Limits{QueueMessages: messages, QueueBytes: bytes}
	}
}

func TestWhoDoesNotTakeItsEventsIsEvictedOnEitherTransport(t *testing.T) {
	idle := map[string]func(*server) greeting{
		"polling":   func(s *server) greeting { _, g := s.joinPoll("1"); return g },
		"websocket": func(s *server) greeting { _, g := s.join("1"); return g },
	}
	limits := map[string]struct {
		limit option
		data  string
		fit   int // how many events wait before the next is too much
	}{
		"messages": {small(50, 1<<20), `{"x":"` + strings.Repeat("y", 2<<10) + `"}`, 50},
		"bytes":    {small(1000, 100<<10), `{"x":"` + strings.Repeat("y", 10<<10) + `"}`, 9},
	}
	for transport, join := range idle {
		for cause, c := range limits {
			t.Run(transport+"/"+cause, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := listenPipes(t, c.limit)
					g := join(s)
					for range c.fit {
						s.Publish("1", c.data)
						synctest.Wait()
					}
					if got := s.Counts.Get("evicted " + cause); got != 0 {
						t.Error("evicted although there is room")
					}
					s.Publish("1", c.data)
					if got := s.Counts.Get("evicted " + cause); got != 1 {
						t.Errorf("evicted %d times", got)
					}
					time.Sleep(20 * time.Second)
					if s.Counts.Get("closed 4408") != 1 || s.Hub.Stats().Members != 0 {
						t.Error("still there")
					}
					w, again := s.rejoin("1", g.Pid, "")
					if again.Pid != g.Pid {
						t.Fatal("not recovered")
					}
					for i := range c.fit + 1 {
						w.want(eventFrame(int64(101+i), c.data))
					}
				})
			})
		}
	}
}

func TestAnEvictedPollerLeavesNoQueueBehind(t *testing.T) {
	const pollers, megabyte = 20, 1 << 20
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		for i := range pollers {
			s.joinPoll(fmt.Sprint(i))
		}
		data := `{"x":"` + strings.Repeat("y", megabyte) + `"}`
		fill := func() {
			for i := range pollers {
				s.Hub.Publish(fmt.Sprint(i), "1-1", 1000, roomtest.EventName, []byte(data))
			}
		}
		before := heap()
		for range 3 {
			fill()
		}
		if got := heap() - before; got < pollers*3*megabyte {
			t.Fatalf("queues of %d MB are held in %d bytes", pollers*3, got)
		}
		fill()
		if got := heap() - before; got > pollers*megabyte/4 { // the sessions wait, for two seconds that do not pass
			t.Errorf("%d bytes are still held", got)
		}
		if s.Hub.Stats().Members != pollers || s.Counts.Get("evicted bytes") != pollers {
			t.Errorf("%+v", s.Hub.Stats())
		}
	})
}

// heap is what is alive.
func heap() int64 {
	runtime.GC() // twice: what lies in pools survives one
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAnAnswerIsNotWrittenForever(t *testing.T) {
	cases := map[string]struct {
		meanwhile func(*server)
		after     time.Duration
		closed    string
	}{
		"the session lives": {func(*server) {}, 10 * time.Second, "closed 1006"},
		"it is evicted": {func(s *server) {
			for range 60 {
				s.Publish("1", `{"x":"`+strings.Repeat("y", 2<<10)+`"}`)
			}
		}, 2 * time.Second, "closed 4408"},
		"the server ends": {func(s *server) { s.Hub.Refuse(); go s.handler.Drain(s.t.Context()) }, 2 * time.Second, "closed 1012"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := listenPipes(t, small(50, 1<<20))
				p, g := s.joinPoll("1")
				s.Publish("1", `{"id":1}`)
				_, answers := s.raw("GET /socket.io/%s HTTP/1.1\r\nHost: x.example\r\n\r\n", p.query)
				synctest.Wait() // the answer is under way, on a pipe that holds nothing
				began := time.Now()
				c.meanwhile(s)
				for s.goroutines() > 0 {
					time.Sleep(time.Second)
				}
				if got := time.Since(began); got != c.after {
					t.Errorf("it is given up after %v, want %v", got, c.after)
				}
				if line, err := answers.ReadString('\n'); err == nil {
					t.Errorf("the answer came: %s", line)
				}
				time.Sleep(time.Minute)
				if s.Counts.Get(c.closed) != 1 || s.Hub.Stats().Members != 0 {
					t.Error("still there")
				}
				if name != "the server ends" {
					w, again := s.rejoin("1", g.Pid, "")
					if again.Pid != g.Pid {
						t.Fatal("not recovered")
					}
					w.want(eventFrame(101, `{"id":1}`))
				}
			})
		})
	}
}

// goroutines is how many answer a request of a session.
func (s *server) goroutines() int {
	synctest.Wait()
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "engineio.(*Server).ServeHTTP(")
}

func TestWhoReadsItsAnswerByteByByteIsEvictedAndRecovers(t *testing.T) {
	s := listen(t, small(200, 1<<20))
	p, g := s.joinPoll("1")
	data := `{"x":"` + strings.Repeat("y", 700) + `"}`
	for range 50 {
		s.Publish("1", data)
	}
	_, answers := s.raw("GET /socket.io/%s HTTP/1.1\r\nHost: x.example\r\n\r\n", p.query)
	one := make([]byte, 1)
	var read strings.Builder
	for evicted := false; !evicted; evicted = s.Counts.Get("evicted messages") == 1 {
		if _, err := answers.Read(one); err != nil {
			t.Fatal(err)
		}
		read.Write(one)
		s.Publish("1", data)
	}
	response, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(read.String()), answers)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body) // after all
	if err != nil {
		t.Fatal(err)
	}
	frames := strings.Split(string(body), "\x1e")
	for i, frame := range frames {
		if frame != eventFrame(int64(101+i), data) {
			t.Fatalf("frame %d of the answer: %.60s", i, frame)
		}
	}
	if len(frames) != 16 {
		t.Errorf("%d frames in the answer", len(frames))
	}
	p.get(200, "1")
	last := s.Seq()
	w, again := s.rejoin("1", g.Pid, roomtest.CursorOf(116))
	if again.Pid != g.Pid {
		t.Fatal("not recovered")
	}
	for seq := int64(117); seq <= last; seq++ {
		w.want(eventFrame(seq, data))
	}
	roomtest.Eventually(t, "counted", func() bool { return s.Counts.Get("closed 4408") == 1 })
}
