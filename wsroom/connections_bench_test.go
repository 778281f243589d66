package wsroom_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"notifier/wsroom"
)

// BenchmarkConnections is the listing of 50,000 in 5,000 rooms. Beside it, the longest that somebody waited meanwhile for the hub's lock.
func BenchmarkConnections(b *testing.B) {
	hub := wsroom.NewHub(wsroom.HubConfig{Name: "here"})
	hub.Open(1, "1-1")
	for n := range 50_000 {
		m := new(wsroom.Member)
		if err := hub.Admit(m, netip.AddrPort{}); err != nil {
			b.Fatal(err)
		}
		if err := hub.Attach(m, wsroom.Plain, quiet{}); err != nil {
			b.Fatal(err)
		}
		if _, _, err := m.Join(fmt.Sprint(n % 5000)); err != nil {
			b.Fatal(err)
		}
		m.Identify(fmt.Sprint(n), time.Now())
	}
	stop, longest := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		for {
			began := time.Now()
			hub.Stats()
			most = max(most, time.Since(began))
			select {
			case <-stop:
				longest <- most
				return
			case <-time.After(20 * time.Microsecond):
			}
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		if _, total := hub.Connections(wsroom.Match{}, 1000); total != 50_000 {
			b.Fatal(total)
		}
	}
	close(stop)
	b.ReportMetric(float64((<-longest).Microseconds()), "µs-longest-wait")
}
