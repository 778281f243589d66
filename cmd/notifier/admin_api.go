package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"notifier/cmd/notifier/statuspage"
	"notifier/wsroom"
)

// maxAPIBody is what a request of the API may have in it.
const maxAPIBody = 4 << 10

// mountAPI serves what the commands and the status page ask for, in JSON, and answers the same questions of other daemons.
func (d *daemon) mountAPI(mux *http.ServeMux) {
	d.answers(askConns, d.answerConns)
	d.answers(askKick, d.answerKick)
	d.answers(askStatus, d.answerStatus)
	d.answers(askFacts, d.answerFacts)
	mux.HandleFunc("GET /{$}", statuspage.ServeHTTP)
	mux.HandleFunc("GET /api/status", d.serveStatus)
	mux.HandleFunc("GET /api/conns", d.serveConns)
	mux.HandleFunc("POST /api/kick", d.serveKick)
	mux.HandleFunc("GET /api/trace", d.serveTrace)
	mux.HandleFunc("POST /api/send-test", d.serveSendTest)
}

func (d *daemon) serveConns(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit := 100
	if text := query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxConnsLimit {
			http.Error(w, "limit is a number from 1 to 10000", http.StatusBadRequest)
			return
		}
	}
	report, err := d.conns(r.Context(), connsQuestion{Account: query.Get("account"), Subject: query.Get("subject"), Limit: limit})
	say(w, report, err)
}

func (d *daemon) serveKick(w http.ResponseWriter, r *http.Request) {
	var q kickQuestion
	if !readAPIBody(w, r, &q) {
		return
	}
	if q.by() == "" || len(q.Subject) > wsroom.MaxSubject {
		http.Error(w, "name one of account, subject (up to 256 bytes) and conn", http.StatusBadRequest)
		return
	}
	report, err := d.kick(r.Context(), q)
	say(w, report, err)
}

// say answers with JSON, or with an error that is ours.
func say(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, "the question cannot be put", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client has gone: nobody to tell
}

// readAPIBody decodes a request's JSON into `into`, or answers with what is wrong with it.
func readAPIBody(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAPIBody))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil || !errors.Is(decoder.Decode(&struct{}{}), io.EOF) {
		http.Error(w, "the body is not the JSON object that this wants", http.StatusBadRequest) // no cause: it may quote the body
		return false
	}
	return true
}
