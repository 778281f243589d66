package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// protocols are what members speak, as the packages of wsroom name it.
var protocols = []string{"ws", "socketio"}

// closeCodes are all that a connection may end with: those of wsroom.Ending, and what clients send.
var closeCodes = []int{1000, 1001, 1002, 1005, 1006, 1008, 1009, 1012, 1013, 4401, 4403, 4408, 4429}

// beginAtZero makes every series with a label be there before anything is counted: a counter that appears as 1 has no
// increase that an alert could see.
func (m *metrics) beginAtZero() {
	for vector, labels := range map[*prometheus.CounterVec][]string{
		m.events:       {"delivered", "nobody"},
		m.bells:        {"ok", "event", "garbage"},
		m.releases:     {"released", "was_free", "guarded", "gone", "failed"},
		m.deliveries:   protocols,
		m.evictions:    {"messages", "bytes"},
		m.closes:       closeLabels(),
		m.replays:      {"recovered", "refused", "failed"},
		m.refusals:     {"connections", "account", "address", "rate", "waiting", "handshakes"},
		m.peerRequests: {"passed_on", "unreachable", "unknown"},
		m.moves:        {"moved", "refused", "failed"},
		m.keyFetches:   {"ok", "failed"},
		m.spans:        {"exported", "failed", "dropped"},
		m.logLines:     {"debug", "info", "warn", "error"},
		m.spans:        {"exported", "failed", "dropped"},
	} {
		for _, label := range labels {
			vector.WithLabelValues(label)
		}
	}
}

func closeLabels() []string {
	labels := make([]string, len(closeCodes))
	for i, code := range closeCodes {
		labels[i] = strconv.Itoa(code)
	}
	return labels
}
