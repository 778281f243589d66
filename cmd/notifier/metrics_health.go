package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// watchHealth makes what /readyz says gauges, so that an alert can name the problem. health must not block.
func (m *metrics) watchHealth(of func() health) {
	m.registry.MustRegister(&healthCollector{
		of:      of,
		ready:   prometheus.NewDesc(metricsPrefix+"ready", "1 while /readyz is 200.", nil, nil),
		problem: prometheus.NewDesc(metricsPrefix+"problem", "1 while /readyz names this problem or warning.", []string{"code"}, nil),
	})
}

type healthCollector struct {
	of             func() health
	ready, problem *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *healthCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.ready
	ch <- c.problem
}

// Collect implements prometheus.Collector.
func (c *healthCollector) Collect(ch chan<- prometheus.Metric) {
	h := c.of()
	told := map[string]bool{}
	for _, one := range append(h.Problems, h.Warnings...) {
		told[one.Code] = true
	}
	ch <- prometheus.MustNewConstMetric(c.ready, prometheus.GaugeValue, number(h.Ready))
	for code := range advice {
		ch <- prometheus.MustNewConstMetric(c.problem, prometheus.GaugeValue, number(told[code]), code)
	}
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// countedLog counts the lines of a log, for who has no other eye on it.
type countedLog struct {
	slog.Handler

	lines *prometheus.CounterVec
}

// Handle implements slog.Handler.
func (c countedLog) Handle(ctx context.Context, record slog.Record) error {
	c.lines.WithLabelValues(strings.ToLower(record.Level.String())).Inc()
	return c.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (c countedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return countedLog{c.Handler.WithAttrs(attrs), c.lines}
}

// WithGroup implements slog.Handler.
func (c countedLog) WithGroup(name string) slog.Handler {
	return countedLog{c.Handler.WithGroup(name), c.lines}
}
