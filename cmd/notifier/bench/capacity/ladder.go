package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
	"notifier/sql/postgres"
)

// ladder is a daemon that is asked for more and more events a second, each in a transaction of its own.
type ladder struct {
	rates    []float64
	during   time.Duration
	accounts int
}

const (
	ladderReach    = 10 // sockets of an account
	ladderWriters  = 8
	stagingEvery   = 200 * time.Millisecond
	ladderRest     = 2 * time.Second // without a delivery, and what is missing counts as lost
	ladderPatience = time.Minute     // for everything to have arrived
)

var errLadderPatience = errors.New("it took too long")

// rung is one rate.
type rung struct {
	Asked      float64       `json:"asked"`     // events a second
	Committed  float64       `json:"committed"` // of them
	Staging    int           `json:"staging"`   // changes that wait to be numbered, at the end of the writing
	Most       int           `json:"most"`      // of them, at any time
	Latency    bench.Latency `json:"latencyMs"`
	Daemon     float64       `json:"daemonCores"`
	Postgres   float64       `json:"postgresCores"`
	Generator  float64       `json:"generatorCores"`
	Deliveries int64         `json:"deliveries"`
	Lost       int64         `json:"lost"`
}

// held says whether events did not wait: the clinic's commits came through, and no more than half a second of them is in staging.
func (r rung) held() bool { return r.inTime() && float64(r.Staging) <= r.Asked/2 }

func (r rung) inTime() bool { return r.Committed >= 0.95*r.Asked }

// climb ends with the first rung that does not hold.
func (l ladder) climb(ctx context.Context, s *site, progress io.Writer) (rungs []rung, err error) {
	for _, rate := range l.rates {
		r, err := l.step(ctx, s, rate)
		if err != nil {
			return rungs, fmt.Errorf("%.0f events a second: %w", rate, err)
		}
		rungs = append(rungs, r)
		fmt.Fprintf(progress, "ladder     %5.0f events/s: %.0f committed, %d in staging at the end, p99 %.0f ms\n", rate, r.Committed, r.Staging, r.Latency.P99)
		if !r.held() {
			break
		}
	}
	return rungs, nil
}

// step is one rung, with a daemon of its own.
func (l ladder) step(ctx context.Context, s *site, rate float64) (r rung, err error) {
	f, err := s.serve(ctx, 1)
	if err != nil {
		return r, err
	}
	defer f.end()
	crowd, err := bench.Gather(ctx, s.url(rig.Owner), bench.Gathering{
		Doors: []string{f[0].URL()}, Sources: s.sources, Token: rig.Token, Conns: ladderReach * l.accounts, Accounts: l.accounts,
		Appointments: int(rate*l.during.Seconds()) + 2*ladderWriters, Stay: time.Hour, Away: time.Second, // nobody goes
	})
	if err != nil {
		return r, err
	}
	defer crowd.Close()
	if err := crowd.Connect(ctx); err != nil {
		return r, err
	}
	r.Asked = rate
	if err := l.load(ctx, s, f[0].PID(), crowd, &r); err != nil {
		return r, err
	}
	settling, cancel := context.WithTimeoutCause(ctx, ladderPatience, errLadderPatience)
	defer cancel()
	if err := crowd.Settle(settling, ladderRest); err != nil {
		return r, err
	}
	r.Deliveries = crowd.Count().Deliveries
	r.Lost = int64(len(crowd.Sent()))*ladderReach - r.Deliveries
	_, r.Latency = crowd.Leave()
	return r, nil
}

// load writes at the rung's rate, and looks at what waits and what it takes.
func (l ladder) load(ctx context.Context, s *site, daemon int, crowd *bench.Crowd, r *rung) (err error) {
	conn, err := pgx.Connect(ctx, s.url(postgres.Superuser))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	before, err := spent(daemon, s.server.PID())
	if err != nil {
		return err
	}
	began := time.Now()
	group, writing := errgroup.WithContext(ctx)
	timed, cancel := context.WithTimeout(writing, l.during)
	defer cancel()
	for i := range ladderWriters {
		group.Go(func() error {
			time.Sleep(time.Duration(float64(i) / r.Asked * float64(time.Second))) // else all commit at the same moment
			return crowd.Finalise(timed, r.Asked/ladderWriters)
		})
	}
	group.Go(func() error { return r.watch(timed, writing, conn) })
	if err := group.Wait(); err != nil {
		return err
	}
	r.Committed = float64(len(crowd.Sent())) / time.Since(began).Seconds()
	after, err := spent(daemon, s.server.PID())
	if err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	for i, cores := range []*float64{&r.Daemon, &r.Postgres, &r.Generator} {
		*cores = (after[i] - before[i]).Seconds() / seconds
	}
	return nil
}

// watch counts what is in staging until the writing ends, and once more then.
func (r *rung) watch(timed, ctx context.Context, conn *pgx.Conn) error {
	tick := time.NewTicker(stagingEvery)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-tick.C:
		case <-timed.Done():
			over = true
		}
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM notifier.staging").Scan(&r.Staging); err != nil {
			return fmt.Errorf("count what is in staging: %w", err)
		}
		r.Most = max(r.Most, r.Staging)
	}
	return nil
}

// spent is the processor time so far of a daemon, of PostgreSQL, and of ourselves.
func spent(daemon, postmaster int) (times [3]time.Duration, err error) {
	var faults [3]error
	times[0], faults[0] = bench.Spent(daemon, false)
	times[1], faults[1] = bench.Spent(postmaster, true)
	times[2], faults[2] = bench.Spent(os.Getpid(), false)
	return times, errors.Join(faults[:]...)
}
