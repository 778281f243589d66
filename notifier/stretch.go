package notifier

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// stretches are what one question reads of the log. Each account's range, from the first of its clients' places to the
// farthest end, is cut at every place: so each event is read once for all who missed it, and a client far behind takes
// nothing from the others, whose events are in stretches of their own.
type stretches struct {
	list   []stretch
	events []Event // of all, in the order of the list
}

// stretch is the part of one account's log after a place, up to another. A page of it is read.
type stretch struct {
	account     string
	after, upTo int64
	last        bool // of its account
	count       int  // of its events
	start       int  // the first of them in the list of all
	reach       int  // from start up to here they go on, in this and the next stretches, without a gap
	broken      bool // at the reach, because there is more of a stretch than a page
}

// divide sorts the clients and tells each its stretch.
func divide(clients []*question) *stretches {
	slices.SortFunc(clients, func(a, b *question) int {
		return cmp.Or(strings.Compare(a.account, b.account), cmp.Compare(a.from.Seq, b.from.Seq))
	})
	s := &stretches{list: make([]stretch, 0, len(clients))}
	for len(clients) > 0 {
		n := slices.IndexFunc(clients, func(c *question) bool { return c.account != clients[0].account })
		if n < 0 {
			n = len(clients)
		}
		s.divideAccount(clients[:n])
		clients = clients[n:]
	}
	return s
}

func (s *stretches) divideAccount(clients []*question) {
	first, end := len(s.list), int64(0)
	for _, client := range clients {
		end = max(end, client.upTo)
	}
	for _, client := range clients {
		if last := len(s.list) - 1; last < first || s.list[last].after != client.from.Seq {
			if last >= first {
				s.list[last].upTo = min(end, client.from.Seq)
			}
			s.list = append(s.list, stretch{account: client.account, after: client.from.Seq, upTo: end})
		}
		client.stretch = len(s.list) - 1
	}
	s.list[len(s.list)-1].last = true
}

// queueRead asks for the first page of every stretch.
func (s *stretches) queueRead(batch *pgx.Batch) {
	accounts := make([]string, len(s.list))
	after, upTo := make([]int64, len(s.list)), make([]int64, len(s.list))
	for i, stretch := range s.list {
		accounts[i], after[i], upTo[i] = stretch.account, stretch.after, stretch.upTo
	}
	batch.Queue(replaySQL, accounts, after, upTo, questionPage).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			var n int
			var event Event
			if err := rows.Scan(append([]any{&n}, event.columns()...)...); err != nil {
				return err
			}
			s.list[n-1].count++
			s.events = append(s.events, event)
		}
		return rows.Err()
	})
}

// connect finds out how far one can read on from each stretch.
func (s *stretches) connect() {
	start := len(s.events)
	for i := len(s.list) - 1; i >= 0; i-- {
		here := &s.list[i]
		end := start
		start -= here.count
		here.start = start
		switch {
		case here.count == questionPage:
			here.reach, here.broken = end, true
		case here.last:
			here.reach = end
		default:
			here.reach, here.broken = s.list[i+1].reach, s.list[i+1].broken
		}
	}
}

// after is the next page from the beginning of a stretch up to a number, and whether there may be more.
func (s *stretches) after(from int, upTo int64) (page []Event, more bool) {
	stretch := s.list[from]
	end := min(stretch.reach, stretch.start+questionPage)
	page, more = s.events[stretch.start:end:end], stretch.broken || end < stretch.reach
	beyond, _ := slices.BinarySearchFunc(page, upTo+1, func(e Event, seq int64) int { return cmp.Compare(e.Cursor.Seq, seq) })
	if beyond < len(page) {
		return page[:beyond], false
	}
	return page, more && page[len(page)-1].Cursor.Seq < upTo
}
