package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// How full the simulator keeps an account's list.
const (
	wantBooked  = 16 // appointments still to come, so that the list never runs dry
	wantArrived = 6  // people on the chairs
	wantServing = 3  // doctors at work, before finishing becomes likely
)

// simulator plays the people of all accounts: it books, receives, starts,
// finishes and cancels with the same statements as the page's buttons.
type simulator struct {
	site *Site
	rand *rand.Rand
	ill  bool // the last step failed and has been logged
}

func newSimulator(s *Site) *simulator {
	return &simulator{site: s, rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))} //nolint:gosec // nothing secret
}

// run takes a step per pace while the switch is on, and waits for the switch
// otherwise. It returns nil when ctx ends.
func (m *simulator) run(ctx context.Context) error {
	for {
		var pace <-chan time.Time
		if m.site.busy.Load() {
			// Uneven, as people are; and the faults of a step cost a pause.
			pace = time.After(m.site.cfg.Pace/2 + time.Duration(m.rand.Int64N(int64(m.site.cfg.Pace))))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-m.site.wake:
		case <-pace:
			m.report(ctx, m.step(ctx))
		}
	}
}

// report logs a fault once, and its end.
func (m *simulator) report(ctx context.Context, err error) {
	var told refusalError
	failed := err != nil && !errors.As(err, &told) && ctx.Err() == nil
	switch {
	case failed && !m.ill:
		m.site.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "demo_simulator_stalled", slog.Any("error", err))
	case err == nil && m.ill:
		m.site.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "demo_simulator_goes_on")
	}
	m.ill = failed || (m.ill && err != nil)
}

// step does one thing in one account. A refusal means that a window was
// quicker, which is as good.
func (m *simulator) step(ctx context.Context) error {
	desk := &m.site.desk
	accounts, err := desk.accounts(ctx)
	if err != nil || len(accounts) == 0 {
		return err
	}
	account := accounts[m.rand.IntN(len(accounts))].ID
	open, err := desk.waiting(ctx, account)
	if err != nil {
		return err
	}
	doctors, err := desk.doctors(ctx, account)
	if err != nil {
		return err
	}
	by := make(map[string][]appointment)
	for _, a := range open {
		by[a.Status.Code] = append(by[a.Status.Code], a)
	}
	if len(by[statusBooked]) < wantBooked {
		return m.book(ctx, account)
	}
	moves := m.moves(by, doctors)
	if len(moves) == 0 {
		return nil
	}
	next := moves[m.rand.IntN(len(moves))]
	return desk.move(ctx, account, next.id, next.to)
}

// move is one thing that could happen next.
type move struct {
	id int64
	to string
}

// moves lists what could happen in an account whose open appointments are
// given by status, the likelier more often.
func (m *simulator) moves(by map[string][]appointment, doctors []doctor) []move {
	var moves []move
	add := func(times int, a appointment, to string) {
		for range times {
			moves = append(moves, move{a.ID, to})
		}
	}
	if serving := by[statusServing]; len(serving) >= wantServing {
		add(4, oldest(serving), statusFinished)
	} else if len(serving) > 0 {
		add(1, oldest(serving), statusFinished)
	}
	for _, a := range by[statusArrived] {
		if isFree(doctors, a.Doctor.ID) {
			add(5, a, statusServing)
			break
		}
	}
	booked := by[statusBooked]
	if len(by[statusArrived]) < wantArrived {
		add(3, booked[m.rand.IntN(min(4, len(booked)))], statusArrived)
	}
	if m.rand.IntN(3) == 0 {
		add(1, booked[m.rand.IntN(len(booked))], statusCancelled)
	}
	return moves
}

func isFree(doctors []doctor, id int64) bool {
	return slices.ContainsFunc(doctors, func(d doctor) bool { return d.ID == id && !d.IsBusy })
}

// oldest is the appointment whose last change lies longest back.
func oldest(list []appointment) appointment {
	first := list[0]
	for _, a := range list[1:] {
		if time.Time(a.UpdatedAt).Before(time.Time(first.UpdatedAt)) {
			first = a
		}
	}
	return first
}

// book adds an appointment in the next hour and a half of the clinic's day.
func (m *simulator) book(ctx context.Context, account int64) error {
	start := deskTime(m.site.cfg.Now()) + 5*(1+m.rand.IntN(18))
	_, err := m.site.desk.book(ctx, account, clockText(start), clockText(start+15), 1+m.rand.IntN(4)/3)
	return err
}

// The clinic's day, in minutes after midnight, and the part of it that the
// demo plays in when it is started by night.
const (
	opensAt  = 7 * 60
	closesAt = 19 * 60
	earliest = 9*60 + 30
	latest   = 16*60 + 30
)

// deskTime is the time of day in minutes, kept within hours at which a
// reception has people before and behind it.
func deskTime(now time.Time) int {
	return min(max(now.Hour()*60+now.Minute(), earliest), latest)
}

// clockText writes minutes after midnight as "09:05".
func clockText(minutes int) string {
	return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
}
