package notifier

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// readBy does what replay.sql does.
func (s *stretches) readBy(log map[string][]int64) (read int) {
	for i, stretch := range s.list {
		for _, seq := range log[stretch.account] {
			if seq > stretch.after && seq <= stretch.upTo && s.list[i].count < questionPage {
				s.list[i].count++
				s.events = append(s.events, Event{Account: stretch.account, Cursor: Cursor{1, seq}})
			}
		}
	}
	s.connect()
	return len(s.events)
}

// Whatever clients ask together, each gets a page that is the beginning of what it missed, and all of it where nothing
// more is announced; and nothing is read twice.
func TestStretchesGiveEachClientItsOwn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		end := 1 + random.Int64N(3000)
		log, distinct := map[string][]int64{}, 0
		for account := range 1 + random.IntN(4) {
			name, share := fmt.Sprint(account), random.Float64()
			for seq := int64(1); seq <= end; seq++ {
				if random.Float64() < share {
					log[name] = append(log[name], seq)
					distinct++
				}
			}
		}
		clients := make([]*question, 1+random.IntN(40))
		for i := range clients {
			clients[i] = &question{
				account: fmt.Sprint(random.IntN(5)), upTo: end - random.Int64N(min(20, end)),
				from: Cursor{1, random.Int64N(end + 5)},
			}
			if random.IntN(2) == 0 { // near the end
				clients[i].from.Seq = end - random.Int64N(min(20, end))
			}
		}
		s := divide(clients)
		if read := s.readBy(log); read > distinct {
			t.Fatalf("seed %d: %d events read of %d", seed, read, distinct)
		}
		for _, client := range clients {
			var missed []int64
			for _, seq := range log[client.account] {
				if seq > client.from.Seq && seq <= client.upTo {
					missed = append(missed, seq)
				}
			}
			page, more := s.after(client.stretch, client.upTo)
			var got []int64
			for _, event := range page {
				got = append(got, event.Cursor.Seq)
			}
			enough := slices.Equal(got, missed) || more && len(got) > 0 && len(got) < len(missed) && slices.Equal(got, missed[:len(got)])
			if !enough || len(got) > questionPage {
				t.Fatalf("seed %d, %+v: %d events %v, more %v; missed %d", seed, *client, len(got), got, more, len(missed))
			}
		}
	}
}

// A client far behind leaves the others their own whole page.
func TestAClientFarBehindTakesNothingFromOthers(t *testing.T) {
	t.Parallel()
	log := map[string][]int64{}
	for seq := int64(1); seq <= 10*questionPage; seq++ {
		log["1"] = append(log["1"], seq)
	}
	last := int64(10 * questionPage)
	far := &question{account: "1", from: Cursor{1, 0}, upTo: last}
	near := &question{account: "1", from: Cursor{1, last - questionPage + 1}, upTo: last}
	s := divide([]*question{near, far})
	if read := s.readBy(log); read != 2*questionPage-1 {
		t.Errorf("%d events read", read)
	}
	if page, more := s.after(near.stretch, last); len(page) != questionPage-1 || more {
		t.Errorf("who is near gets %d events, more %v", len(page), more)
	}
	if page, more := s.after(far.stretch, last); len(page) != questionPage || !more {
		t.Errorf("who is far gets %d events, more %v", len(page), more)
	}
}
