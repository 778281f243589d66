package wsroom

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// silentReceiver is a Receiver of which nothing comes.
type silentReceiver struct{}

func (silentReceiver) Wake()   {}
func (silentReceiver) GiveUp() {}

// Whatever connections do while limits change, in the end nobody is counted.
func TestWhenAllHaveLeftNobodyIsCounted(t *testing.T) {
	var refused refusals
	h := NewHub(HubConfig{Metrics: &refused})
	h.Open(1, "1-1")
	var all sync.WaitGroup
	for i := range 8 {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		all.Go(func() {
			for range 2000 {
				if random.IntN(20) == 0 {
					upset(h, random)
				}
				visit(h, random)
			}
		})
	}
	all.Wait()
	for _, limit := range []string{"connections", "account", "address", "rate", "waiting"} {
		if n, _ := refused.Load(limit); n == nil {
			t.Errorf("nobody was over the limit %q", limit)
		}
	}
	d := &h.door
	if d.taken != 0 || len(d.addresses) != 0 || d.refusing != 0 || d.dismissed != 0 || h.members != 0 || h.waiting.Len() != 0 || len(h.rooms) != 0 ||
		h.protocols[Plain.name] != 0 {
		t.Errorf("left over: %+v, %+v, %v", d, h.Stats(), h.rooms)
	}
}

// refusals are the limits that somebody was over.
type refusals struct {
	NoMetrics
	sync.Map
}

func (r *refusals) Refused(limit string) { r.Store(limit, true) }

// upset changes the limits, has an event for a room, and makes who waits have waited for long.
func upset(h *Hub, random *rand.Rand) {
	h.SetLimits(Limits{
		Connections: random.IntN(9), PerAccount: random.IntN(5), PerAddress: random.IntN(5), PerSecond: random.IntN(3) * 20,
		SparePrivate: random.IntN(2) == 0, QueueMessages: random.IntN(3),
	})
	h.Publish("1", "1-2", 2, "x", []byte(`{}`))
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := h.waiting.Front(); e != nil; e = e.Next() {
		e.Value = waiter{e.Value.(waiter).member, -time.Hour}
	}
}

// visit is one connection, from its handshake to its end.
func visit(h *Hub, random *rand.Rand) {
	if random.IntN(20) == 0 {
		if h.mayTell() {
			h.told()
		}
		return
	}
	m := new(Member)
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(random.IntN(2) * 10), 0, 0, byte(random.IntN(3))}), 1)
	admit := h.Admit
	if random.IntN(4) == 0 {
		admit = h.AdmitMoved
	}
	if admit(m, from) != nil {
		return
	}
	defer m.Leave()
	if random.IntN(10) == 0 || h.Attach(m, Plain, silentReceiver{}) != nil {
		return
	}
	for random.IntN(5) != 0 {
		switch random.IntN(4) {
		case 0, 1:
			if position, _, err := m.Join([]string{"1", "2"}[random.IntN(2)]); err == nil {
				m.Live(position)
			}
		case 2:
			m.Part()
		case 3:
			m.End(Lost, false)
		}
	}
}

// A refusal by a close frame costs a socket for two seconds, if the client wants it so: a flood of those is answered by a status, which costs none.
func TestWhoIsOneTooManyToBeToldGetsAStatus(t *testing.T) {
	origins, err := NewOrigins("https://app.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		origin string
		status int
		set    func(*Hub)
	}{
		"over a limit":    {"", http.StatusTooManyRequests, func(h *Hub) { h.door.taken = 1 }},
		"foreign origin":  {"https://evil.example", http.StatusForbidden, func(*Hub) {}},
		"no database":     {"", http.StatusServiceUnavailable, func(h *Hub) { h.available = false }},
		"being shut down": {"", http.StatusServiceUnavailable, func(h *Hub) { h.draining = true }},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(HubConfig{Limits: Limits{Connections: 1}})
			h.Open(1, "1-1")
			h.door.refusing = maxTelling
			c.set(h)
			r := httptest.NewRequest(http.MethodGet, "/ws", nil)
			r.Header.Set("Upgrade", "websocket")
			r.Header.Set("Origin", c.origin)
			w := httptest.NewRecorder()
			NewHandler(h, nil, nil, HandlerConfig{Origins: origins}).ServeHTTP(w, r)
			if w.Code != c.status || (w.Header().Get("Retry-After") == "") != (c.status == http.StatusForbidden) || h.door.refusing != maxTelling {
				t.Errorf("got %d, %v", w.Code, w.Header())
			}
			h.door.refusing = 0
			NewHandler(h, nil, nil, HandlerConfig{Origins: origins}).ServeHTTP(httptest.NewRecorder(), r) // it has no key, and no connection
			if h.door.refusing != 0 {
				t.Error("counted as being told for ever")
			}
		})
	}
}
