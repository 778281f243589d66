package notifier

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"
)

// errLogCut ends a replay that had begun. The client comes back with the last id it got, which is then judged.
var errLogCut = errors.New("the log was cut while it was replayed")

// Log answers clients that come back: what of their account they have missed. It may be used concurrently, and is
// meant to be: after a restart thousands of clients come at once, and what they ask the database they ask together.
//
// A client goes on page by page: it asks what follows its place and whether its place is good (question.go), asks for
// the data (shared_load.go), yields, and goes to the next page. All clients that ask at one time are one question
// (rounds.go), in which each account's range is read once (stretch.go). Only what is asked is shared, never the way: a
// client whose yield blocks holds its page and nothing else. A client that missed more than a page is first
// counted against the limit (floor.go).
type Log struct {
	limit     int
	questions rounds[*question]
	reaches   rounds[*reach]
	loads     *sharedLoads
}

// NewLog reads with the runtime role's pool; limit is the largest number of events that one replay sends.
// Replays take at most half of the pool's connections, so that the feed does not stand in line behind
// thousands of clients that come back at once: one for questions to the log, which are quick (one at a time gathers
// most), the others for what takes longer.
func NewLog(pool *pgxpool.Pool, loader *Loader, limit int) *Log {
	half := max(1, pool.Config().MaxConns/2)
	quick := make(chan struct{}, 1)
	long := quick
	if half > 1 {
		long = make(chan struct{}, half-1)
	}
	return &Log{
		limit:     limit,
		questions: rounds[*question]{turns: quick, most: questionClients, ask: questions{pool}.ask},
		reaches:   rounds[*reach]{turns: long, most: floorClients, ask: floors{pool, limit}.ask},
		loads:     newSharedLoads(loader, long),
	}
}

// Seq is the number of an event id: larger numbers come later within one connection. ok is false for what
// is not one of our ids.
func (l *Log) Seq(id string) (seq int64, ok bool) {
	cursor, err := ParseCursor(id)
	return cursor.Seq, err == nil
}

// Replay calls yield for every event of the account after the cursor, up to seq upTo, in order.
//
// recovered is false, and yield was not called, when the cursor is not one of ours, lies ahead of the log, in
// a lost tail or before the retention, or when more than the limit was missed: then the client must fetch
// its list. An error means that the database could not tell, or that the log was cut behind the client meanwhile; some
// events may have been yielded by then.
//
// An account that has no events in the log has missed nothing, whether it exists or not; names of accounts are compared byte
// for byte.
func (l *Log) Replay(ctx context.Context, account, cursor string, upTo int64,
	yield func(id string, seq int64, event string, data []byte),
) (recovered bool, err error) {
	from, err := ParseCursor(cursor)
	if err != nil || !utf8.ValidString(account) || strings.Contains(account, "\x00") { // which no text in PostgreSQL is
		return false, nil //nolint:nilerr // a malformed cursor is an answer, not a failure
	}
	page, err := l.next(ctx, account, from, upTo)
	if err != nil || !page.known {
		return false, conceal(err)
	}
	if within, err := l.withinLimit(ctx, page); err != nil || !within {
		return false, conceal(err)
	}
	for {
		last, err := l.hand(ctx, page.missed, yield)
		if err != nil {
			return false, conceal(err)
		}
		if !page.more {
			return true, nil
		}
		if page, err = l.next(ctx, account, last, upTo); err != nil {
			return false, conceal(err)
		}
		if !page.known {
			return false, errLogCut
		}
	}
}

// next asks for the page after a place.
func (l *Log) next(ctx context.Context, account string, from Cursor, upTo int64) (*question, error) {
	page := &question{account: account, from: from, upTo: upTo}
	v := visit[*question]{rounds: &l.questions}
	v.add(ctx, page)
	return page, v.wait(ctx)
}

// withinLimit tells from a client's first page whether all that it missed may be sent. The log has no gaps: who is no
// more than the limit behind its end cannot have missed more.
func (l *Log) withinLimit(ctx context.Context, first *question) (bool, error) {
	if len(first.missed) > l.limit {
		return false, nil
	}
	if !first.more || first.upTo-first.from.Seq <= int64(l.limit) {
		return true, nil
	}
	r := &reach{account: first.account, from: first.from.Seq, upTo: first.upTo}
	v := visit[*reach]{rounds: &l.reaches}
	v.add(ctx, r)
	err := v.wait(ctx)
	return err == nil && !r.beyond, err
}

// hand yields a page and returns the client's new place.
func (l *Log) hand(ctx context.Context, missed []Event, yield func(string, int64, string, []byte)) (last Cursor, err error) {
	if len(missed) == 0 {
		return Cursor{}, nil
	}
	events, err := l.loads.load(ctx, missed)
	if err != nil {
		return Cursor{}, err
	}
	for _, event := range events {
		last = event.Cursor
		if event.data == nil {
			continue // of a kind that a later release has written
		}
		yield(last.String(), last.Seq, event.Name, event.data)
	}
	return last, nil
}
