package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	loneEvents = 100
	// heardWithin is when a silent bell does not matter any more: the daemon's poll has found the row.
	heardWithin = 60 * time.Millisecond
	// Writers of the busy clinic: together some 400 changes a second.
	busyWriters, busyChanges = 8, 150
)

// heard are the times from a commit to the bell that tells of it, and how many commits none told of in time.
type heard struct {
	times  []float64 // milliseconds
	silent int
}

// latency measures each variant beside a transaction that stays open after its update, and among busy writers.
func (b *bench) latency(ctx context.Context) (beside, among []heard, err error) {
	for _, v := range variants {
		if err := b.use(ctx, v); err != nil {
			return nil, nil, err
		}
		one, err := b.besideOpenTransaction(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.name, err)
		}
		many, err := b.amongWriters(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.name, err)
		}
		beside, among = append(beside, one), append(among, many)
	}
	return beside, among, nil
}

func (b *bench) besideOpenTransaction(ctx context.Context) (heard, error) {
	open, err := pgx.Connect(ctx, b.server.URL(owner, database))
	if err != nil {
		return heard{}, err
	}
	defer open.Close(ctx) //nolint:errcheck // ends its transaction
	if _, err := open.Exec(ctx, `BEGIN; UPDATE appointments SET "statusId" = 11 - "statusId" WHERE id = 50000`); err != nil {
		return heard{}, err
	}
	return b.hear(ctx, 1, loneEvents, 40*time.Millisecond)
}

func (b *bench) amongWriters(ctx context.Context) (heard, error) {
	return b.hear(ctx, busyWriters, busyChanges, 20*time.Millisecond)
}

type commit struct {
	appointment int
	at          time.Time
}

type bell struct {
	payload string
	at      time.Time
}

// hear lets writers commit changes with pauses up to the given one, and finds for each commit the first bell
// after it (its own may come a moment before the writer hears of his commit).
func (b *bench) hear(ctx context.Context, writers, changes int, pause time.Duration) (heard, error) {
	listener, err := pgx.Connect(ctx, b.server.URL(owner, database))
	if err != nil {
		return heard{}, err
	}
	defer listener.Close(ctx) //nolint:errcheck // nothing to save
	if _, err := listener.Exec(ctx, "LISTEN notifier_bell"); err != nil {
		return heard{}, err
	}
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		commits []commit
		failed  error
	)
	for writer := range writers {
		wg.Go(func() {
			made, err := b.write(ctx, writer, changes, pause)
			mu.Lock()
			defer mu.Unlock()
			commits = append(commits, made...)
			if err != nil {
				failed = err
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	bells := collectBells(ctx, listener, done)
	if failed != nil {
		return heard{}, failed
	}
	return match(commits, bells), nil
}

func (b *bench) write(ctx context.Context, writer, changes int, pause time.Duration) ([]commit, error) {
	conn, err := pgx.Connect(ctx, b.server.URL(owner, database))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // every change has committed
	made := make([]commit, 0, changes)
	for i := range changes {
		time.Sleep(rand.N(pause)) //nolint:gosec // a writer's rhythm, not a secret
		id := 1 + writer*changes + i
		if _, err := conn.Exec(ctx, `UPDATE appointments SET "statusId" = 11 - "statusId" WHERE id = $1`, id); err != nil {
			return nil, err
		}
		made = append(made, commit{id, time.Now()})
	}
	return made, nil
}

// collectBells listens until the writers are done and the last bell had its time.
func collectBells(ctx context.Context, conn *pgx.Conn, done <-chan struct{}) []bell {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-done:
			time.Sleep(heardWithin)
			cancel()
		case <-ctx.Done():
		}
	}()
	var bells []bell
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return bells
		}
		bells = append(bells, bell{n.Payload, time.Now()})
	}
}

func match(commits []commit, bells []bell) heard {
	own := map[string]time.Time{}
	for _, b := range bells {
		id, _, _ := strings.Cut(strings.TrimPrefix(b.payload, `{"v":1,"appointmentId":`), ",")
		own[id] = b.at
	}
	var h heard
	for _, c := range commits {
		wait, ok := time.Duration(0), false
		if at, rang := own[fmt.Sprint(c.appointment)]; rang {
			wait, ok = max(0, at.Sub(c.at)), true
		} else {
			for _, b := range bells {
				if b.at.After(c.at) {
					wait, ok = b.at.Sub(c.at), true
					break
				}
			}
		}
		if !ok || wait > heardWithin {
			h.silent++
			continue
		}
		h.times = append(h.times, float64(wait.Microseconds())/1000)
	}
	return h
}
