package wsroom_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
	"notifier/wsroom/socketio"
)

// tally counts deliveries and says when there are as many as were wanted, and who has left.
type tally struct {
	roomtest.Counts
	left atomic.Int64
	done chan struct{}
	gone chan struct{} // with places for everybody
}

func (t *tally) Delivered(_ string, n int) {
	if t.left.Add(int64(-n)) == 0 {
		t.done <- struct{}{}
	}
}

func (t *tally) Left(string) { t.gone <- struct{}{} }

// dto is about as long as an appointment.
var dto = append(append([]byte(`{"id":123,"notes":"`), bytes.Repeat([]byte("n"), 680)...), `"}`...)

// venue serves a hub in both protocols. Rooms are called after how many are in them.
type venue struct {
	hub   *wsroom.Hub
	addr  string
	tally *tally
	rooms map[int]bool // that are filled
	seq   int64
}

// openVenue serves until the benchmark ends. Nobody is pinged: the drainers would not answer.
func openVenue(b *testing.B, tracer wsroom.Tracer) *venue {
	b.Helper()
	v := &venue{tally: &tally{done: make(chan struct{}, 1), gone: make(chan struct{}, 1<<15)}, rooms: map[int]bool{}, seq: 1}
	v.hub = wsroom.NewHub(wsroom.HubConfig{
		Metrics: v.tally, Tracer: tracer, Limits: wsroom.Limits{QueueMessages: 1 << 30, QueueBytes: 1 << 40},
	})
	v.hub.Open(1, "1-1")
	mux := http.NewServeMux()
	mux.Handle("/ws", wsroom.NewHandler(v.hub, &tokens{}, &roomtest.Journal{}, wsroom.HandlerConfig{PingInterval: time.Hour}))
	mux.Handle("/socket.io/", socketio.NewHandler(v.hub, &tokens{}, &roomtest.Journal{}, socketio.Config{PingInterval: time.Hour}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	v.addr = listener.Addr().String()
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() {
		for range v.hub.Stats().Members {
			<-v.tally.gone
		}
		_ = server.Close()
	})
	return v
}

// fill has so many join their room, who stay until the benchmark ends. "mixed" is half of each protocol.
func (v *venue) fill(b *testing.B, protocol string, members int) {
	b.Helper()
	if v.rooms[members] {
		return
	}
	v.rooms[members] = true
	if protocol != "mixed" {
		startDrainer(b, protocol, v.addr, fmt.Sprint(members), members)()
		return
	}
	await := startDrainer(b, "socketio", v.addr, fmt.Sprint(members), members/2)
	startDrainer(b, "plain", v.addr, fmt.Sprint(members), members-members/2)()
	await()
}

// stall has some more join the room, of either protocol in turn, who do not read: the kernel takes no more for them, and what is
// published waits in their queues. They are cut after ten seconds without progress, which fails the benchmark. release has them leave.
func (v *venue) stall(b *testing.B, members, slow int) (release func()) {
	b.Helper()
	conns := make([]net.Conn, slow)
	for i := range conns {
		conns[i] = dialFar(b, v.addr)
		if err := joins[[]string{"plain", "socketio"}[i%2]](conns[i], fmt.Sprint(members)); err != nil {
			b.Fatal(err)
		}
	}
	v.publish(members, fmt.Sprint(members), 1, bytes.Repeat([]byte("1"), 128<<10))
	return func() {
		if cut := len(v.tally.gone); cut > 0 {
			b.Errorf("%d of %d slow members were cut: the benchmark took too long", cut, slow)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
		for range conns {
			<-v.tally.gone
		}
	}
}

// benchCursor is every event's: nobody here comes back with it.
const benchCursor = "1-43"

// publish says some events to a room and waits until all members but the slow ones have been written them. It allocates nothing of its own.
func (v *venue) publish(members int, account string, events int, data []byte) {
	end := v.seq + int64(events)
	v.tally.left.Store(int64(members * events))
	v.hub.Claim(end, benchCursor)
	for v.seq < end {
		v.seq++
		v.hub.Publish(account, benchCursor, v.seq, roomtest.EventName, data)
	}
	v.hub.Settle(end, benchCursor)
	<-v.tally.done
}

// measure publishes again and again, and reports what a delivery takes of this process: processor time and allocations.
func (v *venue) measure(b *testing.B, members, events int) {
	b.Helper()
	account := fmt.Sprint(members)
	b.ReportAllocs()
	v.publish(members, account, events, dto) // what grows has grown
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cpu(b)
	for b.Loop() {
		v.publish(members, account, events, dto)
	}
	used := cpu(b) - began
	runtime.ReadMemStats(&after)
	deliveries := float64(b.N) * float64(members) * float64(events)
	b.ReportMetric(float64(used.Nanoseconds())/deliveries, "cpu-ns/delivery")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/deliveries, "allocs/delivery")
}

// BenchmarkPublish publishes one event at a time, until it is written to all members. Compare cpu-ns/delivery of 1,000 members with
// BenchmarkWriterShape/floor of the same run: one bare write per connection.
func BenchmarkPublish(b *testing.B) {
	for _, protocol := range []string{"plain", "socketio", "mixed"} {
		b.Run("protocol="+protocol, func(b *testing.B) {
			v, all := openVenue(b, nil), b
			for _, members := range []int{1, 100, 1000, 10_000} {
				b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
					v.fill(all, protocol, members)
					v.measure(b, members, 1)
				})
			}
		})
	}
}

// BenchmarkBesideSlow is BenchmarkPublish in a room with one more for every ten, who does not read. A delivery is one to the others.
func BenchmarkBesideSlow(b *testing.B) {
	v, all := openVenue(b, nil), b
	for _, members := range []int{100, 10_000} {
		slow := members / 10
		b.Run(fmt.Sprintf("protocol=mixed/members=%d/slow=%d", members, slow), func(b *testing.B) {
			v.fill(all, "mixed", members)
			defer v.stall(b, members, slow)()
			v.measure(b, members, 1)
		})
	}
}

// BenchmarkBacklog publishes 16 events to each member before it waits: what coalescing is for.
func BenchmarkBacklog(b *testing.B) {
	v, all := openVenue(b, nil), b
	b.Run("protocol=mixed/members=1000/events=16", func(b *testing.B) {
		v.fill(all, "mixed", 1000)
		v.measure(b, 1000, 16)
	})
}
