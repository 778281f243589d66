package main

import (
	"context"
	"log/slog"

	"notifier/cmd/notifier/traces"
	"notifier/wsroom"
)

// newTraces follows events if there is a collector to tell; otherwise it is nil.
func newTraces(ctx context.Context, s traceSettings, metrics *metrics, log *slog.Logger) (*traces.Tracer, error) {
	if s.otlpEndpoint == "" {
		return nil, nil
	}
	return traces.New(ctx, traces.Config{
		Endpoint: s.otlpEndpoint, Ratio: s.traceRatio, Version: thisBuild().version, Metrics: metrics, Logger: log,
	})
}

// follower is the hub's tracer, which knows nil for nobody.
func follower(t *traces.Tracer) wsroom.Tracer {
	if t == nil {
		return nil
	}
	return t
}
