package main

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"notifier/notifier"
)

// adminHandler serves operators: /livez, /readyz, /metrics and /debug/pprof/, on an address of its own.
func (d *daemon) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // secrets may have been given as flags
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// problem is one reason for not being ready, for a script and for a person.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// readyz is 200 while new clients can be served, else 503; either way it says why in JSON.
func (d *daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	problems := d.problems()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if len(problems) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct { // the client has gone: nobody to tell
		Ready    bool      `json:"ready"`
		Listener bool      `json:"listener"`
		Problems []problem `json:"problems"`
	}{len(problems) == 0, d.listener.Up(), problems})
}

// problems are fixed texts: an error of the database may name hosts and roles, which belong into the log.
func (d *daemon) problems() []problem {
	problems := []problem{}
	if d.draining.Load() {
		problems = append(problems, problem{"draining", "the daemon is shutting down"})
	}
	if err := d.feed.Err(); err != nil {
		if notifier.IsNotMigrated(err) {
			problems = append(problems, problem{"not_migrated",
				"the database has no notifier schema that this role may use, or refuses the role: run `notifier migrate up`, and check --database-url"})
		} else {
			problems = append(problems, problem{"database_away", "the database cannot be reached or does not answer: see the log"})
		}
	}
	if err := d.verifier.Ready(); err != nil {
		problems = append(problems, problem{"keys_never_loaded", "the JWKS was never loaded: check --jwks-url"})
	}
	return problems
}
