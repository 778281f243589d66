package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestTheEndpointForTracesIsAPlaceWithoutSecrets(t *testing.T) {
	for text, good := range map[string]bool{
		"http://127.0.0.1:4318": true, "https://otel.example/otlp/": true, "http://[::1]:4318/v1/traces": true,
		"127.0.0.1:4318": false, "localhost:4318": false, "grpc://a:4317": false, "http://": false, "http://:4318": false,
		"https://user:geheim@otel.example": false, "https://otel.example/?key=geheim": false, "https://otel.example/#a": false,
	} {
		err := isOTLPEndpoint(text)
		if (err == nil) != good {
			t.Errorf("%s: %v, want it to be good: %v", text, err, good)
		}
		if err != nil && strings.Contains(err.Error(), "user:geheim") {
			t.Errorf("%s: the error repeats the password: %v", text, err)
		}
	}
}

func TestTheShareOfTracesIsBetweenNoneAndAll(t *testing.T) {
	for text, good := range map[string]bool{"0": true, "0.01": true, "1": true, "1.1": false, "-1": false, "NaN": false, "half": false} {
		t.Setenv("NOTIFIER_DATABASE_URL", "postgres://a@127.0.0.1/b")
		t.Setenv("NOTIFIER_JWT_SECRET", "0123456789abcdef0123456789abcdef")
		t.Setenv("NOTIFIER_TRACE_RATIO", text)
		var s serveSettings
		s.register(&cobra.Command{})
		if err := s.load(); (err == nil) != good {
			t.Errorf("%s: %v, want it to be good: %v", text, err, good)
		}
	}
}
