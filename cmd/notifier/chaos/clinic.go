package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// The clinic's data, as seed.sql makes it.
const (
	accounts     = 4
	appointments = 400
)

// clinic is the platform: writers that change appointments until there were enough terminal changes and nobody needs
// more. What they have committed stands in chaos.change; changes counts what they know of.
type clinic struct {
	url     func() string // of whatever server takes writes at this moment
	seed    uint64
	writers int
	rate    float64 // terminal changes a second, all writers together
	changes atomic.Int64

	mu     sync.Mutex
	faults map[string]int // transactions that failed, by SQLSTATE; lostLink for those whose connection ended
}

const (
	lostLink = "link lost" // stands for every way in which a connection ends
	hung     = "hung"      // for a transaction that did not come to its end in all of a writer's patience
)

func newClinic(url func() string, seed uint64, writers int, rate float64) *clinic {
	return &clinic{url: url, seed: seed, writers: writers, rate: rate, faults: map[string]int{}}
}

// run writes until ctx ends.
func (c *clinic) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for n := range uint64(c.writers) { //nolint:gosec // a few
		w := &writer{clinic: c, began: began, rand: rand.New(rand.NewPCG(c.seed, n))} //nolint:gosec // repeatable
		group.Go(func() error { return w.run(ctx) })
	}
	return group.Wait()
}

// reach waits until the writers have made so many terminal changes.
func (c *clinic) reach(ctx context.Context, changes int) error {
	for c.changes.Load() < int64(changes) {
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("wait for change %d, the clinic is at %d: %w", changes, c.changes.Load(), err)
		}
	}
	return nil
}

// failed counts a transaction that failed and reports whether its connection is of no more use.
func (c *clinic) failed(err error) (lost bool) {
	kind := kindOf(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults[kind]++
	return kind == lostLink || kind == hung
}

// kindOf is the SQLSTATE of an error, unless a server that goes or comes has it, or nothing was heard of it at all.
func kindOf(err error) string {
	var connecting *pgconn.ConnectError
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &pgErr) && !goesOrComes(pgErr.Code):
		return pgErr.Code
	case !errors.As(err, &connecting) && errors.Is(err, context.DeadlineExceeded):
		return hung
	default:
		return lostLink
	}
}

// goesOrComes tells whether a server says this that is shut down or starts, or is a replica still.
func goesOrComes(sqlState string) bool {
	return slices.Contains([]string{"57P01", "57P02", "57P03", "25006"}, sqlState) || strings.HasPrefix(sqlState, "08")
}

func (c *clinic) failures() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.faults)
}

// pause waits, and says why it did not wait to the end.
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

// upTo is a random time below d.
func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
