package notifier

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for something that must come; it comes within milliseconds.
const patience = 20 * time.Second

// publication is one call of Publish.
type publication struct {
	account, id string
	seq         int64
	event       string
	data        string
	at          time.Time
}

// appointment is the id that the data names.
func (p publication) appointment() int {
	var data struct {
		ID int `json:"id"`
	}
	if err := json.Unmarshal([]byte(p.data), &data); err != nil {
		panic(err)
	}
	return data.ID
}

// place is a position that the rooms were told.
type place struct {
	seq    int64
	cursor string
}

// rooms record what the feed tells them. Like the real ones they take the position of a join and the set of
// accounts of a claim under one lock.
type rooms struct {
	mu        sync.Mutex
	changed   chan struct{} // closed at every call
	here      map[string]struct{}
	position  place
	available bool
	opens     []place
	claims    []place
	settles   []place
	resyncs   []place
	suspends  int
	published []publication
}

func newRooms(accounts ...string) *rooms {
	r := &rooms{changed: make(chan struct{}), here: map[string]struct{}{}}
	for _, account := range accounts {
		r.here[account] = struct{}{}
	}
	return r
}

func (r *rooms) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *rooms) Open(seq int64, cursor string) {
	r.change(func() {
		r.opens, r.position, r.available = append(r.opens, place{seq, cursor}), place{seq, cursor}, true
	})
}

func (r *rooms) Suspend() {
	r.change(func() { r.suspends++; r.available = false })
}

func (r *rooms) Claim(seq int64, cursor string) (here map[string]struct{}) {
	r.change(func() {
		r.claims, r.position = append(r.claims, place{seq, cursor}), place{seq, cursor}
		here = make(map[string]struct{}, len(r.here))
		for account := range r.here {
			here[account] = struct{}{}
		}
	})
	return here
}

func (r *rooms) Publish(account, id string, seq int64, event string, data []byte) int {
	r.change(func() {
		r.published = append(r.published, publication{account, id, seq, event, string(data), time.Now()})
	})
	return 1
}

func (r *rooms) Settle(seq int64, cursor string) {
	r.change(func() { r.settles = append(r.settles, place{seq, cursor}) })
}

func (r *rooms) Resync(seq int64, cursor string) {
	r.change(func() {
		r.resyncs, r.position = append(r.resyncs, place{seq, cursor}), place{seq, cursor}
	})
}

// join brings a screen and tells the position that it starts at.
func (r *rooms) join(account string) (at place) {
	r.change(func() { r.here[account], at = struct{}{}, r.position })
	return at
}

// await returns when the condition, looked at under the lock, holds.
func (r *rooms) await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		ok, changed, state := holds(), r.changed, r.String()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited %v for %s: %s", patience, what, state)
		}
	}
}

// awaitEvents returns the publications once there are count of them.
func (r *rooms) awaitEvents(t testing.TB, count int) []publication {
	t.Helper()
	r.await(t, fmt.Sprintf("%d events", count), func() bool { return len(r.published) >= count })
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.published)
}

// awaitSettled returns when everything up to seq has been published.
func (r *rooms) awaitSettled(t testing.TB, seq int64) {
	t.Helper()
	r.await(t, fmt.Sprintf("seq %d to be settled", seq), func() bool {
		return len(r.settles) > 0 && r.settles[len(r.settles)-1].seq >= seq
	})
}

func (r *rooms) awaitOpen(t testing.TB) {
	t.Helper()
	r.await(t, "the rooms to open", func() bool { return r.available })
}

// String says for a failing test where the rooms stand.
func (r *rooms) String() string {
	return fmt.Sprintf("%d opens, %d suspends, %d resyncs, %d claims, position %v, %d published",
		len(r.opens), r.suspends, len(r.resyncs), len(r.claims), r.position, len(r.published))
}

// appointments are the ids that were published, in order.
func appointments(published []publication) []int {
	ids := make([]int, len(published))
	for i, p := range published {
		ids[i] = p.appointment()
	}
	return ids
}

// checkOrder fails unless the publications are seq 1, 2, 3 … without gap or double.
func checkOrder(t testing.TB, published []publication, from int64) {
	t.Helper()
	for i, p := range published {
		if want := from + int64(i); p.seq != want {
			t.Fatalf("publication %d has seq %d, want %d", i, p.seq, want)
		}
	}
}
