package wsroom_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// tally counts deliveries and says when there are as many as were wanted.
type tally struct {
	roomtest.Counts
	left atomic.Int64
	done chan struct{}
}

func (t *tally) Delivered(_ string, n int) {
	if t.left.Add(int64(-n)) == 0 {
		t.done <- struct{}{}
	}
}

// dto is about as long as an appointment.
var dto = append(append([]byte(`{"id":123,"notes":"`), bytes.Repeat([]byte("n"), 680)...), `"}`...)

// BenchmarkPublish publishes one event at a time to a room whose members' other ends are in another process, until it is written to all. Compare
// cpu-ns/delivery with BenchmarkWriterShape/floor of the same run: one bare write per connection.
func BenchmarkPublish(b *testing.B) {
	for _, members := range []int{1, 100, 1000, 9000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			tally := &tally{done: make(chan struct{}, 1)}
			hub, addr := listenHub(b, wsroom.HubConfig{Metrics: tally})
			if _, err := startDrainer(b, "ws", addr, members).ReadString('\n'); err != nil {
				b.Fatal(err)
			}
			seq := int64(1)
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				seq++
				tally.left.Store(int64(members))
				hub.Claim(seq, roomtest.CursorOf(seq))
				hub.Publish("1", roomtest.CursorOf(seq), seq, roomtest.EventName, dto)
				hub.Settle(seq, roomtest.CursorOf(seq))
				<-tally.done
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/float64(members), "cpu-ns/delivery")
		})
	}
}

// BenchmarkBacklog publishes 16 events to each member before it waits: what coalescing is for.
func BenchmarkBacklog(b *testing.B) {
	const members, events = 1000, 16
	tally := &tally{done: make(chan struct{}, 1)}
	hub, addr := listenHub(b, wsroom.HubConfig{Metrics: tally})
	if _, err := startDrainer(b, "ws", addr, members).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	seq := int64(1)
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		tally.left.Store(members * events)
		hub.Claim(seq+events, roomtest.CursorOf(seq+events))
		for range events {
			seq++
			hub.Publish("1", roomtest.CursorOf(seq), seq, roomtest.EventName, dto)
		}
		hub.Settle(seq, roomtest.CursorOf(seq))
		<-tally.done
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/members/events, "cpu-ns/delivery")
}

// listenHub serves a hub for raw clients.
func listenHub(b *testing.B, cfg wsroom.HubConfig) (*wsroom.Hub, string) {
	b.Helper()
	hub := wsroom.NewHub(cfg)
	hub.Open(1, "1-1")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", wsroom.NewHandler(hub, &tokens{}, &roomtest.Journal{}, wsroom.HandlerConfig{}))
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	return hub, listener.Addr().String()
}
