package main

import (
	"math"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"notifier/wsroom"
)

// metrics implements what the packages declare, on a Prometheus registry of the daemon's own. No label ever
// holds an account.
type metrics struct {
	registry *prometheus.Registry

	events              *prometheus.CounterVec
	tombstones          prometheus.Counter
	delay               prometheus.Histogram
	pumpTime            prometheus.Histogram
	bells               *prometheus.CounterVec
	listenerUp          prometheus.Gauge
	reconnects          prometheus.Counter
	releases            *prometheus.CounterVec
	log                 logGauges
	pruned              prometheus.Counter
	deliveries          *prometheus.CounterVec
	evictions           *prometheus.CounterVec
	closes              *prometheus.CounterVec
	emitted             prometheus.Counter
	replays             *prometheus.CounterVec
	refusals            *prometheus.CounterVec
	kicked              prometheus.Counter
	peers               prometheus.Gauge
	peerRequests, moves *prometheus.CounterVec
	keyFetches          *prometheus.CounterVec
	spans               *prometheus.CounterVec
	logLines            *prometheus.CounterVec
	connections         *prometheus.Desc
	rooms               *prometheus.Desc
}

const metricsPrefix = "notifier_"

func newMetrics() *metrics {
	m := &metrics{
		registry:     prometheus.NewRegistry(),
		events:       counters("events_total", "Events read from the log: delivered to members here, or nobody.", "outcome"),
		tombstones:   counter("tombstones_total", "Events sent without the appointment's data: gone, moved, or not loaded."),
		delay:        histogram("commit_to_delivery_seconds", "From the change of the row to the members' queues."),
		pumpTime:     histogram("pump_seconds", "Duration of one call of notifier.pump."),
		bells:        counters("bells_total", "Notifications heard: ok, event (another daemon's pump) or garbage.", "outcome"),
		listenerUp:   prometheus.NewGauge(prometheus.GaugeOpts{Name: metricsPrefix + "listener_up", Help: "1 while the bells are heard."}),
		reconnects:   counter("listener_reconnects_total", "Times that the listening connection was lost."),
		releases:     counters("releases_total", "Effects settled (released, was_free, guarded, gone), and passes that failed.", "outcome"),
		log:          newLogGauges(),
		pruned:       counter("pruned_events_total", "Events removed by the retention."),
		deliveries:   counters("deliveries_total", "Events written to connections.", "protocol"),
		evictions:    counters("evictions_total", "Members evicted because a limit of their queue was reached.", "cause"),
		closes:       counters("closes_total", "Connections ended, by close code.", "code"),
		emitted:      counter("client_events_dropped_total", "Events that Socket.IO clients emitted: nobody listens to them."),
		replays:      counters("replays_total", "Answers to a client's cursor.", "outcome"),
		refusals:     counters("connections_refused_total", "Connections over a limit: connections, account, address, rate, waiting, handshakes.", "limit"),
		kicked:       counter("connections_kicked_total", "Connections closed by notifier kick."),
		peers:        prometheus.NewGauge(prometheus.GaugeOpts{Name: metricsPrefix + "peers", Help: "Other daemons on this database."}),
		peerRequests: counters("peer_requests_total", "Requests for other daemons: passed_on, unreachable, or unknown (gone).", "outcome"),
		moves:        counters("sessions_moved_total", "Upgrades here of sessions of other daemons: moved, refused or failed.", "outcome"),
		keyFetches:   counters("jwks_fetches_total", "Fetches of the JWKS: ok or failed.", "outcome"),
		spans:        counters("spans_total", "Spans for the collector: exported, failed (it did not take them), dropped (no room for them).", "outcome"),
		logLines:     counters("log_lines_total", "Lines written to the log, by level.", "level"),
		connections:  prometheus.NewDesc(metricsPrefix+"connections", "Connections open now.", []string{"protocol"}, nil),
		rooms:        prometheus.NewDesc(metricsPrefix+"rooms", "Accounts with a connection here.", nil, nil),
	}
	m.registry.MustRegister(m.events, m.tombstones, m.delay, m.pumpTime, m.bells, m.listenerUp, m.reconnects, m.releases,
		m.pruned, m.deliveries, m.evictions, m.closes, m.emitted, m.replays, m.refusals, m.kicked, m.peers, m.peerRequests, m.moves,
		m.keyFetches, m.spans, m.logLines,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildGauge())
	m.log.register(m.registry)
	m.beginAtZero()
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: metricsPrefix + name, Help: help})
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricsPrefix + name, Help: help}, []string{label})
}

// histogram has buckets from half a millisecond, below which nothing happens, to half a minute.
func histogram(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: metricsPrefix + name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 17),
	})
}

func buildGauge() prometheus.Collector {
	b := thisBuild()
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: metricsPrefix + "build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": b.version, "commit": b.commit, "go": b.goVersion},
	})
	g.Set(1)
	return g
}

