package main

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminHandler serves operators, on an address of its own: /livez, /readyz and /metrics to everybody, all else to who may look inside.
func (d *daemon) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", d.livez)
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{}))
	inside := http.NewServeMux()
	inside.HandleFunc("GET /debug/pprof/", pprof.Index)
	inside.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // secrets may have been given as flags
	inside.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	inside.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	inside.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	d.mountAPI(inside)
	mux.Handle("/", d.guarded(inside))
	return mux
}

// livez is 200 unless a part is stuck so that only a restart can mend it, which no outage of the database is; either way it
// says so in JSON.
func (d *daemon) livez(w http.ResponseWriter, _ *http.Request) {
	var h health
	for _, code := range d.life.hung(hangsForLive) {
		h.add(code, time.Time{})
	}
	answer(w, len(h.Problems) == 0, struct {
		Live     bool      `json:"live"`
		Problems []problem `json:"problems"`
	}{len(h.Problems) == 0, append([]problem{}, h.Problems...)})
}

// readyz is 200 while new clients can be served, else 503; either way it says why in JSON.
func (d *daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	h := d.health()
	answer(w, h.Ready, h)
}

func answer(w http.ResponseWriter, good bool, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody to tell
}
