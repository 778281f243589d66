package wsroom_test

import (
	"testing"

	"notifier/wsroom"
)

// BenchmarkTracedPublish is BenchmarkPublish with somebody who follows the events, and without.
func BenchmarkTracedPublish(b *testing.B) {
	for _, run := range []struct {
		name   string
		tracer wsroom.Tracer
	}{{"tracer=off", nil}, {"tracer=on", &follower{}}} {
		b.Run(run.name, func(b *testing.B) {
			v := openVenue(b, run.tracer)
			v.fill(b, "plain", 1000)
			v.measure(b, 1000, 1)
		})
	}
}
