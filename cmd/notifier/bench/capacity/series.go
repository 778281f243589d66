package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
)

// The series: each varies one thing.
const (
	bySockets  = "sockets"    // of an account, by both protocols
	byAccounts = "accounts"   // that the same sockets are spread over
	shared     = "shared"     // daemons with sockets of every account
	bystanding = "bystanding" // daemons without a socket, but for the first
	idling     = "idling"     // daemons, without an event
	inMemory   = "memory"     // sockets, without an event
	returning  = "returning"  // all sockets are cut, and come back
)

// The events a second: few enough for each to be alone, and enough for daemons to take several at a look.
const (
	calm  = 50
	thick = 500
)

// runPatience bounds one run: the slowest takes half a minute.
const runPatience = 3 * time.Minute

var errRunPatience = errors.New("the run took too long")

// plan is what is to be measured.
type plan struct {
	calmFor, thickFor, idleFor, restFor time.Duration
	reached                             []int // sockets of an account
	groups                              int   // accounts, while their sockets vary: few events of each
	sockets                             int   // while accounts vary
	accounts                            []int
	daemons                             []int
	spread, families                    int // sockets and accounts, while daemons vary: so many of each that every daemon has some
	memory                              []int
	ladder                              ladder
}

func planned(quick bool) plan {
	p := plan{
		calmFor: 8 * time.Second, thickFor: 5 * time.Second, idleFor: 10 * time.Second, restFor: 9 * time.Second,
		reached: []int{1, 20, 100}, groups: 40, sockets: 2000, accounts: []int{20, 200, 2000},
		daemons: []int{1, 2, 4, 8}, spread: 400, families: 10, memory: []int{2000, 5000, 8000},
		ladder: ladder{rates: []float64{500, 1000, 2000, 3000, 4000, 6000, 8000, 12_000}, during: 6 * time.Second, accounts: 40},
	}
	if quick {
		p.calmFor, p.thickFor, p.idleFor, p.restFor = 2*time.Second, time.Second, 2*time.Second, time.Second
		p.reached, p.sockets, p.accounts, p.daemons = []int{1, 50}, 200, []int{20, 200}, []int{1, 2, 3}
		p.memory = []int{200, 600}
		p.ladder.rates, p.ladder.during = []float64{200, 500}, time.Second
	}
	return p
}

// measurement is one run of a series.
type measurement struct {
	Series  string       `json:"series"`
	Daemons int          `json:"daemons"`
	Rate    float64      `json:"rate,omitempty"` // events a second
	Report  bench.Report `json:"report"`
}

// measurer is the measuring under way.
type measurer struct {
	site     *site
	plan     plan
	results  *results
	progress io.Writer
}

// measure goes through all series.
func (r *results) measure(ctx context.Context, s *site, p plan, progress io.Writer) (err error) {
	m := &measurer{s, p, r, progress}
	for _, series := range []func(context.Context) error{m.reach, m.spreadAccounts, m.addDaemons, m.fill} {
		if err := series(ctx); err != nil {
			return err
		}
	}
	r.Ladder, err = p.ladder.climb(ctx, s, progress)
	return err
}

// reach has events reach more and more sockets.
func (m *measurer) reach(ctx context.Context) error {
	return m.with(ctx, 1, func(f fleet) error {
		for _, protocol := range []string{bench.Plain, bench.SocketIO} {
			for _, n := range m.plan.reached {
				target, w := m.site.target(f, protocol, true), bench.Workload{Name: bySockets, Conns: n * m.plan.groups, Accounts: m.plan.groups}
				w.Rate, w.For = calm, m.plan.calmFor
				err := m.run(ctx, f, target, w)
				if err == nil {
					w.Rate, w.For = thick, m.plan.thickFor
					err = m.run(ctx, f, target, w)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// spreadAccounts has the same sockets belong to more and more accounts.
func (m *measurer) spreadAccounts(ctx context.Context) error {
	return m.with(ctx, 1, func(f fleet) error {
		for _, n := range m.plan.accounts {
			w := bench.Workload{Name: byAccounts, Conns: m.plan.sockets, Accounts: n, Rate: calm, For: m.plan.calmFor}
			if err := m.run(ctx, f, m.site.target(f, bench.Plain, true), w); err != nil {
				return err
			}
		}
		return nil
	})
}

// addDaemons puts more and more daemons on the database.
func (m *measurer) addDaemons(ctx context.Context) error {
	sockets := bench.Workload{Conns: m.plan.spread, Accounts: m.plan.families}
	at := func(name string, rate float64, during time.Duration) bench.Workload {
		w := sockets
		w.Name, w.Rate, w.For, w.Idle = name, rate, during, rate == 0
		return w
	}
	for _, n := range m.plan.daemons {
		err := m.with(ctx, n, func(f fleet) error {
			workloads := []bench.Workload{at(idling, 0, m.plan.idleFor), at(shared, calm, m.plan.calmFor), at(shared, thick, m.plan.thickFor)}
			if n > 1 { // one alone is the same
				workloads = append(workloads, at(bystanding, calm, m.plan.calmFor), at(bystanding, thick, m.plan.thickFor))
			}
			for _, w := range workloads {
				if err := m.run(ctx, f, m.site.target(f, bench.Plain, w.Name != bystanding), w); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fill puts more and more sockets on a daemon, each time a new one, and rests until that has given back what letting them in took. The last ones come back
// after a cut.
func (m *measurer) fill(ctx context.Context) error {
	for _, protocol := range []string{bench.Plain, bench.SocketIO} {
		for i, n := range m.plan.memory {
			err := m.with(ctx, 1, func(f fleet) error {
				target, accounts := m.site.target(f, protocol, true), max(n/10, 1)
				err := m.run(ctx, f, target, bench.Workload{Name: inMemory, Conns: n, Accounts: accounts, Idle: true, For: m.plan.restFor})
				if err == nil && i == len(m.plan.memory)-1 {
					err = m.run(ctx, f, target, bench.Workload{Name: returning, Conns: n, Accounts: accounts, Storm: true})
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// with starts daemons for some runs.
func (m *measurer) with(ctx context.Context, n int, runs func(fleet) error) error {
	f, err := m.site.serve(ctx, n)
	if err != nil {
		return err
	}
	defer f.end()
	return runs(f)
}

// run is one measurement.
func (m *measurer) run(ctx context.Context, f fleet, t bench.Target, w bench.Workload) error {
	timed, cancel := context.WithTimeoutCause(ctx, runPatience, errRunPatience)
	defer cancel()
	report, err := bench.Run(timed, m.site.url(rig.Owner), t, w)
	if ctx.Err() != nil {
		return context.Cause(ctx) // whatever failed because of it
	}
	if err != nil {
		return fmt.Errorf("%s: %w; the first daemon's last words: %s", w.Name, err, f[0].Last())
	}
	m.results.Runs = append(m.results.Runs, measurement{Series: w.Name, Daemons: len(f), Rate: w.Rate, Report: report})
	fmt.Fprintf(m.progress, "%-10s %-8s %5d sockets %4d accounts %d daemons %3.0f events/s: ", w.Name, t.Protocol, w.Conns, w.Accounts, len(f), w.Rate)
	fmt.Fprintf(m.progress, "daemons %.2f s, PostgreSQL %.2f s in %.1f s, %.0f MB\n",
		report.Server.CPUSeconds, report.Postgres.CPUSeconds, report.MeasuredSeconds, float64(report.Server.RSS)/1e6)
	return nil
}
