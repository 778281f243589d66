package inspect

import (
	"context"
	"fmt"
	"time"
)

const (
	clockRounds    = 5
	clockWarning   = 2 * time.Second
	clockProblem   = time.Minute
	clockPrecision = 10 * time.Millisecond
)

// checkClock takes the quickest of several round trips: half of it is the largest error.
func (d *Database) checkClock(ctx context.Context) (Finding, error) {
	var ahead, quickest time.Duration
	for i := range clockRounds {
		asked := time.Now()
		told, err := askClock(ctx, d)
		if err != nil {
			return Finding{}, err
		}
		if trip := time.Since(asked); i == 0 || trip < quickest {
			quickest, ahead = trip, asked.Add(trip/2).Sub(told)
		}
	}
	return judgeClock(ahead, quickest), nil
}

// askClock asks without a transaction around it, which would cost two more round trips.
func askClock(ctx context.Context, d *Database) (time.Time, error) {
	statement, err := sources.ReadFile("clock.sql")
	if err != nil {
		return time.Time{}, err
	}
	var told time.Time
	err = d.Conn.QueryRow(ctx, string(statement)).Scan(&told)
	return told, err
}

func judgeClock(ahead, trip time.Duration) Finding {
	off, word := ahead.Abs(), "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	text := fmt.Sprintf("this machine's clock is %s %s the database's (measured to %s)",
		off.Round(time.Millisecond), word, max(trip/2, clockPrecision).Round(time.Millisecond))
	const advice = "timedatectl set-ntp true   # on both machines; tokens end by the clock of the machine that serve runs on"
	switch {
	case off > clockProblem+trip/2:
		return Wrong(text+": tokens end too early or too late", advice)
	case off > clockWarning+trip/2:
		return Warned(text, advice)
	}
	if off <= max(trip/2, clockPrecision) {
		return Fine(fmt.Sprintf("this machine's clock is the database's (measured to %s)", max(trip/2, clockPrecision).Round(time.Millisecond)))
	}
	return Fine(text)
}
