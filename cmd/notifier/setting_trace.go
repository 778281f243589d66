package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// traceSettings say which events are traced, and where the traces go.
type traceSettings struct {
	otlpEndpoint string // empty: no traces
	traceRatio   float64
}

func (t *traceSettings) register(s *settings) {
	s.text(&t.otlpEndpoint, "otlp-endpoint", "",
		"OpenTelemetry collector for traces, by OTLP over HTTP, as http://127.0.0.1:4318; no traces if empty", isOTLPEndpoint)
	v := &setting{name: "trace-ratio", kind: "ratio", fallback: "1", help: "share of the events that are traced, 0 to 1"}
	add(s, &t.traceRatio, v, func(text string) (float64, error) {
		ratio, err := strconv.ParseFloat(text, 64)
		if err != nil || !(0 <= ratio && ratio <= 1) {
			return 0, fmt.Errorf("%s is not a number from 0 to 1", shown(text))
		}
		return ratio, nil
	})
}

// isOTLPEndpoint wants what OTEL_EXPORTER_OTLP_ENDPOINT has: the place below which OTLP has its paths.
func isOTLPEndpoint(text string) error {
	endpoint, err := url.Parse(text)
	switch {
	case err != nil, endpoint.Scheme != "http" && endpoint.Scheme != "https", endpoint.Hostname() == "":
		return fmt.Errorf("%s is not a URL like http://127.0.0.1:4318", shown(text))
	case endpoint.User != nil:
		return errors.New("has a user or password in it: those go into OTEL_EXPORTER_OTLP_HEADERS")
	case endpoint.RawQuery != "", endpoint.ForceQuery, endpoint.Fragment != "":
		return fmt.Errorf("%s has something behind its path", shown(text))
	}
	return nil
}
