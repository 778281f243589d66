package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// logGauges are what the watch sees in the database. While it sees nothing they are absent, which no alert takes for
// zero: as vectors without labels they can be.
type logGauges struct {
	stagingRows, stagingOldest, effectsWaiting, effectsFailing, queueUsage *prometheus.GaugeVec
}

func newLogGauges() logGauges {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: metricsPrefix + name, Help: help}, nil)
	}
	return logGauges{
		stagingRows:    gauge("staging_rows", "Changes that wait to be numbered, counted up to 100000."),
		stagingOldest:  gauge("staging_oldest_seconds", "Since the oldest of them was written, by the database's clock."),
		effectsWaiting: gauge("effects_waiting", "Releases not settled yet, also those that wait for a doctor who is serving; counted up to 10000."),
		effectsFailing: gauge("effects_failing", "Of these, those whose last try failed, and those that nobody can try because the doctor is locked."),
		queueUsage:     gauge("notify_queue_usage", "How full the server's NOTIFY queue is, from 0 to 1; from 0.5 on the bell is silent."),
	}
}

func (g logGauges) all() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{g.stagingRows, g.stagingOldest, g.effectsWaiting, g.effectsFailing, g.queueUsage}
}

func (g logGauges) register(registry *prometheus.Registry) {
	for _, gauge := range g.all() {
		registry.MustRegister(gauge)
	}
}

func (m *metrics) Staged(rows int, oldest time.Duration) {
	m.log.stagingRows.WithLabelValues().Set(float64(rows))
	m.log.stagingOldest.WithLabelValues().Set(oldest.Seconds())
}

func (m *metrics) Effects(waiting, failing int) {
	m.log.effectsWaiting.WithLabelValues().Set(float64(waiting))
	m.log.effectsFailing.WithLabelValues().Set(float64(failing))
}

func (m *metrics) NotifyQueue(usage float64) { m.log.queueUsage.WithLabelValues().Set(usage) }

func (m *metrics) Unseen() {
	for _, gauge := range m.log.all() {
		gauge.Reset()
	}
}
