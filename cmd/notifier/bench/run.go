package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	atOnce   = 256              // handshakes under way while all connect; a storm has no such bound
	settling = 3 * time.Second  // before memory is read
	quiet    = 10 * time.Second // without a delivery, and what is missing counts as lost
	trailing = 250 * time.Millisecond
)

// Run adds accounts and appointments of its own to the clinic behind database, whose tables are those of sql/clinic.sql, connects, drives, waits until all
// is delivered or nothing comes any more, and removes what it has added. What is lost or doubled is in the Report, and not an error.
func Run(ctx context.Context, database string, t Target, w Workload) (report Report, err error) {
	if err := errors.Join(t.Validate(), w.Validate()); err != nil {
		return Report{}, err
	}
	clinic, err := seed(ctx, database, w.Accounts, w.appointments())
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, clinic.remove(ctx)) }()
	r := &run{target: t, work: w, clinic: clinic, score: newScore(clinic), quiet: quiet}
	r.servers, r.postgres = t.servers(), process{pid: t.Postgres, children: true}
	r.report = Report{Workload: w.Name, Protocol: t.Protocol, Conns: w.Conns, Accounts: w.Accounts}
	err = r.do(ctx)
	return r.report, err
}

// run is one Workload under way.
type run struct {
	target   Target
	work     Workload
	clinic   *clinic
	score    *score
	swarm    *swarm
	servers  group
	postgres process
	rss      int64 // with all connected
	quiet    time.Duration
	report   Report
}

func (r *run) do(ctx context.Context) error {
	before, _, err := r.servers.memory()
	if err != nil {
		return err
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	defer r.swarm.close()
	if err := pause(ctx, settling); err != nil {
		return err
	}
	if r.rss, _, err = r.servers.memory(); err != nil {
		return err
	}
	meters, err := r.read()
	if err != nil {
		return err
	}
	if err := r.drive(ctx); err != nil {
		return err
	}
	if err := pause(ctx, trailing); err != nil {
		return err
	}
	return r.measure(meters, before)
}

// connect opens all sockets.
func (r *run) connect(ctx context.Context) (err error) {
	tokens := make([]string, len(r.clinic.accounts))
	for i, account := range r.clinic.accounts {
		if tokens[i], err = r.target.Token(account); err != nil {
			return fmt.Errorf("sign a token: %w", err)
		}
	}
	if r.swarm, err = newSwarm(r.target, r.score); err != nil {
		return err
	}
	r.swarm.add(r.work.Conns, tokens)
	began := time.Now()
	if err := r.swarm.connect(ctx, atOnce); err != nil {
		r.swarm.close()
		return err
	}
	r.report.ConnectSeconds = time.Since(began).Seconds()
	r.report.ConnectsPerSecond = float64(r.work.Conns) / r.report.ConnectSeconds
	return nil
}

// drive does the work, and waits for what it brings.
func (r *run) drive(ctx context.Context) error {
	w, began := r.work, now()
	var events int
	var err error
	switch {
	case w.Rate > 0:
		events, err = r.clinic.paced(ctx, r.score, w.Rate, w.For)
	case w.Writers > 0:
		events, err = r.clinic.flatOut(ctx, r.score, w.Writers, w.For)
	case w.Burst > 0:
		events, err = r.clinic.burst(ctx, r.score, w.Burst)
	case w.Storm:
		took, err := r.swarm.storm(ctx)
		r.report.Seconds = took.Seconds()
		return err
	case w.Idle:
		return pause(ctx, w.For)
	}
	if err != nil {
		return err
	}
	return r.await(ctx, events, began)
}

// await returns when everything has arrived, or nothing has for a while.
func (r *run) await(ctx context.Context, events int, began int64) error {
	expected := r.expected(events)
	for {
		delivered, last := r.score.deliveries.Load(), r.score.last.Load()
		if delivered >= expected || now()-max(last, began) > int64(r.quiet) {
			r.report.Events, r.report.Deliveries = int64(events), delivered
			r.report.Lost, r.report.Seconds = expected-delivered, time.Duration(max(last-began, 1)).Seconds()
			r.report.DeliveriesPerSecond = float64(delivered) / r.report.Seconds
			return nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

// expected is how many deliveries so many events make: the accounts take turns, and so do the sockets.
func (r *run) expected(events int) (deliveries int64) {
	accounts := r.work.Accounts
	for account := range accounts {
		sockets := (r.work.Conns - account + accounts - 1) / accounts
		deliveries += int64(sockets) * int64((events-account+accounts-1)/accounts)
	}
	return deliveries
}

// meters are the processor times at one moment.
type meters struct {
	at                    time.Time
	server, postgres, own time.Duration
}

func (r *run) read() (m meters, err error) {
	var faults [3]error
	m.at = time.Now()
	m.server, faults[0] = r.servers.cpu()
	m.postgres, faults[1] = r.postgres.cpu()
	m.own, faults[2] = process{pid: os.Getpid()}.cpu()
	return m, errors.Join(faults[:]...)
}

// measure fills in the rest of the report.
func (r *run) measure(from meters, before int64) error {
	to, err := r.read()
	if err != nil {
		return err
	}
	r.swarm.mu.Lock()
	defer r.swarm.mu.Unlock()
	r.report.Doubled, r.report.Misrouted, r.report.Cut = r.score.doubled.Load(), r.score.misrouted.Load(), int64(r.swarm.cut)
	r.report.Latency = r.score.summary()
	if r.report.Deliveries > 0 {
		r.report.FrameBytes = r.score.bytes / r.report.Deliveries
	}
	r.report.Generator = (to.own - from.own).Seconds()
	r.report.MeasuredSeconds = to.at.Sub(from.at).Seconds()
	if r.target.Postgres != 0 {
		r.report.Postgres = r.usage(to.postgres - from.postgres)
	}
	if r.target.PID == 0 {
		return nil
	}
	r.report.Server = r.usage(to.server - from.server)
	rss, peak, err := r.servers.memory()
	if r.work.Idle { // after its rest, which is what the workload is
		r.rss = rss
	}
	r.report.Server.RSS, r.report.Server.PeakRSS = r.rss, peak
	r.report.Server.RSSPerConn = float64(r.report.Server.RSS-before) / float64(r.work.Conns)
	return err
}

func (r *run) usage(cpu time.Duration) *Usage {
	u := &Usage{CPUSeconds: cpu.Seconds()}
	if r.report.Events > 0 {
		u.CPUPerEvent = u.CPUSeconds * 1e3 / float64(r.report.Events)
		u.CPUPerMillion = u.CPUSeconds * 1e6 / float64(max(r.report.Deliveries, 1))
	}
	if r.work.Storm {
		u.CPUPerConn = u.CPUSeconds * 1e6 / float64(r.work.Conns)
	}
	return u
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
