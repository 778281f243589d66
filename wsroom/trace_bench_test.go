package wsroom_test

import (
	"bufio"
	"testing"

	"notifier/wsroom"
	"notifier/wsroom/internal/roomtest"
)

// BenchmarkTracedPublish is BenchmarkPublish/1000 with somebody who follows the events, and without.
func BenchmarkTracedPublish(b *testing.B) {
	const members = 1000
	for name, tracer := range map[string]wsroom.Tracer{"off": nil, "on": &follower{}} {
		b.Run(name, func(b *testing.B) {
			tally := &tally{done: make(chan struct{}, 1)}
			hub, addr := listenHub(b, wsroom.HubConfig{Metrics: tally, Tracer: tracer})
			if _, err := bufio.NewReader(startDrainer(b, "ws", addr, members)).ReadString('\n'); err != nil {
				b.Fatal(err)
			}
			seq := int64(1)
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				seq++
				tally.left.Store(members)
				hub.Claim(seq, roomtest.CursorOf(seq))
				hub.Publish("1", roomtest.CursorOf(seq), seq, roomtest.EventName, dto)
				<-tally.done
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/members, "cpu-ns/delivery")
		})
	}
}
