package notifier

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	enlistInterval = 5 * time.Second // the database counts who is away for a minute as gone
	lookInterval   = time.Second     // between two looks at the others
	lookPatience   = 3 * time.Second // for a look that somebody waits for
)

// readOnly is the SQLSTATE of a server that takes no writes.
const readOnly = "25006"

// Daemon is one of the daemons on this database.
type Daemon struct {
	ID          string
	Address     string // host:port, for the other daemons
	Certificate []byte // DER: what they know it by
	Version     string
	StartedAt   time.Time
}

// Registry is where the daemons on one database find each other. It has a picture of them that is some seconds old, and looks again for who is not in it;
// but at most once a second, for all who wait together, since anybody can ask for a daemon that does not exist. While the database is away the
// picture stays.
type Registry struct {
	pool    *pgxpool.Pool
	self    Daemon
	address func(local net.Addr) string
	metrics Metrics
	log     *slog.Logger
	wanted  chan struct{} // one slot: somebody waits for a look

	mu     sync.Mutex
	peers  map[string]Daemon
	coming chan struct{} // closed after the next look; nil: nobody waits for it
}

// NewRegistry makes the registry of the daemon self, whose address is found out each time from the one that it has towards the database.
func NewRegistry(pool *pgxpool.Pool, self Daemon, address func(local net.Addr) string, metrics Metrics, log *slog.Logger) *Registry {
	return &Registry{pool: pool, self: self, address: address, metrics: metrics, log: log, wanted: make(chan struct{}, 1)}
}

// Run keeps this daemon listed and the picture up to date until ctx ends, and then takes it off the list. It returns nil.
func (r *Registry) Run(ctx context.Context) error {
	defer r.discharge(context.WithoutCancel(ctx))
	quiet := newQuietLog(r.log)
	tick := time.NewTicker(enlistInterval)
	defer tick.Stop()
	for {
		for _, step := range []func(context.Context) error{r.enlist, r.look} {
			err := step(ctx)
			if state := sqlState(err); state != "" && state != readOnly && ctx.Err() == nil { // else the database is away, which is the feed's to tell
				quiet.warn(ctx, "registry_failed", state, slog.Any("error", conceal(err)))
			}
		}
		if !r.pause(ctx, tick) {
			return nil
		}
	}
}

// pause ends with the interval, having looked for whoever asked to; or with ctx, and then it is false.
func (r *Registry) pause(ctx context.Context, tick *time.Ticker) bool {
	for {
		looked := time.After(lookInterval)
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
			return true
		case <-looked:
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
			return true
		case <-r.wanted:
			_ = r.look(ctx) // who waited has waited; the next one in turn tells
		}
	}
}

// enlist says that this daemon runs.
func (r *Registry) enlist(ctx context.Context) error {
	err := ask(ctx, r.pool, queryTimeout, func(ctx context.Context, conn *pgxpool.Conn) error {
		address := r.address(conn.Conn().PgConn().Conn().LocalAddr())
		_, err := conn.Exec(ctx, enlistSQL, r.self.ID, address, r.self.Certificate, r.self.Version,
			[]string{KindAppointment, KindDoctor, KindTest})
		return err
	})
	if err != nil {
		return fmt.Errorf("enlist: %w", err)
	}
	return nil
}

// look makes a new picture. Who waits for one that begins later is served by the next.
func (r *Registry) look(ctx context.Context) error {
	r.mu.Lock()
	waiting := r.coming
	r.coming = nil
	r.mu.Unlock()
	if waiting != nil {
		defer close(waiting)
	}
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	rows, err := r.pool.Query(ctx, daemonsSQL)
	if err != nil {
		return fmt.Errorf("look for daemons: %w", err)
	}
	daemons, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Daemon])
	if err != nil {
		return fmt.Errorf("look for daemons: %w", err)
	}
	r.picture(ctx, daemons)
	return nil
}

func (r *Registry) picture(ctx context.Context, daemons []Daemon) {
	peers := make(map[string]Daemon, len(daemons))
	for _, d := range daemons {
		if d.ID != r.self.ID {
			peers[d.ID] = d
		}
	}
	r.mu.Lock()
	changed := len(peers) != len(r.peers)
	for id := range peers {
		if _, known := r.peers[id]; !known {
			changed = true
		}
	}
	r.peers = peers
	r.mu.Unlock()
	if changed {
		r.metrics.Peers(len(peers))
		r.log.LogAttrs(ctx, slog.LevelDebug, "peers_changed", slog.Any("peers", slices.Sorted(maps.Keys(peers))))
	}
}

// Find is the other daemon with this id.
func (r *Registry) Find(ctx context.Context, id string) (Daemon, bool) {
	return r.find(ctx, func(d Daemon) bool { return d.ID == id })
}

// Lists reports whether a certificate is another daemon's.
func (r *Registry) Lists(ctx context.Context, certificate []byte) bool {
	_, found := r.find(ctx, func(d Daemon) bool { return bytes.Equal(d.Certificate, certificate) })
	return found
}

// Gone reports whether a daemon is not listed any more.
func (r *Registry) Gone(ctx context.Context, id string) bool {
	r.lookAgain(ctx)
	_, listed := r.listed(func(d Daemon) bool { return d.ID == id })
	return !listed
}

// Others are the daemons beside this one, the oldest first. With look it looks again before, for who has just come.
func (r *Registry) Others(ctx context.Context, look bool) []Daemon {
	if look {
		r.lookAgain(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.peers), func(a, b Daemon) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
}

// find looks again for who is not in the picture.
func (r *Registry) find(ctx context.Context, is func(Daemon) bool) (Daemon, bool) {
	if d, ok := r.listed(is); ok {
		return d, true
	}
	r.lookAgain(ctx)
	return r.listed(is)
}

func (r *Registry) listed(is func(Daemon) bool) (Daemon, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.peers {
		if is(d) {
			return d, true
		}
	}
	return Daemon{}, false
}

// lookAgain returns after the next look, or when that takes too long.
func (r *Registry) lookAgain(ctx context.Context) {
	r.mu.Lock()
	if r.coming == nil {
		r.coming = make(chan struct{})
		select {
		case r.wanted <- struct{}{}:
		default:
		}
	}
	coming := r.coming
	r.mu.Unlock()
	timer := time.NewTimer(lookPatience)
	defer timer.Stop()
	select {
	case <-coming:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// discharge takes this daemon off the list. If that fails, the others do, in a minute.
func (r *Registry) discharge(ctx context.Context) {
	ctx, cancel := withQueryTimeout(ctx)
	defer cancel()
	if _, err := r.pool.Exec(ctx, dischargeSQL, r.self.ID); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		r.log.LogAttrs(ctx, slog.LevelDebug, "discharge_failed", slog.Any("error", conceal(err)))
	}
}
