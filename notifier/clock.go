package notifier

import "time"

// serverClock is the database's clock, read once and carried on by our monotonic one: that this machine's wall clock
// is wrong, or is set meanwhile, does not matter. The zero value has not been read.
type serverClock struct {
	told time.Time // what it said
	at   time.Time // when, by ours
}

// readServerClock takes the answer to a question that was asked some time ago. In the middle between the two is the
// best guess at when it was given; half the round trip is the largest error.
func readServerClock(told, asked time.Time) serverClock {
	return serverClock{told: told, at: asked.Add(time.Since(asked) / 2)}
}

// ahead is by how much it is ahead of ours.
func (c serverClock) ahead() time.Duration { return c.told.Sub(c.at) }

// since is how long ago something was that has the database's time, as far as the round trip lets us tell.
func (c serverClock) since(t time.Time) time.Duration {
	return max(0, c.told.Sub(t)+time.Since(c.at))
}
