package wsroom

import (
	"container/list"
	"errors"
	"log/slog"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Why Admit, Attach and Join refuse, beside ErrTooMany. Unavailable and Restart are what to tell the client.
var (
	ErrUnavailable = errors.New("wsroom: the feed is not running")
	ErrDraining    = errors.New("wsroom: the hub is draining")
)

// HubConfig is how much a hub takes, and who is told.
type HubConfig struct {
	Name    string // what the ids of its connections begin with
	Limits  Limits
	Metrics Metrics // of members: Joined, Left, Delivered, Evicted, Refused
	Tracer  Tracer  // nil: nobody follows events to the sockets
	Logger  *slog.Logger
}

// Hub holds the rooms: "orders.account.<id>", keyed by the account id alone. One feed publishes into it; connections come and go.
//
// Two locks: mu for who is in which room and for the position, held for moments; and each member's own for its queue. Nothing blocks and
// nothing is written while either is held.
type Hub struct {
	maxMessages atomic.Int64 // of a member's queue
	maxBytes    atomic.Int64
	began       time.Time
	name        string
	metrics     Metrics
	tracer      Tracer
	logger      *slog.Logger

	crew crew // writes for all

	publishing sync.Mutex // the feed is one goroutine: this only makes a second one safe
	audience   []*Member  // scratch of Publish

	mu        sync.Mutex
	opened    bool // Open was called
	available bool
	draining  bool
	position  place
	settled   settlement
	rooms     map[string][]*Member
	waiting   list.List // of waiter: attached, not in a room
	door      door
	numbers   int64               // the last connection's
	members   int                 // in rooms
	protocols map[string]int      // in rooms or waiting, by protocol
	claimed   map[string]struct{} // what Claim returned last; never changed, replaced
	arrived   bool                // an account came that is not in claimed
	departed  int                 // accounts in claimed that are no longer here
	empty     chan struct{}       // closed when draining and nobody is left
}

// place is a position in the stream and the cursor that names it.
type place struct {
	seq    int64
	cursor string
}

// NewHub makes a hub. It is not available before Open.
func NewHub(cfg HubConfig) *Hub {
	h := &Hub{
		name:      cfg.Name,
		metrics:   cfg.Metrics,
		tracer:    cfg.Tracer,
		logger:    cfg.Logger,
		rooms:     make(map[string][]*Member),
		began:     time.Now(),
		door:      door{addresses: make(map[uint64]int32)},
		protocols: make(map[string]int),
		claimed:   make(map[string]struct{}),
		empty:     make(chan struct{}),
	}
	h.crew.size = runtime.GOMAXPROCS(0)
	h.SetLimits(cfg.Limits)
	if h.metrics == nil {
		h.metrics = NoMetrics{}
	}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	return h
}

// Stats is what gauges need.
type Stats struct {
	Available bool
	Members   int // in rooms
	Waiting   int // connected, not yet in a room
	Rooms     int
	Protocols map[string]int // members by protocol, those waiting included
	Seq       int64          // everything up to here was published
}

// Stats copies what is counted anyway.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{
		Available: h.available && !h.draining,
		Members:   h.members,
		Waiting:   h.waiting.Len(),
		Rooms:     len(h.rooms),
		Protocols: maps.Clone(h.protocols),
		Seq:       h.settled.seq,
	}
}

// now is the time since the hub was made: it only serves to be compared.
func (h *Hub) now() time.Duration { return time.Since(h.began) }