// The events of package notifier.

func (m *metrics) BellHeard(outcome string)         { m.bells.WithLabelValues(outcome).Inc() }
func (m *metrics) ListenerReconnected()             { m.reconnects.Inc() }
func (m *metrics) Pumped(_ int, took time.Duration) { m.pumpTime.Observe(took.Seconds()) }
func (m *metrics) Handled(outcome string)           { m.events.WithLabelValues(outcome).Inc() }
func (m *metrics) Tombstone()                       { m.tombstones.Inc() }
func (m *metrics) Delay(d time.Duration)            { m.delay.Observe(d.Seconds()) }
func (m *metrics) Released(outcome string)          { m.releases.WithLabelValues(outcome).Inc() }
func (m *metrics) Pruned(events int)                { m.pruned.Add(float64(events)) }
func (m *metrics) Peers(daemons int)                { m.peers.Set(float64(daemons)) }
func (m *metrics) ListenerUp(up bool) {
	if up {
		m.listenerUp.Set(1)
	} else {
		m.listenerUp.Set(0)
	}
}

// The events of package wsroom.

func (m *metrics) Joined(string) {} // the gauges are read from the hub
func (m *metrics) Left(string)   {}
func (m *metrics) Delivered(protocol string, n int) {
	m.deliveries.WithLabelValues(protocol).Add(float64(n))
}
func (m *metrics) Evicted(cause string)    { m.evictions.WithLabelValues(cause).Inc() }
func (m *metrics) Closed(code int)         { m.closes.WithLabelValues(strconv.Itoa(code)).Inc() }
func (m *metrics) ClientEventDropped()     { m.emitted.Inc() }
func (m *metrics) Replayed(outcome string) { m.replays.WithLabelValues(outcome).Inc() }
func (m *metrics) Refused(limit string)    { m.refusals.WithLabelValues(limit).Inc() }

// Spans is the event of package traces.
func (m *metrics) Spans(outcome string, n int) { m.spans.WithLabelValues(outcome).Add(float64(n)) }

// KeysRefreshed is the event of package auth.
func (m *metrics) KeysRefreshed(ok bool) {
	outcome := "failed"
	if ok {
		outcome = "ok"
	}
	m.keyFetches.WithLabelValues(outcome).Inc()
}

// watchKeys makes the age of the JWKS a gauge. age is false while it was never loaded.
func (m *metrics) watchKeys(age func() (time.Duration, bool)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: metricsPrefix + "jwks_age_seconds", Help: "Since the JWKS was last fetched; NaN while it never was.",
	}, func() float64 {
		if age, ok := age(); ok {
			return age.Seconds()
		}
		return math.NaN()
	}))
}

// watchCertificate makes the time that the certificate has left a gauge.
func (m *metrics) watchCertificate(notAfter func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: metricsPrefix + "tls_expires_seconds", Help: "Until the certificate of the public address ends.",
	}, func() float64 { return time.Until(notAfter()).Seconds() }))
}

// watch makes the hub's numbers gauges, read at every scrape.
func (m *metrics) watch(hub *wsroom.Hub) { m.watchRooms(hub.Stats) }

// watchRooms is watch for whatever tells the numbers, and may block.
func (m *metrics) watchRooms(stats func() wsroom.Stats) {
	m.registry.MustRegister(&hubCollector{m, stats, make(chan struct{}, 1)})
}

// hubPatience is how long a scrape waits for the rooms' lock. Without an end to it a daemon whose rooms hang would have no
// metrics to say so.
const hubPatience = time.Second

type hubCollector struct {
	metrics *metrics
	stats   func() wsroom.Stats
	asking  chan struct{} // one at a time: scrapes that come while the rooms hang leave nothing behind
}

// Describe implements prometheus.Collector.
func (c *hubCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.metrics.connections
	ch <- c.metrics.rooms
}

// Collect implements prometheus.Collector. While the rooms hang their gauges are absent.
func (c *hubCollector) Collect(ch chan<- prometheus.Metric) {
	patience := time.NewTimer(hubPatience)
	defer patience.Stop()
	select {
	case c.asking <- struct{}{}:
	case <-patience.C:
		return
	}
	answer := make(chan wsroom.Stats, 1)
	go func() { // it ends with the question, which nobody can take back
		answer <- c.stats()
		<-c.asking
	}()
	select {
	case stats := <-answer:
		for _, protocol := range protocols {
			ch <- prometheus.MustNewConstMetric(c.metrics.connections, prometheus.GaugeValue, float64(stats.Protocols[protocol]), protocol)
		}
		ch <- prometheus.MustNewConstMetric(c.metrics.rooms, prometheus.GaugeValue, float64(stats.Rooms))
	case <-patience.C:
	}
}
